"""What a server tells monitoring of its station: states and moments, and nothing of what is computed there."""
