"""The way to servers."""
