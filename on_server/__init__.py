"""What runs on a server outside containers, as root or as an account of people: standard library and Debian only.

The role `baseline` places the whole package in /usr/local/lib/werkplaats, and a starter for each command. `state`,
`removed` and `keys` are sent to a server instead and run there alone: they import nothing, not even of this package.
"""
