"""What runbooks share: what was looked at, which incidents fit it, steps that act on nothing until told, evidence."""
