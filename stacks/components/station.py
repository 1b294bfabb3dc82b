"""A station: the agent and the computer, two containers of one image without any network."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pulumi
import pulumi_docker as docker

from stacks import labels, parts


@dataclasses.dataclass(frozen=True)
class StationSpec:
    """One station: where its engine is (an `ssh://` address with options for ssh) and which image it runs."""

    organisation: str
    engine: str
    ssh_options: tuple[str, ...]
    image: str  # image id, "sha256:…": what was reviewed is what runs


class Station(pulumi.ComponentResource):
    """Both containers on the organisation's own engine. Inputs are digest, mounts, limits and labels, nothing else."""

    def __init__(self, spec: StationSpec, *, stack: str, network: str) -> None:
        super().__init__("werkplaats:stations:Station", spec.organisation)
        engine = docker.Provider(
            f"{spec.organisation}-engine",
            host=spec.engine,
            ssh_opts=list(spec.ssh_options),
            opts=pulumi.ResourceOptions(parent=self),
        )
        described = labels.labels(stack, network, spec.organisation)
        for part in parts.PARTS:
            # An engine that cannot limit memory (a server in a container on a hybrid of cgroup v1 and v2) reports no
            # limit, which would look like a change for ever; the limit is given when the container is made.
            options = pulumi.ResourceOptions(parent=self, provider=engine, ignore_changes=["memory", "memorySwap"])
            _container(spec, part, described, options)
        self.register_outputs({})


def _container(
    spec: StationSpec, part: parts.Part, described: dict[str, str], options: pulumi.ResourceOptions
) -> docker.Container:
    return docker.Container(
        f"{spec.organisation}-{part.name}",
        name=f"station-{part.name}",
        image=spec.image,
        command=["python3", "-m", f"station_image.runtime.{part.name}"],
        user=f"{part.user}:{parts.GROUP}",
        network_mode="none",
        read_only=True,
        restart="always",
        init=True,
        memory=part.memory,
        memory_swap=part.memory,
        destroy_grace_seconds=10,
        must_run=False,
        capabilities=docker.ContainerCapabilitiesArgs(drops=["ALL"]),
        security_opts=["no-new-privileges"],
        tmpfs={"/tmp": "mode=1777,size=64m"},  # noqa: S108 - in the container
        log_driver="journald",
        mounts=_mounts(part.mounts),
        labels=[docker.ContainerLabelArgs(label=key, value=value) for key, value in described.items()],
        opts=options,
    )


def _mounts(mounts: Sequence[parts.Mount]) -> list[docker.ContainerMountArgs]:
    return [
        docker.ContainerMountArgs(type="bind", source=mount.source, target=mount.target, read_only=mount.read_only)
        for mount in mounts
    ]
