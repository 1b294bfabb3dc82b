"""Keys that were accepted: who is cut, who comes back, and what another key of somebody says."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

from network_topology.compiling import compile as compiler
from publication import acceptance
from tests.publication.published import texts, without
from werkplaats.operations.coordinator import revocation


def test_a_revoked_identity_is_cut_without_anybodys_acceptance(
    coordinator: Any, publish: Callable[..., Any], approved: dict[str, Any]
) -> None:
    accepted = acceptance.accept(publish())
    revocation.revoke(coordinator.authority, approved["ziekenhuis"].station_certificate.serial_number)
    after = publish()
    found = acceptance.compare(accepted, after)
    assert found.waits == ()
    assert "the identity of ziekenhuis was withdrawn" in texts(found.applies)
    view = acceptance.accepted_view(accepted, after)
    assert view
    assert view.cut == {"ziekenhuis"}


def test_who_was_cut_does_not_come_back_without_acceptance(
    coordinator: Any,
    publish: Callable[..., Any],
    approved: dict[str, Any],
    approve: Callable[..., Any],
    new_keys: Callable[[], Any],
) -> None:
    first = acceptance.accept(publish())
    revocation.revoke(coordinator.authority, approved["ziekenhuis"].station_certificate.serial_number)
    kept = acceptance.accepted_view(first, publish())
    back = approve("ziekenhuis", new_keys())
    after = publish()
    assert back.fingerprint in texts(acceptance.compare(kept, after).waits)
    view = acceptance.accepted_view(kept, after)
    assert view
    assert view.cut == {"ziekenhuis"}


def test_another_statement_key_waits_and_says_so_loudly_and_the_old_one_stays_pinned(
    coordinator: Any, publish: Callable[..., Any], approved: dict[str, Any], approve: Callable[..., Any]
) -> None:
    accepted = acceptance.accept(publish())
    revocation.revoke(coordinator.authority, approved["ziekenhuis"].station_certificate.serial_number)
    changed = approve("ziekenhuis")
    found = acceptance.compare(accepted, publish())
    assert "WARNING: the statement key of ziekenhuis is another one" in texts(found.waits)
    assert changed.fingerprint in texts(found.waits)
    view = acceptance.accepted_view(accepted, publish())
    assert view
    assert view.statement_keys["ziekenhuis"] == approved["ziekenhuis"].statement_key


def replaced(approve: Callable[..., Any], new_keys: Any, *, serial: int = 1, of: Any = None) -> Any:
    """New keys of ziekenhuis that are approved: all of them, or those that another's statement key signed."""
    keys = dataclasses.replace(new_keys(), serial=serial)
    keys = dataclasses.replace(keys, statement=of.statement) if of else keys
    approve("ziekenhuis", keys)
    return keys


def test_a_new_gateway_key_of_the_pinned_statement_key_waits_for_nobody_and_an_older_one_is_not_taken(
    publish: Callable[..., Any], approve: Callable[..., Any], new_keys: Any
) -> None:
    """Whoever holds the CA brings a gateway key back that was given up, with the statement of then."""
    first = replaced(approve, new_keys)
    before = publish()
    accepted = acceptance.accept(before)
    assert accepted.serials["ziekenhuis"] == 1
    replaced(approve, new_keys, serial=2, of=first)
    after = publish()
    found = acceptance.compare(accepted, after)
    assert found.waits == ()
    assert "ziekenhuis has a new gateway key, statement 2, signed by its pinned" in texts(found.applies)
    view = acceptance.accepted_view(accepted, after)
    assert view
    assert view.serials["ziekenhuis"] == 2
    assert view.digest == accepted.digest, "what was seen is no part of what organisations compare"
    old = dataclasses.replace(after, number=9, identities=before.identities)
    found = acceptance.compare(view, old)
    assert "WARNING: the gateway key that is published for ziekenhuis is an older one, statement 1" in texts(
        found.applies
    )
    assert found.waits == ()
    for later in (acceptance.accepted_view(view, old), acceptance.accept(old, view)):
        assert later
        assert later.serials["ziekenhuis"] == 2
    compiled = compiler.compile_network(view.definition)
    told = compiler.station_view(compiled, "ziekenhuis", view.statement_keys, view.serials, view.parts)
    assert told["stations"]["proeftuin.ziekenhuis"]["gateway_serial"] == 2
    assert acceptance.load(json.loads(json.dumps(view.document()))) == view


def test_another_statement_key_after_a_withdrawal_is_still_a_warning_and_one_that_was_pinned_is_not(
    coordinator: Any,
    publish: Callable[..., Any],
    approved: dict[str, Any],
    approve: Callable[..., Any],
    new_keys: Any,
) -> None:
    """Withdraw, have everybody run `up`, publish another key: without memory it looks like somebody who joins."""
    accepted = acceptance.accept(publish())
    before = publish()
    revocation.revoke(coordinator.authority, approved["ziekenhuis"].station_certificate.serial_number)
    withdrawn = publish()
    for cut in (
        acceptance.accepted_view(accepted, withdrawn),
        acceptance.accepted_view(accepted, publish(without(coordinator.definition, "huisartsen"))),
        acceptance.accept(withdrawn, accepted),
    ):
        assert cut
        assert "ziekenhuis" not in cut.statement_keys
        other = approve("ziekenhuis", new_keys())
        found = acceptance.compare(cut, publish())
        assert "WARNING: the statement key of ziekenhuis is another one than was accepted" in texts(found.waits)
        assert other.fingerprint in texts(found.waits)
        again = dataclasses.replace(before, number=99)
        assert "WARNING" not in texts(acceptance.compare(cut, again).waits)
        assert "the keys of ziekenhuis are pinned" in texts(acceptance.compare(cut, again).waits)
        forgetful = cut.model_copy(update={"seen": {}})
        assert "WARNING" not in texts(acceptance.compare(forgetful, publish()).waits), "without the memory"
        revocation.revoke(coordinator.authority, other.station_certificate.serial_number)
        publish()
