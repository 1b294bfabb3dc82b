"""Tells the operator's own receiver when something begins and ends, where nothing else watches this server.

A message says which station, which alert, which runbook and since when; nothing that anybody else wrote is in it, and
no value. The same thing is told to begin at most once an hour. What the receiver did not take is told again next time.
"""

from __future__ import annotations

import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from on_server import disk
from on_server.metrics import alerts
from on_server.metrics.table import BY_NAME, Sample

AGAIN, SECONDS = 3600, 10.0
"""Seconds between two messages that the same thing begins, and for one to be taken."""
Message = dict[str, Any]
Send = Callable[[Message], None]


class TellError(Exception):
    """The receiver did not take it; the text names neither its address, which may be a secret, nor what it said."""


def tell(memory: Path, samples: Iterable[Sample], station: str, now: float, send: Send) -> list[Message]:
    """Send what began and what ended since the last time, and remember that; returns what was taken.

    Raises TellError where something was not taken; what was is remembered nevertheless.
    """
    rows, found = _before(memory), {_key(*one) for one in alerts.firing(samples, now)}
    sent, fault = [], None
    for key in sorted({*rows, *found}):
        name, _, labels = key.partition(" ")
        row = rows.setdefault(key, {"since": None, "open": False, "told": 0.0})
        state = _due(row, key in found, 60 * ALERTS[name].minutes, now)
        if state and not fault:
            message = _message(station, name, labels, state, row["since"])
            try:
                send(message)
            except TellError as error:  # nor would it take the others
                fault = error
                continue
            sent.append(message)
            row.update({"open": True, "told": now} if state == "begins" else {"open": False})
        if key not in found and not row["open"]:
            row["since"] = None
            if now - row["told"] >= AGAIN:
                del rows[key]
    disk.write(memory, json.dumps(rows, indent=1, sort_keys=True).encode(), mode=0o600)
    if fault:
        raise fault
    return sent


def _due(row: dict[str, Any], found: bool, lasting: float, now: float) -> str:
    """Whether it is to be told now that this begins, or ends; since when is kept in its row."""
    if not found:
        return "ends" if row["open"] else ""
    row["since"] = now if row["since"] is None else row["since"]
    lasts = now - row["since"] >= lasting
    return "begins" if lasts and not row["open"] and now - row["told"] >= AGAIN else ""


def _message(station: str, name: str, labels: str, state: str, since: float) -> Message:
    alert = ALERTS[name]
    its = dict(zip(BY_NAME[alert.when[0].metric].labels, labels.split(), strict=False))
    words = f"{station}: {alert.summary}" if state == "begins" else f"{station}: no longer so: {alert.summary}"
    runbook = {"runbook": alert.runbook} if alert.runbook else {"guide": alert.guide}
    return {"text": words, "station": station, "alert": name, "state": state, "since": int(since), **its, **runbook}


ALERTS: Mapping[str, alerts.Alert] = {one.name: one for one in alerts.ALERTS}


def _key(name: str, labels: tuple[str, ...]) -> str:
    return " ".join((name, *labels))


def _before(memory: Path) -> dict[str, dict[str, Any]]:
    """What was told before, of alerts that there are."""
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError, KeyError):
        found = json.loads(memory.read_bytes())
        return {
            key: {"since": row["since"] and float(row["since"]), "open": bool(row["open"]), "told": float(row["told"])}
            for key, row in found.items()
            if key.partition(" ")[0] in ALERTS
        }
    return {}


class _Stays(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else than where the operator said."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow none."""


def webhook(address: str) -> Send:
    """What sends a message to an address of https, as JSON; no proxy, no redirect."""

    def send(message: Message) -> None:
        request = urllib.request.Request(  # noqa: S310  # of https: see below
            address, json.dumps(message).encode(), {"Content-Type": "application/json", "User-Agent": "werkplaats"}
        )
        if request.type != "https":
            raise TellError("the receiver is not one of https")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stays)
        try:
            with opener.open(request, timeout=SECONDS):
                pass
        except urllib.error.HTTPError as error:
            raise TellError(f"the receiver answers {error.code}") from None
        except (OSError, ValueError) as error:
            raise TellError(f"the receiver is not reached: {type(error).__name__}") from None

    return send
