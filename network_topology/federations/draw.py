"""A map of a federation as SVG: computing parties and regions first, then the stations of each region.

With hundreds of stations lines between them would hide everything, so what computes is said where it stands. A region's
box leads to its stations. The same federation always gives the same text, and nothing in it is fetched.
"""

import math
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from network_topology.compiling import pen
from network_topology.federations import compiled

HEADER, GAP = 124, 12
MEMBERS_ACROSS = 5
STATIONS_ACROSS, STATION_HEIGHT = 4, 46
HEADING, PAD, TEXT_ROW = 46, 12, 18


def svg(federation: compiled.CompiledFederation) -> str:
    """The map as one SVG text, of fixed width and of a height that fits its regions and stations."""
    boxes, foot = _members(federation, HEADER + HEADING)
    parts = [*_heading("Regions, and the computing parties in them", HEADER), *boxes]
    for member in federation.members.values():
        stations, foot = _stations(federation, member, foot)
        parts += stations
    lines = [line for sentence in federation.privacy for line in pen.wrapped(sentence)]
    top = foot + pen.MARGIN
    for number, line in enumerate([*lines, f"definition {federation.digest}"]):
        colour = pen.INK if number < len(lines) else pen.SOFT
        parts.append(pen.words(pen.MARGIN, top + pen.LINE_HEIGHT * number, line, 13, colour))
    height = top + pen.LINE_HEIGHT * (len(lines) + 1) + pen.MARGIN
    size = f'width="{pen.WIDTH}" height="{pen.short(height)}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {pen.WIDTH} {pen.short(height)}" {size} role="img" '
            f'style="{pen.FONT}">',
            f"<title>{escape(federation.title)}</title>",
            f'<rect {size} fill="{pen.PAPER}"/>',
            *_header(federation),
            *parts,
            "</svg>\n",
        ]
    )


def _header(federation: compiled.CompiledFederation) -> Iterator[str]:
    yield pen.words(pen.MARGIN, 50, federation.title, 26, weight=600)
    count = len(federation.stations)
    parties = f"{len(federation.computing)} computing parties, threshold {federation.threshold}"
    parties += pen.other_sets(federation.computing_alternates)
    members = f"{len(federation.members)} regional networks · {count} stations"
    line = f"{federation.network} · {federation.kind} · {members} · {parties}"
    yield pen.words(pen.MARGIN, 76, f"{line} · coordinator {federation.coordinator_name}", 14, pen.SOFT)
    if federation.illustrative:
        yield from pen.illustrative()


def _heading(text: str, top: float, anchor: str = "") -> Iterator[str]:
    inside = pen.words(pen.MARGIN, top + 32, text, 18, weight=600)
    yield f"<g id={quoteattr(anchor)}>{inside}</g>" if anchor else inside


def _members(federation: compiled.CompiledFederation, top: float) -> tuple[list[str], float]:
    """A box for each member with the computing parties in it, all as high as the highest, and where they end."""
    across = min(MEMBERS_ACROSS, len(federation.members))
    parties = {slug: _parties(federation, member, _width(across)) for slug, member in federation.members.items()}
    height = TEXT_ROW * (2 + max(map(len, parties.values()))) + 20
    found = []
    for number, (slug, member) in enumerate(federation.members.items()):
        count = len(member.stations)
        about = f"{member.region} · {count} station{'' if count == 1 else 's'} · release {member.release}"
        lines = [(member.title, 15, pen.INK, 600), (about, 12, pen.SOFT, 400)]
        lines += [(row, 12, pen.COMPUTE, 600) for row in parties[slug]]
        card = _card(*_place(number, across, height, top), height, lines, bold=bool(parties[slug]))
        found.append(f"<a href={quoteattr(f'#{slug}')}>{card}</a>")
    return found, _end(len(federation.members), across, height, top)


def _parties(federation: compiled.CompiledFederation, member: compiled.Member, width: float) -> list[str]:
    """The computing parties of a member in party order, then those of other sets; on as many lines as a name takes."""
    numbered = sorted((one.party + 1, one.name) for one in member.stations.values() if one.party is not None)
    elsewhere = {reference for parties in federation.computing_alternates for reference in parties}
    others = sorted(one.name for one in member.stations.values() if one.party is None and one.reference in elsewhere)
    names = [*(f"{number} · {name}" for number, name in numbered), *(f"in another set · {name}" for name in others)]
    return [row for name in names for row in pen.rows(name, width - 2 * PAD, 12, most=4)]


def _stations(federation: compiled.CompiledFederation, member: compiled.Member, top: float) -> tuple[list[str], float]:
    """The stations of one member below its name, and where they end."""
    heading = f"{member.title} ({member.network}), consent of {member.consent}"
    found = [*_heading(pen.fitted(heading, pen.WIDTH - 2 * pen.MARGIN, 18), top + GAP, member.network)]
    top += GAP + HEADING
    for number, station in enumerate(member.stations.values()):
        party = f"{station.party + 1} · " if station.party is not None else ""
        about = station.domain.replace("_", " ") + ("" if station.contributes else ", computes only")
        about += "" if station.own else f" · operated by {federation.operators[station.operated_by]}"
        lines = [(f"{party}{station.name}", 14, pen.INK, 600), (about, 12, pen.SOFT, 400)]
        place = _place(number, STATIONS_ACROSS, STATION_HEIGHT, top)
        found.append(_card(*place, STATION_HEIGHT, lines, bold=bool(party), title=station.id))
    return found, _end(len(member.stations), STATIONS_ACROSS, STATION_HEIGHT, top)


def _place(number: int, across: int, height: float, top: float) -> tuple[float, float, float]:
    """Where the box of a number stands, line by line, and how wide it is."""
    width = _width(across)
    return pen.MARGIN + (width + GAP) * (number % across), top + (height + GAP) * (number // across), width


def _width(across: int) -> float:
    return (pen.WIDTH - 2 * pen.MARGIN - GAP * (across - 1)) / across


def _end(count: int, across: int, height: float, top: float) -> float:
    return top + (height + GAP) * math.ceil(count / across)


def _card(
    x: float,
    y: float,
    width: float,
    height: float,
    lines: list[tuple[str, int, str, int]],
    *,
    bold: bool,
    title: str = "",
) -> str:
    edge = f'stroke="{pen.COMPUTE}" stroke-width="2.5"' if bold else f'stroke="{pen.LINE}" stroke-width="1.2"'
    room = width - 2 * PAD
    texts = (
        pen.words(x + PAD, y + 20 + TEXT_ROW * row, pen.fitted(text, room, font), font, colour, weight)
        for row, (text, font, colour, weight) in enumerate(lines)
    )
    said = f"<title>{escape(title)}</title>" if title else ""
    return "\n".join(
        [f'<g>{said}<rect {pen.box(x, y, width, height)} rx="6" fill="{pen.PAPER}" {edge}/>', *texts, "</g>"]
    )
