"""The gateway: what it loads, loading it anew, and cutting a peer."""
