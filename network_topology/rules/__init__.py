"""The rules that a definition obeys before anything is compiled from it: one table, checked all at once."""

import datetime
from collections.abc import Iterable
from typing import TypeVar

from network_topology import context, model
from network_topology.rules import computing, gateways, holders, membership, operators, papers, place
from network_topology.rules.rule import Placed, Rule
from network_topology.violation import DefinitionError, Violation

__all__ = ["TABLE", "check", "every", "refuse", "require"]

Subject = TypeVar("Subject", bound=Placed)

# In the order in which they are explained to an author. To add one: write it in the module of its noun, put it here,
# and add a broken file with its golden message to tests/network_topology/broken.
TABLE: tuple[Rule[model.Definition], ...] = (
    membership.network_slug,
    membership.network_in_its_folder,
    membership.one_line_texts,
    membership.visible_texts,
    membership.region_exists,
    membership.organisation_count,
    membership.few_organisations,
    membership.one_domain,
    membership.organisation_slugs,
    membership.processor_slugs,
    membership.station_id_fits,
    membership.distinct_names,
    membership.coordinator_exists,
    membership.coordinator_only,
    membership.takes_part,
    holders.signatures_of_two,
    place.publication_url,
    gateways.gateway_name,
    gateways.gateway_port,
    gateways.gateway_unique,
    gateways.gateway_addresses,
    gateways.egress_stated,
    gateways.egress_ranges,
    gateways.egress_shared,
    computing.technique_known,
    computing.release_exists,
    computing.upgrade_whole,
    computing.upgrade_meets,
    computing.computing_count,
    computing.computing_distinct,
    computing.sets_overlap,
    computing.computing_exists,
    computing.computing_has_gateway,
    operators.operator_stated,
    operators.operator_known,
    operators.operator_below_threshold,
    operators.sandbox_is_one_operator,
    papers.agreement_signed,
    papers.agreement_dates,
    papers.agreement_lapsed,
    papers.processor_lapsed,
    papers.agreement_ends_soon,
    papers.dpia_signed,
    papers.dpia_date,
)

# Those that a federation is held to once it is seen together with the cards of its members (`model.Joined`): what ends
# up in gateways and stations. What its author is told stands in `federations.rules`.
JOINED: tuple[Rule[model.Definition], ...] = (
    membership.network_slug,
    membership.one_line_texts,
    membership.visible_texts,
    membership.references,
    membership.station_id_fits,
    membership.coordinator_exists,
    membership.coordinator_only,
    membership.takes_part,
    place.publication_url,
    gateways.gateway_name,
    gateways.gateway_port,
    gateways.gateway_unique,
    gateways.gateway_addresses,
    gateways.egress_stated,
    gateways.egress_ranges,
    computing.technique_known,
    computing.computing_count,
    computing.computing_distinct,
    computing.sets_overlap,
    computing.computing_exists,
    computing.computing_has_gateway,
    operators.operator_stated,
    operators.operator_known,
    operators.operator_below_threshold,
)

_NOTHING_OUTSIDE = context.Context(datetime.date.max, {}, {})


def check(
    definition: model.Definition, known: context.Context, unreadable: frozenset[str] = frozenset()
) -> list[Violation]:
    """Everything that is wrong with a definition or deserves attention, in the order of the file.

    `unreadable` names the fields that hold stand-ins (see load.Reading): rules that need them are left out.
    """
    return every(TABLE, definition, known, unreadable)


def every(
    table: Iterable[Rule[Subject]], subject: Subject, known: context.Context, unreadable: frozenset[str] = frozenset()
) -> list[Violation]:
    """The violations of every rule of a table that can be looked at."""
    return sorted(found for one in table if not one.reads & unreadable for found in one.violations(subject, known))


def require(definition: model.Definition) -> None:
    """Refuse a definition that breaks a rule which needs no knowledge from outside.

    What is compiled ends up in the configuration of gateways, so no definition passes unchecked, whoever asks.
    Raises DefinitionError.
    """
    refuse(JOINED if isinstance(definition, model.Joined) else TABLE, definition)


def refuse(table: Iterable[Rule[Subject]], subject: Subject, known: context.Context = _NOTHING_OUTSIDE) -> None:
    """Raise DefinitionError with the errors of every rule of a table that needs no knowledge from outside."""
    found = [
        violation
        for one in table
        if not one.outside and one.severity == "error"  # a rule that only warns has nothing to refuse
        for violation in one.violations(subject, known)
        if violation.severity == "error"
    ]
    if found:
        raise DefinitionError(found)
