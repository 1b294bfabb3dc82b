"""A coordinator that makes what is read here."""

from tests.harness.coordinator import approve, coordinator, definition, make_coordinator, new_keys

__all__ = ["approve", "coordinator", "definition", "make_coordinator", "new_keys"]
