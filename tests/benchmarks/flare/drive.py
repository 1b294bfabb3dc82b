"""NVFlare from nothing to a first joint sum over all sites, as processes on this machine; prints phases as JSON.

`python drive.py FOLDER SITES`, by the Python of a virtual environment that has NVFlare, as the first process of
namespaces of its own: there is no network but loopback, and all that was started ends with this process.
"""

import fcntl
import itertools
import json
import os
import secrets
import socket
import struct
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joint_sum
from nvflare import __version__
from nvflare.fuel.flare_api.flare_api import Session, new_secure_session

PROJECT, SERVER, PORT, ADMIN = "race", "localhost", 8002, "admin@race.example"
LIMIT = 240
"""Seconds that connecting or the job may take, far more than 25 sites need on a small machine."""
SET_FLAGS, UP = 0x8914, 0x1  # SIOCSIFFLAGS and IFF_UP, netdevice(7)


def main(folder: Path, sites: int) -> dict[str, Any]:
    """Version and seconds by phase. Raises AssertionError where the sum is not that of the numbers."""
    loopback()
    numbers = {f"site-{number}": secrets.randbelow(10**6) for number in range(1, sites + 1)}
    definition = defined(folder, list(numbers))
    job = written(folder / "joint-sum", sites)
    times = [time.perf_counter()]
    kits = provisioned(definition, folder)
    for site, number in numbers.items():
        (kits / site / "local" / joint_sum.NUMBER).write_text(str(number))
    times.append(time.perf_counter())
    for name in (SERVER, *numbers):
        start(kits / name)
    # A session asked for before somebody listens, and given up, was once seen to keep the next one waiting for ever.
    wait(listens, "the server")
    session = new_secure_session(ADMIN, str(kits / ADMIN), timeout=LIMIT)
    wait(lambda: {client.name for client in session.get_system_info().client_info} == numbers.keys(), "all sites")
    times.append(time.perf_counter())
    number = session.submit_job(str(job))
    wait((kits / SERVER / number / joint_sum.RESULT).exists, "the sum")
    times.append(time.perf_counter())
    check(session, number, folder / "result", numbers)
    times.append(time.perf_counter())
    *phases, fetched = (after - before for before, after in itertools.pairwise(times))
    names = ("provision", "all connected", "joint sum")
    return {"version": __version__, "phases": dict(zip(names, phases, strict=True)), "result fetched after": fetched}


def loopback() -> None:
    """Bring it up: in a new namespace it is down."""
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh14x", b"lo", UP))


def defined(folder: Path, sites: list[str]) -> Path:
    """NVFlare's own definition, as `nvflare provision --generate` writes it, for these sites."""
    impl = "nvflare.lighter.impl"
    definition = {
        "api_version": 3,
        "name": PROJECT,
        "participants": [
            {"name": SERVER, "type": "server", "org": PROJECT, "fed_learn_port": PORT},
            *({"name": site, "type": "client", "org": PROJECT} for site in sites),
            {"name": ADMIN, "type": "admin", "org": PROJECT, "role": "project_admin"},
        ],
        "builders": [
            {"path": f"{impl}.workspace.WorkspaceBuilder", "args": {"template_file": ["master_template.yml"]}},
            {"path": f"{impl}.static_file.StaticFileBuilder", "args": {"config_folder": "config"}},
            {"path": f"{impl}.cert.CertBuilder"},
            {"path": f"{impl}.signature.SignatureBuilder"},
        ],
    }
    path = folder / "project.yml"
    path.write_text(json.dumps(definition))
    return path


def written(job: Path, sites: int) -> Path:
    """A job of one task for all sites, with NVFlare's own controller and our number and sum."""
    controller = "nvflare.app_common.workflows.broadcast_and_process.BroadcastAndProcess"
    args = {"processor": "sum", "task_name": "contribute", "min_responses_required": sites}
    files = {
        "meta.json": {"name": job.name, "min_clients": sites, "deploy_map": {"app": ["@ALL"]}},
        "app/config/config_fed_server.json": {
            "format_version": 2,
            "workflows": [{"id": "broadcast", "path": controller, "args": args}],
            "components": [{"id": "sum", "path": "joint_sum.Sum", "args": {}}],
        },
        "app/config/config_fed_client.json": {
            "format_version": 2,
            "executors": [{"tasks": ["contribute"], "executor": {"path": "joint_sum.Contribute", "args": {}}}],
        },
    }
    for name, content in files.items():
        (job / name).parent.mkdir(parents=True, exist_ok=True)
        (job / name).write_text(json.dumps(content))
    (job / "app" / "custom").mkdir()
    (job / "app" / "custom" / "joint_sum.py").write_text(Path(joint_sum.__file__).read_text())
    return job


def provisioned(definition: Path, folder: Path) -> Path:
    """The folder with a startup kit for each participant; what the server stores stays in `folder` too."""
    command = ["nvflare", "provision", "--project-file", str(definition), "--workspace", str(folder / "kits")]
    with (folder / "provision.log").open("w") as log:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    kits = folder / "kits" / PROJECT / "prod_00"
    local = kits / SERVER / "local"
    settings = (local / "resources.json.default").read_text()
    (local / "resources.json").write_text(settings.replace("/tmp/nvflare", str(folder / "stored")))
    return kits


def start(kit: Path) -> None:
    """Start one participant by its own script: directly, as it is started in containers."""
    with (kit / "out.log").open("w") as log:
        command = ["bash", str(kit / "startup" / "sub_start.sh"), "--once"]
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def listens() -> bool:
    """Whether the server accepts connections."""
    with socket.socket() as tried:
        return tried.connect_ex((SERVER, PORT)) == 0


def wait(for_it: Callable[[], Any], what: str) -> Any:
    """Ask until the answer is yes, and give it. Raises TimeoutError."""
    ends = time.monotonic() + LIMIT
    while not (answer := for_it()):
        if time.monotonic() > ends:
            raise TimeoutError(f"{what}: not there after {LIMIT} s")
        time.sleep(0.1)
    return answer


def check(session: Session, job: str, folder: Path, numbers: dict[str, int]) -> None:
    """Fetch the result by NVFlare's own way, as its user does, and compare."""
    meta = session.wait_for_job(job, timeout=LIMIT, poll_interval=0.1)
    fetched = Path(session.download_job_result(job, str(folder)))
    found = [json.loads(path.read_text()) for path in fetched.rglob(joint_sum.RESULT)]
    if found != [{"sum": sum(numbers.values()), "sites": sorted(numbers)}]:
        raise AssertionError(f"a wrong sum measures nothing: {found}, the job ended as {meta.get('status')}")


if __name__ == "__main__":
    try:
        print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))), flush=True)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)  # in both ways at once: threads of NVFlare's session would keep this process
