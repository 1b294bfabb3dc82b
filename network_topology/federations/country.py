"""The example `nederland`: a network for each of the 25 GGD regions, of up to 25 organisations, and the national one.

`python -m network_topology.federations.country FOLDER` writes them as FOLDER/networks/<name>/network.yml. All of it is
invented from a seed, so the same seed gives the same bytes; it is too large to be reviewed, and so is not kept in the
repository. Names are those of the region and a kind of organisation, and addresses are for documentation (RFC 5737).
"""

import argparse
import datetime
import hashlib
import random
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from base import errors
from network_topology import context, names
from network_topology.rules import computing, membership

NAME, SEED = "nederland", 20261124
_FEWEST = 10  # organisations of a region, where chance says how many
_COMPANY = "rekencentrum-nederland"

# Slug, name and domain of those that every region has, in the order in which they may compute. The rest come by chance.
_ALWAYS = (
    ("ggd", "GGD", "public_health"),
    ("ziekenhuis", "Ziekenhuis", "hospital"),
    ("thuiszorg", "Thuiszorg", "nursing_care"),
    ("ggz", "GGZ", "mental_health"),
    ("huisartsen", "Huisartsengroep", "general_practice"),
    ("jeugdzorg", "Jeugdgezondheidszorg", "youth_health"),
    ("gemeente", "Gemeente", "municipality"),
)
_CHANCE = (
    ("verloskundigen", "Verloskundigen", "birth_care"),
    ("apotheken", "Apothekersvereniging", "pharmacy"),
    ("revalidatie", "Revalidatiecentrum", "rehabilitation"),
    ("gehandicaptenzorg", "Gehandicaptenzorg", "disability_care"),
    ("ambulance", "Ambulancezorg", "ambulance"),
    ("welzijn", "Welzijnsorganisatie", "social_care"),
    ("zorgkantoor", "Zorgkantoor", "health_insurance"),
    ("verpleeghuis", "Verpleeghuis", "nursing_care"),
    ("ziekenhuis", "Ziekenhuis", "hospital"),
    ("huisartsen", "Huisartsengroep", "general_practice"),
    ("gemeente", "Gemeente", "municipality"),
)
_POINTS = ("Noord", "Zuid", "Oost", "West", "Midden")


def files(regions: Mapping[str, str], seed: int = SEED, organisations: int | None = None) -> dict[str, str]:
    """The text of each network.yml by the name of its network: one for each region, and the national one.

    `regions` maps slug to name, as in context.Context. Without `organisations`, how many a region has is chance.
    """
    chance = random.Random(seed)  # noqa: S311 (invented data)
    made: dict[str, str] = {}
    taking_part: dict[str, list[str]] = {}
    for number, (region, name) in enumerate(sorted(regions.items())):
        cards = _cards(chance, organisations or chance.randint(_FEWEST, membership.MOST))
        made[region] = "\n".join(_region(chance, region, name, cards, number)) + "\n"
        taking_part[region] = [slug for slug, _, _ in cards]
    made[NAME] = "\n".join(_national(taking_part)) + "\n"
    return made


def _cards(chance: random.Random, count: int) -> list[tuple[str, str, str]]:
    """Slug, what goes before the region's name, and domain of each organisation of a region."""
    found = list(_ALWAYS[:count])
    others = [
        (f"{slug}-{point.lower()}", f"{kind} {point}", domain) for slug, kind, domain in _CHANCE for point in _POINTS
    ]
    return found + chance.sample(others, count - len(found))


def _region(
    chance: random.Random, region: str, name: str, cards: list[tuple[str, str, str]], number: int
) -> Iterator[str]:
    signed = datetime.date(2026, 1, 5) + datetime.timedelta(days=number)
    yield from (
        "---",
        "# Made by network_topology.federations.country: every detail is invented.",
        f"network: {region}",
        "kind: regional",
        "illustrative: true",
        f"title: Datawerkplaats {_words(region)}",
        f"region: {region}",
        "coordinator: ggd",
        f"technique: {computing.TECHNIQUE}",
        f"release: {context.DEVELOPMENT}",
        f"computing: [{', '.join(slug for slug, _, _ in _ALWAYS[: computing.COUNTS[0]])}]",
        f"dpia: {signed}",
        "processors:",
        f"  {_COMPANY}:",
        "    name: Rekencentrum Nederland",
        f"    agreement: {{kind: processing, signed: {signed}}}",
        "organisations:",
    )
    for index, (slug, kind, domain) in enumerate(cards):
        gateway = index < len(_ALWAYS)
        called = name if slug == "ggd" else f"{kind} {_words(region)}"
        operator = "itself" if gateway else chance.choice(("itself", "itself", "coordinator", _COMPANY))
        egress = f"[{('192.0.2', '198.51.100', '203.0.113')[number % 3]}.{number // 3 * 25 + index + 1}/32]"
        yield from (
            f"  {slug}:",
            f"    name: {called}",
            f"    domain: {domain}",
            f"    operator: {operator}",
            f"    gateway: {{name: mesh.{slug}.{region}.example, port: 8443, egress: {egress}}}"
            if gateway
            else f"    egress: {egress}",
            f"    agreement: {{kind: gvo, signed: {signed}}}",
        )


def _national(taking_part: Mapping[str, list[str]]) -> Iterator[str]:
    """The federation of all of them: each computing party from another region and another domain."""
    most = min(len(_ALWAYS), len(taking_part), *map(len, taking_part.values()))
    count = max((one for one in computing.COUNTS if one <= most), default=computing.COUNTS[0])
    step = max(1, len(taking_part) // len(_ALWAYS))  # over the whole list; where there are fewer, in turn
    networks = [*taking_part]
    parties = [
        names.reference(networks[number * step % len(networks)], slug)
        for number, (slug, _, _) in enumerate(_ALWAYS[:count])
    ]
    yield from (
        "---",
        "# Made by network_topology.federations.country: every detail is invented, the fingerprints too.",
        f"network: {NAME}",
        "kind: national",
        "illustrative: true",
        "title: Datawerkplaats Nederland",
        f"coordinator: {parties[0]}",
        f"technique: {computing.TECHNIQUE}",
        f"computing: [{', '.join(parties)}]",
        "dpia: 2026-09-14",
        "agreement: {kind: joint_controllers, signed: 2026-09-01}",
        "members:",
    )
    for network, slugs in taking_part.items():
        root = hashlib.sha256(f"invented root of {network}".encode()).hexdigest()
        yield f"  {network}:"
        yield f"    root: sha256:{root}"
        yield f"    organisations: [{', '.join(slugs)}]"
        yield "    consent: 2026-09-07"


def _words(region: str) -> str:
    """A region's slug as the name of an area: `zuid-limburg` is Zuid-Limburg."""
    return "-".join(part if part in ("en", "voor") else part.capitalize() for part in region.split("-"))


def digest(made: Mapping[str, str]) -> str:
    """`sha256:…` over all files, their names too."""
    whole = "".join(f"{name}\0{text}\0" for name, text in sorted(made.items()))
    return f"sha256:{hashlib.sha256(whole.encode()).hexdigest()}"


def write(made: Mapping[str, str], networks: Path) -> None:
    """Each file in the folder of its network, in a folder of networks.

    Raises UsageError, before anything is written, where a network of that name lies there already and is another one.
    """
    paths = {networks / name / names.FILE: text for name, text in made.items()}
    if taken := [path for path, text in paths.items() if path.parent.exists() and not _holds(path, text)]:
        text = f"{len(taken)} of the networks are there already, and are others: {taken[0].parent} is the first"
        raise errors.UsageError(text, "name an empty folder")
    for path, text in paths.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()


def main() -> None:
    """Write the country into a home, for `werkplaats --home FOLDER check nederland`, and a small one for its twin."""
    parser = argparse.ArgumentParser(prog="python -m network_topology.federations.country", description=main.__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--seed", type=int, default=SEED, help="the same seed gives the same country (%(default)s)")
    parser.add_argument("--regions", type=int, metavar="N", help="only the first so many (default: all)")
    parser.add_argument("--organisations", type=int, metavar="N", help="so many of each (default: chance says)")
    given = parser.parse_args()
    regions = sorted(context.shipped(datetime.date.today()).regions.items())[: given.regions]
    made = files(dict(regions), given.seed, given.organisations)
    try:
        write(made, given.folder / "networks")
    except errors.UsageError as error:
        parser.error(str(error))
    sys.stdout.write(f"{len(made)} networks are written to {given.folder / 'networks'}, {digest(made)}\n")


if __name__ == "__main__":
    main()
