"""A map of a network as SVG: computing parties in the middle, who only contributes at both sides, the mesh between.

The same network always gives the same text. Nothing in it is fetched: no scripts, fonts or images from elsewhere.
"""

import dataclasses
import math
from collections.abc import Iterator
from xml.sax.saxutils import escape

from network_topology.compiling import compiled, pen

HEADER = 124
CARD_WIDTH, CARD_HEIGHT, CARD_GAP = 288, 56, 12
HUB_HEIGHT = 98
TEXT_ROW = 18

_OWN = "#4f7d5c"
# For operators that run servers of others, in the order in which the legend names them; told apart without red/green.
_OTHERS = ("#c4681a", "#7a4fa3", "#b03a6b", "#8a7a16", "#2f6fb5", "#6b4b3a")


@dataclasses.dataclass(frozen=True)
class _Box:
    """A rectangle in pixels; x and y are its left upper corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height / 2


def svg(network: compiled.CompiledNetwork) -> str:
    """The map as one SVG text, of fixed width and of a height that fits its stations."""
    outside = [one for one in network.stations.values() if one.organisation not in network.computes]
    outside.sort(key=lambda one: (one.domain, one.name))
    middle_height = max(_column_height((len(outside) + 1) // 2), _ring_height(len(network.computes)))
    boxes = {
        **_columns([one.organisation for one in outside], middle_height),
        **_ring(network.computes, middle_height),
    }
    colours = _colours(network)
    foot = HEADER + middle_height + pen.MARGIN
    legend = list(_legend(network, colours, foot))
    notes = list(_notes(network, foot + 34 + 22 * _legend_rows(colours)))
    height = foot + 34 + 22 * _legend_rows(colours) + pen.LINE_HEIGHT * len(notes) + pen.MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {pen.WIDTH} {pen.short(height)}" width="{pen.WIDTH}" '
        f'height="{pen.short(height)}" role="img" style="{pen.FONT}">',
        f"<title>{escape(network.title)}</title>",
        f'<rect width="{pen.WIDTH}" height="{pen.short(height)}" fill="{pen.PAPER}"/>',
        *_header(network),
        *_links(network, boxes),
        *(_station(network.stations[slug], box, colours) for slug, box in boxes.items()),
        *legend,
        *notes,
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _column_height(count: int) -> float:
    return count * (CARD_HEIGHT + CARD_GAP) - CARD_GAP if count else 0


def _ring_height(count: int) -> float:
    return {3: 360.0, 5: 520.0}.get(count, 640.0)


def _hub_width(count: int) -> float:
    """As wide as leaves a gap between the two lowest of a ring."""
    return 250 if count <= 5 else 212


def _columns(slugs: list[str], height: float) -> dict[str, _Box]:
    """Contributors in two columns, the first half at the left, each column in the middle of the height."""
    half = (len(slugs) + 1) // 2
    boxes: dict[str, _Box] = {}
    for x, column in ((pen.MARGIN, slugs[:half]), (pen.WIDTH - pen.MARGIN - CARD_WIDTH, slugs[half:])):
        top = HEADER + (height - _column_height(len(column))) / 2
        for number, slug in enumerate(column):
            boxes[slug] = _Box(x, top + number * (CARD_HEIGHT + CARD_GAP), CARD_WIDTH, CARD_HEIGHT)
    return boxes


def _ring(slugs: tuple[str, ...], height: float) -> dict[str, _Box]:
    """Computing parties on an ellipse, the first at the top, then clockwise."""
    radius = (_ring_height(len(slugs)) - HUB_HEIGHT) / 2
    width = _hub_width(len(slugs))
    across = (pen.WIDTH - 2 * (pen.MARGIN + CARD_WIDTH) - width) / 2 - 66
    boxes: dict[str, _Box] = {}
    for number, slug in enumerate(slugs):
        angle = 2 * math.pi * number / len(slugs) - math.pi / 2
        x = pen.WIDTH / 2 + across * math.cos(angle) - width / 2
        y = HEADER + height / 2 + radius * math.sin(angle) - HUB_HEIGHT / 2
        boxes[slug] = _Box(x, y, width, HUB_HEIGHT)
    return boxes


def _header(network: compiled.CompiledNetwork) -> Iterator[str]:
    yield pen.words(pen.MARGIN, 50, network.title, 26, weight=600)
    count = len(network.stations)
    parties = f"{len(network.computing)} computing parties, threshold {network.threshold}"
    parties += pen.other_sets(network.computing_alternates)
    line = f"{network.network} · {network.kind} · {count} stations · {parties} · coordinator {network.coordinator_name}"
    yield pen.words(pen.MARGIN, 76, f"{line} · release {network.release}", 14, pen.SOFT)
    if network.illustrative:
        yield from pen.illustrative()


def _links(network: compiled.CompiledNetwork, boxes: dict[str, _Box]) -> Iterator[str]:
    """Thin curves for contributions below, one thick line per pair of computing parties above them."""
    for link in network.links:
        if link.purpose != "compute":
            yield _curve(boxes[link.source], boxes[link.target])
    computes = network.computes
    for link in network.links:
        if link.purpose == "compute" and computes.index(link.source) < computes.index(link.target):
            (x1, y1), (x2, y2) = boxes[link.source].middle, boxes[link.target].middle
            ends = f'x1="{pen.short(x1)}" y1="{pen.short(y1)}" x2="{pen.short(x2)}" y2="{pen.short(y2)}"'
            yield f'<line {ends} stroke="{pen.COMPUTE}" stroke-width="3" stroke-opacity="0.75"/>'


def _curve(card: _Box, hub: _Box) -> str:
    left = card.x < pen.WIDTH / 2
    x1, y1 = (card.x + card.width if left else card.x), card.middle[1]
    x2, y2 = (hub.x if left else hub.x + hub.width), hub.middle[1]
    half = (x1 + x2) / 2
    points = (pen.short(one) for one in (x1, y1, half, y1, half, y2, x2, y2))
    path = "M{} {} C{} {} {} {} {} {}".format(*points)
    return f'<path d="{path}" fill="none" stroke="{pen.CONTRIBUTE}" stroke-width="1.3" stroke-opacity="0.6"/>'


def _station(station: compiled.Station, box: _Box, colours: dict[str, str]) -> str:
    computes = "computing_party" in station.roles
    colour = colours.get(station.operated_by, _OWN) if station.operated_by != station.organisation else _OWN
    edge = f'stroke="{pen.COMPUTE}" stroke-width="2.5"' if computes else f'stroke="{pen.LINE}" stroke-width="1.2"'
    where = f"{station.gateway.name}:{station.gateway.port}" if station.gateway else "no inbound port"
    size = (
        f'x="{pen.short(box.x)}" y="{pen.short(box.y)}" width="{pen.short(box.width)}" height="{pen.short(box.height)}"'
    )
    number = f"{station.party + 1} · " if station.party is not None else "in another set · " if computes else ""
    domain = station.domain.replace("_", " ")
    if computes:
        about = [domain if station.contributes else f"{domain}, computes only", where]
    else:
        about = [f"{domain} · {where}"]
    room = box.width - 26
    names = pen.rows(f"{number}{station.name}", room, 15, most=2 if computes else 1)
    lines = [*((text, 15, pen.INK, 600) for text in names), *((text, 12, pen.SOFT, 400) for text in about)]
    top = box.y + box.height / 2 - TEXT_ROW * len(lines) / 2 + 14
    texts = [
        pen.words(box.x + 18, top + TEXT_ROW * row, pen.fitted(text, room, font), font, colour_, weight)
        for row, (text, font, colour_, weight) in enumerate(lines)
    ]
    bar = f'<rect {pen.box(box.x, box.y, 8, box.height)} rx="4" fill="{colour}"/>'
    title = f"<title>{escape(f'{station.name}: {station.id}, {where}')}</title>"
    return "\n".join([f'<g>{title}<rect {size} rx="6" fill="{pen.PAPER}" {edge}/>', bar, *texts, "</g>"])


def _colours(network: compiled.CompiledNetwork) -> dict[str, str]:
    """A colour per operator that runs servers of others; past the last colour they begin again."""
    others = sorted({one.operated_by for one in network.stations.values() if one.operated_by != one.organisation})
    return {slug: _OTHERS[number % len(_OTHERS)] for number, slug in enumerate(others)}


def _legend_rows(colours: dict[str, str]) -> int:
    return math.ceil((len(colours) + 1) / 3) + 1


def _legend(network: compiled.CompiledNetwork, colours: dict[str, str], top: float) -> Iterator[str]:
    entries = [(_OWN, "server operated by the organisation itself")]
    entries += [(colour, f"server operated by {network.operators[slug]}") for slug, colour in colours.items()]
    column = (pen.WIDTH - 2 * pen.MARGIN) / 3
    for number, (colour, words) in enumerate(entries):
        x, y = pen.MARGIN + column * (number % 3), top + 22 * (number // 3)
        yield f'<rect x="{pen.short(x)}" y="{pen.short(y)}" width="8" height="14" rx="4" fill="{colour}"/>'
        yield pen.words(x + 16, y + 12, pen.fitted(words, column - 24, 13), 13)
    y = top + 22 * (_legend_rows(colours) - 1) + 8
    links = (
        (pen.COMPUTE, 3, "computing parties call each other"),
        (pen.CONTRIBUTE, 1.3, "contributor calls computing party"),
    )
    for number, (colour, thick, words) in enumerate(links):
        x = pen.MARGIN + column * number
        yield f'<path d="M{pen.short(x)} {pen.short(y)} h28" stroke="{colour}" stroke-width="{thick}"/>'
        yield pen.words(x + 36, y + 5, words, 13)


def _notes(network: compiled.CompiledNetwork, top: float) -> Iterator[str]:
    lines = [line for sentence in network.privacy for line in pen.wrapped(sentence)]
    for number, line in enumerate([*lines, f"definition {network.digest}"]):
        yield pen.words(
            pen.MARGIN, top + pen.LINE_HEIGHT * number, line, 13, pen.INK if number < len(lines) else pen.SOFT
        )
