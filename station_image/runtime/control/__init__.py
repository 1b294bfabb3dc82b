"""What this organisation's own people ask of the agent, through the `station` program on the host."""
