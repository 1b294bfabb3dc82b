"""Name forms of networks, organisations and stations: constants of the project.

Name constraints in CA certificates and the identities in station certificates freeze these forms, so nothing here
may change once a first certificate is out.
"""

import re

DNS_ROOT = "datawerkplaats.internal"  # .internal is reserved for private use by ICANN (2024) and never delegated
COUNTRY = "NL"
ORGANISATION = "Datawerkplaats"

SLUG = r"^[a-z](-?[a-z0-9])+$"  # no dash at an end, no two together: a slug is also a DNS label (RFC 5890 keeps "xn--")
SLUG_LENGTH = (2, 31)
SANDBOX = ".sandbox"
FILE = "network.yml"  # in a folder with the name of the network

# HAProxy hands a peer's identity over as "<station id>|<base64 of a SHA-256>" in the PROXY v2 unique-id, and cuts it
# silently at this many bytes.
UNIQUE_ID_BYTES = 127
FINGERPRINT_BYTES = 44

RESERVED = {
    "all": "Ansible uses it for every server",
    "ca": "it stands for the network's certificate authority",
    "coordinator": "it stands for the coordinator as operator",
    "host": "it names the server's own settings",
    "itself": "it stands for the organisation as its own operator",
    "localhost": "it stands for the machine at hand",
    "national": "it stands for the national federation",
    "none": "it stands for nobody",
    "sandbox": "it marks the twin of a network on one machine",
    "self": "it stands for the station at hand",
    "ungrouped": "Ansible uses it for servers without a group",
}

_SLUG = re.compile(SLUG)


def is_slug(text: str) -> bool:
    """Whether a text has the form of a slug; a reserved one has the form too."""
    return SLUG_LENGTH[0] <= len(text) <= SLUG_LENGTH[1] and _SLUG.fullmatch(text) is not None


def is_network(text: str) -> bool:
    """Whether a text has the form of a network's name, or of that of its twin."""
    return is_slug(defined(text))


def is_sandbox(network: str) -> bool:
    """Whether a network's name is that of a sandbox twin (`gerda.sandbox`)."""
    return network.endswith(SANDBOX)


def twin(network: str) -> str:
    """The name of a network's sandbox twin."""
    return network + SANDBOX


def defined(network: str) -> str:
    """The name under which a network, or the network whose twin it is, is defined in a file."""
    return network.removesuffix(SANDBOX)


def station_id(network: str, organisation: str) -> str:
    """The short id of a station: `gerda.ggd-nog`, in a twin `gerda.sandbox.ggd-nog`; the same one in a federation."""
    return ".".join(home(network, organisation))


def reference(network: str, organisation: str) -> str:
    """How a federation names an organisation of a regional network: `gerda/ggd-nog`."""
    return f"{network}/{organisation}"


def referred(text: str) -> tuple[str, str] | None:
    """The regional network and the organisation that a reference names; None of a text that is none."""
    network, _, organisation = text.partition("/")
    return (network, organisation) if is_network(network) and is_slug(organisation) else None


def home(network: str, organisation: str) -> tuple[str, str]:
    """The regional network of an organisation and its slug there, also where a federation names it by reference."""
    return referred(organisation) or (network, organisation)


def dns(network: str, organisation: str) -> str:
    """The DNS name in a station's certificate, which is that of its regional network."""
    network, organisation = home(network, organisation)
    return f"{organisation}.{trust_domain(network)}"


def trust_domain(network: str) -> str:
    """The DNS subtree and SPIFFE trust domain of a network."""
    return f"{network}.{DNS_ROOT}"


def spiffe(network: str, organisation: str) -> str:
    """The SPIFFE id in a station's certificate, likewise."""
    network, organisation = home(network, organisation)
    return f"spiffe://{trust_domain(network)}/station/{organisation}"


def subject(network: str, organisation: str) -> str:
    """A station's subject name as RFC 2253 text, the form in which HAProxy prints it, likewise."""
    network, organisation = home(network, organisation)
    return f"CN=station-{organisation},OU={network},O={ORGANISATION},C={COUNTRY}"


def ca_subject(network: str, generation: int) -> str:
    """The name of the CA of a regional network of one generation (1, 2, …) as RFC 2253 text."""
    return f"CN=CA-{generation},OU={network},O={ORGANISATION},C={COUNTRY}"


def federation_ca_subject(federation: str, generation: int) -> str:
    """The same of a federation: never that of a region, also where the two have one name."""
    return f"CN=federation-CA-{generation},OU={federation},O={ORGANISATION},C={COUNTRY}"
