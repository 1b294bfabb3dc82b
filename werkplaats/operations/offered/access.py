"""Who may log in and as whom: accounts and numbers, sshd and PAM as they say themselves, the shell of the login."""

from __future__ import annotations

from on_server import accounts
from werkplaats.operations.offered import texts
from werkplaats.operations.offered.answer import Facts
from werkplaats.operations.offered.findings import Faults, Part, Row, Severity, Wanted

USUAL_SHELLS = ("/bin/sh", "/bin/bash", "/bin/dash", "/bin/zsh", "/usr/bin/bash", "/usr/bin/zsh", "/usr/bin/sh")
COMMANDS = "/usr/local/bin"
PEOPLE = " and ".join(accounts.PEOPLE)
KEPT_OUT = f"{' or '.join(accounts.PEOPLE)} could not work, and a station is of no use without them"


def _login(facts: Facts, _: Wanted) -> str:
    user = facts.answer.accounts.users.get(facts.answer.login)
    return f"{facts.answer.login}, {user.shell}" if user else facts.answer.login


def _accounts(facts: Facts, wanted: Wanted) -> str:
    if "accounts" in wanted.owners:
        return "a station's are there, as their owner made them"
    return "a station's are there" if facts.answer.accounts.placed else "names and numbers of a station's are free"


def _taken(facts: Facts, wanted: Wanted) -> list[tuple[str, str]]:
    return accounts.faults(facts.answer.accounts.model_dump(), ours="accounts" not in wanted.owners)


def _directory(facts: Facts, _: Wanted) -> str:
    for line in texts.lines(facts.file("/etc/nsswitch.conf")):
        name, _colon, sources = line.partition(":")
        if name == "passwd" and (others := sorted({"sss", "ldap", "winbind", "systemd-homed"} & set(sources.split()))):
            return f"accounts come from a directory as well ({', '.join(others)})"
    return ""


def _odd_shell(facts: Facts, _: Wanted) -> str:
    user = facts.answer.accounts.users.get(facts.answer.login)
    return f"the login has shell {user.shell}" if user and user.shell not in USUAL_SHELLS else ""


def _nobody(facts: Facts, _: Wanted) -> str:
    return "/etc/nologin is there" if facts.marked("/etc/nologin") else ""


def _unfound(facts: Facts, _: Wanted) -> str:
    """Debian's own `secure_path` has that folder; those of guides to hardening leave it out."""
    folders = next((row[5:] for row in facts.said("sudo").splitlines() if row.startswith("PATH=")), "")
    lacking = folders and COMMANDS not in folders.split(":")
    return f"sudo looks for programs in {folders}, and not in {COMMANDS}" if lacking else ""


def _says_nothing(facts: Facts, _: Wanted) -> str:
    said = facts.said("sshd_login")[:200] or "nothing"
    return "" if "port" in facts.sshd else f"`sshd -T` says no settings: {said}"


def _opened(facts: Facts, _: Wanted) -> str:
    return "; ".join(facts.answer.people.opened)


def _passwords(facts: Facts, wanted: Wanted) -> str:
    ways = ("passwordauthentication", "kbdinteractiveauthentication")
    found = [name for name in ways if facts.sshd.get(name) == ["yes"]]
    asked = not facts.answer.accounts.placed and "sshd" not in wanted.owners
    return f"sshd lets people in by password ({', '.join(found)})" if found and asked else ""


def _factors(facts: Facts, wanted: Wanted) -> str:
    methods = facts.sshd.get("authenticationmethods", ["any"])
    return "" if methods == ["any"] or "sshd" in wanted.owners else f"sshd asks for {', '.join(methods)}"


PARTS = (
    Part(
        "accounts",
        _accounts,
        (
            Faults(Severity.STOPS, _taken, "containers and sshd know a station's accounts by these names and numbers"),
            Row(Severity.TELLS, _directory, "a station's own lie in /etc/passwd, whatever the directory says", ""),
        ),
    ),
    Part(
        "login",
        _login,
        (
            Row(
                Severity.STOPS,
                _nobody,
                "nobody but root can log in while it is",
                "remove it once the maintenance is over",
            ),
            Row(Severity.TELLS, _odd_shell, "nothing: what we run is a program, no line of a shell's language", ""),
            Row(
                Severity.TELLS,
                _unfound,
                "who types `sudo station` or `sudo station-cut` is told that there is none; we name programs in full",
                f"type `sudo {COMMANDS}/station`, or add {COMMANDS} and /usr/local/sbin to `secure_path` in sudoers",
            ),
        ),
    ),
    Part(
        "ssh",
        lambda _facts, _wanted: f"sshd lets {PEOPLE} in, once they have keys",
        (
            Row(
                Severity.STOPS,
                _says_nothing,
                "settings that sshd does not take cannot be added to",
                "make `sshd -t` end well first",
            ),
            Faults(Severity.STOPS, lambda facts, _: facts.answer.people.keyed, KEPT_OUT),
            Faults(Severity.DECIDES, lambda facts, _: facts.answer.people.others, f"once they have keys {KEPT_OUT}"),
            Row(
                Severity.DECIDES,
                _passwords,
                "we leave it so: our settings are about steward, scientist and your login, who come in by key",
                "decide whether that is right for a server that holds such data",
            ),
            Row(
                Severity.DECIDES,
                _factors,
                "steward and scientist come in by a key alone, from ranges that you name, for one program",
                "agree to that for these two accounts; for everybody else it stays",
            ),
            Row(
                Severity.TELLS,
                _opened,
                "our drop-in says otherwise for these logins alone; for everybody else it stays",
                "",
            ),
        ),
    ),
)
