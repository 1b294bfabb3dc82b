"""Who is who, as this station's own operator accepted it."""
