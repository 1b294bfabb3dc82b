"""Mitogen's strategies under fixed paths."""
