"""Newer packages of a server: what there is of them, bringing them, and the way back."""
