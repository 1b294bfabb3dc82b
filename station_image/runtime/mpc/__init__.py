"""Secret sharing of MPyC 0.11, products that are verified, connections that somebody else opened. Only the computer
imports it: agents start in a tenth of a second and stay small.
"""
