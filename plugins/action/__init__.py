"""Parts of modules that run on the controller."""
