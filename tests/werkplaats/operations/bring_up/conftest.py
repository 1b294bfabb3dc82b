"""A coordinator, for what an operator is handed."""

from tests.harness.coordinator import approve, coordinator, definition, make_coordinator

__all__ = ["approve", "coordinator", "definition", "make_coordinator"]
