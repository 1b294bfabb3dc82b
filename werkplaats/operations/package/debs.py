"""Debian packages for servers without a mirror: what roles install and the suite needs, with all that these need.

The closure is that of a system with nothing in it, so it has also what an older Debian 13 has in older versions; apt
takes of it what is missing. Which versions there are, the mirror's signed index says, as for the images.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from on_server import follow
from station_image.builder import debian, images, packages
from werkplaats.operations import progress
from werkplaats.operations.offered.packages import PACKAGES

INDEX = "Packages"
"""What apt reads of a folder of packages, beside them."""
WANTED: Mapping[str, Sequence[str]] = {
    **{name: [program] for name, program in PACKAGES.items()},
    **{name: [] for name in ("python3-venv", *follow.READS_WITH)},
    "systemd-timesyncd": ["chronyd", "ntpd"],
    "age": ["age"],
    "openssh-client": ["ssh"],
}
"""Package → the programs of which one makes it needless, whoever brought that."""
ALSO = ("prometheus-node-exporter",)
"""In the archive, and installed where it is asked for: its service would tell of the server to who reaches it."""
# In the folder that mmdebstrap has apt work from: what it would fetch, then what the index says of each.
HOOK = """
set -e
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
cd {folder}
apt-get install --print-uris -qq --no-install-recommends {names} >uris
apt-cache show $(sed "s/^'[^']*' \\([^_]*\\)_\\([^_]*\\)_.*/\\1=\\2/; s/%3a/:/" uris) >records
"""


def fetched(say: progress.Say) -> tuple[dict[packages.Package, Path], bytes]:
    """Every package with its file, and the index of them all. Raises DebianError, UnmetError."""
    say(f"asking the mirror for {len(WANTED) + len(ALSO)} packages of Debian 13, and what they need")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "hook").write_text(HOOK.format(folder=folder, names=" ".join(sorted((*WANTED, *ALSO)))))
        debian.bootstrap(
            [
                *("--variant=custom", "--format=null", f"--architectures={packages.ARCHITECTURE}"),
                f"--customize-hook=sh {folder / 'hook'}",
            ],
            Path("-"),
        )
        records = read((folder / "records").read_text())
    try:
        found = packages.fetch(records, images.packages_folder(), say)
    except packages.PackageError as error:
        raise debian.DebianError(f"{error}. Ask the mirror anew") from error
    return found, index(records)


def read(text: str) -> dict[packages.Package, str]:
    """Each package with its record in the index, whose file lies in the same folder as that."""
    found = {}
    for record in text.split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z0-9-]+): (.*)$", record, re.MULTILINE))
        if fields:
            file = fields["Filename"].rpartition("/")[2]
            one = packages.Package("deb", fields["Package"], fields["Version"], fields["SHA256"], file)
            found[one] = re.sub(r"^Filename: .*$", f"Filename: ./{file}", record.strip("\n"), flags=re.MULTILINE)
    return found


def index(records: Mapping[packages.Package, str]) -> bytes:
    """What apt reads of a folder with these packages."""
    return "".join(f"{records[one]}\n\n" for one in sorted(records)).encode()
