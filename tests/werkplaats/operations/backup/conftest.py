"""A coordinator with vault, records and CA."""

from tests.harness.coordinator import approve, coordinator, definition, make_coordinator, new_keys

__all__ = ["approve", "coordinator", "definition", "make_coordinator", "new_keys"]
