"""By openssl alone: a publication is kept only of the kept root, and of the coordinator whom that names."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.formats import encode_canonical
from tuf.api.metadata import Metadata, TargetFile

from on_server.follow import rules, seen, signed
from tests.publication import publications
from tests.publication.publications import Files, Maker, signers

FILES = {"definition.json": b"1", "crl.pem": b"list", "releases/dev.json": b"{}"}


def texts(files: Files) -> dict[str, str]:
    return {name: content.decode() for name, content in files.items()}


@pytest.fixture
def maker() -> Maker:
    return Maker()


def test_what_its_coordinator_says_is_kept_also_after_root_holders_changed_everything(maker: Maker) -> None:
    before = texts(maker.relayed(FILES, 1))
    signed.require(before, texts(maker.relayed(FILES, 2)))
    old, maker.root, maker.online = maker.root, signers(3), publications.signer()
    maker.sign_root([*old[:2], *maker.root[:2]])
    signed.require(before, texts(maker.relayed(FILES, 3)))
    maker.sign_root(maker.root[1:])
    signed.require(before, texts(maker.relayed(FILES, 4)))


def numbered(made: Files, _: Maker) -> Files:
    """Gains: every later publication is plainly older, so that no revocation comes any more, by nobody."""
    document = json.loads(made[seen.NEWEST])
    document["signed"]["version"] = 2**31 - 1
    return {**made, seen.NEWEST: json.dumps(document).encode()}


def by_itself(made: Files, _: Maker) -> Files:
    return Maker().resigned(made, "timestamp", lambda _: None)


def unsigned(made: Files, _: Maker) -> Files:
    return {**made, seen.NEWEST: json.dumps({**json.loads(made[seen.NEWEST]), "signatures": []}).encode()}


def own_root(made: Files, _: Maker) -> Files:
    """Gains: it names who speaks from now on; and what is kept is read by nobody any more."""
    other = Maker()
    other.sign_root(other.root)
    return other.resigned({**made, seen.root(2): other.roots[1]}, "timestamp", lambda _: None)


def one_holder(made: Files, maker: Maker) -> Files:
    maker.sign_root(maker.root[:1])
    return {**made, seen.root(2): maker.roots[1]}


def twice_one_holder(made: Files, maker: Maker) -> Files:
    maker.sign_root(maker.root[:1])
    document = json.loads(maker.roots[1])
    document["signatures"] *= 2
    return {**made, seen.root(2): json.dumps(document).encode()}


def not_by_the_new(made: Files, maker: Maker) -> Files:
    old, maker.root = maker.root, signers(3)
    maker.sign_root(old)
    return {**made, seen.root(2): maker.roots[1]}


def left_out(made: Files, maker: Maker) -> Files:
    maker.sign_root(maker.root)
    maker.sign_root(maker.root)
    return {**made, seen.root(3): maker.roots[2]}


def the_same_again(made: Files, maker: Maker) -> Files:
    return {**made, seen.root(2): maker.roots[0]}


def released(made: Files, maker: Maker) -> Files:
    """Gains: with the coordinator, a release that no release holder signed is kept, and read by nobody any more."""
    target = TargetFile.from_data(name := "releases/next.json", b"{}", ["sha256"])
    made = maker.resigned(made, "network", lambda one: one.targets.update({name: target}))
    return {**made, f"targets/releases/{target.hashes['sha256']}.next.json": b"{}"}


def in_other_bytes(role: str) -> Callable[[Files, Maker], Files]:
    """Gains: it is signed, and yet what is kept is read by nobody any more, so that no revocation comes."""
    return lambda made, _: {**made, (name := publications.of(made, role)): made[name] + b"\n"}


NEWEST, ROOT = "its newest word is not signed", "is not signed by the root holders"
FALSE: dict[str, tuple[Callable[[Files, Maker], Files], str]] = {
    "a number that nobody signed": (numbered, NEWEST),
    "a newest word of its own": (by_itself, NEWEST),
    "a newest word without signature": (unsigned, NEWEST),
    "a root of its own": (own_root, ROOT),
    "a root by one holder": (one_holder, ROOT),
    "a root by one holder twice": (twice_one_holder, ROOT),
    "a root not by those whom it names": (not_by_the_new, ROOT),
    "a root after one that is left out": (left_out, "is not the root after the one before"),
    "the same root again": (the_same_again, "is not the root after the one before"),
    **{
        f"{role} in other bytes": (in_other_bytes(role), "has another digest than is said of it")
        for role in ("snapshot", "targets", "network", "releases")
    },
    "a release by the coordinator": (released, "releases/next.json is not network's to name"),
}


@pytest.mark.parametrize("name", FALSE)
def test_what_is_not_signed_is_not_kept(maker: Maker, name: str) -> None:
    before = maker.relayed(FILES, 1)
    made, why = FALSE[name]
    after = made(maker.relayed(FILES, 2), maker)
    with pytest.raises(rules.RuleError, match=why):
        signed.require(texts(before), texts(after))


def test_the_first_is_kept_from_nobody_who_parses(maker: Maker) -> None:
    with pytest.raises(rules.RuleError, match="no publication was brought here yet"):
        signed.require({}, texts(maker.relayed(FILES, 1)))


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(TREES)
def test_what_is_signed_is_written_as_the_library_writes_it(tree: Any) -> None:
    assert signed.canonical(tree) == encode_canonical(tree)


def test_of_metadata_too(maker: Maker) -> None:
    for name, content in maker.relayed(FILES, 1).items():
        if name.startswith("metadata/"):
            found: Metadata[Any] = Metadata.from_bytes(content)
            assert signed.canonical(json.loads(content)["signed"]).encode() == found.signed_bytes
