"""Looks that change nothing."""
