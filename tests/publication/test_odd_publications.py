"""Publications that a coordinator could sign and no honest one makes: refused with a sentence, or right for everybody.

Whoever holds the keys of a publication signs anything. What breaks a reader (another exception, minutes, gigabytes)
stops every member's `plan`, `accept` and `up`; what is read in two ways is accepted by one and shown to another.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st
from tuf.api.metadata import Metadata
from tuf.api.serialization import SerializationError

from base import canonical, errors
from network_topology import load
from network_topology.compiling import compile as compiler
from network_topology.compiling import draw
from publication import acceptance, identity, metadata, profile, publication, verified
from tests.harness import coordinator, pki
from tests.harness.fuzzing import examples
from tests.publication import odd, publications
from tests.publication.published import QUESTION, RELEASES

NETWORK = "proeftuin"
SLOWEST = 5.0  # seconds; a sound one takes about 0.02
DEFINITION = load.find(NETWORK, Path(load.__file__).parent / "networks")
CA = pki.Authority(NETWORK)
ELSEWHERE = pki.Authority(NETWORK)
DER = serialization.Encoding.DER


def identity_of(organisation: str) -> dict[str, Any]:
    keys = coordinator.make_keys()
    key = keys.private.public_key()
    return {
        "network": NETWORK,
        "organisation": organisation,
        "statement_key": keys.statement_key,
        "statement": keys.statement_of(NETWORK, organisation).model_dump(),
        "fingerprint": identity.fingerprint(NETWORK, organisation, key, keys.statement_key),
        "certificate_chain_pem": CA.station(organisation, key).public_bytes(pki.PEM).decode(),
        "approved": "2026-03-01T12:00:00Z",
    }


DOCUMENTS: Mapping[str, Any] = {
    "definition.json": verified.document(DEFINITION),
    "questions/griep.json": verified.document(QUESTION),
    "releases/dev.json": RELEASES["dev"],
    **{f"identities/{organisation}.json": identity_of(organisation) for organisation in DEFINITION.stations},
}


def written(name: str, document: Any) -> bytes:
    """As a coordinator writes it, and what that cannot write as JSON that Python reads."""
    form = canonical.dump if name.startswith(("definition", "questions")) else canonical.pretty
    try:
        return form(document)
    except ValueError:  # no number, or half a pair
        return json.dumps(document, sort_keys=True, indent=None if form is canonical.dump else 2).encode()


CRL = CA.crl().encode()
FILES: Mapping[str, bytes] = {
    "ca.pem": CA.pem.encode(),
    "crl.pem": CRL,
    **{name: written(name, document) for name, document in DOCUMENTS.items()},
}
SPARE = {
    "CERTIFICATE": ELSEWHERE.certificate.public_bytes(DER),
    "TRUSTED CERTIFICATE": ELSEWHERE.certificate.public_bytes(DER) + b"\x30\x00",
    "PRIVATE KEY": ELSEWHERE.key.private_bytes(DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    "X509 CRL": b"\x30\x00",
}


MAKER = publications.Maker(NETWORK, (profile.key_fingerprint(CA.key.public_key()),))


def relayed(files: Mapping[str, bytes], number: int = 1) -> publications.Files:
    return MAKER.relayed(files, number)


RELAYED = relayed(FILES)  # once: a signature is another one each time, also in its length
SOUND = publications.verified_of(RELAYED)
ACCEPTED = acceptance.accept(SOUND)
assert ACCEPTED is not None


def judge(files: publications.Files) -> None:
    """Refused with a sentence that says where; or taken, and then right for all that is made of it."""
    began = time.process_time()
    try:
        found = publications.verified_of(files)
    except errors.RefusedError as refused:
        told(str(refused), refused.remedy)
    else:
        used(found)
    assert time.process_time() - began < SLOWEST


def used(found: verified.Verified) -> None:
    """What operators' tools do with a publication that was read."""
    accepted = acceptance.accept(found)
    document = json.loads(json.dumps(accepted.document(), indent=2, ensure_ascii=False).encode())
    assert acceptance.load(document) == accepted
    for before in (None, ACCEPTED, accepted):
        try:
            comparison = acceptance.compare(before, found)
            acceptance.accepted_view(before, found)
        except errors.RefusedError as refused:
            told(str(refused), refused.remedy)
            continue
        for change in (*comparison.applies, *comparison.waits):
            assert change.text.isprintable(), ascii(change.text)
    assert acceptance.compare(accepted, found) == acceptance.Comparison((), ())
    network = compiler.compile_network(found.definition)
    draw.svg(network).encode()
    for organisation in network.stations.keys() & found.statement_keys.keys():
        json.dumps(
            compiler.station_view(network, organisation, found.statement_keys, accepted.serials, accepted.parts),
            allow_nan=False,
        )


def told(text: str, remedy: str) -> None:
    assert remedy, f"without a remedy: {text}"
    assert errors.printable(text).encode(), "it can be shown"
    assert len(text) < 10_000, f"a sentence of {len(text)} characters: {text[:300]!a}"


def test_the_sound_one_is_read() -> None:
    judge(relayed(FILES))
    assert set(SOUND.identities) == set(DEFINITION.stations)


@pytest.mark.fuzz
@examples(150)
@given(st.data())
def test_documents_of_another_content(data: st.DataObject) -> None:
    """Canonical and signed: only what they say is odd."""
    name = data.draw(st.sampled_from(sorted(DOCUMENTS)))
    document = data.draw(odd.mutated(DOCUMENTS[name]))
    judge(relayed({**FILES, name: written(name, document)}))


@pytest.mark.fuzz
@examples(100)
@given(st.data())
def test_documents_in_another_form(data: st.DataObject) -> None:
    """What they say is right, or odd; how it is written is no JSON, or JSON that two readers read in two ways."""
    name = data.draw(st.sampled_from(sorted(DOCUMENTS)))
    document = data.draw(odd.mutated(DOCUMENTS[name])) if data.draw(st.booleans()) else DOCUMENTS[name]
    judge(relayed({**FILES, name: data.draw(odd.texts(document))}))


@pytest.mark.parametrize("value", ["1e400", "-1e400", "NaN"])
@pytest.mark.parametrize("name", sorted(name for name in DOCUMENTS if name.startswith("questions/")))
def test_a_number_that_nobody_can_write_again_is_refused(name: str, value: str) -> None:
    """Found in 20,000 generated ones: `"areas":1e400` in a question ended every member's `plan`, `accept` and `up`."""
    said = FILES[name].replace(canonical.dump(QUESTION.parameters["areas"]), value.encode())
    assert said != FILES[name]
    with pytest.raises(errors.PublicationError, match=f"{name} is "):
        publications.verified_of(relayed({**FILES, name: said}))


@pytest.mark.fuzz
@examples(100)
@given(st.data())
def test_metadata_of_another_content_or_form(data: st.DataObject) -> None:
    """Whoever holds a role's keys signs what no program of ours writes, whoever relays it changes what it likes."""
    made = RELAYED
    role = data.draw(st.sampled_from(metadata.ROLES))
    name = publications.of(made, role)
    document = json.loads(made[name])
    if data.draw(st.booleans()):
        document = {**document, "signed": data.draw(odd.mutated(document["signed"]))}
    else:
        document = data.draw(odd.mutated(document))
    content = data.draw(odd.texts(document)) if data.draw(st.booleans()) else json.dumps(document).encode()
    judge(MAKER.replaced(made, role, resigned(role, content)))


def resigned(role: str, content: bytes) -> bytes:
    """Signed anew by whoever may, where it can be read as metadata at all."""
    by = {"root": MAKER.root, "targets": MAKER.root, "releases": MAKER.releases}.get(role, [MAKER.online])
    try:
        found = Metadata[Any].from_bytes(content)
        for one in by:
            found.sign(one, append=True)
        return found.to_bytes()
    except Exception:  # it is no metadata, and goes to the reader as it is
        return content


@pytest.mark.fuzz
@examples(70)
@given(st.data())
def test_what_a_reader_kept_is_odd(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """A full disk, or another program: what was kept is no good, and says so with a sentence."""
    top = tmp_path_factory.mktemp("kept")
    publications.put(top / "proeftuin", RELAYED)
    publication.read(top / "proeftuin", NETWORK, top / "kept", root=SOUND.root)
    document = json.loads((top / "kept").read_bytes())
    tree = data.draw(odd.mutated(document))
    (top / "kept").write_bytes(data.draw(odd.texts(tree)) if data.draw(st.booleans()) else odd_json(tree))
    try:
        found = publication.read(top / "proeftuin", NETWORK, top / "kept")
    except errors.RefusedError as refused:
        told(str(refused), refused.remedy)
    else:
        used(found)


def odd_json(tree: Any) -> bytes:
    return json.dumps(tree).encode()


@pytest.mark.fuzz
@examples(70)
@given(st.data())
def test_certificates_and_lists_of_another_content_or_form(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["ca.pem", "crl.pem", "identities/ggd.json"]))
    if name == "crl.pem":
        der = signed_der(CRL)
        content = data.draw(odd.pems("X509 CRL", der, SPARE, CA.key))
    elif name == "ca.pem":
        content = data.draw(odd.pems("CERTIFICATE", CA.certificate.public_bytes(DER), SPARE, CA.key))
    else:
        chain = data.draw(
            odd.pems("CERTIFICATE", signed_der(DOCUMENTS[name]["certificate_chain_pem"].encode()), SPARE, CA.key)
        )
        content = canonical.pretty({**DOCUMENTS[name], "certificate_chain_pem": chain.decode("latin-1")})
    judge(relayed({**FILES, name: content}))


def extension(number: int, value: bytes) -> bytes:
    return odd.tlv(0x30, odd.tlv(0x06, bytes((0x55, 0x1D, number))), odd.tlv(0x04, value))


NO_KEY = odd.tlv(0x30, odd.tlv(0x30, odd.tlv(0x06, b"\x2a\x03\x04")), odd.tlv(0x03, b"\x00\x01"))
USAGE = extension(15, odd.tlv(0x03, b"\x07\x80"))
X400 = extension(17, odd.tlv(0x30, odd.tlv(0xA3, odd.tlv(0x02, b"\x01"))))
# What readers of certificates stop for with an error of its own kind: place in what is signed, and what stands there.
UNREADABLE = {
    "version 6": ((0,), bytes.fromhex("a003020105")),
    "a key of no known kind": ((6,), NO_KEY),
    "an extension twice": ((7,), odd.tlv(0xA3, odd.tlv(0x30, USAGE, USAGE))),
    "a name of no known kind": ((7,), odd.tlv(0xA3, odd.tlv(0x30, X400))),
    "a huge serial": ((1,), b"\x02\x82\x10\x00" + b"\x7f" * 4096),
}


@pytest.mark.parametrize("kind", UNREADABLE)
@pytest.mark.parametrize("name", ["ca.pem", "identities/ggd.json"])
def test_a_certificate_that_its_library_cannot_read_is_a_sentence(name: str, kind: str) -> None:
    """Else one certificate, signed as it should be, ends every member's `plan`, `accept` and `up` with a traceback."""
    pem = CA.pem if name == "ca.pem" else DOCUMENTS[name]["certificate_chain_pem"]
    made = odd.block("CERTIFICATE", odd.replaced(signed_der(pem.encode()), CA.key, *UNREADABLE[kind]))
    other = made if name == "ca.pem" else canonical.pretty({**DOCUMENTS[name], "certificate_chain_pem": made.decode()})
    files = relayed({**FILES, name: other})
    with pytest.raises(errors.RefusedError):
        publications.verified_of(files)
    judge(files)


@pytest.mark.parametrize(
    ("at", "element"),
    [
        pytest.param((1,), odd.tlv(0x30, odd.tlv(0x06, b"\x2a\x03\x04")), id="an algorithm of no known kind"),
        pytest.param((5,), odd.tlv(0xA0, odd.tlv(0x30, USAGE, USAGE)), id="an extension twice"),
        pytest.param((0,), odd.tlv(0x02, b"\x05"), id="version 6"),
    ],
)
def test_a_revocation_list_that_its_library_cannot_read_is_a_sentence(at: tuple[int, ...], element: bytes) -> None:
    files = relayed({**FILES, "crl.pem": odd.block("X509 CRL", odd.replaced(signed_der(CRL), CA.key, at, element))})
    with pytest.raises(errors.RefusedError):
        publications.verified_of(files)
    judge(files)


def signed_der(pem: bytes) -> bytes:
    return base64.b64decode(b"".join(pem.splitlines()[1:-1]))


NAMES = st.one_of(
    st.sampled_from(odd.HOSTILE).map(lambda text: text[:200]),
    st.text(min_size=1, max_size=20),
    st.sampled_from(["questions", "identities", "releases"]).flatmap(
        lambda kind: st.sampled_from(odd.HOSTILE).map(lambda text: f"{kind}/{text[:200]}.json")
    ),
    st.sampled_from(
        ["CA.pem", "ca.pem ", "ca.pem\n", "./ca.pem", "x/../ca.pem", "identities/ggd.JSON", "identities", "a//b"]
    ),
)


@pytest.mark.fuzz
@examples(55)
@given(st.data())
def test_files_of_other_names_and_numbers(data: st.DataObject) -> None:
    files = dict(FILES)
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.one_of(NAMES, st.sampled_from(sorted(FILES))))
        match data.draw(st.sampled_from(["content of another", "new", "gone", "many", "large"])):
            case "content of another":
                files[name] = FILES[data.draw(st.sampled_from(sorted(FILES)))]
            case "new":
                files[name] = data.draw(st.binary(max_size=50))
            case "gone":
                files.pop(name, None)
            case "many":
                files |= {f"questions/griep-{number}.json": FILES["questions/griep.json"] for number in range(200)}
            case _:
                files[name] = b" " * 100_000
    try:
        made = relayed(files)
    except (ValueError, SerializationError):  # a name that cannot be written
        return
    judge(made)


@pytest.mark.fuzz
@examples(55)
@given(st.data())
def test_folders_with_what_is_no_plain_file(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    top = tmp_path_factory.mktemp("odd")
    place = top / "proeftuin"
    made = RELAYED
    publications.put(place, made)
    names = [*made, "metadata", "targets", "targets/identities", "other", "metadata/2.root.json", "targets/other.json"]
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from(names))
        if (path := place / name).is_dir() and not path.is_symlink():
            path.rename(top / f"away-{len(list(top.iterdir()))}")
        elif path.parent.is_dir():
            path.unlink(missing_ok=True)
        put(path, data.draw(st.sampled_from(sorted(KINDS))))
    try:
        found = publication.read(place, NETWORK)
    except errors.RefusedError as refused:
        told(str(refused), refused.remedy)
    else:
        used(found)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        here = os.open(path.parent, os.O_RDONLY)
        try:
            made.bind(f"/proc/self/fd/{here}/{path.name}")
        finally:
            os.close(here)


def _deep(path: Path) -> None:
    here = path
    for _ in range(12):
        here = here / ("d" * 250)
        here.mkdir(parents=True)
    (here / "file").touch()


def _giant(path: Path) -> None:
    path.touch()
    os.truncate(path, 2**40)


KINDS: Mapping[str, Callable[[Path], None]] = {
    "a pipe": os.mkfifo,
    "a socket": _socket,
    "a loop": lambda path: path.symlink_to(path.name),
    "a link out": lambda path: path.symlink_to("/etc/passwd"),
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a folder": Path.mkdir,
    "a deep folder": _deep,
    "nothing to read": lambda path: path.touch(mode=0),
    "a sparse giant": _giant,
    "no UTF-8": lambda path: path.with_name(path.name + "\udcff\udcfe").touch(),
    "a line break": lambda path: path.with_name(f"{path.name}\n\x1b[2J").touch(),
}


def put(path: Path, kind: str) -> None:
    if path.parent.is_dir() and not path.parent.is_symlink() and not os.path.lexists(path):
        KINDS[kind](path)
