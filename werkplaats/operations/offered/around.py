"""What is around a station: the owner's firewall, ports, names of other gateways, and the ways to them."""

from __future__ import annotations

import base64
import re

from cryptography import x509

from network_topology import names
from on_server import firewall
from werkplaats.operations.offered.answer import Facts
from werkplaats.operations.offered.findings import Faults, Part, Row, Severity, Wanted, Way, listed

FIREWALLS = {
    "nftables": "nftables",
    "ufw": "ufw",
    "firewalld": "firewalld",
    "iptables-persistent": "iptables-persistent",
    "netfilter-persistent": "netfilter-persistent",
    "shorewall": "Shorewall",
    "ferm": "ferm",
    "fail2ban": "fail2ban",
    "crowdsec": "CrowdSec",
}
UNITS = tuple(f"{name}.service" for name in FIREWALLS)
HAPROXY = "haproxy"


def _firewall(facts: Facts, _: Wanted) -> str:
    runs = {True: " (runs)", False: ""}
    found = [
        f"{text}{runs[facts.active(f'{name}.service')]}" for name, text in FIREWALLS.items() if name in facts.packages
    ]
    return f"tools: {', '.join(found)}" if found else "no tool of its own"


def _closed(facts: Facts, wanted: Wanted) -> str:
    chains = firewall.shut(facts.said("rules"), wanted.port) if wanted.port else []
    if any(str(wanted.port) in seen for seen, _ in _owner_s(facts, wanted)):
        return ""
    return f"{listed(chains)} drops what no rule names, and none names TCP {wanted.port}" if chains else ""


def _owner_s(facts: Facts, wanted: Wanted) -> list[tuple[str, str]]:
    """What stands in the way of a gateway whose firewall its owner sets."""
    return firewall.stops(facts.said("rules"), wanted.inbound) if "firewall" in wanted.owners else []


def _owner_s_open(facts: Facts, wanted: Wanted) -> list[tuple[str, str]]:
    if "firewall" not in wanted.owners:
        return []
    old_kind = bool(facts.file(str(firewall.OLD_KIND)).split())
    return firewall.opens(facts.said("rules"), wanted.inbound, old_kind=old_kind)


def _untold(facts: Facts, wanted: Wanted) -> str:
    """A rule set is a program: what it lets through is known of some of them only."""
    told = _owner_s(facts, wanted) or _owner_s_open(facts, wanted) or not wanted.inbound
    return "" if told or "firewall" not in wanted.owners else "not all of what your rules let through is seen from here"


def _old_tables(facts: Facts, _: Wanted) -> str:
    tables = facts.file("/proc/net/ip_tables_names").split()
    return f"the kernel has rules of the old kind ({listed(tables)})" if tables else ""


def _ports(facts: Facts, _: Wanted) -> str:
    own = [one for one in facts.listeners if one.everywhere]
    told = sorted({f"{one.port} ({one.program or '?'})" for one in own}, key=lambda text: int(text.split()[0]))
    return f"listened at from outside: {listed(told, 12) or 'none'}"


def _port_taken(facts: Facts, wanted: Wanted) -> str:
    ours = facts.active("werkplaats-gateway.service")
    found = [one for one in facts.listeners if one.port == wanted.port and not (ours and one.program == HAPROXY)]
    return f"{found[0].program or 'a program'} listens at TCP {wanted.port}" if found else ""


def _port_diverted(facts: Facts, wanted: Wanted) -> str:
    """A port that a container publishes has no listener where the engine goes without its proxy."""
    if wanted.port is None or _port_taken(facts, wanted):
        return ""
    published = re.compile(rf":{wanted.port}->\d")
    if name := next((row[0] for row in facts.engine.containers if published.search(row[-1])), ""):
        return f"the container {name} publishes TCP {wanted.port}"
    rule = firewall.taken_elsewhere(facts.said("rules"), wanted.port)
    return f"a rule sends what comes for TCP {wanted.port} elsewhere: `{rule}`" if rule else ""


def _own_haproxy(facts: Facts, wanted: Wanted) -> str:
    ports = [str(one.port) for one in facts.listeners if one.program == HAPROXY and one.port != wanted.port]
    return f"an HAProxy of yours listens at {listed(sorted(set(ports)))}" if ports else ""


def _names(_: Facts, wanted: Wanted) -> str:
    return f"name servers know {len(wanted.ways)} of {len(wanted.ways)} gateways" if wanted.ways else "none is needed"


def _unknown_names(facts: Facts, wanted: Wanted) -> str:
    found = [
        way.host for way in wanted.ways if _seen(facts, way) and not facts.answer.peers[way.organisation].addresses
    ]
    return f"no address is known here of {listed(found)}" if found else ""


def _only_in_hosts(facts: Facts, wanted: Wanted) -> str:
    peers = facts.answer.peers
    ways = [way for way in wanted.ways if _seen(facts, way) and not _is_address(way.host)]
    found = [way.host for way in ways if peers[way.organisation].addresses and not peers[way.organisation].dns]
    return f"only /etc/hosts knows {listed(found)}" if found else ""


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def _seen(facts: Facts, way: Way) -> bool:
    return way.organisation in facts.answer.peers


def _reached(facts: Facts, wanted: Wanted) -> str:
    if not wanted.far:
        return "not tried"
    found = [
        way.organisation
        for way in wanted.ways
        if _seen(facts, way) and facts.answer.peers[way.organisation].certificate
    ]
    return f"{len(found)} of {len(wanted.ways)} gateways answer with a certificate of this network"


def _unreached(facts: Facts, wanted: Wanted) -> str:
    told = []
    for way in wanted.ways:
        if _seen(facts, way) and facts.answer.peers[way.organisation].addresses:
            failed = facts.answer.peers[way.organisation].failed
            told += [f"{way.host}:{way.port} ({failed})"] * bool(failed)
    return f"no answer from {listed(told)}" if told else ""


def _read_by_others(facts: Facts, wanted: Wanted) -> str:
    """The ways on which somebody else's certificate is shown: who reads on the way copies the name, not the CA's."""
    told = []
    for way in wanted.ways:
        if shown := facts.answer.peers[way.organisation].certificate if _seen(facts, way) else "":
            subject, issuer = _certificate(shown)
            if subject != way.subject or not _is_authority(issuer, wanted.network):
                told.append(f"{way.host}:{way.port} shows {subject}, signed by {issuer}")
    return "; ".join(told[:3])


def _is_authority(issuer: str, network: str) -> bool:
    generation = re.match(r"CN=CA-([1-9][0-9]{0,5}),", issuer)
    return generation is not None and issuer == names.ca_subject(network, int(generation[1]))


def _certificate(shown: str) -> tuple[str, str]:
    try:
        one = x509.load_der_x509_certificate(base64.b64decode(shown))
        return one.subject.rfc4514_string(), one.issuer.rfc4514_string()
    except ValueError:
        return "what cannot be read", "nobody"


def _place(_: Facts, wanted: Wanted) -> str:
    if not wanted.place:
        return "is fetched from no web server"
    return f"{wanted.place} answers" if wanted.far else "not tried"


def _no_place(facts: Facts, wanted: Wanted) -> str:
    why = facts.answer.place
    return f"{wanted.place} does not give out a publication ({why})" if why and wanted.place else ""


PARTS = (
    Part(
        "firewall",
        _firewall,
        (
            Row(
                Severity.DECIDES,
                _closed,
                "others would not reach the gateway: our own table narrows, and never opens",
                "let TCP {port} in from the addresses below, in your own rules",
            ),
            Faults(Severity.STOPS, _owner_s, "the gateway could not be reached"),
            Faults(
                Severity.DECIDES, _owner_s_open, "only these have business there; a certificate is asked of all others"
            ),
            Row(
                Severity.TELLS,
                _untold,
                "that those below get in is seen by the links that `werkplaats verify` looks at; that others do not, "
                "by who reads the rules, also of the firewalls before this server",
                "",
            ),
            Row(Severity.TELLS, _old_tables, "they stay, and count beside ours", ""),
        ),
    ),
    Part(
        "ports",
        _ports,
        (
            Row(
                Severity.STOPS,
                _port_taken,
                "the gateway listens at that port",
                "have the coordinator write another port on your card, or move that program",
            ),
            Row(
                Severity.STOPS,
                _port_diverted,
                "callers would not reach the gateway, which listens at that port",
                "have the coordinator write another port on your card, or publish that one elsewhere",
            ),
            Row(Severity.TELLS, _own_haproxy, "it stays: the gateway is a service and an account of its own", ""),
        ),
    ),
    Part(
        "names",
        _names,
        (
            Row(
                Severity.DECIDES,
                _unknown_names,
                "the gateway calls the others by these names",
                "have your name servers resolve them; until their owners have put them in DNS, wait",
            ),
            Row(
                Severity.TELLS,
                _only_in_hosts,
                "the gateway looks there anew whenever that file changes; somebody has to keep it",
                "",
            ),
        ),
    ),
    Part(
        "ways to others",
        _reached,
        (
            Row(
                Severity.DECIDES,
                _read_by_others,
                "that is not the certificate of that gateway: something on the way reads TLS, and ends each link",
                "exempt these addresses and ports from inspection",
            ),
            Row(
                Severity.TELLS,
                _unreached,
                "that gateway is not up yet, or a firewall stands between; `werkplaats verify` tries it again",
                "",
            ),
        ),
    ),
    Part(
        "publication",
        _place,
        (
            Row(
                Severity.DECIDES,
                _no_place,
                "what is published comes from other stations alone then, as long as one of them has it",
                "let this server call there; `station status` tells whether the follower gets it",
            ),
        ),
    ),
)
