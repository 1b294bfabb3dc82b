"""What a publication makes of a server: one code for the operator's tool and for the follower on the server itself."""
