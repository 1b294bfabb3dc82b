"""The Pulumi CLI and its docker plugin: found, downloaded or built."""
