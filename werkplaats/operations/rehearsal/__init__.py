"""A question asked on synthetic records."""
