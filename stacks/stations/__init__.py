"""Station containers on the organisations' own engines."""
