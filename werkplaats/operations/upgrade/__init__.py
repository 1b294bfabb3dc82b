"""Bring stations from one release to another, and back: waves, a stored state, and codes for whatever stops it."""
