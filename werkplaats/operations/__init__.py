"""What the verbs of `werkplaats` set in motion: trust, servers, configuration, stations."""
