"""What release managers do: build, look at, compare and rebuild the releases of the station image."""
