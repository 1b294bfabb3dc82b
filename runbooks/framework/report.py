"""The record of an incident for people: as Markdown, as PDF, signed by who was at work."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from base import errors, files
from runbooks.framework import seen
from runbooks.framework.record import ENDED, Entry, Record

NAMESPACE = "incident@werkplaats"
"""Of the signature: one for this counts for nothing else (ssh-keygen(1), -n)."""
SENTENCES = {
    "began": "{who} began this record: {incident} of {subject}, in {network}",
    "runs": "{who} runs it, because: {reason}. Seen before: {evidence}",
    "already": "{step}: was so already",
    "begins": "{step}: begins: {words}",
    "waits": "{step}: waits for people: {words}",
    "decides": "{step}: {who} was asked: {question}. Yes: {yes}",
    "done": "{step}: is done",
    "failed": "{step}: failed: {why}",
    "not over": "every step is taken, and it is not over: {evidence}",
    "goes back": "{who} takes it back, because: {reason}",
    "returns": "{step}: is being taken back",
    "returned": "{step}: is taken back",
    "stays": "{step}: stays: {why}",
    ENDED: "ended: {outcome}",
}


def row(told: Record) -> dict[str, Any]:
    """A record in a list."""
    state = "goes on" if told.is_open else told.entries[-1].told["outcome"]
    names = ("incident", "subject", "network")
    return {"id": told.id, **{name: told.begun[name] for name in names}, "began": told.entries[0].at, "state": state}


def document(told: Record, signed: str) -> dict[str, Any]:
    """All of it, as `--json` shows it."""
    lines = [{"number": one.number, "at": one.at, "kind": one.kind, "told": one.told} for one in told.entries]
    return {**row(told), "head": told.head, "signed": signed, "lines": lines}


def sentence(entry: Entry) -> str:
    """A line in words."""
    form = SENTENCES.get(entry.kind, entry.kind)
    given = {name: _words(one) for name, one in entry.told.items()}
    return form.format_map(_Blank(given))


class _Blank(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "?"


def _words(one: Any) -> str:
    if isinstance(one, bool):
        return "yes" if one else "no"
    return "; ".join(map(str, one)) or "nothing" if isinstance(one, list) else str(one)


def _lines(told: Record, signed: str) -> Iterator[tuple[str, str]]:
    """Kind (title, fact, step) and text of each line of a report."""
    yield "title", f"{told.begun['incident']} of {told.begun['subject']}, {told.begun['network']}"
    yield "fact", f"Record {told.id}, {len(told.entries)} lines, each with the digest of the one before it."
    yield "fact", f"Head: {told.head}"
    yield "fact", signed or "Not signed: only that no line was altered after the others is known."
    yield from (("step", f"{one.at} {sentence(one)}") for one in told.entries)


def markdown(told: Record, signed: str) -> str:
    """As Markdown."""
    begins = {"title": "# ", "fact": "", "step": "1. "}
    found = [f"{begins[kind]}{plain(text)}" for kind, text in _lines(told, signed)]
    facts = [line for line in found if not line.startswith("1. ")]
    return "\n\n".join(facts) + "\n\n" + "\n".join(line for line in found if line.startswith("1. ")) + "\n"


def plain(text: str) -> str:
    """Without what Markdown would make something of."""
    return "".join(f"\\{one}" if one in "\\`*_[]<>|" else one for one in text)


def pdf(told: Record, signed: str) -> bytes:
    """As PDF. Raises UsageError where what writes it is not installed."""
    try:
        import fpdf  # here: who writes no PDF waits for no library, and need not have it
    except ImportError as error:
        raise errors.UsageError("nothing that writes PDF is installed", "make pdf, or leave --pdf out") from error
    paper = fpdf.FPDF()
    paper.set_title(told.id)
    paper.add_page()
    for kind, text in _lines(told, signed):
        paper.set_font("Helvetica", style="B" if kind == "title" else "", size=14 if kind == "title" else 9)
        written = text.replace("→", "->").encode("latin-1", "replace").decode("latin-1")
        paper.multi_cell(0, 8 if kind == "title" else 5, written, new_x="LMARGIN", new_y="NEXT")
        paper.ln(1)
    return bytes(paper.output())


def sign(told: Record, key: Path) -> None:
    """Sign the head with a key of ssh: a private one, or the public half of one in the agent. Raises RefusedError."""
    done = _keygen(["-Y", "sign", "-n", NAMESPACE, "-f", str(key)], told.head.encode())
    if done.returncode or not done.stdout:
        raise errors.RefusedError(
            f"ssh-keygen does not sign with {key}: {done.stderr.decode(errors='replace').strip()}"
        )
    files.write_atomically(_beside(told), done.stdout, mode=0o600)


def signed(told: Record, allowed: Path | None = None) -> str:
    """Who signed the head of a record, as ssh-keygen tells it; "" where nobody did. Raises RefusedError.

    Without `allowed`, a file of allowed signers, it is known which key signed, and not whose that is. With it, a record
    that none of them signed is refused, and one that nobody signed too.
    """
    path = _beside(told)
    if not path.exists():
        if allowed:
            raise errors.RefusedError(f"{told.id} is not signed, so by nobody whom {allowed} names")
        return ""
    if allowed:
        return _verified(told, path, allowed)
    done = _keygen(["-Y", "check-novalidate", "-n", NAMESPACE, "-s", str(path)], told.head.encode())
    if done.returncode:
        raise _of_another(path)
    return f"{_said(done)}. Whose key that is was not looked at: --allowed-signers"


def _verified(told: Record, path: Path, allowed: Path) -> str:
    """The same, by one of those who are named in a file."""
    named = _keygen(["-Y", "find-principals", "-s", str(path), "-f", str(allowed)], b"")
    who = next(iter(named.stdout.decode(errors="replace").splitlines()), "")
    if named.returncode or not who:
        raise errors.RefusedError(
            f"{path}: nobody whom {allowed} names has the key that signed it",
            "ask who signed it, and by which key",
        )
    words = ["-Y", "verify", "-n", NAMESPACE, "-I", who, "-f", str(allowed), "-s", str(path)]
    done = _keygen(words, told.head.encode())
    if done.returncode:
        raise _of_another(path)
    return _said(done)


def _of_another(path: Path) -> errors.RefusedError:
    return errors.RefusedError(
        f"{path}: the signature is of another record than this one",
        "it was written to since, or altered: sign it again once you know which",
    )


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    return seen.text(done.stdout.decode(errors="replace"))


def _beside(told: Record) -> Path:
    return told.path.with_suffix(".sig")


def _keygen(words: list[str], said: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["ssh-keygen", *words], input=said, capture_output=True, check=False)
