"""What is asked of a server when something is wrong with it or with its station."""
