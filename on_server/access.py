"""What keeps the station's people out of this server, by what sshd and PAM themselves answer.

    people-access    prints a JSON list of sentences about whoever has a key here: none where they get in

The module `server_facts` asks the same before anything is placed, when the accounts may not be there yet; then PAM
cannot be asked, and its table of access is read instead.
"""

from __future__ import annotations

import contextlib
import fnmatch
import glob
import grp
import ipaddress
import json
import os
import pwd
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

DROP_IN = "/etc/ssh/sshd_config.d/0-werkplaats.conf"
CONFIG = "/etc/ssh/sshd_config"
COMMAND = "/usr/local/bin/station-account"
GROUP = "station-control"
PAM = Path("/etc/pam.d")
SFTP = ("sftp-server", "internal-sftp")  # what `station-account` knows sftp by
SESSIONS = 64  # whoever uses the engine asks it over one connection, with a session a question
SECONDS = 30  # a directory may be asked
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


def settings(account: str, address: str = "127.0.0.1") -> dict[str, list[str]]:
    """What sshd says that an account gets from an address: setting → its values; {} where sshd refuses its files."""
    place = f"user={account},host={address},addr={address},laddr={_own(address)},lport=22"
    words = ["/usr/sbin/sshd", "-T", "-C", place]
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


def unread(config: str = CONFIG, drop_in: str = DROP_IN) -> str:
    """Why sshd would not read the drop-in for every login; "" where it does (sshd_config(5), Include and Match)."""
    below = ""
    for words in _lines(config):
        keyword, *values = " ".join(words).replace("=", " ", 1).split()
        if keyword.lower() == "match":
            below = "" if [value.lower() for value in values] == ["all"] else " ".join(words)
        for value in values if keyword.lower() == "include" else ():
            pattern = str(Path(drop_in).parents[1] / value)
            if fnmatch.fnmatchcase(drop_in, pattern):
                return below and f"{config} has its Include below `{below}`; move that line to the top of the file"
            if not below and any(not unread(name, drop_in) for name in glob.glob(pattern)):  # noqa: PTH207  absolute
                return ""
    line = f"Include {Path(drop_in).parent}/*.conf"
    return f"{config} does not read {Path(drop_in).parent}; write as its first line `{line}`"


def faults(people: Mapping[str, Sequence[str]], *, ours: bool, login: str = "") -> list[str]:
    """A sentence with its remedy for whatever keeps out people (account → ranges that they come from).

    `ours`: the drop-in is not there yet and will say what our accounts need of sshd. `login`: whoever uses the engine.
    """
    found = [why] if ours and (why := unread()) else []
    if login and not ours:
        most = int(settings(login).get("maxsessions", ["0"])[0])
        if most < SESSIONS:
            found.append(f"sshd has maxsessions {most} for {login} and needs {SESSIONS}; set it there")
    for account, ranges in people.items():
        for text in ranges:
            with contextlib.suppress(ValueError):  # what is no range is said elsewhere
                address = str(next(iter(ipaddress.ip_network(text, strict=False).hosts())))
                found += _kept_out(account, text, address, ours=ours)
    return list(dict.fromkeys(found))


def _kept_out(account: str, given: str, address: str, *, ours: bool) -> list[str]:
    said = settings(account, address)
    if not said:
        return ["`sshd -T` fails; see what it says, and correct the file that it names"]
    groups = _groups(account)
    found = [
        f"sshd lets {account} in from nowhere: DenyUsers has {entry!r}; except the account there"
        for entry in said.get("denyusers", ())
        if _is(entry, account, address)
    ]
    found += [
        f"sshd lets {account} in from nowhere: DenyGroups has {entry!r}; take the account out of that group"
        for entry in said.get("denygroups", ())
        if _any(entry, groups)
    ]
    if not ours:
        found += _not_allowed(account, given, address, said, groups)
    if said.get("usepam") == ["yes"] and (why := _account_phase(account, address, groups)):
        found.append(f"PAM does not let {account} in from {given}: {why}")
    return found


def _not_allowed(account: str, given: str, address: str, said: Settings, groups: Sequence[str]) -> Iterable[str]:
    """What our drop-in says, where somebody else has to."""
    users, allowed = said.get("allowusers", ()), said.get("allowgroups", ())
    if users and not any(_is(entry, account, address) for entry in users):
        yield f"sshd has AllowUsers without {account} from {given}; add it there"
    if allowed and not any(_any(entry, groups) for entry in allowed):
        yield f"sshd has AllowGroups without {account}; add {GROUP} there"
    if said.get("pubkeyauthentication", ["yes"]) == ["no"]:
        yield f"sshd takes no keys of {account}; set PubkeyAuthentication yes for it"
    started = [row.split() for row in said.get("subsystem", ()) if row.startswith("sftp ")]
    if account == "scientist" and not any(Path(row[1]).name in SFTP for row in started):
        yield f"sshd has no `Subsystem sftp internal-sftp` for {account}, who brings files by it; set it there"


def _account_phase(account: str, address: str, groups: Sequence[str]) -> str:
    """Why PAM would end a login after its key was taken; "" where it would not."""
    if Path("/etc/nologin").exists():
        return "/etc/nologin is there, and keeps out everybody but root; remove it when the work on the server is done"
    with contextlib.suppress(KeyError):
        pwd.getpwnam(account)
        said = _asked(account, address)
        return said and f"{said}; see /etc/pam.d/sshd, and where it names pam_access /etc/security/access.conf"
    for table in _tables("sshd"):
        if line := _refusing(table, account, address, groups):
            return f"`{line}` in {table}; write `+:{account}:{address}`, or their range, above it"
    return ""


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
    for words in _lines(str(PAM / service)):
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


def _lines(path: str) -> Iterable[list[str]]:
    """The words of each line that says something."""
    with contextlib.suppress(OSError):
        for line in Path(path).read_text(errors="replace").splitlines():
            with contextlib.suppress(ValueError):  # a quote that nobody closed
                if words := shlex.split(line, comments=True):
                    yield words


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
    sys.stdout.write(json.dumps(faults(placed(), ours=False)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
