"""A session from proposal to result."""
