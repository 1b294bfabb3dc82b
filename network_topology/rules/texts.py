"""What holds for every text of a definition or a question, whatever its field.

A file cannot hold what nobody sees (source.py), but a definition also comes by a publication, and what it says is shown
to whoever accepts it: an escape sequence or a turn of direction could show something else than what is accepted.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from network_topology import source
from network_topology.rules.rule import Finding

WHY = "people judge what they see, and it is printed on terminals, maps and papers"
REMEDY = "write it anew, with letters, digits, punctuation and single blanks"


def unseen(value: Any) -> Iterator[Finding]:
    """A finding for each text in plain values, keys of mappings included, that holds a character nobody sees."""
    for at, text in _texts(value, ()):
        if not text.isprintable():
            character = next(one for one in text if not one.isprintable())
            yield Finding(at, f"{source.short(text)!r} holds the character U+{ord(character):04X}")


def _texts(value: Any, at: source.Keys) -> Iterator[tuple[source.Keys, str]]:
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield (*at, key), key
            yield from _texts(inner, (*at, key))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _texts(inner, (*at, number))
