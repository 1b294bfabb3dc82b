"""What Ansible needs beside its own: modules, actions, filters, strategies and the callback of `werkplaats up`."""
