"""Programs that are sent to a server and run there by its own Python: they import nothing of ours."""
