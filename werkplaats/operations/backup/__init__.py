"""Backup: what an operator has and cannot make again, in one encrypted file, and the way back from it."""
