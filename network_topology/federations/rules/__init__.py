"""The rules that a federation obeys: one table, of which many lines are those of a regional network."""

import dataclasses
import datetime
from collections.abc import Iterable, Mapping

from network_topology import context, model
from network_topology.federations.model import Federation, Member
from network_topology.federations.rules import computing, members, papers
from network_topology.rules import computing as regional_computing
from network_topology.rules import every, holders, membership, place, refuse
from network_topology.rules import papers as regional_papers
from network_topology.rules.rule import Rule
from network_topology.violation import Violation

__all__ = ["TABLE", "apart", "check", "require", "require_alone", "until"]


def _of(shared: Rule[Federation], *reads: str, **texts: str) -> Rule[Federation]:
    """A rule of a regional network, for which a federation has what it reads in these fields, and texts of its own."""
    return dataclasses.replace(shared, reads=frozenset(reads), **texts)  # type: ignore[arg-type]  # `why`, `remedy`


# In the order in which they are explained to an author. To add one: write it here, or take one of a regional network,
# and add a broken file with its golden message to tests/network_topology/federations/broken.
TABLE: tuple[Rule[Federation], ...] = (
    membership.network_slug,
    membership.network_in_its_folder,
    _of(membership.one_line_texts, "title"),
    _of(membership.visible_texts, *Federation.model_fields, *Member.model_fields),
    members.name_is_nobodys_region,
    members.member_slugs,
    members.member_count,
    members.member_root,
    members.member_organisations,
    members.member_defined,
    members.tiers_nest,
    members.every_region,
    members.organisation_of_member,
    members.consent_on_file,
    members.consent_date,
    members.member_technique,
    members.member_releases,
    members.member_upgrades,
    members.member_personal_data,
    members.coordinator_of_member,
    holders.signatures_of_two,
    place.publication_url,
    regional_computing.technique_known,
    regional_computing.computing_count,
    regional_computing.computing_distinct,
    regional_computing.sets_overlap,
    computing.computing_takes_part,
    computing.computing_is_reached,
    computing.computing_regions,
    computing.computing_domains,
    computing.computing_operators,
    papers.agreement_of_federation,
    _of(regional_papers.agreement_dates, "agreement"),
    _of(
        regional_papers.agreement_lapsed,
        "agreement",
        why="every question of the federation stops with it",
        remedy="sign it anew and write the new `until:`",
    ),
    _of(regional_papers.agreement_ends_soon, "agreement"),
    regional_papers.dpia_signed,
    regional_papers.dpia_date,
)


def check(federation: Federation, known: context.Context, unreadable: frozenset[str] = frozenset()) -> list[Violation]:
    """Everything that is wrong with a federation or deserves attention, in the order of the file.

    `known.networks` has the networks that it names, as far as they are defined here.
    """
    return every(TABLE, federation, known, unreadable)


COMPUTE_TOGETHER = (members.member_technique, members.member_releases, members.member_personal_data)
"""Those on what a member computes with, and on what: it may change that at any time."""


def apart(
    federation: Federation, published: Mapping[str, model.Definition], spoken: Mapping[str, frozenset[int]]
) -> dict[str, list[str]]:
    """Member → why it cannot compute with the others as it publishes itself, each with what to do.

    `spoken`: the session protocols of the release that each publishes.
    """
    known = context.Context(datetime.date.max, {}, {}, networks=published, spoken=spoken)
    return _by_member(COMPUTE_TOGETHER, federation, known)


def until(
    federation: Federation,
    published: Mapping[str, model.Definition],
    spoken: Mapping[str, frozenset[int]],
    later: Mapping[str, frozenset[int]],
) -> dict[str, list[str]]:
    """Member → until when it computes with others, of whom an upgrade that ends parts it, each with what to do.

    `spoken` is as in `apart`, with what stations may run meanwhile; `later` is of the release that each moves to.
    """
    known = context.Context(datetime.date.max, {}, {}, networks=published, spoken=spoken, later=later)
    return _by_member((members.member_upgrades,), federation, known)


def _by_member(
    table: Iterable[Rule[Federation]], federation: Federation, known: context.Context
) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in table:
        for finding in one.find(federation, known):
            slug = str(finding.at[1])
            text = finding.text.removeprefix(members.said_of(slug))
            found.setdefault(slug, []).append(f"{text}, but {one.why}: {finding.remedy or one.remedy}")
    return found


def require(federation: Federation, members: Mapping[str, model.Definition]) -> None:
    """Refuse a federation that breaks a rule which needs no more than the definitions of its members.

    Raises DefinitionError.
    """
    refuse(TABLE, federation, context.Context(datetime.date.max, {}, {}, networks=members))


def require_alone(federation: Federation) -> None:
    """The same as far as it is seen without the definitions of its members, which publish those themselves."""
    refuse([one for one in TABLE if one is not members.member_defined], federation)
