"""What must be true of a server: the same checks for `verify`, molecule and the end-to-end tests (testinfra)."""
