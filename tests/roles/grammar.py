"""The fixed grammar of what lies on a server: each file is its template, with values of a closed form and nothing else.

A value's form stands in one table. It holds no quote, brace, blank or line break, so that none of them can come from
a definition, also where the daemon that reads the file would take it.
"""

from __future__ import annotations

import fnmatch
import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path

from on_server import drop_in

ROOT = Path(__file__).resolve().parents[2]
_SLUG = r"[a-z][a-z0-9-]{1,30}"
NETWORK = rf"{_SLUG}(?:\.sandbox)?"
ID = rf"{NETWORK}\.{_SLUG}"
NAME = r"(?=[a-z0-9.-]{1,253}\b)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+"
V4 = r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}"
V6 = r"[0-9a-f:]{2,39}"
PORT = r"[1-9][0-9]{0,4}"
_RATE = r"\. tcp dport limit rate over [0-9]+/second burst [0-9]+ packets \} drop"
_LIMIT = rf"port{PORT}_[0-9]+"
_FROM_V4 = rf"ip saddr \{{ {V4}/[0-9]+(?:, {V4}/[0-9]+)* \}} (?:accept|update @callers4 \{{ ip saddr {_RATE})"
_FROM_V6 = (
    rf"ip6 saddr \{{ {V6}/[0-9]+(?:, {V6}/[0-9]+)* \}} "
    rf"(?:accept|update @callers6 \{{ ip6 saddr & ffff:ffff:ffff:ffff:: {_RATE})"
)
_TOGETHER = "|".join(
    rf'limit name {word} saddr map \{{ {one}/[0-9]+ : "{_LIMIT}"(?:, {one}/[0-9]+ : "{_LIMIT}")* \}} drop'
    for word, one in (("ip", V4), ("ip6", V6))
)
DN = r"CN=[A-Za-z0-9-]+,OU=[a-z0-9.-]+,O=Datawerkplaats,C=NL"
PATH = r"/[a-z./-]+"

# What stands between braces in a template → its form in the file.
VALUES: Mapping[str, str] = {
    "address": rf"(?:{NAME}|{V4}|\[{V6}\]|)",
    "capabilities": r"(?:CAP_NET_BIND_SERVICE)?",
    "dns": NAME,
    "files": r"[0-9]+",
    "folder.group": r"[a-z-]+",
    "folder.mode": r"[0-7]{4}",
    "folder.owner": r"[a-z-]+",
    "folder.path": PATH,
    "groups": r"[A-Z0-9a-z:]+",
    "at_once": r"[0-9]+",
    "alone": r"(?:true|false)",
    "families": r"AF_[A-Z0-9]+(?: AF_[A-Z0-9]+)*",
    "hours": r"[0-9]+",
    "limit": rf"limit {_LIMIT} \{{ rate over [0-9]+/second burst [0-9]+ packets \}}",
    "listen": r"(?:[0-9.]+|\[[0-9a-f:]+\]):[0-9]+",
    "id": ID,
    "in_ten_seconds": r"[0-9]+",
    "inward": r"[0-9]+",
    "issuers": DN,
    "journal_limit": r"[0-9]+[KMG]",
    "library": PATH,
    "login": r"[A-Za-z0-9_.?-]{1,64}",
    "maxconn": r"[0-9]+",
    "module": r"[a-z_.]+",
    "network": NETWORK,
    "old_worker_hours": r"[0-9]+",
    "port": PORT,
    "rule": rf"tcp dport {PORT} (?:counter drop|{_FROM_V4}|{_FROM_V6}|{_TOGETHER})",
    "seconds": r"[0-9]+",
    "settings | tojson(indent=2)": r'\{\n(?:  "[a-z0-9-]+": (?:true|false|"[a-z]+"),?\n)+\}',
    "spread": r"[0-9]+",
    "subject": DN,
    "to": r"(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)+",
}
_PEM = r"-----BEGIN {0}-----\n(?:[A-Za-z0-9+/=]{{1,64}}\n)+-----END {0}-----\n"
_KEY = r"(?:ssh|ecdsa|sk)[a-z0-9@.-]+ [A-Za-z0-9+/=]+(?: [A-Za-z0-9@._+: -]*)?"
_RANGE = rf"(?:{V4}|{V6})/[0-9]+"
COMMAND = 'command="/usr/local/bin/station-account (?:steward|scientist)"'
_COMPILED = "/etc/werkplaats/gateway/compiled"
# Files without a template: path → form.
WRITTEN: Mapping[str, str] = {
    "*/peers/*/names.map": rf"(?:{DN}\|{DN} {ID}\n)+",
    "*/peers/*/ranges": rf"(?:{_RANGE}\n)+",
    "*/peers/*/serial": r"[0-9a-f]{1,40}\n",
    "*/certificate.pem": _PEM.format("CERTIFICATE"),
    "*/ca.pem": _PEM.format("CERTIFICATE"),
    "*/crl.pem": _PEM.format("X509 CRL"),
    "loaded/*/station.pem": _PEM.format("CERTIFICATE") + _PEM.format("PRIVATE KEY"),
    "loaded/peers.map": rf"(?:{DN}\|{DN} {ID}\n)*",
    "loaded/callers.map": rf"(?:{_RANGE} [0-9]+@(?:{_RANGE}|elsewhere)\n)+",
    "loaded/cuts": "",
    "loaded/digest": r"[0-9a-f]{64}",
    "/etc/werkplaats/backup/recipients": r"(?:age1[02-9ac-hj-np-z]{58}\n)+",
    "/etc/werkplaats/backup/settings.json": r'\{\n(?: "[a-z]+": (?:true|false|[0-9]+|"[A-Za-z0-9._/-]+"),?\n)+\}\n',
    "/etc/werkplaats/people/*": rf'(?:restrict,from="{_RANGE}(?:,{_RANGE})*",{COMMAND} {_KEY}\n)+',
}
SECTION = (
    rf"global|defaults|resolvers server|backend callers|backend parts|frontend metrics|frontend mesh\.{NETWORK}|"
    rf"(?:backend from|listen to)\.{ID}"
)
# A line of haproxy.cfg is one of these, whatever file it came from.
HAPROXY = re.compile(rf"(?:{SECTION}|    [a-z#][^\n\r\x00]*|# [^\n\r\x00]*)?")


def faults(files: Mapping[str, str]) -> list[str]:
    """A sentence for every file that is not of its grammar."""
    return [fault for path, text in files.items() if (fault := _fault(path, text))]


def _fault(path: str, text: str) -> str:
    if found := re.match(r"/usr/local/lib/werkplaats(?:-follow)?/", path):
        source = ROOT / path.removeprefix(found[0])
        return "" if source.read_text() == text else f"{path} is not the program of this tree"
    if path.endswith(".json") and "/docker/" not in path:
        return _json(path, text)
    if path == "loaded/haproxy.cfg":
        wrong = [line for line in text.split("\n") if not HAPROXY.fullmatch(line)]
        return f"{path} has the line {wrong[0]!r}" if wrong else ""
    form = _form(path)
    return "" if re.fullmatch(form, text) else f"{path} is not of its grammar: {text!r}"


def _json(path: str, text: str) -> str:
    """JSON holds any text in quotes: only that it is written in one way, in ASCII, is to be seen."""
    tree = json.loads(text)
    ways = (json.dumps(tree, sort_keys=True, indent=indent) + "\n" for indent in (None, 1))
    return "" if text in ways and text.isascii() else f"{path} is not the JSON that we write"


@functools.cache
def _form(path: str) -> str:
    if found := [form for glob, form in WRITTEN.items() if fnmatch.fnmatchcase(path, glob)]:
        return found[0]
    if path.startswith(("/usr/local/bin/", "/usr/local/sbin/")):
        return from_template(ROOT / "roles/baseline/templates/starter.j2")
    if path.startswith(f"{_COMPILED}/networks/"):
        return from_template(ROOT / "roles/tls_mesh/templates" / f"{Path(path).name}.j2")
    if path == "/etc/werkplaats/baseline/sshd.conf":
        return re.escape(drop_in.text("LOGIN")).replace("LOGIN", VALUES["login"])
    [template] = (ROOT / "roles").glob(f"*/templates{path}.j2")
    return from_template(template)


def from_template(template: Path) -> str:
    """The pattern of a template's file; KeyError for a value that the table does not know."""
    text = re.sub(r"^\{% (for|end)[^%]*%\}\n", lambda found: "\0(" if found[1] == "for" else "\0)",
                  template.read_text(), flags=re.MULTILINE)  # fmt: skip
    form = ""
    for piece in re.split(r"(\{\{.*?\}\}|\0[()])", text):
        if piece.startswith("\0"):
            form += {"(": "(?:", ")": ")*"}[piece[1]]
        elif piece.startswith("{{"):
            form += VALUES[piece[2:-2].strip()]
        else:
            assert "{%" not in piece, f"{template}: the grammar knows loops only"
            form += re.escape(piece)
    return form
