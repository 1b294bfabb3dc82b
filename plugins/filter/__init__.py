"""Decisions taken in Python, so that templates only print."""
