"""Joining a network with a server of one's own, from the file that the coordinator hands over."""
