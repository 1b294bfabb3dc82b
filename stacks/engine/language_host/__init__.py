"""What runs a project's program for an engine that was started by hand."""
