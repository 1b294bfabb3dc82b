"""Backups of this station, encrypted to keys of its organisation, and the way back onto a server that has none."""
