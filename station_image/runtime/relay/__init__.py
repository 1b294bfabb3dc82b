"""Publications from station to station: shape and size are looked at here, signatures by whoever installs them."""
