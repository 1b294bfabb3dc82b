"""The follower's part that places: asks the part that parses, holds its answer to rules, and puts it in its places."""

READS_WITH = ("python3-cryptography", "python3-pydantic", "python3-tuf", "python3-yaml")
"""Debian's packages that the part that parses needs."""
