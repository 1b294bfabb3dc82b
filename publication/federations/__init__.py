"""The publication of a federation, and those of its members as whoever reads that finds them."""
