"""Programs that Ansible runs on a server."""
