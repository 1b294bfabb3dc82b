"""What an operator has of a network before its server has anything: publication, definition, how the server is reached.

The root is compared once: what was read under it lies in the vault from then on, and tells that somebody typed it.
Each file takes its place in one step, the publication last: whoever is killed between two does all of it again.
"""

from __future__ import annotations

import dataclasses
import hmac
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from base import errors, files
from network_topology import context, load, model, names, released
from network_topology.compiling import compile as compiler
from network_topology.violation import DefinitionError
from publication import folder as folders
from publication import publication, reading, trusted, verified
from stacks import servers as sandbox
from werkplaats import VERSION
from werkplaats.operations.coordinator import placing
from werkplaats.operations.home import networks, places, vault
from werkplaats.operations.join.brought import Brought
from werkplaats.operations.reach import inventory

HEAD = "---\n# As it was published. A newer publication takes its place, as long as nobody changes this file.\n"
ROOM = 64 * 1024 * 1024
"""Bytes that are free where things are placed, beside twice what is placed."""
QUESTIONS = "questions"
FINGERPRINT = re.compile(r"(sha256:)?([0-9a-f]{64})")


@dataclasses.dataclass(frozen=True)
class Beginning:
    """A publication that was read; `confirmed`: of the root that somebody typed, as it was read out, once before."""

    brought: Brought
    home: places.Home
    published: verified.Verified
    confirmed: bool

    @property
    def network(self) -> networks.Network:
        """The network as it is published, whatever lies in the home."""
        compiled = compiler.compile_network(self.published.definition)
        return networks.Network(
            self.published.definition, compiled, (), self.home, self.published.questions, self.published.figures
        )

    @property
    def kept(self) -> Path:
        """What was read of it under the root that counts."""
        return _kept(self.brought.network)


def _kept(network: str) -> Path:
    return vault.folder_of(network) / networks.TRUSTED


def read(brought: Brought, home: places.Home, organisation: str) -> Beginning:
    """Read a publication and hold it to what was read before; nothing is written.

    Raises PublicationError (ExpiredError, OtherRootError) where it is not right, older or of another root, RefusedError
    for one of another network than that of this organisation here, UsageError where the organisation is not in it.
    """
    name = brought.network
    if sandbox.makes(name):
        raise errors.RefusedError(
            f"{brought.place} is of {name}, whose servers are made on one machine",
            "a station of your own joins a network that is none of these: ask the coordinator for its publication",
        )
    known = trusted.load(_kept(name))
    if others := _others(home, name, organisation):
        raise errors.RefusedError(
            f"{brought.place} is of {name}, and {organisation} is in {others[0]} here",
            "take the file of that network; where the server is to be in another one, have a folder of its own: "
            "werkplaats --home FOLDER join …",
        )
    published = publication.take(brought.folder, name, known).verified
    stations = published.definition.stations
    if organisation not in stations:
        raise errors.UsageError(
            f"{name} has no organisation {organisation!r} by publication {published.number}",
            f"it has: {', '.join(sorted(stations))}; where yours lacks, ask the coordinator",
        )
    return Beginning(brought, home, published, known is not None)


def _others(home: places.Home, name: str, organisation: str) -> list[str]:
    """The other networks of which this home has the server of an organisation of this name."""
    found = []
    for path in sorted(home.inventories.glob("*/servers.yml")):
        if path.parent.name != name and any(one.organisation == organisation for one in inventory.read(path)):
            found.append(path.parent.name)
    return found


def require_told(begun: Beginning, told: str) -> str:
    """The root's fingerprint, as somebody typed it, where it is that of the publication; raises AcceptanceError.

    The one of the file is not said: who is shown it types that, and has compared nothing.
    """
    found = FINGERPRINT.fullmatch("".join(told.split()).lower())
    root = f"sha256:{found[2]}" if found else ""
    if not hmac.compare_digest(root, begun.published.root):
        raise errors.AcceptanceError(
            f"what was typed is not the root of {begun.brought.place}"
            if found
            else "what was typed is no fingerprint of a root: that is 64 digits and letters from a to f",
            "have it read to you again; where it differs once more the file is not the network's: nothing was placed, "
            "and nothing of it is to be",
        )
    return root


def place(begun: Beginning, told: str | None, organisation: str) -> list[str]:
    """Put publication and definition where all verbs look for them; returns what was done, a line each.

    `told` is the root as it was typed, None where it was confirmed before. Raises RefusedError with what somebody's own
    file has otherwise, or where there is no room; nothing was changed then.
    """
    name, published, brought = begun.brought.network, begun.published, begun.brought
    to, before = begun.home.publications / name, dict(_before(begun))
    wanted = dict(_files(published, begun.home))
    fresh = {path: text for path, text in wanted.items() if not _stays(begun, path, text, before.get(path))}
    contents = {} if _same(to, brought.folder) else brought.contents()
    if contents and to.is_dir() and not to.is_symlink() and any(to.iterdir()):
        raise errors.PublicationError(
            f"{to} is a folder that was put there by hand, with another publication",
            f"move it away, or name it as the file: werkplaats join {to} --organisation {organisation}",
        )
    _require_room(begun.home.publications, [*contents.values(), *fresh.values()])
    _require_usable(published, wanted, begun.home)
    # From here on something is written. What was read goes first: by it nothing older is taken any more.
    publication.read_on(brought.folder, name, begun.kept, root=told)
    for path, text in fresh.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_atomically(path, text, mode=0o644)
    withdrawn = [path for path, text in before.items() if path not in wanted and _as_placed(path, text)]
    for path in withdrawn:
        path.unlink()
    if contents:
        placing.write(to, contents, published.number)
    return [
        *(f"placed: {path}" for path in fresh),
        *(f"taken away, since it was withdrawn: {path}" for path in withdrawn),
        *([f"placed: {to}, publication {published.number}"] if contents else []),
    ]


def _as_placed(path: Path, text: bytes) -> bool:
    """Whether a question lies there as it was placed, and nobody changed it."""
    return path.parent.name == QUESTIONS and path.exists() and path.read_bytes() == text


def placed(begun: Beginning) -> bool:
    """Whether all of it lies where verbs look for it, under a root that somebody typed."""
    there = all(path.exists() for path, _ in _files(begun.published, begun.home))
    return begun.confirmed and there and _same(begun.home.publications / begun.brought.network, begun.brought.folder)


def _same(to: Path, brought: Path) -> bool:
    """Whether the publication that lies at a place is this one, to the byte that says which is the newest."""
    there, here = folders.source(to)(reading.NEWEST), folders.source(brought)(reading.NEWEST)
    return there is not None and there == here


def _files(published: verified.Verified, home: places.Home) -> Iterator[tuple[Path, bytes]]:
    """What lies under git in an operator's folder: definition, questions, and a release that this suite does not know.

    A question with a table of figures is left: that is a file of others, which the coordinator sends.
    """
    folder = home.networks / published.network
    yield folder / names.FILE, _text(published.definition)
    for name, one in published.questions.items():
        if not any(table in str(one.parameters) for table in published.figures):
            yield folder / QUESTIONS / f"{name}.yml", _text(one)
    for name, release in published.releases.items():
        if released.is_version(name) and released.find(name, (context.RELEASES,)) is None:
            yield home.releases / f"{name}.yml", _text(release)


def _text(described: model.Network | model.Question | model.Notes) -> bytes:
    said = _plain(described.model_dump(exclude_defaults=True))
    return (HEAD + str(yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=110))).encode()


def _plain(value: Any) -> Any:
    """As an author writes it: days stay days, and are no texts."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _before(begun: Beginning) -> Iterator[tuple[Path, bytes]]:
    """What was written of the publication that lies there now, where one does that can be read."""
    to = begun.home.publications / begun.brought.network
    if not folders.there(to):
        return
    try:
        lately = reading.lately(folders.source(to))
        yield from _files(publication.read(to, begun.brought.network, moment=lately), begun.home)
    except errors.RefusedError:
        return  # what lies there was never right: nothing was written of it


def _stays(begun: Beginning, path: Path, text: bytes, before: bytes | None) -> bool:
    """Whether a file is left as it is. Raises RefusedError where it is somebody's own and says something else."""
    there = path.read_bytes() if path.exists() else None
    if there is None or there == before:
        return there == text
    said = load.read_what_can_be(path).definition if path.name == names.FILE else None
    same = said is not None and verified.document(said) == verified.document(begun.published.definition)
    if same or there == text or _says(there) == _says(text):
        return True  # what people wrote stays, with its comments
    raise errors.RefusedError(
        f"{path} says something else than publication {begun.published.number} of {begun.brought.network}",
        "put the coordinator's there, or move it away and run the same command again",
    )


def _says(text: bytes) -> object:
    try:
        return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it makes texts of everything, and no objects
    except yaml.YAMLError:
        return text


def _require_room(at: Path, contents: Iterable[bytes], free: Callable[[Path], int] | None = None) -> None:
    """Raise RefusedError where the disk is too full for what is placed."""
    there = next(path for path in (at, *at.parents) if path.exists())
    needs = 2 * sum(map(len, contents)) + ROOM
    room = (free or _free)(there)
    if room < needs:
        raise errors.RefusedError(
            f"the disk of {there} has {room // 2**20} MB free, and {needs // 2**20} MB are needed",
            "make room, or name another folder: werkplaats --home FOLDER join …",
        )


def _free(path: Path) -> int:
    return shutil.disk_usage(path).free


def _require_usable(published: verified.Verified, wanted: Mapping[Path, bytes], home: places.Home) -> None:
    """Raise RefusedError where this suite cannot use what is published: it is older, say."""
    with tempfile.TemporaryDirectory() as name:
        for path, text in wanted.items():
            tried = Path(name) / path.relative_to(home.networks.parent)
            tried.parent.mkdir(parents=True, exist_ok=True)
            tried.write_bytes(text)
        try:
            networks.find(published.network, Path(name))
        except DefinitionError as error:
            wrong = [f"{one.path.name}: {one.text}" for one in error.violations if one.severity == "error"]
            raise errors.RefusedError(
                f"publication {published.number} of {published.network} is more than suite {VERSION} can use: "
                f"{'; '.join(wrong)}",
                "ask the coordinator which suite to have, and run the same command by that one; nothing was placed",
            ) from error
