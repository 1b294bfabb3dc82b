"""Makes Mitogen's `free` strategy known to Ansible, whichever virtual environment Mitogen is installed in.

Ansible finds strategies by folder, and Mitogen's folder differs per machine; a configuration file cannot ask Python
where a package lies.
"""

from __future__ import annotations

import gc
from typing import Any

import ansible_mitogen.loaders
import ansible_mitogen.strategy

Base: Any = ansible_mitogen.loaders.strategy_loader.get("free", class_only=True)


class StrategyModule(ansible_mitogen.strategy.StrategyMixin, Base):  # type: ignore[misc]
    """Each server goes through the play at its own speed, over one Mitogen connection."""

    def run(self, iterator: Any, play_context: Any, result: Any = 0) -> Any:
        """Run the play. Every task is a fork: what the collector does not look at again, forks need not copy."""
        gc.freeze()
        return super().run(iterator, play_context, result)
