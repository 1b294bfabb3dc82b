"""What holds for every text of a definition or a question, whatever its field.

A file cannot hold what nobody sees (source.py), but a definition also comes by a publication, and what it says is shown
to whoever accepts it: an escape sequence or a turn of direction could show something else than what is accepted.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from network_topology import source
from network_topology.rules.rule import Finding

# What Unicode calls Default_Ignorable_Code_Point (DerivedCoreProperties.txt): shown as nothing though it counts as
# printable; and the empty pattern of Braille.
_IGNORED = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)

WHY = "people judge what they see, and it is printed on terminals, maps and papers"
REMEDY = "write it anew, with letters, digits, punctuation and single blanks"


def unseen(value: Any) -> Iterator[Finding]:
    """A finding for each text in plain values, keys of mappings included, that holds a character nobody sees."""
    for at, text in _texts(value, ()):
        if not text.isprintable() or _IGNORED.search(text):  # as a whole: there are thousands, and few have one
            character = next(one for one in text if not one.isprintable() or _IGNORED.match(one))
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
