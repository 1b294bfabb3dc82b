"""A station's files under a root of a test, its backups, and a key that opens them."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from pathlib import Path
from typing import Any

from on_server.backup import main, place, taken, written

STATION = "gerda.gelre"
HEAD = {"entries": 2, "digest": "b" * 64, "line": "{}", "keys": []}
LINES = b'{"number": 1}\n{"number": 2}\n'
FILES = {
    taken.REGISTER: LINES,
    taken.HEAD: json.dumps(HEAD).encode(),
    taken.FORMATS: b"{}",
    "var/lib/werkplaats/state/runs.json": b'{"asked": [], "releases": [], "results": []}',
    "var/lib/werkplaats/state/statement.key": b"the statement key",
    "var/lib/werkplaats/state/register.json.new": b"half",
    "var/lib/werkplaats/allowances/gerda~griep.json": b'{"digest": "d"}',
    "var/lib/werkplaats/data/in/gerda/griep/rows.csv": b"age,sex\n40,f\n",
    "var/lib/werkplaats/relayed/gerda/other/metadata/1.root.json": b"{}",
    "etc/werkplaats/identity/key.pem": b"the gateway's key",
    "etc/werkplaats/accepted/gerda.json": b"{}",
    "etc/werkplaats/cut.d/gerda.sensire": b"",
    "etc/werkplaats/people/steward": b"keys",
}


@dataclasses.dataclass
class Station:
    """What lies under `root`; `store` is where its backups go, `key` opens them and lies elsewhere."""

    root: Path
    store: Path
    key: Path

    @classmethod
    def make(cls, folder: Path, **settings: Any) -> Station:
        found = cls(folder / "root", folder / "store", folder / "key")
        for name, content in FILES.items():
            found.put(name, content)
        found.store.mkdir()
        subprocess.run(["age-keygen", "--output", str(found.key)], check=True, capture_output=True)
        public = subprocess.run(["age-keygen", "-y", str(found.key)], check=True, capture_output=True, text=True).stdout
        found.put("etc/werkplaats/backup/recipients", public.encode())
        found.put("var/lib/.kept", b"")
        found.set(**settings)
        return found

    @property
    def places(self) -> main.Places:
        return main.Places(self.root)

    @property
    def settings(self) -> dict[str, Any]:
        return dict(json.loads(self.places.settings.read_bytes()))

    def set(self, **settings: Any) -> None:
        usual = {"to": str(self.store), "station": STATION, "every": 24, "keep": 3, "data": False}
        self.put("etc/werkplaats/backup/settings.json", json.dumps({**usual, **settings}).encode())

    def put(self, name: str, content: bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def backup(self) -> Path:
        return Path(written.write(self.root, self.settings, self.places.recipients)["file"])

    def packed(self, path: Path) -> bytes:
        """What is in a backup, decrypted."""
        command = ["age", "--decrypt", "--identity", str(self.key), str(path)]
        return subprocess.run(command, check=True, capture_output=True).stdout

    def put_back(self, root: Path, path: Path, digest: str = "d") -> dict[str, Any]:
        return place.place(root, digest, self.packed(path), "")
