"""Incidents of trust: keys, certificates, lists, publications, releases, and who may say what."""
