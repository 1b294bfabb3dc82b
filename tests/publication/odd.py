"""Odd values, odd JSON and odd PEM: what no honest program writes, for tests that generate what others could send.

A document that is to be made odd is a tree of plain values. `mutated` changes some of it, `texts` writes a tree in ways
that JSON allows and in ways that it does not.
"""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import strategies as st

DEEP = 100_000
HOSTILE = (
    *("", " ", "x", ".", "..", "/", "../../etc/passwd", "-rf", "%n", "{{ 7 * 7 }}", "$(id)", "`id`", "é", "e\u0301"),
    *("\x00", "\n", "\r\n", "\t", "\x1b[2J", "\x9b31m", "\u202e", "\u2028", "\u200b", "\ufeff", "\ud800", "\udfff"),
    *("0.0.0.0/0", "::/0", "2001:db8::1%\n}", "1e5", "NaN", "null", "2026-02-30", "9999-12-31", "__proto__", "a" * 70),
    *("a" * 5_000, "\U0010ffff", "sha256:", "mpc/mpyc", "itself", "coordinator", "-----BEGIN CERTIFICATE-----\n"),
)
SCALARS = (
    *(None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**400),
    *(0.5, -0.0, 1e308, 1e-320, float("nan"), float("inf"), float("-inf")),
)
# What cannot be said by a value: how a number or a text is written, and what a writer would never write.
RAW = (
    *("1e400", "-0", "01", "+1", ".5", "1.", "0x10", "1" * 5_000, "1E2", "1.0", "NaN", "-Infinity", "nul", "'x'"),
    *('"\\ud800"', '"\\u0000"', '"\\x41"', '"\n"', '"', "[", "{", "[" * DEEP, '{"a":' * DEEP, "[" * DEEP + "]" * DEEP),
    *("[1,]", '{"a":1,}', "{,}", "/**/1", "//\n1", "undefined", "\x00", "\ufeff1"),
)


class Raw(str):
    """A piece of JSON as it is to be written."""

    __slots__ = ()


def deep(levels: int) -> Any:
    """Lists in lists."""
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


VALUES: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([*HOSTILE, *SCALARS]),
    st.text(max_size=12),
    st.binary(max_size=8).map(lambda raw: base64.b64encode(raw).decode()),
    st.builds(list),
    st.builds(dict),
    st.sampled_from([1, 7, 300]).map(deep),
    st.sampled_from(HOSTILE).map(lambda text: {text: text}),
    st.sampled_from([*HOSTILE, *SCALARS]).map(lambda one: [one] * 3),
    st.sampled_from([50, 5_000]).map(lambda many: list(range(many))),
    st.sampled_from([50, 5_000]).map(lambda many: {f"o{number}": {} for number in range(many)}),
)


@st.composite
def mutated(draw: st.DrawFn, tree: Any, others: st.SearchStrategy[Any] = VALUES) -> Any:
    """A copy of a tree with one to three places replaced, removed, added, renamed, or put where another place is."""
    tree = copy.deepcopy(tree)
    for _ in range(draw(st.integers(1, 3))):
        if not isinstance(tree, dict | list) or draw(st.integers(0, 29)) == 0:
            tree = draw(others)
        elif tree:
            _change(draw, tree, others)
    return tree


def _change(draw: st.DrawFn, tree: Any, others: st.SearchStrategy[Any]) -> None:
    node = tree
    while True:
        at = draw(st.sampled_from(sorted(node, key=repr) if isinstance(node, dict) else range(len(node))))
        if not isinstance(node[at], dict | list) or not node[at] or draw(st.integers(0, 3)) == 0:
            break
        node = node[at]
    match draw(st.sampled_from(["replace", "replace", "spoil", "remove", "add", "rename", "twice"])):
        case "replace":
            node[at] = draw(others)
        case "spoil" if isinstance(node[at], str):
            where = draw(st.integers(0, len(node[at])))
            node[at] = node[at][:where] + draw(st.sampled_from(HOSTILE)) + node[at][where:]
        case "remove":
            del node[at]
        case "add" if isinstance(node, dict):
            node[draw(st.sampled_from(HOSTILE))] = draw(others)
        case "rename" if isinstance(node, dict):
            node[draw(st.sampled_from([*HOSTILE, *node]))] = node.pop(at)
        case _ if isinstance(node, list):
            node.insert(at, copy.deepcopy(node[at]))
        case _:
            node[at] = copy.deepcopy(tree)


@st.composite
def texts(draw: st.DrawFn, tree: Any) -> bytes:
    """A tree as JSON: spaced or escaped, with a key twice, with a piece that is none, in other encodings."""
    raw = draw(st.sampled_from(RAW)) if draw(st.booleans()) else None
    twice = draw(st.booleans())
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (",\n\t", " :\r\n")]))
    places = [at for at in _places(tree) if at]
    chosen = draw(st.sampled_from(places)) if places else ()
    text = _written(tree, chosen, raw, twice=twice, separators=separators, escaped=draw(st.booleans()))
    before, after = draw(
        st.sampled_from([("", ""), ("", "\n"), ("\ufeff", ""), ("", "{}"), ("", "\x00"), (" \t", " ")])
    )
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-16", "utf-32", "latin-1"]))
    return (before + text + after).encode(encoding, "surrogatepass" if encoding != "latin-1" else "replace")


def _places(tree: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at]
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in inner:
        if len(found) > 500 or len(at) > 20:
            break
        found += _places(value, (*at, key))
    return found


def _written(
    tree: Any, chosen: tuple[Any, ...], raw: str | None, *, twice: bool, separators: tuple[str, str], escaped: bool
) -> str:
    def write(value: Any, at: tuple[Any, ...]) -> str:
        if at == chosen and raw is not None:
            return raw
        if chosen[: len(at)] != at:
            return json.dumps(value, separators=separators, ensure_ascii=escaped)
        comma, colon = separators
        if isinstance(value, dict):
            rows = [
                f"{json.dumps(key, ensure_ascii=escaped)}{colon}{write(inner, (*at, key))}"
                for key, inner in value.items()
            ]
            if twice and chosen[: len(at)] == at and len(chosen) == len(at) + 1:
                rows.append(f"{json.dumps(chosen[-1], ensure_ascii=escaped)}{colon}{json.dumps(value[chosen[-1]])}")
            return "{" + comma.join(rows) + "}"
        if isinstance(value, list):
            return "[" + comma.join(write(inner, (*at, number)) for number, inner in enumerate(value)) + "]"
        return json.dumps(value, separators=separators, ensure_ascii=escaped)

    return write(tree, ())


def block(label: str, der: bytes) -> bytes:
    """A PEM block (RFC 7468)."""
    body = base64.b64encode(der)
    lines = b"\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return b"-----BEGIN %s-----\n%s\n-----END %s-----\n" % (label.encode(), lines, label.encode())


LABELS = (
    *("CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CERTIFICATE", "X509 CRL", "PRIVATE KEY", "EC PRIVATE KEY"),
    *(
        "EC PARAMETERS",
        "PUBLIC KEY",
        "PKCS7",
        "CERTIFICATE REQUEST",
        "DH PARAMETERS",
        "",
        "CERTIFICATE-----\n-----BEGIN X",
    ),
)


@st.composite
def pems(draw: st.DrawFn, label: str, der: bytes, spare: Mapping[str, bytes], key: ec.EllipticCurvePrivateKey) -> bytes:
    """The PEM of a signed structure: its DER changed and signed again, blocks beside it, garbage around it.

    `spare`: label → DER of blocks that could be put beside it.
    """
    if draw(st.booleans()):
        der = draw(resigned(der, key))
    whole = block(draw(st.sampled_from([label, label, label, *LABELS])), der)
    around = [*(block(name, content) for name, content in spare.items()), *(block(name, b"") for name in LABELS)]
    around += [
        b"garbage\n",
        b"\x00" * 10,
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"-----BEGIN CERTIFICATE-----\n",
        b"\r\n",
        whole,
    ]
    before, after = (b"".join(draw(st.lists(st.sampled_from(around), max_size=2))) for _ in range(2))
    text = before + whole + after
    match draw(st.sampled_from(["as it is", "as it is", "crlf", "one line", "cut", "headers", "blanks", "lower"])):
        case "crlf":
            return text.replace(b"\n", b"\r\n")
        case "one line":
            return text.replace(b"\n", b"")
        case "cut":
            return text[: len(text) * draw(st.integers(0, 1000)) // 1000]  # a signature's length is not always the same
        case "headers":
            return text.replace(b"-----\n", b"-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n", 1)
        case "blanks":
            return text.replace(b"\n", b" \n\t")
        case "lower":
            return text.lower()
    return text


@st.composite
def resigned(draw: st.DrawFn, der: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """A certificate or list (SEQUENCE of what is signed, algorithm, signature) with bytes changed and signed anew."""
    signed, algorithm, _ = _parts(_inner(der))
    changed = bytearray(signed)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(changed) - 1))
        match draw(st.sampled_from(["bit", "byte", "element", "drop", "repeat"])):
            case "bit":
                changed[at] ^= 1 << draw(st.integers(0, 7))
            case "byte":
                changed[at] = draw(st.integers(0, 255))
            case "element":
                changed = bytearray(_with_element(draw, bytes(changed)))
            case "drop" if len(changed) > 10:
                del changed[at]
            case _:
                changed[at:at] = changed[at : at + 20]
    if draw(st.booleans()):
        changed = bytearray(tlv(0x30, _inner(bytes(changed)) if _is_whole(bytes(changed)) else bytes(changed)))
    return _signed(bytes(changed), algorithm, key)


def replaced(der: bytes, key: ec.EllipticCurvePrivateKey, at: Sequence[int], element: bytes) -> bytes:
    """A certificate or list in which another element stands at a place, signed anew.

    `at`: number of the element in what is signed, then of the one in that, and so on.
    """
    signed, algorithm, _ = _parts(_inner(der))
    return _signed(_replaced(signed, at, element), algorithm, key)


def _replaced(der: bytes, at: Sequence[int], element: bytes) -> bytes:
    if not at:
        return element
    parts = _parts(_inner(der))
    parts[at[0]] = _replaced(parts[at[0]], at[1:], element)
    return tlv(der[0], b"".join(parts))


def _signed(signed: bytes, algorithm: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    signature = key.sign(signed, ec.ECDSA(hashes.SHA256()))
    return tlv(0x30, signed + algorithm + tlv(0x03, b"\x00" + signature))


ELEMENTS = (
    *(b"\x05\x00", b"\x02\x01\x00", b"\x02\x01\x81", b"\x02\x14" + b"\x7f" * 20, b"\x02\x82\x10\x00" + b"\x7f" * 4096),
    *(
        b"\x02\x00",
        b"\x30\x00",
        b"\x31\x00",
        b"\x06\x00",
        b"\x06\x03\x80\x01\x01",
        b"\x30\x80\x00\x00",
        b"\x0c\x01\xff",
    ),
    *(b"\x17\x0d500101000000Z", b"\x18\x0f99991231235959Z", b"\x18\x0f00000101000000Z", b"\x17\x0d269999999999Z"),
    *(
        b"\x13\x03a\x00b",
        b"\x1e\x02\xd8\x00",
        b"\x16\x01\x1b",
        b"\x01\x01\x01",
        b"\xa0\x03\x02\x01\x05",
        b"\x04\x84\xff\xff\xff\xff",
    ),
)


def _with_element(draw: st.DrawFn, der: bytes) -> bytes:
    """One element somewhere inside replaced by another or left out, lengths of what is around it put right."""
    try:
        parts = _parts(_inner(der))
    except IndexError:
        return der
    if not parts:
        return der
    at = draw(st.integers(0, len(parts) - 1))
    if parts[at][0] & 0x20 and len(parts[at]) > 2 and draw(st.integers(0, 3)):
        parts[at] = _with_element(draw, parts[at])
    else:
        parts[at] = draw(st.sampled_from([*ELEMENTS, b"", parts[at] * 2]))
    return tlv(der[0], b"".join(parts))


def _is_whole(der: bytes) -> bool:
    try:
        return bool(_parts(_inner(der)))
    except IndexError:
        return False


def tlv(tag: int, *contents: bytes) -> bytes:
    """An element of DER."""
    content = b"".join(contents)
    size = len(content)
    if size < 128:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _header(der: bytes) -> tuple[int, int]:
    """Length of the header and of the content of the element that begins here; IndexError where there is none."""
    first = der[1]
    if first < 128:
        return 2, first
    count = first & 0x7F
    if count == 0 or len(der) < 2 + count:
        raise IndexError
    return 2 + count, int.from_bytes(der[2 : 2 + count], "big")


def _inner(der: bytes) -> bytes:
    header, size = _header(der)
    return der[header : header + size]


def _parts(content: bytes) -> list[bytes]:
    found = []
    while content:
        header, size = _header(content)
        if header + size > len(content):
            raise IndexError
        found.append(content[: header + size])
        content = content[header + size :]
    return found
