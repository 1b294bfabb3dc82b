"""The form of what people read in an incident, and the commands that it names."""

from __future__ import annotations

import re

HEADINGS = {
    "en": ("Meaning", "Impact", "Diagnosis", "Mitigation", "Who decides", "Whom to inform"),
    "nl": ("Betekenis", "Gevolgen", "Diagnose", "Maatregelen", "Wie beslist", "Wie te informeren"),
}
SHORTEST = 20
"""Characters of what stands below a heading."""


def problems(text: str, language: str, title: str) -> list[str]:
    """A sentence for each place where a text is not in the form."""
    found = []
    first, _, rest = text.partition("\n")
    if not re.fullmatch(r"# \S.*", first) or (language == "en" and first != f"# {title}"):
        found.append(f"the first line is {first!r}, and is to be `# ` and the title")
    told = sections(rest)
    if tuple(told) != HEADINGS[language]:
        found.append(f"its headings are {', '.join(told)}, and are to be {', '.join(HEADINGS[language])}")
    found += [f"{heading} says nothing" for heading, body in told.items() if len(body.strip()) < SHORTEST]
    loose = re.findall(r"^werkplaats .+$", text, re.MULTILINE)
    found += [f"`{line}` is a sentence: a command of a line is indented by four" for line in loose]
    if (which := HEADINGS[language][3]) in told and not commands(told[which]):
        found.append(f"{which} names no command")
    return found


def sections(text: str) -> dict[str, str]:
    """Heading → what stands below it."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def commands(text: str) -> list[str]:
    """Every command of ours that a text names in backticks, or on a line of its own in a block."""
    lines = re.findall(r"^ {4,}((?:werkplaats|station|station-cut) .+)$", text, re.MULTILINE)
    return lines + re.findall(r"`((?:werkplaats|station|station-cut) [^`]+)`", text)
