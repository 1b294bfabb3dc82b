"""The two things the stacks are made of: a sandbox server and a station."""
