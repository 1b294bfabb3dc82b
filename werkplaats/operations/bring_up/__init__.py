"""From a definition to running, verified stations, and back."""
