"""The definition of a network as an author writes it. Closed: what is not named here is refused.

The model holds shapes only (which keys, of which type). Forms and relations between values are rules (`rules/`), so
that they are found all at once and explained. The patterns given here are for editors that read schema.json.
"""

import datetime
import pathlib
from collections.abc import Iterator
from typing import Annotated, Literal, Self, get_args

import pydantic

from network_topology import names, source

Kind = Literal["regional"]
Domain = Literal[
    "public_health",
    "hospital",
    "general_practice",
    "nursing_care",
    "mental_health",
    "youth_health",
    "disability_care",
    "birth_care",
    "rehabilitation",
    "ambulance",
    "pharmacy",
    "social_care",
    "municipality",
    "health_insurance",
    "statistics",
    "research",
    "coordination",
]
AgreementKind = Literal["gvo", "joint_controllers", "processing"]
Role = Literal["member", "coordinator_only"]
Frequency = Literal["unlimited", "hourly", "daily", "weekly", "monthly"]
DOMAINS: tuple[str, ...] = get_args(Domain)

(REGIONAL,) = get_args(Kind)
ITSELF = "itself"
COORDINATOR = "coordinator"

Slug = Annotated[
    str,
    pydantic.Field(
        json_schema_extra={"pattern": names.SLUG, "minLength": names.SLUG_LENGTH[0], "maxLength": names.SLUG_LENGTH[1]}
    ),
]


class Closed(pydantic.BaseModel):
    """A shape of which only the fields named here may be written."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class Gateway(Closed):
    """The organisation's end point of the TLS mesh: its only inbound mesh port."""

    name: str
    """The DNS name at which the other organisations' gateways reach this one, as in `mesh.ggd-nog.example`."""
    port: int
    """The TCP port at that name. 8443 is usual; 22 stays the operator's."""
    egress: tuple[str, ...]
    """The address ranges from which this organisation's calls come, for the others' firewalls: `192.0.2.7/32`."""
    addresses: tuple[str, ...] = ()
    """The addresses behind the name, for firewalls that work with addresses only. They must be what DNS says."""


class Agreement(Closed):
    """The agreement under which the organisation takes part."""

    kind: AgreementKind
    """`gvo`, `joint_controllers` (GDPR article 26) or `processing` (GDPR article 28)."""
    signed: datetime.date
    """The day on which the organisation signed it."""
    until: datetime.date | None = None
    """The last day on which it holds; without it, until further notice."""


class Processor(Closed):
    """A company that runs servers for one or more organisations, and so can read what is on them."""

    name: str
    """Its name as people know it."""
    agreement: Agreement
    """The processing agreement with it."""


class Organisation(Closed):
    """The identity card of one organisation in the network."""

    name: str
    """Its name as people know it."""
    domain: Domain
    """The kind of care or service that it gives."""
    role: Role = "member"
    """`coordinator_only` for a coordinator without a station; such an organisation has neither operator nor gateway."""
    operator: str | None = None
    """Who has root on its server, and so can read what is on it: `itself`, `coordinator`, a processor, or another
    organisation of the network. Every organisation with a station says it."""
    contributes: bool = True
    """Whether it puts in data. An organisation may also compute for others only."""
    gateway: Gateway | None = None
    """Its end point in the mesh. Without one it contributes only, and has no inbound port."""
    egress: tuple[str, ...] = ()
    """Where there is no gateway: the address ranges from which its calls come."""
    agreement: Agreement | None = None
    """The agreement under which it takes part."""


class Signatures(Closed):
    """How many of the people who hold the offline keys of a publication must sign: none of them is enough alone."""

    root: int = 2
    """Of the root holders, for a change of the keys of the publication: the coordinator's, or their own."""
    releases: int = 2
    """Of the release holders, for a release: whoever ships the station image could read all data."""


class Network(Closed):
    """What a regional network and a federation have in common."""

    network: Slug
    """The network's slug, unique in the country: the name in certificates, DNS and SPIFFE names."""
    kind: str
    """What kind of network it is, of which each has a model of its own."""
    title: str
    """The network's name as people know it."""
    illustrative: bool = False
    """True where the file describes a real network with invented details; this is printed on every map and paper."""
    technique: str
    """How the organisations compute together: `mpc/mpyc`."""
    personal_data: bool = True
    """Whether questions may use data on persons. Where they may, no operator runs more than the threshold of
    the computing parties."""
    computing: tuple[str, ...]
    """The computing parties in party order: 3, 5 or 7 organisations, from different operators."""
    computing_alternates: tuple[tuple[str, ...], ...] = ()
    """Other sets of computing parties, in order: where one of `computing` cannot be reached, the first set of which all
    can computes in a session. What holds for `computing` holds for each of them. Any two sets have more than the
    threshold of their parties in common."""
    dpia: datetime.date | None = None
    """The day on which the data protection impact assessment of the network was signed."""
    publication_url: str | None = None
    """Where a web server gives out the publication, for stations that follow by themselves: `https://…/gerda/`. Without
    it, stations have it from their operators and from each other."""
    signatures: Signatures = Signatures()
    """How many root holders and release holders must sign; two of each where nothing is said."""

    _places: source.Source = pydantic.PrivateAttr(default=source.Source(pathlib.Path()))

    def placed(self, places: source.Source) -> Self:
        """The same definition, which now knows where each of its values stands."""
        self._places = places
        return self

    @property
    def places(self) -> source.Source:
        """Where each value stands in its file; of a definition that was made in memory: nowhere."""
        return self._places

    @property
    def sets(self) -> tuple[tuple[str, ...], ...]:
        """Every set of computing parties, in the order in which they are tried."""
        return self.computing, *self.computing_alternates

    @property
    def placed_sets(self) -> Iterator[tuple[source.Keys, tuple[str, ...]]]:
        """The same, each with where it stands."""
        yield ("computing",), self.computing
        for number, parties in enumerate(self.computing_alternates):
            yield ("computing_alternates", number), parties

    @property
    def computes(self) -> tuple[str, ...]:
        """Every organisation that computes in one of the sets, those of the first set first."""
        return tuple(dict.fromkeys(one for parties in self.sets for one in parties))

    @property
    def printed(self) -> Iterator[tuple[source.Keys, str, str]]:
        """The texts that maps and papers print as one line: where each stands, what it is, and itself."""
        yield ("title",), "the title", self.title

    @property
    def agreements(self) -> Iterator[tuple[source.Keys, str, Agreement]]:
        """Every agreement: where it stands, which it is, and itself."""
        yield from ()


class Definition(Network):
    """A datawerkplaats network: who takes part, where, and in which role."""

    kind: Kind
    """`regional`: 3 to 25 organisations of one region."""
    region: str | None = None
    """The GGD region of a regional network, one of regions.yml."""
    coordinator: Slug
    """The organisation that keeps this definition and the network's CA."""
    release: str
    """The release of the station image that the network runs or moves to, one of releases/, or `dev`."""
    upgrading_from: str = ""
    """The release before it, which stations may go on running until the upgrade has come to them."""
    upgrading_until: datetime.date | None = None
    """The last day on which they may. Afterwards who still runs it is behind, and `upgrading_from` is taken out."""
    processors: dict[str, Processor] = {}
    """The processors that run servers, by slug."""
    organisations: dict[str, Organisation] = {}
    """The organisations of the network, by slug."""

    @property
    def stations(self) -> dict[str, Organisation]:
        """The organisations that have a station, by slug, in alphabetical order."""
        return {slug: one for slug, one in sorted(self.organisations.items()) if one.role != "coordinator_only"}

    @property
    def printed(self) -> Iterator[tuple[source.Keys, str, str]]:
        """The title, and the names of organisations and processors."""
        yield from super().printed
        for slug, card in self.organisations.items():
            yield ("organisations", slug, "name"), f"organisation {slug!r}: the name", card.name
        for slug, processor in self.processors.items():
            yield ("processors", slug, "name"), f"processor {slug!r}: the name", processor.name

    @property
    def agreements(self) -> Iterator[tuple[source.Keys, str, Agreement]]:
        """Those of organisations, and those of processors."""
        for group, cards in (("organisations", self.organisations), ("processors", self.processors)):
            for slug, card in cards.items():
                if card.agreement is not None:
                    yield (group, slug, "agreement"), f"{group[:-1]} {slug!r}: the agreement", card.agreement


Digest = Annotated[str, pydantic.Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class Joined(Definition):
    """A federation seen together with the cards of the organisations that take part, as its stations are given it.

    Nobody writes it: it follows from the federation's definition and from those that its members publish. Organisations
    are named `<regional network>/<organisation>`, and whoever operates servers in several regions is one operator.
    """

    kind: Literal["supraregional", "national"]  # type: ignore[assignment]  # a definition of another kind
    coordinator: str
    release: str = ""
    """Each regional network runs its own."""
    roots: dict[str, Digest] = {}
    """The fingerprint of the root of each regional network, by slug."""


class Term(Closed):
    """How long and how often a question may be asked."""

    until: datetime.date
    """The last day on which it may be asked."""
    at_most: Frequency
    """`unlimited`, `hourly`, `daily`, `weekly` or `monthly`."""


class Question(Closed):
    """An agreed question: an analysis, who puts in data, who sees the outcome, and on which grounds."""

    analysis: str
    """The computation and its version, as in `hotspots/1`; one that the station image has."""
    purpose: str
    """What the outcome is for, in one line that a data steward can judge."""
    parameters: dict[str, pydantic.JsonValue] = {}
    """What the analysis wants to know besides the data."""
    fields: dict[str, str]
    """The columns that each contributor brings, and in words what stands in them."""
    contributes: tuple[str, ...]
    """The organisations that put in data."""
    results_to: tuple[str, ...]
    """The organisations that may see the outcome, and may ask the question."""
    minimum_cell: int
    """The smallest number of persons or events of which a total is opened."""
    minimum_contributors: int
    """The smallest number of organisations that must be in a total."""
    dpia_annex: datetime.date | None = None
    """The day on which the annex to the data protection impact assessment was signed."""
    term: Term
    """How long and how often the question may be asked."""


ReleaseName = Annotated[str, pydantic.Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
AnalysisName = Annotated[str, pydantic.Field(pattern=r"^[a-z][a-z0-9_]{0,40}/[1-9][0-9]{0,3}$")]


class Breaking(Closed):
    """A change after which something that worked works no more."""

    affects: str
    """Whom: how the sentence "This only affects you if …" goes on."""
    do: str
    """What they do about it; it ends with the command to run."""


class Notes(Closed):
    """What people write of a release; all else follows from what it is built from."""

    release: ReleaseName
    """Its name: a version, or `dev`."""
    may_upgrade_from: tuple[ReleaseName, ...] = ()
    """The releases of which a station may take this one, and back: what they keep is read by both."""
    security_fixes: tuple[str, ...] = ()
    """What it repairs that somebody could abuse, a line each, with the number under which it is known (CVE-…)."""
    breaking: tuple[Breaking, ...] = ()
    """What works no more; empty where everything does."""


class ReleaseOfTree(Notes):
    """A release as releases/ describes the one of a working tree: its image is made here, and pinned nowhere."""

    protocols: Annotated[tuple[Annotated[int, pydantic.Field(ge=1, le=65535)], ...], pydantic.Field(min_length=1)]
    """The versions of the session protocol that its stations speak."""
    analyses: tuple[AnalysisName, ...] = ()
    """The analyses that its stations can run, each with its version, as questions name them."""
    formats: dict[str, Annotated[int, pydantic.Field(ge=1, le=65535)]] = {}
    """What its stations keep: file → version of its format. Releases of before this was said have none."""


class Release(ReleaseOfTree):
    """What the station image of a release is: as it is built, described in releases/, published, and accepted."""

    image_id: Digest
    """The digest of its configuration, by which the classic store of an engine knows the image."""
    manifest_digest: Digest
    """The digest by which the containerd store knows it."""
    archive: Digest
    """The digest of the file that `docker load` takes."""
    sbom: Digest | None = None
    """The digest of its parts list."""
    source: Digest | None = None
    """The digest of what it is built from: the sources of its runtime, and the lock of its packages."""
