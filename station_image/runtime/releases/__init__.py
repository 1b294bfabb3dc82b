"""Which release each station runs, and who is away for a moment while it is replaced."""
