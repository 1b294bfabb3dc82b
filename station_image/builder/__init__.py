"""How the station image is made."""
