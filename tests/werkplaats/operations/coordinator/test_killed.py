"""Runs that are killed at each of their writes: what was in force stays whole, and the next run has it all."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from publication import publication, revocations
from publication.following import requests
from tests.harness.chance import killed_at
from tests.harness.fuzzing import TIMES
from tests.publication.published import RELEASES
from werkplaats.operations.coordinator import approval, ledger, renewal, revocation
from werkplaats.operations.coordinator import publish as publishing
from werkplaats.operations.home import vault

EVERY = 1 if TIMES > 1 else 7
"""A run for each so many writes; `make soak` has one for each of them."""


@pytest.mark.fuzz
def test_a_killed_revocation_leaves_no_old_list_in_force_once_it_is_written_down(
    coordinator: Any, tmp_path: Path, note: Callable[[str], None]
) -> None:
    """A run that published first, or wrote down certificate after certificate, left a part of them good."""
    serial = coordinator.approve("ggd").station_certificate.serial_number
    coordinator.approve("ziekenhuis")
    (tmp_path / "publications").mkdir()
    start, count, written = tmp_path / "start", 1 - EVERY, 0

    def publish(folder: Path) -> int:
        kept = type(coordinator)(
            coordinator.definition,
            vault.Vault("proeftuin", folder / "state" / "proeftuin"),
            ledger.Records(folder / "inventories" / "proeftuin"),
        )
        place = folder / "publications" / "proeftuin"
        return publishing.publish(place, kept.definition, RELEASES, kept.authority).number

    def revoke(folder: Path) -> None:
        own = type(coordinator)(
            coordinator.definition,
            vault.Vault("proeftuin", folder / "state" / "proeftuin"),
            ledger.Records(folder / "inventories" / "proeftuin"),
        ).authority
        revocation.withdraw(own, "ggd", "keyCompromise")
        publish(folder)

    publish(tmp_path)
    names = ("state", "inventories", "publications")
    for name in names:
        shutil.copytree(tmp_path / name, start / name, symlinks=True)
    while True:
        count += EVERY
        folder = tmp_path / f"killed-{count}"
        shutil.copytree(start, folder, symlinks=True)
        came = killed_at(count, lambda folder=folder: revoke(folder))  # type: ignore[misc]
        place = folder / "publications" / "proeftuin"
        seen = publication.read(place, "proeftuin")
        known = bool(revocation.entries(ledger.Records(folder / "inventories" / "proeftuin")))
        assert ("ggd" in seen.identities) is not bool(
            seen.revocations.get_revoked_certificate_by_serial_number(serial)
        ), "the old or the new, and never half"
        if known:
            written += 1
            publish(folder)
        else:
            revoke(folder)
        after = publication.read(place, "proeftuin")
        assert after.revocations.get_revoked_certificate_by_serial_number(serial)
        assert set(after.identities) == {"ziekenhuis"}
        revocations.refuse_rollback(seen.revocations, after.revocations)
        shutil.rmtree(folder)
        if not came:
            break
    note(f"a revocation was killed before writes 1 to {count - 1}, {EVERY} on; in {written} runs it was written down")
    assert written > 10
    assert count > written + 1


def test_a_gateway_key_that_takes_the_place_of_another_leaves_the_old_or_the_new_wherever_it_is_killed(
    coordinator: Any, tmp_path: Path, new_keys: Callable[[], Any], note: Callable[[str], None]
) -> None:
    """Its station had no certificate at all in what was published next, and its sessions ended."""
    keys = new_keys()
    before = coordinator.approve("ggd", keys)
    new = dataclasses.replace(new_keys(), statement=keys.statement, serial=2)
    asked = requests.request(
        "proeftuin", "ggd", new.request_pem, new.statement_key, new.statement_of("proeftuin", "ggd")
    )
    approval.receive(coordinator.records, asked)
    start, found = tmp_path / "start", list[bool]()
    for name in ("state", "inventories"):
        shutil.copytree(tmp_path / name, start / name)

    def opened(folder: Path) -> Any:
        return type(coordinator)(
            coordinator.definition,
            vault.Vault("proeftuin", folder / "state" / "proeftuin"),
            ledger.Records(folder / "inventories" / "proeftuin"),
        )

    def approve(folder: Path) -> None:
        own = opened(folder)
        approval.approve(own.definition, "ggd", asked.fingerprint, own.authority)

    came = True
    while came:
        folder = tmp_path / f"killed-{len(found)}"
        shutil.copytree(start, folder)
        came = killed_at(len(found) + 1, lambda folder=folder: approve(folder))  # type: ignore[misc]
        own = opened(folder)
        seen = publishing.publish(folder / "publication", own.definition, RELEASES, own.authority)
        revoked = {entry.serial_number for entry in seen.revocations}
        is_new = seen.identities["ggd"].fingerprint == asked.fingerprint
        assert is_new or seen.identities["ggd"] == before
        assert revoked == ({before.station_certificate.serial_number} if is_new else set())
        found.append(is_new)
        [*after], refused = renewal.take_up(own.definition, own.authority)
        assert (refused, len(after)) == ({}, 0 if is_new else 1)
        shutil.rmtree(folder)
    assert found == sorted(found), "the old one until the new one is there"
    note(f"killed before each of {len(found) - 1} writes: {found.count(False)} times the old key, else the new one")
    assert {True, False} == set(found)
