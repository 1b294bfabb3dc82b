"""The control socket: JSON lines; who may connect, the folder decides."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from ..accepted.networks import NetworkError
from ..analyses import AnalysisError
from ..base import background
from ..base.journal import note
from ..base.refusal import DrainsError, RefusedError
from ..session.proposal import ProposalRefusedError
from . import requests
from .desk import Desk, Tell
from .requests import WrongUseError
from .verbs import VERBS

WRONG_USE, REFUSED, FAILED = 2, 3, 4


class Server:
    """Answers on the control socket."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request: events, then a line with `done` and the exit code that `station` ends with."""

        def tell(line: dict[str, Any]) -> None:
            writer.write(json.dumps(line).encode() + b"\n")

        try:
            tell({"done": True, **await self._answer(reader, tell)})
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        except OSError:
            note("control-gone")

    async def _answer(self, reader: asyncio.StreamReader, tell: Tell) -> dict[str, Any]:
        try:
            request = await requests.read(reader, VERBS)
            return await VERBS[request.verb](self._desk, request, tell)
        except DrainsError as error:
            # Whoever asked is to ask again, of the agent that comes after this one.
            return {"exit": REFUSED, "error": str(error), "drains": {error.station: error.seconds}}
        except (WrongUseError, NetworkError, AnalysisError, RefusedError) as error:
            return {"exit": WRONG_USE, "error": str(error)}
        except ProposalRefusedError as error:
            code = REFUSED if error.refused else FAILED
            return {"exit": code, "error": str(error), "reasons": error.reasons}
        except Exception as error:
            # Nobody who asked did anything wrong. Its text may hold values: kind and place are all that is told.
            background.blame(error)
            kind = type(error).__name__
            told = f"this station's own agent failed ({kind}); `journalctl CONTAINER_NAME=station-agent` says where"
            return {"exit": FAILED, "error": told}
