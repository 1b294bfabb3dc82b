"""The Debian images that sandbox servers are made from."""
