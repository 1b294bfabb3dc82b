"""What exists: sandbox servers and station containers, as Pulumi programs driven from our own process."""
