"""What no station container may have, checked on its inputs before anything is made.

A policy pack would need a language host; a resource transform sees the same inputs in our own process.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pulumi

from stacks import parts

CONTAINER = "docker:index/container:Container"
IMAGE_ID = re.compile(r"sha256:[0-9a-f]{64}")
ALLOWED_MOUNTS = frozenset(
    (mount.source, mount.target, mount.read_only) for part in parts.PARTS for mount in part.mounts
)


class PolicyError(Exception):
    """A station container asks for more than a station may have."""


def _mounts_outside(inputs: Mapping[str, Any]) -> bool:
    asked = {(m["source"], m["target"], bool(m.get("readOnly"))) for m in inputs.get("mounts") or ()}
    return not asked <= ALLOWED_MOUNTS


RULES: tuple[tuple[Callable[[Mapping[str, Any]], bool], str], ...] = (
    (lambda i: not IMAGE_ID.fullmatch(i.get("image", "")), "the image must be named by its id (sha256:…), never a tag"),
    (lambda i: bool(i.get("privileged")), "a station is never privileged"),
    (lambda i: bool((i.get("capabilities") or {}).get("adds")), "a station gets no capabilities"),
    (lambda i: "ALL" not in ((i.get("capabilities") or {}).get("drops") or ()), "a station drops all capabilities"),
    (lambda i: i.get("networkMode") != "none", "a station has no network (networkMode: none)"),
    (lambda i: bool(i.get("networksAdvanced")), "a station has no network (networksAdvanced)"),
    (lambda i: bool(i.get("ports")) or bool(i.get("publishAllPorts")), "a station publishes no port"),
    (lambda i: not i.get("readOnly"), "a station's own file system is read-only"),
    (lambda i: "no-new-privileges" not in (i.get("securityOpts") or ()), "a station gains no privileges"),
    (lambda i: bool(i.get("volumes")), "a station mounts folders by `mounts` only"),
    (lambda i: bool(i.get("devices")) or bool(i.get("pidMode")), "a station sees no device and no other process"),
    (_mounts_outside, "a station mounts only the folders of stacks/parts.py"),
    (lambda i: str(i.get("user", "")).split(":")[0] in ("", "0", "root"), "a station does not run as root"),
)


def violations(inputs: Mapping[str, Any]) -> list[str]:
    """All rules that the inputs of one station container break, as sentences. Keys as Pulumi has them (camelCase)."""
    return [sentence for broken, sentence in RULES if broken(inputs)]


def _check(args: pulumi.ResourceTransformArgs) -> None:
    if args.type_ == CONTAINER and (found := violations(args.props)):
        raise PolicyError(f"{args.name}: " + "; ".join(found))


def enforce() -> None:
    """Check every container of the running Pulumi program."""
    pulumi.runtime.register_resource_transform(_check)
