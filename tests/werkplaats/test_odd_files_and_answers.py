"""Whatever a server says or a file holds: a sentence of ours, or what was meant; no other exception, no hang.

Who writes it is the owner of a server, or whoever sent an operator a file; a traceback would end the run for everybody.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from base import errors
from network_topology import load, questions
from network_topology.violation import Violation
from publication import acceptance
from publication.following import applied, own_keys
from tests.harness import coordinator
from tests.harness.fuzzing import examples
from tests.publication import odd
from werkplaats.operations.home import places
from werkplaats.operations.reach import inventory, shell

SLOWEST = 5.0  # seconds
KEYS = coordinator.make_keys()
HERE = Path(load.__file__).parent / "networks" / "proeftuin"
QUESTION = HERE / "questions" / "griep-hotspots.yml"
SOUND = (Path(load.__file__).parent / "networks" / "proeftuin" / "network.yml").read_text()
ENTRY = {
    "ggd": {
        "host": "ggd.example",
        "host_key": "SHA256:" + "A" * 43,
        "port": 22,
        "people": {"steward": {"keys": ["ssh-ed25519 AAAA"], "from": ["192.0.2.0/24"]}},
    }
}
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
YAML = (
    *(
        "",
        "\x00",
        "\ufeff",
        "---\n---\n",
        "%YAML 3.0\n---\n",
        "- a",
        "no",
        "null",
        "1",
        "2026-02-30",
        "a: *b",
        "&a [*a]",
    ),
    *(
        "&a {b: *a}",
        "a: {<<: 1}",
        "a: {<<: [1]}",
        "? [a]\n: b",
        "? {a: b}\n: c",
        "{a: 1, a: 2}",
        "!!python/name:os.system",
    ),
    *("!!binary x", "!!timestamp x", "!!int x", "!!float x", "!!set [a]", "!!omap {a: b}", "!other x", "a: !!null x"),
    *(
        "[" * 1_500,
        "{a: " * 1_500,
        "- " * 1_500,
        "1" * 5_000,
        "0x" + "f" * 5_000,
        "1:2:3",
        "1_0",
        ".nan",
        "-.inf",
        "0o9",
    ),
    *(
        "2026-99-99",
        "2026-01-01T99:99:99Z",
        "0000-00-00",
        "\ud800",
        '"\\ud800"',
        '"\\x41',
        "a\t: b",
        "\x85",
        "\u2028",
        BOMB,
    ),
)


def judge(read: Callable[[], object]) -> None:
    began = time.process_time()
    try:
        read()
    except errors.WerkplaatsError as error:
        errors.printable(str(error)).encode()  # else it could not be shown
    assert time.process_time() - began < SLOWEST


@pytest.mark.fuzz
@examples(80)
@given(st.data())
def test_keys_and_statement_that_a_server_shows(data: st.DataObject) -> None:
    text = KEYS.as_read("ggd")
    pem, begins, statement = text.partition("{")
    document = data.draw(odd.texts(data.draw(odd.mutated({"serial": 1, "signature": "A" * 86 + "=="}))))
    statement = data.draw(st.sampled_from([begins + statement, document.decode(errors="replace")]))
    at = len(pem) * data.draw(st.integers(0, 1000)) // 1000
    pem = data.draw(st.sampled_from([pem, pem[:at], pem[:at] + data.draw(st.sampled_from(odd.HOSTILE)) + pem[at:]]))
    judge(lambda: own_keys.asked("proeftuin", "ggd", pem + statement))


@pytest.mark.fuzz
@examples(80)
@given(
    odd.mutated(
        {"network": "proeftuin", "publication": 1, "seen": {"ggd": {}}, "statement_keys": {}, "definition": {}}
    ).flatmap(odd.texts)
)
def test_what_was_accepted_as_a_server_shows_it(text: bytes) -> None:
    said = text.decode(errors="replace")
    judge(lambda: acceptance.load(applied.document(said)))
    judge(lambda: acceptance.remembered(applied.document(said)))


@pytest.mark.parametrize("place", ["{}", "ggd: {}", "network: {}\norganisations:\n  ggd: {}\n", "ggd:\n  port: {}\n"])
@pytest.mark.parametrize("read", [inventory.read, load.read])
def test_a_file_with_an_odd_piece_of_yaml(tmp_path: Path, read: Callable[[Path], object], place: str) -> None:
    path = tmp_path / "odd.yml"
    for piece in (*YAML, *odd.HOSTILE):
        path.write_bytes(place.replace("{}", piece).encode("utf-8", "surrogatepass"))
        judge(lambda: read(path))


def written(data: st.DataObject, sound: str) -> bytes:
    """YAML: a sound document with a value of it replaced, or text put somewhere in it."""
    if data.draw(st.booleans()):
        lines = sound.splitlines(keepends=True)
        at = data.draw(st.integers(0, len(lines) - 1))
        key, colon, _ = lines[at].partition(":")
        odd_one = data.draw(st.sampled_from([*YAML, *odd.HOSTILE]))
        lines[at] = data.draw(st.sampled_from([f"{key}{colon} {odd_one}\n", odd_one, lines[at] * 2, f"{key}\n"]))
        return "".join(lines).encode("utf-8", "surrogatepass")
    tree = data.draw(odd.mutated(yaml.safe_load(sound)))
    return yaml.safe_dump(tree, allow_unicode=data.draw(st.booleans())).encode("utf-8", "surrogatepass")


@pytest.mark.fuzz
@examples(80)
@given(st.data())
def test_an_inventory_of_any_content(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("odd") / "servers.yml"
    path.write_bytes(written(data, yaml.safe_dump(ENTRY)))
    judge(lambda: inventory.read(path))


@pytest.mark.fuzz
@examples(80)
@given(st.data())
def test_a_definition_of_any_content(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("odd") / "network.yml"
    path.write_bytes(written(data, SOUND))
    judge(lambda: load.read(path))


@pytest.mark.fuzz
@examples(80)
@given(st.data())
def test_a_question_of_any_content(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("odd") / "griep-hotspots.yml"
    path.write_bytes(written(data, QUESTION.read_text()))
    began = time.process_time()
    asked, violations = questions.file(path, load.read(HERE / "network.yml"), places.known(places.home()))
    assert asked is not None or violations
    assert all(isinstance(one, Violation) and errors.printable(str(one)).encode() for one in violations)
    assert time.process_time() - began < SLOWEST


@pytest.mark.fuzz
@examples(80)
@given(odd.mutated([0, "printed", ""]).flatmap(odd.texts))
def test_an_answer_over_a_shell_of_any_content(text: bytes) -> None:
    """An EOFError is told as the server's that said it; what else it could be ended the run of all."""
    try:
        code, *outputs = shell._read(text)
    except EOFError as error:
        said = str(error)
    else:
        assert isinstance(code, int)
        said = "".join(ascii(output) for output in outputs)
    assert said.isascii()
