"""The follower's part that places: asks the part that parses, holds its answer to rules, and puts it in its places."""
