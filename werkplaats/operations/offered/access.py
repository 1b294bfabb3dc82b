"""Who may log in and as whom: accounts and numbers, sshd as it says itself, PAM, umask, the shell of the login."""

from __future__ import annotations

from collections.abc import Callable

from station_image.runtime.base import contract
from werkplaats.operations.offered import texts
from werkplaats.operations.offered.answer import Facts
from werkplaats.operations.offered.findings import Part, Row, Severity, Wanted, listed

PEOPLE = (contract.STEWARD, contract.SCIENTIST)
PEOPLES_GROUP, GATEWAY, OURS = contract.CONTROL_GROUP, contract.GATEWAY_USER, contract.ETC
NUMBERS = {contract.AGENT_UID: contract.AGENT_USER, contract.COMPUTER_UID: contract.COMPUTER_USER}
ABOUT = " of the datastation"  # how the comment of each account of ours ends
OUR_FILE = "60-werkplaats.conf"
OPEN = {  # what our file says otherwise
    "passwordauthentication": "yes",
    "kbdinteractiveauthentication": "yes",
    "challengeresponseauthentication": "yes",
    "permitrootlogin": "yes",
}
SESSIONS = 64
USUAL_SHELLS = ("/bin/sh", "/bin/bash", "/bin/dash", "/bin/zsh", "/usr/bin/bash", "/usr/bin/zsh", "/usr/bin/sh")


def _login(facts: Facts, _: Wanted) -> str:
    login = facts.answer.login
    user = facts.answer.accounts.users.get(login)
    return f"{login}, {user.shell}" if user else login


def _taken(facts: Facts, _: Wanted) -> str:
    if facts.marked(OURS):
        return ""
    known = facts.answer.accounts
    # A station that was taken off its server leaves its accounts there: files of its owner's belong to them.
    left = {name for name, user in known.users.items() if user.about.endswith(ABOUT)}
    groups_left = {contract.GROUP, PEOPLES_GROUP} if left else set()
    names = [name for name in (*NUMBERS.values(), GATEWAY, *PEOPLE) if name in known.users and name not in left]
    groups = [
        one for one in (contract.GROUP, PEOPLES_GROUP) if one in known.groups and one not in {*names, *groups_left}
    ]
    found = [f"user {name}" for name in names] + [f"group {name}" for name in groups]
    taken = {number: known.uids.get(str(number), "") for number in NUMBERS}
    found += [f"uid {number} ({name})" for number, name in taken.items() if name and name not in left]
    gid = known.gids.get(str(contract.GROUP_ID), "")
    gid = "" if gid in groups_left else gid
    found += [f"gid {contract.GROUP_ID} ({gid})"] if gid else []
    return f"there are already: {listed(found)}" if found else ""


def _shut(facts: Facts, _: Wanted) -> str:
    users = facts.answer.accounts.users
    shut = [name for name in PEOPLE if name in users and not users[name].shell.endswith("sh")]
    return f"the shell of {' and '.join(shut)} is {users[shut[0]].shell}" if shut and facts.marked(OURS) else ""


def _directory(facts: Facts, _: Wanted) -> str:
    for line in texts.lines(facts.file("/etc/nsswitch.conf")):
        name, _colon, sources = line.partition(":")
        if name == "passwd" and (others := sorted({"sss", "ldap", "winbind", "systemd-homed"} & set(sources.split()))):
            return f"accounts come from a directory as well ({', '.join(others)})"
    return ""


def _odd_shell(facts: Facts, _: Wanted) -> str:
    user = facts.answer.accounts.users.get(facts.answer.login)
    return f"the login has shell {user.shell}" if user and user.shell not in USUAL_SHELLS else ""


def _umask(facts: Facts, _: Wanted) -> str:
    return f"programs of root have umask {facts.umask:03o}" if facts.umask not in (None, 0o022, 0o002) else ""


def _nobody(facts: Facts, _: Wanted) -> str:
    return "/etc/nologin is there" if facts.marked("/etc/nologin") else ""


def _says_nothing(facts: Facts, _: Wanted) -> str:
    return "" if "port" in facts.sshd() else f"`sshd -T` says no settings: {facts.said('sshd')[:200] or 'nothing'}"


def _groups_of(account: str) -> list[str]:
    return [account, PEOPLES_GROUP]


def _for_people(found: Callable[[Facts, str], str], severity: Severity, why: str, remedy: str) -> Row:
    def look(facts: Facts, _: Wanted) -> str:
        said: dict[str, list[str]] = {}
        for account in PEOPLE:
            said.setdefault(found(facts, account), []).append(account)
        return "; ".join(f"{text} ({' and '.join(accounts)})" for text, accounts in said.items() if text)

    return Row(severity, look, why, remedy)


def _listed_out(facts: Facts, account: str) -> str:
    rule = texts.lets_in(facts.sshd(account), account, _groups_of(account))
    return f"sshd keeps people out by `{rule}`" if rule else ""


def _pam_out(facts: Facts, account: str) -> str:
    used = [*texts.lines(facts.file("/etc/pam.d/sshd")), *texts.lines(facts.file("/etc/pam.d/common-account"))]
    if not any("pam_access.so" in line for line in used) or facts.sshd().get("usepam") != ["yes"]:
        return ""
    line = texts.kept_out(facts.file("/etc/security/access.conf"), account, _groups_of(account))
    return f"pam_access keeps people out by `{line}`" if line else ""


def _not_included(facts: Facts, _: Wanted) -> str:
    config = facts.file("/etc/ssh/sshd_config")
    return "" if not config or texts.included(config) else "/etc/ssh/sshd_config takes no /etc/ssh/sshd_config.d/*.conf"


def _passwords(facts: Facts, _: Wanted) -> str:
    settings = facts.sshd(facts.answer.login) or facts.sshd()
    ways = [
        name for name in ("passwordauthentication", "kbdinteractiveauthentication") if settings.get(name) == ["yes"]
    ]
    return f"sshd lets people in by password ({', '.join(ways)})" if ways and not facts.marked(OURS) else ""


def _factors(facts: Facts, _: Wanted) -> str:
    methods = (facts.sshd(facts.answer.login) or facts.sshd()).get("authenticationmethods", ["any"])
    return "" if methods == ["any"] else f"sshd asks for {', '.join(methods)}"


def _sftp_off(facts: Facts, _: Wanted) -> str:
    settings = facts.sshd(contract.SCIENTIST) or facts.sshd()
    off = "port" in settings and not any(line.startswith("sftp ") for line in settings.get("subsystem", []))
    return "sshd has no sftp (`Subsystem sftp`)" if off else ""


def _before_ours(facts: Facts) -> list[tuple[str, str, str]]:
    """File, setting and value of what an owner says before us: the first value counts (sshd_config(5))."""
    found = []
    for path, text in sorted(facts.answer.files.items()):
        if path.startswith("/etc/ssh/sshd_config.d/") and path.rpartition("/")[2] < OUR_FILE:
            rows = [line.replace("=", " ", 1).split(None, 1) for line in texts.lines(text)]
            found += [(path, row[0].lower(), row[1].strip()) for row in rows if len(row) == 2]
    return found


def _earlier(facts: Facts, _: Wanted) -> str:
    found = [f"{path} ({name} {value})" for path, name, value in _before_ours(facts) if OPEN.get(name) == value]
    return f"settings of yours come before ours: {listed(found)}" if found else ""


def _few_sessions(facts: Facts, _: Wanted) -> str:
    said = [(path, value) for path, name, value in _before_ours(facts) if name == "maxsessions" and value.isdecimal()]
    found = [f"{path} (MaxSessions {value})" for path, value in said[:1] if len(value) < 5 and int(value) < SESSIONS]
    return f"few sessions over one connection: {listed(found)}" if found else ""


PARTS = (
    Part(
        "accounts",
        lambda facts, _: "a station's are there" if facts.marked(OURS) else "names and numbers of a station's are free",
        (
            Row(
                Severity.STOPS,
                _taken,
                "that account is somebody else's, and containers know a station's by these numbers",
                "give it another name or number, or offer a server without it",
            ),
            Row(
                Severity.DECIDES,
                _shut,
                "sshd starts the one program of these accounts by their shell: they cannot come in",
                "leave /bin/sh to both; no key gives more than that one program",
            ),
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
                _umask,
                "files that this login makes are closed to others; a station's have modes of their own",
                "",
            ),
        ),
    ),
    Part(
        "ssh",
        lambda _facts, _wanted: f"sshd lets {' and '.join(PEOPLE)} in, once they have keys",
        (
            Row(
                Severity.STOPS,
                _says_nothing,
                "settings that sshd does not take cannot be added to",
                "make `sshd -t` end well first",
            ),
            _for_people(
                _listed_out,
                Severity.DECIDES,
                "steward or scientist cannot log in, and a station is of no use without them",
                f"add {' and '.join(PEOPLE)} to AllowUsers, or group {PEOPLES_GROUP} to AllowGroups, and deny neither",
            ),
            _for_people(
                _pam_out,
                Severity.DECIDES,
                "steward or scientist cannot log in, and a station is of no use without them",
                f"put `+:({PEOPLES_GROUP}):ALL` before that line of /etc/security/access.conf",
            ),
            Row(
                Severity.DECIDES,
                _not_included,
                "the settings of steward and scientist would have no effect",
                "add `Include /etc/ssh/sshd_config.d/*.conf` as its first line, as Debian has it",
            ),
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
                Severity.DECIDES,
                _sftp_off,
                "the scientist brings data by sftp, and could bring none",
                "add `Subsystem sftp internal-sftp`, for all or in a `Match User scientist`",
            ),
            Row(
                Severity.DECIDES,
                _earlier,
                "sshd takes the first value that it reads: yours would hold, and `verify` would name it",
                "take those lines out, or have them in a file with a later name",
            ),
            Row(
                Severity.DECIDES,
                _few_sessions,
                "the engine is asked over your login's connection, with a session for each question",
                f"allow {SESSIONS}, in a `Match User` of your login where that is enough",
            ),
        ),
    ),
)
