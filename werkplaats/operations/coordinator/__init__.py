"""The coordinator's part: the CA, what it approves and records, and what it publishes."""
