"""From the bytes of a YAML file to a tree of plain values, with the place of every value.

The file is written by people of other organisations, so only the part of YAML that can be read in one way is taken:
no tags, no anchors and aliases, no merge keys, one document, text keys that are written once, and plain words that
every YAML reader takes for the same value (YAML 1.1 reads `no` as false and `012` as 10, YAML 1.2 does not).
"""

import dataclasses
import datetime
import errno
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from network_topology.violation import DefinitionError, Violation

LARGEST_FILE = 262_144  # bytes; a network of 25 organisations takes about 10,000
DEEPEST = 8
MOST_VALUES = 2_000  # of 25 organisations: about 300
MOST_VIOLATIONS = 100
LONGEST_VALUE = 1_000
LONGEST_NUMBER = 18  # digits; what a 64 bit integer holds whole

Keys = tuple[str | int, ...]

_REMOVE = "remove what does not belong in it"

# Controls, and characters that show nothing or turn the direction of text: a reviewer would not see what is read.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\uffff\U000e0000-\U000e0fff]"
)
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER_SOMEWHERE = re.compile(r"[-+]?(0o[0-7]+|0x[0-9a-fA-F]+|(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?)")
_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclasses.dataclass(frozen=True)
class Source:
    """Where each key and value of a definition stands: path of keys → (line, column), both counted from 1."""

    path: Path
    keys: Mapping[Keys, tuple[int, int]] = dataclasses.field(default_factory=dict)
    values: Mapping[Keys, tuple[int, int]] = dataclasses.field(default_factory=dict)

    def at(self, keys: Keys) -> tuple[int, int]:
        """The place of a value; of a mapping or list the place of its key; of something absent that of its parent."""
        while keys:
            if keys in self.values:
                return self.values[keys]
            if keys in self.keys:
                return self.keys[keys]
            keys = keys[:-1]
        return (1, 1)

    def at_key(self, keys: Keys) -> tuple[int, int]:
        """The place of a key."""
        return self.keys.get(keys) or self.at(keys)


class _UnreadableError(Exception):
    """Reading cannot go on after the last violation that was noted."""


def read(path: Path, longest: int = LONGEST_VALUE) -> tuple[dict[str, Any], Source, list[Violation]]:
    """Read one YAML file to (tree, places, violations that leave the tree usable); lists become tuples.

    `longest` is how many characters a value may have.

    Raises DefinitionError where no tree can be made of it.
    """
    reader = _Reader(path, longest)
    try:
        reader.text(_bytes(path))
        tree = reader.document()
    except _UnreadableError:
        raise DefinitionError(reader.violations) from None
    except OSError as error:
        raise DefinitionError([_unopened(path, error)]) from error
    return tree, Source(path, reader.keys, reader.values), reader.violations


def _bytes(path: Path) -> bytes:
    """At most one byte more than may be; neither follows a link nor waits for a pipe."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EISDIR, "not a regular file")
        return file.read(LARGEST_FILE + 1)


def _unopened(path: Path, error: OSError) -> Violation:
    reasons = {
        errno.ENOENT: ("there is no such file", "name a network that is defined, or make the file"),
        errno.ELOOP: ("it is a symbolic link, and may lead anywhere", "put the file itself in its place"),
        errno.EISDIR: ("it is a folder or a device, not a file", "name the file itself"),
    }
    text, remedy = reasons.get(
        error.errno or 0, (f"it cannot be read ({error.strerror})", "give the account that runs this the right to read")
    )
    return Violation(path, 0, 0, text, remedy, rule="file")


class _Reader:
    """Builds one tree from the events of libyaml's parser, which neither recurses nor builds objects itself."""

    def __init__(self, path: Path, longest: int) -> None:
        self.path = path
        self.longest = longest
        self.keys: dict[Keys, tuple[int, int]] = {}
        self.values: dict[Keys, tuple[int, int]] = {}
        self.violations: list[Violation] = []
        self.count = 0
        self.parser = yaml.CBaseLoader("")

    def note(self, place: tuple[int, int], rule: str, text: str, remedy: str) -> None:
        if len(self.violations) >= MOST_VIOLATIONS:
            raise _UnreadableError
        self.violations.append(Violation(self.path, *place, text, remedy, rule=rule))

    def stop(self, place: tuple[int, int], rule: str, text: str, remedy: str) -> _UnreadableError:
        self.violations.append(Violation(self.path, *place, text, remedy, rule=rule))
        return _UnreadableError()

    def text(self, content: bytes) -> None:
        """Refuse what is no readable text, and get the parser ready for the rest."""
        if len(content) > LARGEST_FILE:
            size = f"the file is larger than {LARGEST_FILE:,} bytes"
            raise self.stop((0, 0), "size", size, _REMOVE)
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            before = content[: error.start]
            place = (before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1)
            raise self.stop(place, "encoding", "the file is not UTF-8 text", "save it as UTF-8") from error
        if hidden := _HIDDEN.search(text):
            before_it = text[: hidden.start()]
            place = (before_it.count("\n") + 1, hidden.start() - (before_it.rfind("\n") + 1) + 1)
            raise self.stop(place, "hidden_character", _hidden(hidden.group()), "remove it")
        self.parser = yaml.CBaseLoader(text)

    def event(self) -> Any:
        try:
            return self.parser.get_event()
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
            place = (mark.line + 1, mark.column + 1) if mark else (0, 0)
            parts = (getattr(error, "context", None), getattr(error, "problem", None))
            why = " ".join(filter(None, parts)) or "the parser gives no reason"
            remedy = "look at indentation, colons and quotes on this line and the one before"
            raise self.stop(place, "yaml", f"this is no YAML ({why})", remedy) from error

    def document(self) -> dict[str, Any]:
        self.event()  # the stream begins
        if isinstance(self.event(), yaml.StreamEndEvent):
            raise self.stop((1, 1), "empty", "the file is empty", "write a definition, as in networks/proeftuin")
        first = self.event()
        if not isinstance(first, yaml.MappingStartEvent):
            raise self.stop(
                _place(first), "mapping", "the file is not a mapping", "write lines of the form `key: value`"
            )
        tree = self.mapping(first, ())
        self.event()  # the document ends
        if not isinstance(after := self.event(), yaml.StreamEndEvent):
            text = "a second document begins here, and a file holds one"
            raise self.stop(_place(after), "documents", text, "keep one document and remove the line with `---`")
        return tree

    def mapping(self, event: Any, at: Keys) -> dict[str, Any]:
        self.plain(event, at)
        tree: dict[str, Any] = {}
        while not isinstance(key_event := self.event(), yaml.MappingEndEvent):
            place = _place(key_event)
            key = self.key(key_event, at)
            written_twice = key in tree
            if written_twice:
                first_line = self.keys[(*at, key)][0]
                text = f"{short(key)!r} is written twice, first on line {first_line}"
                self.note(place, "duplicate_key", text, "keep one of the two")
            else:
                self.keys[(*at, key)] = place
            value = self.value(self.event(), (*at, key))
            if not written_twice:
                tree[key] = value
        return tree

    def key(self, event: Any, at: Keys) -> str:
        key = self.value(event, (*at, "?")) if isinstance(event, yaml.ScalarEvent | yaml.AliasEvent) else None
        if not isinstance(key, str):
            text = "this key is not text, and a key is a word such as `name`"
            raise self.stop(_place(event), "text_keys", text, "write a word, or put it in quotes")
        return key

    def value(self, event: Any, at: Keys) -> Any:
        if isinstance(event, yaml.AliasEvent):
            text = f"the alias *{short(str(event.anchor))} stands for text elsewhere, and may stand for very much of it"
            raise self.stop(_place(event), "alias", text, "write the value out")
        if len(at) > DEEPEST:
            text = f"values lie more than {DEEPEST} levels deep, and no file of ours needs that"
            raise self.stop(_place(event), "depth", text, "look at the indentation")
        self.count += 1
        if self.count > MOST_VALUES:
            text = f"this is value {self.count:,} of the file, and no file of ours needs so many"
            raise self.stop(_place(event), "values", text, _REMOVE)
        if isinstance(event, yaml.ScalarEvent):
            self.values[at] = _place(event)
            self.plain(event, at)
            return self.scalar(event, at)
        if isinstance(event, yaml.MappingStartEvent):
            return self.mapping(event, at)
        self.plain(event, at)
        items: list[Any] = []
        while not isinstance(item := self.event(), yaml.SequenceEndEvent):
            items.append(self.value(item, (*at, len(items))))
        return tuple(items)

    def plain(self, event: Any, at: Keys) -> None:
        """Note a tag or an anchor: both give a value a meaning that its text does not show."""
        del at
        if event.tag is not None:
            text = f"the tag {short(event.tag)!r} asks for an object, and only text, numbers and dates are taken"
            self.note(_place(event), "tag", text, "remove the tag")
        if event.anchor is not None:
            text = (
                f"the anchor &{short(event.anchor)} names this value for use elsewhere, and every value is written out"
            )
            self.note(_place(event), "anchor", text, "remove the anchor")

    def scalar(self, event: Any, at: Keys) -> Any:
        text: str = event.value
        place = _place(event)
        if len(text) > self.longest:
            too_long = f"the value has {len(text):,} characters, and none needs more than {self.longest:,}"
            self.note(place, "length", too_long, "shorten it")
            return text[: self.longest]
        if hidden := _HIDDEN.search(text):
            where = short(".".join(map(str, at)))
            self.note(place, "hidden_character", f"{where}: {_hidden(hidden.group())}", "remove it")
            text = _HIDDEN.sub("", text)  # said once
        if event.style:  # in quotes, or a block
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            if len(text) <= LONGEST_NUMBER:
                return int(text)
            self.note(place, "number", f"the number has {len(text):,} digits", "write the number that is meant")
            return 0
        if _DATE.fullmatch(text):
            return self.date(text, place)
        if _differs(text):
            why = f"{short(text)!r} is read as text by some YAML readers and as something else by others"
            self.note(place, "ambiguous", why, "put it in quotes, or write true, false or a whole number")
        return text

    def date(self, text: str, place: tuple[int, int]) -> datetime.date:
        try:
            return datetime.date.fromisoformat(text)
        except ValueError:
            self.note(place, "date", f"there is no day {text}", "write a day as year-month-day")
            return datetime.date.min


def _place(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def short(text: str) -> str:
    """A text of the file as it fits into a message."""
    return text if len(text) <= 80 else text[:79] + "…"


def _hidden(character: str) -> str:
    return f"the character U+{ord(character):04X} cannot be seen, so nobody can review what it does"


def _differs(text: str) -> bool:
    resolvers = yaml.resolver.Resolver.yaml_implicit_resolvers.get(text[0], [])
    return any(regexp.match(text) for _, regexp in resolvers) or _NUMBER_SOMEWHERE.fullmatch(text) is not None
