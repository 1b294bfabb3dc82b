"""Runbooks: what to do in an incident, as code and as prose, each proven by a test that causes its incident.

`framework/` is what they share. Every other folder is a group, and every module in it an incident, with its prose in
English and Dutch beside it under the same name: to add a file is to add an incident (`framework/found.py`).
"""
