"""Incidents at the desk of an operator: what lies there, and no server."""
