"""Ground of everything but the station's own code: errors, files, documents."""
