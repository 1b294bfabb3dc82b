"""Incidents of one station: its agent and its computer."""
