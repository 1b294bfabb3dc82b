"""The organisation's own records, and the shares made of them."""
