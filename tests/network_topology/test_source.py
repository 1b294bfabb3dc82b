import os
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from network_topology import context, load, source
from network_topology.violation import DefinitionError

SOUND = Path(__file__).with_name("sound.yml")
NETWORKS = Path(source.__file__).with_name("networks")


def refusal(path: Path) -> str:
    with pytest.raises(DefinitionError) as caught:
        source.read(path)
    assert len(caught.value.violations) == 1
    return str(caught.value.violations[0])


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    assert "there is no such file; name a network that is defined" in refusal(tmp_path / "network.yml")


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    assert "it is a folder or a device, not a file" in refusal(tmp_path)


def test_a_symbolic_link_is_refused_even_to_a_sound_file(tmp_path: Path) -> None:
    link = tmp_path / "network.yml"
    link.symlink_to(SOUND)
    assert "it is a symbolic link" in refusal(link)


def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "network.yml")
    assert "it is a folder or a device, not a file" in refusal(tmp_path / "network.yml")


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "network.yml"
    path.write_bytes(SOUND.read_bytes() + b"#" * source.LARGEST_FILE)
    assert "the file is larger than 262,144 bytes" in refusal(path)


@pytest.mark.parametrize("unit", ["[", "{", "- ", "a: [", "k: 1\n", "!x 1, ", "&a 1, ", "? ", "'", '"\\x41', "#", "\t"])
def test_a_file_made_to_keep_the_reader_busy_is_refused_at_once(unit: str, tmp_path: Path) -> None:
    path = tmp_path / "network.yml"
    path.write_text("a: [" + unit * (source.LARGEST_FILE // len(unit) - 4))
    before = time.process_time()
    assert load.read_what_can_be(path).violations
    assert time.process_time() - before < 0.5


def test_no_more_violations_are_collected_than_somebody_reads(tmp_path: Path) -> None:
    path = tmp_path / "network.yml"
    path.write_text("title: x\n" * 1000)
    assert len(load.read_what_can_be(path).violations) == source.MOST_VIOLATIONS


@pytest.mark.parametrize("path", [SOUND, context.REGIONS, *sorted(NETWORKS.glob("*/*.yml"))], ids=str)
def test_a_sound_file_means_the_same_to_another_yaml_reader(path: Path) -> None:
    tree, places, violations = source.read(path)
    assert violations == []
    assert _with_lists(tree) == yaml.safe_load(path.read_text("utf-8"))
    assert {*places.values} | {*places.keys} >= _paths(tree)


def test_the_place_of_a_value_is_where_an_editor_shows_it() -> None:
    _, places, _ = source.read(SOUND)
    lines = SOUND.read_text("utf-8").split("\n")
    line, column = places.at(("organisations", "thuiszorg", "gateway", "egress", 0))
    assert lines[line - 1][column - 1 :].startswith("192.0.2.3/32")
    line, column = places.at(("organisations", "thuiszorg"))
    assert lines[line - 1][column - 1 :] == "thuiszorg:"
    assert places.at(("organisations", "thuiszorg", "colour")) == (line, column), "absent: the place of its parent"


_BYTES = SOUND.read_bytes()


@settings(max_examples=300)
@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"a: \xed\xa0\x80")
@example("a: \ufffe".encode())
def test_any_bytes_give_a_definition_or_violations(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yml"
    path.write_bytes(content)
    reading = load.read_what_can_be(path)
    assert reading.definition is not None or reading.violations


@settings(deadline=None, max_examples=300)
@given(
    st.integers(0, len(_BYTES)),
    st.integers(0, 30),
    st.sampled_from(
        [b"", b"!x ", b"&a ", b"*a", b"[", b"]", b"{", b": ", b"- ", b"\n", b"'", b'"', b"\t", b"|", b"---\n", b"7"]
    ),
)
def test_a_sound_file_with_a_piece_replaced_gives_a_definition_or_violations(
    tmp_path_factory: pytest.TempPathFactory, at: int, length: int, piece: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yml"
    path.write_bytes(_BYTES[:at] + piece + _BYTES[at + length :])
    reading = load.read_what_can_be(path)
    assert reading.definition is not None or reading.violations


def _with_lists(value: object) -> object:
    if isinstance(value, dict):
        return {key: _with_lists(one) for key, one in value.items()}
    return [_with_lists(one) for one in value] if isinstance(value, tuple) else value


def _paths(value: object, at: source.Keys = ()) -> set[source.Keys]:
    if isinstance(value, dict):
        return {(*at, key) for key in value}.union(*(_paths(one, (*at, key)) for key, one in value.items()))
    if isinstance(value, tuple):
        return set().union(*(_paths(one, (*at, number)) for number, one in enumerate(value)))
    return {at}
