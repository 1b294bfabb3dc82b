"""The part of the follower that fetches: looks at the place that a definition names, and brings what is new there.

It is started with a question on its standard input and answers on its standard output, and writes nowhere else: neither
key nor data is in its reach, and what it brings is one more source, read like any other by the part that parses.

    {"networks": {network: {"url", "kept": folder}}}
    {"networks": {network: {"why": why not, "files": {name: text} or null}}}    null: what is kept is the newest there
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from base import errors, values
from publication.following import web

SECONDS = 50.0
"""For all places together."""
NEWEST = "metadata/timestamp.json"
Found = dict[str, object]


def main() -> int:
    """Answer one question; exit code 0."""
    asked = values.mapping(sys.stdin.buffer.read())["networks"]
    found = {}
    for network, one in asked.items():
        found[network] = fetched(network, one["url"], Path(one["kept"]), SECONDS / len(asked))
    sys.stdout.write(json.dumps({"networks": found}))
    return 0


def fetched(network: str, url: str, kept: Path, seconds: float, *, near: bool = False) -> Found:
    """What is new at a place, beside what is kept, within so many seconds."""
    site: web.Site | None = None
    try:
        site = web.Site(url, near=near)
        with _within(seconds, url):
            return {"why": "", "files": _news(network, site, kept)}
    except errors.WerkplaatsError as error:
        return {"why": str(error), "files": None}
    finally:
        if site:
            site.close()


def _news(network: str, site: web.Site, kept: Path) -> dict[str, str] | None:
    before = b""
    while True:
        newest = site(NEWEST)
        if newest is None:
            raise errors.PublicationError(
                f"{site.url}/{NEWEST} is missing: no publication is there", "ask the coordinator"
            )
        if newest == _content(kept / NEWEST):
            return None
        try:
            return _read(network, site, kept)
        except OverError:
            raise
        except errors.PublicationError:
            if newest == before or site(NEWEST) == newest:
                raise
            before = newest  # another publication took its place meanwhile


def _read(network: str, site: web.Site, kept: Path) -> dict[str, str]:
    # Half a second of a processor, which a look at what is known already must not cost.
    from publication import reading
    from publication.following import kept as keeping

    def source(name: str) -> bytes | None:
        here = _content(kept / name) if name.startswith("targets/") else None  # its digest is in its name
        return site(name) if here is None else here

    place = PurePosixPath(site.url.partition("://")[2])
    whole, known = reading.read(source, place, network, keeping.read(kept))
    return keeping.laid(known, whole.files)


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


class OverError(errors.PublicationError):
    """The time is over: no reason to look once more, whatever lies there by now."""


@contextlib.contextmanager
def _within(seconds: float, url: str) -> Iterator[None]:
    """Raise PublicationError where what is done in it takes longer, whatever it waits for."""

    def over(*_: object) -> None:
        told = f"{url} gave nothing whole for {seconds:.0f} s"
        raise OverError(told, "it is asked again; until then stations have the publication from each other")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


if __name__ == "__main__":
    sys.exit(main())
