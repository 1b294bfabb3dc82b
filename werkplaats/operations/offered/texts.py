"""What programs of a server print, taken apart. Pure; of a line that is not as it should be, nothing is taken."""

from __future__ import annotations

import dataclasses
import fnmatch
import re
from collections.abc import Iterable, Sequence

from base import values


@dataclasses.dataclass(frozen=True)
class Listener:
    """Who listens at a TCP port, and on what address; `program` is "" where the kernel does not say."""

    address: str
    port: int
    program: str

    @property
    def everywhere(self) -> bool:
        """Whether it listens on more than the server itself."""
        return not self.address.startswith(("127.", "[::1]"))


@dataclasses.dataclass(frozen=True)
class Simulated:
    """What apt would install and remove, and why it would do nothing at all."""

    installed: tuple[str, ...]
    removed: tuple[str, ...]
    failed: str


def assigned(text: str) -> dict[str, str]:
    """Lines NAME=value of a file such as /etc/os-release; quotes are taken off."""
    rows = (line.split("=", 1) for line in text.splitlines() if "=" in line and not line.lstrip().startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, value in rows}


def lines(text: str) -> list[str]:
    """Lines that say something: no comments, no empty ones."""
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def json_object(text: str) -> dict[str, object] | None:
    """A JSON object; None of anything else."""
    try:
        found = values.parsed(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def strings(value: object) -> list[str]:
    """The texts of a list in JSON."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def mounts(text: str) -> dict[str, set[str]]:
    """/proc/self/mountinfo: mount point → options (proc(5))."""
    rows = (line.split() for line in text.splitlines())
    return {row[4]: set(row[5].split(",")) for row in rows if len(row) > 6}


def is_below(path: str, folder: str) -> bool:
    """Whether a path lies in a folder, or is it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def units(text: str) -> dict[str, dict[str, str]]:
    """`systemctl show` of several units, by name."""
    blocks = (dict(line.split("=", 1) for line in one.splitlines() if "=" in line) for one in text.split("\n\n"))
    return {block["Id"]: block for block in blocks if "Id" in block}


def sshd(text: str) -> dict[str, list[str]]:
    """`sshd -T`: name → what its lines say; a list such as allowusers has a line for each."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, blank, value = line.partition(" ")
        if blank and re.fullmatch(r"[a-z0-9]+", name):
            found.setdefault(name, []).append(value.strip())
    return found


def listeners(text: str) -> list[Listener]:
    """`ss -Hltnp`."""
    found = []
    for line in text.splitlines():
        columns = line.split()
        at = re.fullmatch(r"(.*):(\d{1,5})", columns[3]) if len(columns) > 4 else None
        if at:
            program = re.search(r'\(\("([^"]{1,64})"', line)
            found.append(Listener(at[1], int(at[2]), program[1] if program else ""))
    return found


def simulated(text: str) -> Simulated:
    """`apt-get --simulate install`."""
    actions = re.findall(r"^(Inst|Remv) (\S+)", text, re.MULTILINE)
    failed = " ".join(line[3:] for line in text.splitlines() if line.startswith("E: "))
    return Simulated(
        tuple(name for action, name in actions if action == "Inst"),
        tuple(name for action, name in actions if action == "Remv"),
        failed,
    )


def candidates(text: str) -> dict[str, str]:
    """`apt-cache policy`: package → candidate, "" for none."""
    found = re.findall(r"^(\S+):\n(?:  Installed: .*\n)  Candidate: (.*)$", text, re.MULTILINE)
    return {name: "" if version == "(none)" else version for name, version in found}


def lets_in(settings: dict[str, list[str]], user: str, groups: Sequence[str]) -> str:
    """The setting by which sshd keeps somebody out, "" for who may come in; in the order of sshd_config(5)."""
    for name, allows, whose in (
        ("denyusers", False, [user]),
        ("allowusers", True, [user]),
        ("denygroups", False, groups),
        ("allowgroups", True, groups),
    ):
        patterns = [one for line in settings.get(name, []) for one in line.split()]
        if patterns and any(_matches(whose, one) for one in patterns) is not allows:
            return f"{name} {' '.join(patterns)}"
    return ""


def _matches(names: Iterable[str], pattern: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern.partition("@")[0]) for name in names)


def kept_out(access: str, user: str, groups: Sequence[str]) -> str:
    """The line of access.conf(5) that keeps somebody out wherever it comes from; "" where none surely does."""
    for line in lines(access):
        fields = [field.strip() for field in line.split(":", 2)]
        if len(fields) == 3 and _named(fields[1].split(), user, groups):
            all_from = fields[2].split()[:1] == ["ALL"] and "EXCEPT" not in fields[2].split()
            return line if fields[0] == "-" and all_from else ""
    return ""


def _named(tokens: Sequence[str], user: str, groups: Sequence[str]) -> bool:
    if "EXCEPT" in tokens:
        at = tokens.index("EXCEPT")
        return _named(tokens[:at], user, groups) and not _named(tokens[at + 1 :], user, groups)
    own = {"ALL", user, *groups, *(f"({group})" for group in groups)}
    return any(token in own for token in tokens)


def included(config: str) -> bool:
    """Whether sshd_config takes Debian's folder of drop-ins for everybody, that is before any `Match`."""
    for line in lines(config):
        word, _, rest = line.replace("=", " ", 1).partition(" ")
        if word.lower() == "match":
            return False
        if word.lower() == "include" and any(_is_folder(one) for one in rest.split()):
            return True
    return False


def _is_folder(pattern: str) -> bool:
    return fnmatch.fnmatchcase("/etc/ssh/sshd_config.d/60-werkplaats.conf", pattern.strip('"'))


def closes(ruleset: str) -> list[str]:
    """The input chains of `nft list ruleset` that drop whatever they do not name: `family table chain`.

    By their policy, or by a rule without a condition, as firewalld ends its own.
    """
    found: list[str] = []
    for chain, lines_ in _chains(ruleset).items():
        hooked = any("hook input" in line for line in lines_)
        if hooked and any("policy drop" in line or _ends(line.split()) for line in lines_):
            found.append(chain)
    return found


def names_port(ruleset: str, port: int) -> bool:
    """Whether any rule names this port to let it in; our own table does not count."""
    return any(_is_about(line, port) and not {"drop", "reject"} & set(line.split()) for line in _rules(ruleset))


def taken_elsewhere(ruleset: str, port: int) -> str:
    """The rule by which what comes for this port goes to another address or port, before anybody listens; or ""."""
    diverted = ("dnat", "redirect", "tproxy")
    return next(
        (line for line in _rules(ruleset) if _is_about(line, port) and any(w in diverted for w in line.split())), ""
    )


def _rules(ruleset: str) -> list[str]:
    """Of all tables but our own."""
    return [line for chain, found in _chains(ruleset).items() if " werkplaats " not in chain for line in found]


def _chains(ruleset: str) -> dict[str, list[str]]:
    """`family table chain` → its lines."""
    found: dict[str, list[str]] = {}
    table = chain = ""
    for line in ruleset.splitlines():
        words = line.split()
        if words[:1] == ["table"] and len(words) >= 3:
            table, chain = f"{words[1]} {words[2]}", ""
        elif words[:1] == ["chain"] and len(words) >= 2:
            chain = f"{table} {words[1]}"
        elif chain and words and words != ["}"]:
            found.setdefault(chain, []).append(line.strip())
    return found


def _ends(words: Sequence[str]) -> bool:
    return [word for word in words if word != "counter"][:1] in (["drop"], ["reject"])


def _is_about(line: str, port: int) -> bool:
    """`tcp dport 8443`, `{ 80, 8000-8999 }`."""
    for group, alone in re.findall(r"\bdport (?:\{([^}]*)\}|([0-9-]+))", line):
        for one in (group or alone).split(","):
            first, _, last = one.strip().partition("-")
            if first.isdecimal() and int(first) <= port <= int(last if last.isdecimal() else first):
                return True
    return False
