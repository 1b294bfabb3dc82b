"""Modules find on this machine what ansible.cfg (`module_utils`) gives them on a server."""

from __future__ import annotations

from pathlib import Path

import ansible.module_utils

ansible.module_utils.__path__.append(str(Path(__file__).parents[2] / "on_server"))
