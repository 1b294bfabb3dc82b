"""Backups that stations made of themselves, at their operator: fetched, opened with their key, put back."""
