"""Bytes from others: frames, hello, calls, polls."""
