"""What is handed over, and who joins: as the tests of what is placed have them."""

from __future__ import annotations

import io

from tests.werkplaats.operations.join.conftest import handed_over, home, published

__all__ = ["handed_over", "home", "published"]


class Typed(io.StringIO):
    """What somebody types at a terminal."""

    def isatty(self) -> bool:
        return True
