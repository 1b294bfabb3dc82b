"""Rules on gateways: names, ports and addresses."""
# ruff: noqa: D103 (what a rule is for stands in its `why`, where the author of a definition reads it)

import ipaddress
import re
from collections.abc import Iterator

from network_topology import context, model, twin
from network_topology.rules.rule import Finding, organisation, rule

SSH = 22
LONGEST_NAME = 253  # RFC 1035
WIDEST = {4: 8, 6: 32}  # shortest prefix lengths: the largest private range, the usual range of a provider

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Range = ipaddress.IPv4Network | ipaddress.IPv6Network


def _gateways(definition: model.Definition) -> Iterator[tuple[str, model.Gateway]]:
    for slug, card in definition.organisations.items():
        if card.gateway is not None:
            yield slug, card.gateway


def _is_dns_name(name: str) -> bool:
    labels = name.split(".")
    letters = any(character.isalpha() for character in labels[-1])  # else it could be an address
    return len(name) <= LONGEST_NAME and len(labels) > 1 and letters and all(map(_LABEL.fullmatch, labels))


@rule(
    "organisations",
    "gateway",
    why="a gateway is reached by a DNS name (RFC 1123: lower-case labels with dots, no address)",
    remedy="write a name as in `mesh.ggd-nog.example`",
)
def gateway_name(definition: model.Definition, _: context.Context) -> Iterator[Finding]:
    for slug, gateway in _gateways(definition):
        if not _is_dns_name(gateway.name):
            text = organisation(slug, f"the gateway is called {gateway.name!r}")
            yield Finding(("organisations", slug, "gateway", "name"), text)


@rule(
    "organisations",
    "gateway",
    why="a gateway listens on a TCP port from 1 to 65535, and port 22 is the operator's own way in",
    remedy="choose another, as in `port: 8443`",
)
def gateway_port(definition: model.Definition, _: context.Context) -> Iterator[Finding]:
    for slug, gateway in _gateways(definition):
        if not 1 <= gateway.port <= 65535 or gateway.port == SSH:
            at = ("organisations", slug, "gateway", "port")
            yield Finding(at, organisation(slug, f"the gateway's port is {gateway.port}"))


@rule(
    "organisations",
    "gateway",
    why="a port leads to one gateway only",
    remedy="give one of them another port",
)
def gateway_unique(definition: model.Definition, _: context.Context) -> Iterator[Finding]:
    first: dict[tuple[str, int], str] = {}
    for slug, gateway in _gateways(definition):
        for place in dict.fromkeys((gateway.name, *gateway.addresses)):
            before = first.setdefault((place, gateway.port), slug)
            if before != slug:
                text = f"port {gateway.port} is used twice on {place} (also {before!r})"
                yield Finding(("organisations", slug, "gateway", "port"), organisation(slug, text))


@rule(
    "organisations",
    "gateway",
    why="an address behind a gateway's name is one that others can reach, as in 192.0.2.7",
    remedy="write the addresses that DNS gives for the name, or leave `addresses` out",
)
def gateway_addresses(definition: model.Definition, _: context.Context) -> Iterator[Finding]:
    for slug, gateway in _gateways(definition):
        for number, text in enumerate(gateway.addresses):
            address = _address(text)
            if address is None or _unusable(address):
                at = ("organisations", slug, "gateway", "addresses", number)
                yield Finding(at, organisation(slug, f"{text!r} cannot be the address of a gateway"))


@rule(
    "organisations",
    "gateway",
    "egress",
    "role",
    why="the others' firewalls must know, in one place, from where an organisation calls",
    remedy="write `egress: [192.0.2.7/32]` in the gateway, or without a gateway in the organisation itself",
)
def egress_stated(definition: model.Definition, _: context.Context) -> Iterator[Finding]:
    for slug, card in definition.stations.items():
        at = ("organisations", slug)
        if card.gateway is not None and card.egress:
            text = organisation(slug, "it has 'egress' beside its gateway")
            yield Finding((*at, "egress"), text, "move it into the gateway")
        elif not (card.gateway.egress if card.gateway else card.egress):
            yield Finding((*at, "gateway") if card.gateway else at, organisation(slug, "no 'egress' is given"))


def _egress(definition: model.Definition) -> Iterator[tuple[str, tuple[str | int, ...], str]]:
    """Every egress range as (organisation, place, text)."""
    for slug, card in definition.organisations.items():
        at: tuple[str | int, ...] = ("organisations", slug, "egress")
        if card.gateway is not None:
            at = ("organisations", slug, "gateway", "egress")
        for number, text in enumerate(card.gateway.egress if card.gateway else card.egress):
            yield slug, (*at, number), text


@rule(
    "organisations",
    "gateway",
    "egress",
    why="an egress range is a network such as 192.0.2.7/32, no wider than needed, from which calls can come",
    remedy="write the address or range that the organisation's network department gives",
)
def egress_ranges(definition: model.Definition, _: context.Context) -> Iterator[Finding]:
    for slug, at, text in _egress(definition):
        if wrong := _wrong_with(text):
            yield Finding(at, organisation(slug, f"egress {text!r} {wrong}"))


@rule(
    "organisations",
    "gateway",
    "egress",
    why="a firewall cannot tell calls from the same address apart: only certificates do",
    remedy="check that both really call from there",
    severity="warning",
)
def egress_shared(definition: model.Definition, _: context.Context) -> Iterator[Finding]:
    before: list[tuple[int, int, int, Range, str]] = []
    sandbox = ipaddress.ip_network(twin.SANDBOX_RANGE)  # every server of a sandbox calls from one range
    for slug, at, text in _egress(definition):
        if _wrong_with(text) or (here := ipaddress.ip_network(text)) == sandbox:
            continue
        first, last = int(here.network_address), int(here.broadcast_address)
        for version, start, end, there, other in before:
            if other != slug and version == here.version and first <= end and start <= last:
                yield Finding(at, organisation(slug, f"egress {text} overlaps {there} of {other!r}"))
                break
        before.append((here.version, first, last, here, slug))


def _address(text: str) -> Address | None:
    try:
        return None if "%" in text else ipaddress.ip_address(text)  # a zone means something on one machine only
    except ValueError:
        return None


def reachable(host: str) -> bool:
    """Whether a host is a name in DNS, or an address that other organisations can reach."""
    address = _address(host)
    return _is_dns_name(host) if address is None else not _unusable(address)


def _unusable(address: Address) -> bool:
    """Whether no other organisation can reach an address or be called from it."""
    return (
        address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or (address.version == 4 and address.is_reserved)
    )


def _wrong_with(text: str) -> str:
    """What is wrong with an egress range, or an empty text."""
    if "%" in text:
        return "names a zone, which means something on one machine only"
    if "/" not in text:
        return "has no prefix length (for a single address: /32, or /128 for IPv6)"
    try:
        here = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return "is no address range"
    if here.prefixlen == 0:
        return "is the whole internet"
    if here.prefixlen < WIDEST[here.version]:
        return f"is wider than /{WIDEST[here.version]}"
    if str(here.network_address) != text.split("/")[0].lower():
        return f"has bits beyond its prefix, or is not in its short form (is {here} meant?)"
    if _unusable(here.network_address) or _unusable(here.broadcast_address):
        return "is an address range from which no call can come"
    return ""
