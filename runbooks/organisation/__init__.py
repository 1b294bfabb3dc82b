"""Incidents of people: what somebody suspects, regrets, or does to the others."""
