from __future__ import annotations

import base64
import dataclasses
import datetime
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from base import canonical, errors
from network_topology.compiling import compile as compiler
from publication import identity, parts, profile, publication, revocations, verified
from tests.harness import coordinator as coordinators
from tests.harness import pki
from tests.publication import publications
from tests.publication.published import QUESTION, RELEASES
from werkplaats.operations.coordinator import placing, revocation
from werkplaats.operations.coordinator import publish as publishing

DAY = datetime.timedelta(days=1)
Approve = Callable[..., identity.Identity]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "publications" / "proeftuin"


@pytest.fixture
def publish(coordinator: Any, folder: Path) -> Callable[..., verified.Verified]:
    folder.parent.mkdir()

    def do(moment: datetime.datetime | None = None, releases: Mapping[str, Any] = RELEASES) -> verified.Verified:
        return publishing.publish(folder, coordinator.definition, releases, coordinator.authority, moment)

    return do


def opened(folder: Path, **options: Any) -> verified.Verified:
    return publication.read(folder, "proeftuin", **options)


@pytest.fixture
def signed_anew(coordinator: Any, folder: Path) -> Callable[..., None]:
    """What only those can do who hold the keys: change files, and sign for them."""

    def do(changed: Mapping[str, bytes | None]) -> None:
        whole = publications.whole_of(publications.gathered(folder))
        files = {name: content for name, content in {**whole.files, **changed}.items() if content is not None}
        releases = {name: content for name, content in files.items() if name.startswith("releases/")}
        held = coordinator.roles.prepare(releases, ["releases/dev.json"], canonical.now())
        made = publishing.assembled(held, files, whole.number + 1, canonical.now(), coordinator.roles.online())
        placing.write(folder, made, whole.number + 1)

    return do


def test_what_was_published_is_what_a_member_reads(
    coordinator: Any, publish: Callable[..., Any], folder: Path, approve: Approve
) -> None:
    approved = {name: approve(name) for name in ("ggd", "ziekenhuis", "thuiszorg")}
    published = publish()
    found = opened(folder)
    assert found == published
    assert found.number == 1
    assert found.identities == approved
    assert found.statement_keys == {name: one.statement_key for name, one in approved.items()}
    assert verified.document(found.release) == RELEASES["dev"]
    assert compiler.compile_network(found.definition) == compiler.compile_network(coordinator.definition)
    told = canonical.digest(json.loads(publications.target(folder, "definition.json").read_bytes()))
    assert told == compiler.compile_network(coordinator.definition).digest


@pytest.mark.parametrize("name", ["definition.json", "ca.pem", "crl.pem", "identities/ggd.json", "releases/dev.json"])
def test_an_edited_file_is_refused_by_name(
    publish: Callable[..., Any], folder: Path, approve: Approve, name: str
) -> None:
    approve("ggd")
    publish()
    path = publications.target(folder, name)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(errors.PublicationError, match=rf"/{name} is not the file that was published"):
        opened(folder)


@pytest.mark.parametrize("name", ["definition.json", "ca.pem", "crl.pem", "identities/ggd.json", "releases/dev.json"])
def test_a_missing_file_is_refused_by_name(
    publish: Callable[..., Any], folder: Path, approve: Approve, name: str
) -> None:
    approve("ggd")
    publish()
    publications.target(folder, name).unlink()
    with pytest.raises(errors.PublicationError, match=rf"/{name} is missing"):
        opened(folder)


def test_a_file_of_another_publication_is_refused_by_name(
    publish: Callable[..., Any], folder: Path, approve: Approve, tmp_path: Path, coordinator: Any
) -> None:
    """The rollback of one file: yesterday's revocation list in today's publication."""
    serial = approve("ggd").station_certificate.serial_number
    publish()
    shutil.copytree(folder, tmp_path / "yesterday")
    revocation.revoke(coordinator.authority, serial)
    publish()
    old, new = (publications.target(one, "crl.pem") for one in (tmp_path / "yesterday", folder))
    shutil.copy(old, new)
    with pytest.raises(errors.PublicationError, match=r"/crl.pem is not the file that was published"):
        opened(folder)


def test_a_publication_is_refused_once_its_revocation_list_is_out_of_force(
    publish: Callable[..., Any], folder: Path
) -> None:
    publish()
    with pytest.raises(errors.ExpiredError, match="timestamp was good until"):
        opened(folder, moment=canonical.now() + 91 * DAY)
    whole = publications.whole_of(publications.gathered(folder))
    with pytest.raises(errors.RevocationError, match="was in force until"):
        verified.verify(whole, canonical.now() + 91 * DAY)


def identity_with(folder: Path, changes: Mapping[str, Any]) -> bytes:
    return canonical.pretty({**json.loads(publications.target(folder, "identities/ggd.json").read_bytes()), **changes})


def test_a_second_certificate_with_a_members_name_is_refused_by_its_keys(
    coordinator: Any,
    publish: Callable[..., Any],
    folder: Path,
    approve: Approve,
    new_keys: Callable[[], Any],
    signed_anew: Callable[..., None],
) -> None:
    """The holder of the CA mints it: openssl would take it, the approved fingerprint does not cover its key."""
    approve("ggd")
    publish()
    minted = coordinator.authority.issue("ggd", new_keys().private.public_key())
    pem = minted.public_bytes(serialization.Encoding.PEM).decode()
    signed_anew({"identities/ggd.json": identity_with(folder, {"certificate_chain_pem": pem})})
    with pytest.raises(
        errors.PublicationError, match=r"ggd.json has other keys than the fingerprint that was approved"
    ):
        opened(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"statement_key": base64.b64encode(bytes(31) + b"\x01").decode()}, "has other keys than"),
        ({"statement_key": "AAAA"}, "cannot be read"),
        ({"network": "gerda"}, "is of ggd in gerda"),
        ({"organisation": "ziekenhuis"}, "is of ziekenhuis in proeftuin"),
        ({"certificate_chain_pem": "nothing"}, "cannot be read"),
        ({"certificate_chain_pem": "{other}"}, "names CN=station-ziekenhuis"),
        ({"certificate_chain_pem": "{own}{other}"}, "has 2 certificates"),
        ({"certificate_chain_pem": "{key}{own}"}, "cannot be read.*has something beside the certificate"),
        ({"certificate_chain_pem": "{own}{key}"}, "cannot be read.*has something beside the certificate"),
        ({"certificate_chain_pem": "subject=ggd\n{own}"}, "cannot be read.*has something beside the certificate"),
        ({"certificate_chain_pem": "{own}\n"}, "cannot be read.*has something beside the certificate"),
        ({"approved": "\x1b[2J"}, "is not of the shape"),
        ({"remark": "hello"}, "is not of the shape"),
    ],
)
def test_an_identity_that_says_what_was_not_signed_is_refused_though_the_signature_fits(
    publish: Callable[..., Any],
    folder: Path,
    approve: Approve,
    changes: dict[str, str],
    message: str,
    signed_anew: Callable[..., None],
) -> None:
    chains = {name: approve(of).certificate_chain_pem for name, of in (("own", "ggd"), ("other", "ziekenhuis"))}
    chains["key"] = pki.key_pem(ec.generate_private_key(ec.SECP256R1())).decode()
    publish()
    filled = {field: text.format(**chains) for field, text in changes.items()}
    signed_anew({"identities/ggd.json": identity_with(folder, filled)})
    with pytest.raises(errors.RefusedError, match=rf"identities/ggd.json.*{message}"):
        opened(folder)


def test_a_gateway_key_that_the_statement_key_did_not_sign_is_refused_though_everything_else_fits(
    coordinator: Any,
    publish: Callable[..., Any],
    folder: Path,
    approve: Approve,
    new_keys: Callable[[], coordinators.Keys],
    signed_anew: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The holder of the CA gives the name to a key of its own, beside the statement key that others pinned.

    It gains the gateway of that organisation at every reader, with nobody asked: only the statement key waits.
    """
    one = approve("ggd", new_keys())
    publish()
    key = new_keys().private.public_key()
    changes = {
        "certificate_chain_pem": profile.as_pem(coordinator.authority.issue("ggd", key)).decode(),
        "fingerprint": identity.fingerprint("proeftuin", "ggd", key, one.statement_key),
    }
    signed_anew({"identities/ggd.json": identity_with(folder, changes)})
    with pytest.raises(errors.PublicationError, match=r"ggd.json has a gateway key .* key did not sign"):
        opened(folder)
    monkeypatch.setattr(identity, "signed", lambda *_: True)
    assert opened(folder).identities["ggd"].station_certificate.public_key() == key, "without the defence"


@pytest.mark.parametrize("organisation", ["ziekenhuis", "ggd"])
@pytest.mark.parametrize("network", ["gerda", "proeftuin"])
@pytest.mark.parametrize("serial", [1, 2])
def test_a_statement_is_of_one_network_organisation_and_number(
    approve: Approve, new_keys: Callable[[], coordinators.Keys], organisation: str, network: str, serial: int
) -> None:
    keys = new_keys()
    one = approve("ggd", keys)
    signature = dataclasses.replace(keys, serial=serial).statement_of(network, organisation).signature
    other = one.model_copy(update={"statement": identity.Statement(serial=1, signature=signature)})
    right = (network, organisation, serial) == ("proeftuin", "ggd", 1)
    assert identity.signed("proeftuin", "ggd", keys.private.public_key(), other) is right


@pytest.mark.parametrize("text", ["{own}{hidden}", "{hidden}{own}", "text\n{own}", "{own}\n"])
@pytest.mark.parametrize("name", ["ca.pem", "crl.pem"])
def test_a_block_that_readers_do_not_see_is_refused_though_the_signature_fits(
    publish: Callable[..., Any], folder: Path, signed_anew: Callable[..., None], name: str, text: str
) -> None:
    """A second CA that OpenSSL trusts and no reader of the publication shows: who signs the index gains every name."""
    publish()
    hidden = pki.Authority("proeftuin").pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE")
    filled = text.format(own=publications.target(folder, name).read_text(), hidden=hidden)
    signed_anew({name: filled.encode()})
    with pytest.raises(errors.RefusedError, match="has something beside"):
        opened(folder)


def test_an_identity_whose_certificate_is_revoked_is_refused_though_the_signature_fits(
    coordinator: Any, publish: Callable[..., Any], folder: Path, approve: Approve, signed_anew: Callable[..., None]
) -> None:
    serial = approve("ggd").station_certificate.serial_number
    publish()
    fresher = revocation.revoke(coordinator.authority, serial)
    signed_anew({"crl.pem": revocations.pem(fresher)})
    with pytest.raises(errors.PublicationError, match=r"ggd.json has a certificate that crl.pem revokes"):
        opened(folder)


def test_a_statement_key_that_two_organisations_have_is_refused_though_the_signature_fits(
    publish: Callable[..., Any],
    folder: Path,
    approve: Approve,
    new_keys: Callable[[], coordinators.Keys],
    signed_anew: Callable[..., None],
) -> None:
    own, others = new_keys(), new_keys()
    taken = approve("ziekenhuis", others).statement_key
    key = profile.p256(approve("ggd", own).station_certificate.public_key())
    publish()
    changes = {
        "statement_key": taken,
        "statement": dataclasses.replace(own, statement=others.statement).statement_of("proeftuin", "ggd").model_dump(),
        "fingerprint": identity.fingerprint("proeftuin", "ggd", key, taken),
    }
    signed_anew({"identities/ggd.json": identity_with(folder, changes)})
    with pytest.raises(errors.PublicationError, match=r"identities/\w+.json has the statement key of \w+"):
        opened(folder)


def test_the_certificate_of_another_ca_is_refused_though_the_signature_fits(
    publish: Callable[..., Any],
    folder: Path,
    approve: Approve,
    make_coordinator: Any,
    definition: Any,
    signed_anew: Callable[..., None],
) -> None:
    approve("ggd")
    publish()
    other = make_coordinator(definition.model_copy(update={"network": "elders"})).authority
    signed_anew({"ca.pem": other.pem})
    with pytest.raises(errors.PublicationError, match=r"/ca.pem names CN=CA-1,OU=elders"):
        opened(folder)


def test_a_ca_for_which_no_root_holder_signed_is_refused_though_the_coordinator_published_it(
    publish: Callable[..., Any],
    folder: Path,
    signed_anew: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The coordinator makes another CA by itself: it gains certificates that no list of the first one revokes."""
    publish()
    other = pki.Authority("proeftuin")
    signed_anew({"ca.pem": other.pem.encode(), "crl.pem": other.crl().encode()})
    with pytest.raises(
        errors.PublicationError, match=r"/ca.pem has key sha256:\w+, which the root holders did not sign"
    ):
        opened(folder)
    monkeypatch.setattr(parts, "_require_authority", lambda *_: None)
    assert opened(folder).authority == other.certificate, "without the defence"


def test_a_definition_cannot_ask_for_more_signatures_than_its_root_does(
    publish: Callable[..., Any], folder: Path, signed_anew: Callable[..., None]
) -> None:
    publish()
    told = json.loads(publications.target(folder, "definition.json").read_bytes())
    signed_anew({"definition.json": canonical.dump(told | {"signatures": {"releases": 3}})})
    with pytest.raises(
        errors.PublicationError, match="2 of the release holders must sign by its metadata, and 3 by the definition"
    ):
        opened(folder)


def test_a_definition_that_breaks_a_rule_is_refused_though_the_signature_fits(
    publish: Callable[..., Any], folder: Path, signed_anew: Callable[..., None]
) -> None:
    publish()
    told = json.loads(publications.target(folder, "definition.json").read_bytes())
    told["computing"] = ["ggd", "ziekenhuis"]
    signed_anew({"definition.json": canonical.dump(told)})
    with pytest.raises(errors.PublicationError, match=r"/definition.json breaks the rules of a network"):
        opened(folder)


def test_a_definition_with_a_key_twice_is_refused(
    publish: Callable[..., Any], folder: Path, signed_anew: Callable[..., None]
) -> None:
    publish()
    content = publications.target(folder, "definition.json").read_bytes()
    twice = content.replace(b'"release":"dev"', b'"release":"other","release":"dev"')
    assert twice != content
    signed_anew({"definition.json": twice})
    with pytest.raises(errors.PublicationError, match=r"/definition.json is not in canonical form"):
        opened(folder)


def test_a_file_that_no_publication_has_is_refused(
    publish: Callable[..., Any], folder: Path, signed_anew: Callable[..., None]
) -> None:
    publish()
    signed_anew({"install.sh": b"#!/bin/sh\n"})
    with pytest.raises(errors.PublicationError, match=r"/install.sh is nothing that a publication has"):
        opened(folder)


def test_a_question_that_was_published_is_what_a_member_reads(coordinator: Any, folder: Path) -> None:
    folder.parent.mkdir()
    own = coordinator.authority
    publishing.publish(folder, coordinator.definition, RELEASES, own, asked={"griep": QUESTION})
    assert opened(folder).questions == {"griep": QUESTION}
    publishing.publish(folder, coordinator.definition, RELEASES, own)
    assert opened(folder).questions == {}, "withdrawn"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"minimum_cell": 2}, "breaks the rules of a question"),
        ({"contributes": ["ggd", "ziekenhuis", "vreemd"]}, "breaks the rules of a question"),
        ({"purpose": "Where\u202e it rises"}, "breaks the rules of a question"),
        ({"colour": "green"}, "is no question"),
    ],
    ids=str,
)
def test_a_published_question_is_held_to_the_rules_by_who_reads_it(
    coordinator: Any, folder: Path, change: Mapping[str, Any], reason: str, signed_anew: Callable[..., None]
) -> None:
    folder.parent.mkdir()
    publishing.publish(folder, coordinator.definition, RELEASES, coordinator.authority, asked={"griep": QUESTION})
    document = json.loads(publications.target(folder, "questions/griep.json").read_text()) | change
    signed_anew({"questions/griep.json": canonical.dump(document)})
    with pytest.raises(errors.PublicationError, match=reason):
        opened(folder)
