"""Incidents of sessions: one that does not end, or ends without what was asked for."""
