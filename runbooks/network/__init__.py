"""Incidents between organisations: links that do not carry."""
