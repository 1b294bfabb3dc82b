"""Drills: an incident is caused on a sandbox's servers, a trainee mends it, and what came of that is recorded."""
