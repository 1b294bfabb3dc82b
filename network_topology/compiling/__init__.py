"""What follows from a definition: stations, links, firewall sheets, privacy in words, the map."""
