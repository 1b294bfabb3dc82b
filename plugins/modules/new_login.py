"""Placeholder that Ansible wants beside an action of the same name: all is done on the controller."""
