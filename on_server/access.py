"""What keeps the station's people out of this server, or gives them more than theirs: as sshd and PAM themselves say.

    people-access    prints a JSON list of sentences about whoever has a key here: none where they get in

The module `server_facts` and `examine` ask the same before anything is placed, of sshd with the settings that it will
have. The accounts may not be there yet then; PAM cannot be asked about them, and its table of access is read instead.
"""

from __future__ import annotations

import contextlib
import fnmatch
import grp
import ipaddress
import json
import os
import pwd
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from . import drop_in  # by no other name: Ansible has both among its own `module_utils`

GROUP = "station-control"
PAM = Path("/etc/pam.d")
SFTP = ("sftp-server", "internal-sftp")  # what `station-account` knows sftp by
USUAL_SESSIONS = 10  # of whom nobody set another number (sshd_config(5))
SECONDS = 30  # a directory may be asked
# sshd starts it ahead of whatever a login asks for, sftp and a forced command too, with the same output (sshd(8)).
BEFORE_ALL = Path("/etc/ssh/sshrc")
BEFORE_ALL_SECONDS = 5
# In a process of its own: modules of PAM are libraries of others. The numbers are those of _pam_types.h.
_ACCOUNT_PHASE = """
import ctypes, sys
PAM_TTY, PAM_RHOST, PAM_SILENT = 3, 4, 0x8000
account, address = (word.encode() for word in sys.argv[1:])
pam, handle = ctypes.CDLL("libpam.so.0"), ctypes.c_void_p()
pam.pam_strerror.restype = ctypes.c_char_p
talk = (ctypes.c_void_p * 2)()
code = pam.pam_start(b"sshd", account, ctypes.byref(talk), ctypes.byref(handle))
if not code:
    pam.pam_set_item(handle, PAM_RHOST, address)
    pam.pam_set_item(handle, PAM_TTY, b"ssh")
    code = pam.pam_acct_mgmt(handle, PAM_SILENT)
print(pam.pam_strerror(handle, code).decode() if code else "")
"""

Settings = Mapping[str, Sequence[str]]
People = Mapping[str, Sequence[str]]  # account → the ranges that it is used from
Fault = tuple[str, str]  # what is so, and what to do about it


class _Caller(NamedTuple):
    """An account as it logs in: from what range, an address of that, and in what groups."""

    account: str
    given: str
    address: str
    groups: Sequence[str]


def settings(account: str, address: str = "127.0.0.1", config: str = drop_in.CONFIG) -> dict[str, list[str]]:
    """What sshd says that an account gets from an address: setting → its values; {} where sshd refuses its files."""
    place = f"user={account},host={address},addr={address},laddr={_own(address)},lport=22"
    words = ["/usr/sbin/sshd", "-T", "-f", config, "-C", place]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return {}
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines() if not done.returncode else ():
        name, _, value = line.partition(" ")
        if value not in found.setdefault(name, []):
            found[name].append(value)
    return found


def faults(people: People, *, ours: bool, login: str) -> list[Fault]:
    """Whatever keeps out people, or gives them more than their one program, once the drop-in is placed.

    `ours`: whether it will be; else sshd is the owner's to set, and one that lies there goes. `login`: whoever uses the
    engine.
    """
    if ours and (why := drop_in.unread()):
        seen, _, remedy = why.partition("; ")
        return [(seen, remedy)]
    with drop_in.in_force(drop_in.text(login) if ours else "") as config:
        # Where it cannot be told what ours will do, it is taken to do what it is for.
        whole = bool(config) or not ours
        found = _few_sessions(login, config or drop_in.CONFIG) if whole else []
        for caller in _callers(people):
            said = settings(caller.account, caller.address, config or drop_in.CONFIG)
            found += _of_account(caller, said, whole=whole, ours=ours)
    return list(dict.fromkeys(found + _ahead_of_sftp(people, login)))


def faults_now(people: People) -> list[Fault]:
    """The same by the settings that sshd has at this moment."""
    found, ours = list[Fault](), Path(drop_in.PATH).exists()
    for caller in _callers(people):
        found += _of_account(caller, settings(caller.account, caller.address), whole=True, ours=ours)
    return list(dict.fromkeys(found + _ahead_of_sftp(people, "root")))


def opened(people: People, login: str) -> list[str]:
    """What its owner set in sshd that is in the way now, of people or of the login, and is not with the drop-in."""
    now = _few_sessions(login, drop_in.CONFIG, USUAL_SESSIONS)
    later = {seen for seen, _ in faults(people, ours=True, login=login)}
    for caller in _callers(people):
        now += _not_allowed(caller, settings(caller.account, caller.address))
    return [seen for seen, _ in dict.fromkeys(now) if seen not in later]


def _ahead_of_sftp(people: People, login: str) -> list[Fault]:
    """What is printed before sftp speaks, which then ends: the script is run once more, as sshd ran it for this login.

    One that takes longer than a moment is not waited for, and nothing is said of it.
    """
    account = "scientist"
    if account not in people or not BEFORE_ALL.exists():
        return []
    try:
        known = pwd.getpwnam(account)
    except KeyError:
        known = pwd.getpwnam(login)  # sshd started it for this one a moment ago
    own = {"USER": account, "LOGNAME": account, "HOME": known.pw_dir, "SHELL": known.pw_shell}
    place = {"SSH_CLIENT": "127.0.0.1 9 22", "SSH_CONNECTION": "127.0.0.1 9 127.0.0.1 22", "PATH": "/usr/bin:/bin"}
    words, groups = ["/bin/sh", str(BEFORE_ALL)], os.getgrouplist(known.pw_name, known.pw_gid)
    with contextlib.suppress(subprocess.TimeoutExpired):
        said = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=BEFORE_ALL_SECONDS,
            check=False,
            cwd="/",
            env={**own, **place},
            user=known.pw_uid,
            group=known.pw_gid,
            extra_groups=groups,
        ).stdout
        if said:
            seen = f"{BEFORE_ALL} prints at each login, which ends sftp: {account} could bring no file"
            return [(seen, "write `exec >&2` as its first line")]
    return []


def _callers(people: People) -> Iterable[_Caller]:
    """One for each range: `Match Address` of an owner may make a difference."""
    for account, ranges in people.items():
        for text in ranges:
            with contextlib.suppress(ValueError):  # what is no range is said elsewhere
                address = str(next(iter(ipaddress.ip_network(text, strict=False).hosts())))
                yield _Caller(account, text, address, _groups(account))


def _few_sessions(login: str, config: str, least: int = drop_in.SESSIONS) -> list[Fault]:
    needs = f"for {login} and needs {drop_in.SESSIONS}"
    said = settings(login, config=config).get("maxsessions", ())  # nothing where sshd refuses its files
    return [(f"sshd has maxsessions {most} {needs}", "set it there") for most in said if int(most) < least]


def _of_account(caller: _Caller, said: Settings, *, whole: bool, ours: bool) -> list[Fault]:
    if not said:
        return [("`sshd -T` fails", "see what it says, and correct the file that it names")]
    account = caller.account
    found = [
        (f"sshd lets {account} in from nowhere: DenyUsers has {entry!r}", "except the account there")
        for entry in said.get("denyusers", ())
        if _is(entry, account, caller.address)
    ]
    found += [
        (f"sshd lets {account} in from nowhere: DenyGroups has {entry!r}", "take the account out of that group")
        for entry in said.get("denygroups", ())
        if _any(entry, caller.groups)
    ]
    if whole:
        found += [*_not_allowed(caller, said), *_more_than_its_program(account, said, ours=ours)]
    if said.get("usepam") == ["yes"]:
        refused = _account_phase(caller)
        found += [(f"PAM does not let {account} in from {caller.given}: {seen}", remedy) for seen, remedy in refused]
    return found


def _not_allowed(caller: _Caller, said: Settings) -> Iterable[Fault]:
    account = caller.account
    users, allowed = said.get("allowusers", ()), said.get("allowgroups", ())
    if users and not any(_is(entry, account, caller.address) for entry in users):
        yield f"sshd has AllowUsers without {account} from {caller.given}", "add it there"
    if allowed and not any(_any(entry, caller.groups) for entry in allowed):
        yield f"sshd has AllowGroups without {account}", f"add {GROUP} there"
    if said.get("pubkeyauthentication", ["yes"]) == ["no"]:
        yield f"sshd takes no keys of {account}", "set PubkeyAuthentication yes for it"
    started = [row.split() for row in said.get("subsystem", ()) if row.startswith("sftp ")]
    if account == "scientist" and not any(Path(row[1]).name in SFTP for row in started):
        yield f"sshd has no `Subsystem sftp internal-sftp` for {account}, who brings files by it", "set it there"


def _more_than_its_program(account: str, said: Settings, *, ours: bool) -> Iterable[Fault]:
    owner_s = "sshd is the owner's here, set it there"
    remedy = "another Match block is about that account, except it there" if ours else owner_s
    wanted = drop_in.wanted(account)
    has = {setting: said.get(setting, ["unset"])[0] for setting in wanted}
    wrong = [one for one in wanted if has[one].replace("%u", account) != wanted[one].replace("%u", account)]
    program, others = "forcecommand", [one for one in wrong if one != "forcecommand"]
    for names in (others, [program] * (program in wrong)):
        if names:
            needs = wanted[program] if names == [program] else _listed_settings(names, wanted)
            yield f"sshd has {_listed_settings(names, has)} for {account} and needs {needs}", remedy


def _listed_settings(names: Sequence[str], values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {values[name]}" for name in names)


def _account_phase(caller: _Caller) -> list[Fault]:
    """Why PAM would end a login after its key was taken; none where it would not."""
    if Path("/etc/nologin").exists():
        return [("/etc/nologin is there, and keeps out everybody but root", "remove it when the work there is done")]
    with contextlib.suppress(KeyError):
        pwd.getpwnam(caller.account)
        said = _asked(caller.account, caller.address)
        remedy = "see /etc/pam.d/sshd, and where it names pam_access /etc/security/access.conf"
        return [(said, remedy)] if said else []
    for table in _tables("sshd"):
        if line := _refusing(table, caller.account, caller.address, caller.groups):
            return [(f"`{line}` in {table}", f"write `+:{caller.account}:{caller.given}` above it")]
    return []


def _asked(account: str, address: str) -> str:
    """The words of PAM's own refusal: the account phase of sshd's service (pam_acct_mgmt(3)); nobody is logged in."""
    words = [sys.executable, "-IS", "-c", _ACCOUNT_PHASE, account, address]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"no answer within {SECONDS} s"
    return done.stdout.strip() or ("" if not done.returncode else f"its modules end with {done.returncode}")


def _tables(service: str) -> Iterable[Path]:
    """The tables of pam_access that a service asks for accounts (pam.conf(5), pam_access(8))."""
    for words in drop_in.lines(str(PAM / service)):
        included = words[0] == "@include" or (words[0] == "account" and words[1:2] in (["include"], ["substack"]))
        if included:
            yield from _tables(words[-1])
        elif words[0].lstrip("-") == "account" and any(Path(word).name == "pam_access.so" for word in words):
            named = [word.partition("=")[2] for word in words if word.startswith("accessfile=")]
            yield Path(named[0] if named else "/etc/security/access.conf")


def _refusing(table: Path, account: str, address: str, groups: Sequence[str]) -> str:
    """The line of a table of pam_access that refuses; "" where none does (access.conf(5): the first that fits)."""
    names = {"ALL", account, *groups, *(f"({group})" for group in groups)}

    def comes(origin: str) -> bool:
        return origin == "ALL" or _from(origin, address)

    for line in table.read_text(errors="replace").splitlines() if table.exists() else ():
        permission, _, rest = line.strip().partition(":")
        users, _, origins = rest.partition(":")
        if permission.strip() not in ("+", "-"):
            continue
        if _listed(users.split(), names.__contains__) and _listed(origins.split(), comes):
            return line.strip() if permission.strip() == "-" else ""
    return ""


def _listed(words: Sequence[str], fits: Callable[[str], bool]) -> bool:
    if "EXCEPT" in words:
        at = words.index("EXCEPT")
        return _listed(words[:at], fits) and not _listed(words[at + 1 :], fits)
    return any(map(fits, words))


def _is(entry: str, account: str, address: str) -> bool:
    """Whether an entry of AllowUsers or DenyUsers, NAME or NAME@HOST, is about this login."""
    name, _, host = entry.partition("@")
    return fnmatch.fnmatchcase(account, name) and (not host or _from(host, address) or fnmatch.fnmatch(address, host))


def _any(pattern: str, groups: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(group, pattern) for group in groups)


def _from(text: str, address: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(text, strict=False)
    except ValueError:
        return text.endswith(".") and address.startswith(text)


def _groups(account: str) -> list[str]:
    """The groups of an account, or those that it will have."""
    try:
        known = pwd.getpwnam(account)
    except KeyError:
        return [account, GROUP]
    return [grp.getgrgid(number).gr_name for number in os.getgrouplist(account, known.pw_gid)]


def _own(address: str) -> str:
    """The address of this server that a caller from there reaches; nothing is sent to find out."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as one:
            one.connect((address, 9))
            return str(one.getsockname()[0])
    except OSError:
        return "::1" if ":" in address else "127.0.0.1"


def placed(folder: Path = Path("/etc/werkplaats/people")) -> dict[str, list[str]]:
    """Who has a key, as the role wrote it: account → the ranges that its keys are used from."""
    texts = {path.name: path.read_text() for path in sorted(folder.glob("*"))}
    found = {account: ",".join(re.findall(r'from="([^"]*)"', text)) for account, text in texts.items()}
    return {account: sorted(set(ranges.split(","))) for account, ranges in found.items()}


def main() -> int:
    """Run the program."""
    if sys.argv[1:]:
        sys.stderr.write(__doc__ or "")
        return 2
    sys.stdout.write(json.dumps([f"{seen}; {remedy}" for seen, remedy in faults_now(placed())]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
