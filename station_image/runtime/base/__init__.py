"""Ground of the runtime: knows no peer, session or question."""
