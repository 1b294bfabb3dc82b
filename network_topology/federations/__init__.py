"""Federations: networks that refer to regional networks and never copy them.

A federation is a small model of its own beside the regional one. It is read by the same `load`, obeys rules in a table
of the same style (many are the same ones), and is compiled together with the definitions of its members::

    load (tree → model.Federation) → rules → compile (with the members) → compiled.CompiledFederation
                                                                             └ draw
"""
