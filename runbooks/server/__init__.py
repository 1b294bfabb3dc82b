"""Incidents of one server: the machine, its engine, gateway, disk, follower."""
