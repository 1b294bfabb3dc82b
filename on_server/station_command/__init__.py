"""The `station` command of a server, and what the accounts of people may do with it. Standard library only."""
