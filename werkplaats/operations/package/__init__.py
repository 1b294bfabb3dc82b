"""One archive with all that a server without a way out needs: made, signed, checked, and what is placed from it."""
