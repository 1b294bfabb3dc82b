"""Bytes from others: frames, hello, requests and their answers, over connections and over polls. Knows no session."""
