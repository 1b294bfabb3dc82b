"""Who may log in on a server as steward or scientist: keys with a forced command, from the organisation's own range."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

ACCOUNTS = ("steward", "scientist")
FOLDER = "/etc/werkplaats/people"
COMMENT = re.compile(r"[A-Za-z0-9@._+: -]{0,100}")
# What follows the name of the type in the key itself (RFC 4253, 5656, 8709; PROTOCOL.u2f): a length in bytes, a fixed
# text, or None for anything.
FIELDS: Mapping[str, tuple[int | bytes | None, ...]] = {
    "ssh-ed25519": (32,),
    "ecdsa-sha2-nistp256": (b"nistp256", 65),
    "sk-ssh-ed25519@openssh.com": (32, b"ssh:"),
    "sk-ecdsa-sha2-nistp256@openssh.com": (b"nistp256", 65, b"ssh:"),
    "ssh-rsa": (None, None),
}
RSA_BITS = 3072


def people_faults(people: Any) -> list[str]:
    """Return a sentence with its remedy for everything that keeps these people from being let in safely."""
    if not isinstance(people, Mapping):
        return ["people: give accounts with `keys` and `from`"]
    found = [f"people: {str(name)[:40]!r} is none of {', '.join(ACCOUNTS)}" for name in people if name not in ACCOUNTS]
    for account in ACCOUNTS:
        given = people.get(account)
        if given is not None:
            found += [f"people: {account}: {line}" for line in _account_faults(given)]
    return found


def people_files(people: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return a file of keys for each account that somebody may use; unsafe people are an AnsibleFilterError."""
    if faults := people_faults(people):
        raise AnsibleFilterError("; ".join(faults))
    files = []
    for account in ACCOUNTS:
        given = people.get(account) or {}
        ranges = ",".join(str(ipaddress.ip_network(text)) for text in given.get("from") or ())
        options = f'restrict,from="{ranges}",command="/usr/local/bin/station-account {account}"'
        lines = [f"{options} {key.rstrip(' ')}\n" for key in given.get("keys") or ()]
        if lines:
            files.append({"path": f"{FOLDER}/{account}", "content": "".join(lines), "mode": "0644"})
    return files


def _account_faults(given: Any) -> list[str]:
    if not isinstance(given, Mapping) or not set(given) <= {"keys", "from"}:
        return ["give `keys` (lines of public keys) and `from` (ranges of addresses), and nothing else"]
    keys, ranges = given.get("keys") or [], given.get("from") or []
    if not isinstance(keys, list) or not isinstance(ranges, list):
        return ["`keys` and `from` are lists"]
    found = [f"key {number}: {fault}" for number, key in enumerate(keys, 1) if (fault := _key_fault(key))]
    found += [fault for text in ranges if (fault := _range_fault(text))]
    if keys and not ranges:
        found.append("reachable from the organisation's own range only; give that range under `from`")
    return found


def _key_fault(line: Any) -> str:
    """Why one line is no public key that may log in; empty where it is one."""
    if not isinstance(line, str):
        return "not a text; give the line of the .pub file"
    kind, _, rest = line.partition(" ")
    body, _, comment = rest.partition(" ")
    if kind not in FIELDS:
        return f"its type is none of {', '.join(FIELDS)}; make one with `ssh-keygen -t ed25519`"
    if not COMMENT.fullmatch(comment):
        return "its comment has other characters than letters, digits and @._+:-; shorten it to a name"
    try:
        fields = _fields(base64.b64decode(body, validate=True))
    except (binascii.Error, ValueError):
        return "it is damaged; copy the whole line of the .pub file"
    if not fields or fields[0] != kind.encode() or len(fields) != len(FIELDS[kind]) + 1:
        return "it is not a key of the type that it begins with; copy the whole line of the .pub file"
    for field, wanted in zip(fields[1:], FIELDS[kind], strict=True):
        if wanted is not None and (len(field) if isinstance(wanted, int) else field) != wanted:
            return "it is not a key of the type that it begins with; copy the whole line of the .pub file"
    if kind == "ssh-rsa" and int.from_bytes(fields[2], "big").bit_length() < RSA_BITS:
        return f"an RSA key of less than {RSA_BITS} bits; make one with `ssh-keygen -t ed25519`"
    return ""


def _fields(blob: bytes) -> list[bytes]:
    """The texts of a key, each after its length in four bytes (RFC 4251, section 5). Raises ValueError."""
    found = []
    while blob:
        length = int.from_bytes(blob[:4], "big")
        if len(blob) < 4 + length:
            raise ValueError("cut off")
        found.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    return found


def _range_fault(text: Any) -> str:
    try:
        found = ipaddress.ip_network(text) if isinstance(text, str) else None
    except ValueError:
        found = None
    # A scope after % may hold any character, also a quote.
    if found is None or "%" in text:
        return f"{str(text)[:50]!r} is no range of addresses such as 192.0.2.0/24"
    if found.prefixlen == 0:
        return f"{found} is everybody; give the organisation's own range"
    return ""


class FilterModule:
    """Makes the filters known to Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"people_faults": people_faults, "people_files": people_files}
