"""A sandbox server: a system container with its own systemd, sshd and container engine."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pulumi
import pulumi_docker as docker

from stacks import labels

CAPABILITIES_ADDED = ("ALL",)
# With SYS_TIME a container sets the clock of the whole machine; without SYS_RESOURCE in its own set the
# machine cannot give it; modules and raw I/O are nobody's business in a server of a network.
CAPABILITIES_DROPPED = ("CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_RESOURCE", "CAP_SYS_TIME")  # as Docker sorts them
SECURITY = ("seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined")  # systemd and an engine inside
TMPFS = {"/run": "mode=755,size=64m", "/run/lock": "size=5m", "/tmp": "mode=1777,size=256m"}  # noqa: S108 - in the server
ENGINE_FOLDER = "/var/lib/docker"  # a volume: overlay2 does not stack on overlay
SEED_FOLDER = "/etc/werkplaats-sandbox"  # host key and authorised key, there before the server boots
ENVIRONMENT = ("container=docker",)
RESTART = "unless-stopped"
STOP_SIGNAL = "SIGRTMIN+3"  # systemd's "halt"
UNIFIED = Path("/sys/fs/cgroup/unified")  # the v2 tree of a host with a hybrid of cgroup v1 and v2


@dataclasses.dataclass(frozen=True)
class Bind:
    """A folder of this machine in a server; `mode` is "ro" or "rw"."""

    source: Path
    target: str
    mode: str


def cgroup_namespace() -> str:
    """The control groups of this machine's v2 tree where it is a hybrid, else those of the server alone."""
    return "host" if UNIFIED.is_dir() else "private"


def binds(seed: Path) -> list[Bind]:
    """What of this machine a server sees."""
    found = [Bind(seed, SEED_FOLDER, "ro")]
    return [*found, Bind(UNIFIED, "/sys/fs/cgroup", "rw")] if UNIFIED.is_dir() else found


@dataclasses.dataclass(frozen=True)
class ServerSpec:
    """One sandbox server.

    `seed` is a folder on this machine with `ssh_host_ed25519_key`, its `.pub` and `authorized_keys`;
    `address` its fixed IPv4 address on the wide-area network; `alias` the name its gateway is known by.
    """

    organisation: str
    address: str
    alias: str
    image: str
    seed: Path


class SandboxServer(pulumi.ComponentResource):
    """The container and the volume of its engine; the rest of its disk is the container's own layer."""

    def __init__(self, spec: ServerSpec, *, stack: str, network: str, wan: docker.Network) -> None:
        super().__init__("werkplaats:servers:SandboxServer", spec.organisation)
        own = pulumi.ResourceOptions(parent=self)
        name = f"{network}.{spec.organisation}"
        described = labels.labels(stack, network, spec.organisation)
        # overlay2 does not stack on overlay: the engine inside needs a real file system of its own.
        engine = docker.Volume(
            f"{spec.organisation}-engine",
            name=f"{name}.engine",
            labels=[docker.VolumeLabelArgs(label=key, value=value) for key, value in described.items()],
            opts=own,
        )
        docker.Container(
            f"{spec.organisation}-server",
            name=name,
            hostname=spec.organisation,
            image=spec.image,
            envs=list(ENVIRONMENT),
            restart=RESTART,
            stop_signal=STOP_SIGNAL,
            destroy_grace_seconds=3,
            must_run=False,  # a server that was switched off is a finding of `status`, not an error of the stack
            capabilities=docker.ContainerCapabilitiesArgs(
                adds=list(CAPABILITIES_ADDED), drops=list(CAPABILITIES_DROPPED)
            ),
            security_opts=list(SECURITY),
            cgroupns_mode=cgroup_namespace(),
            tmpfs=TMPFS,
            volumes=_volumes(spec, engine),
            networks_advanced=[
                docker.ContainerNetworksAdvancedArgs(name=wan.name, ipv4_address=spec.address, aliases=[spec.alias])
            ],
            labels=[docker.ContainerLabelArgs(label=key, value=value) for key, value in described.items()],
            # A newer image is for servers to come: a server that is there is changed by roles, never made anew.
            # Docker never tells `systempaths=unconfined` back, which would look like a change.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["image", "securityOpts"]),
        )
        self.register_outputs({})


def _volumes(spec: ServerSpec, engine: docker.Volume) -> list[docker.ContainerVolumeArgs]:
    return [
        docker.ContainerVolumeArgs(volume_name=engine.name, container_path=ENGINE_FOLDER),
        *(
            # Not named where it is the default: to name it would be a change of servers that are there.
            docker.ContainerVolumeArgs(
                host_path=str(bind.source), container_path=bind.target, read_only=True if bind.mode == "ro" else None
            )
            for bind in binds(spec.seed)
        ),
    ]
