"""What can stop an upgrade: a closed list of codes, each with what people do about it."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import pydantic

LONGEST = 600
"""Characters of what a failure says: servers and engines wrote parts of it."""


class Code(enum.StrEnum):
    """Why an upgrade is not begun, or pauses."""

    UNREACHABLE = "unreachable"
    """A server of this operator does not answer."""
    NOT_ACCEPTED = "not-accepted"
    """What the operator said yes to on a server does not name the release."""
    JUMP = "jump"
    """The release may not take the place of the one that a station runs."""
    IMAGE = "image"
    """The image of the release is not on this machine, or is another than its release says."""
    SPACE = "space"
    """A disk is too full for the image."""
    CLOCK = "clock"
    """A server's clock is off."""
    CERTIFICATE = "certificate"
    """A certificate or revocation list ends soon."""
    HEALTH = "health"
    """A station is not well."""
    DRAIN = "drain"
    """A station goes on beginning sessions, though it was told not to."""
    BUSY = "busy"
    """A session went on for longer than was waited."""
    LOAD = "load"
    """An engine did not take the image."""
    FORMAT = "format"
    """What a station keeps was not brought to the format of the release."""
    STILL = "still"
    """A station's agent stands still, for something may yet write what it keeps."""
    REPLACE = "replace"
    """An engine did not make the containers."""
    START = "start"
    """A station does not answer after its containers were made."""
    PACKAGES = "packages"
    """A server did not take a package, or something of it did not come up."""
    FAILED = "failed"
    """Something else failed: on the machine that upgrades, or of what it goes by."""
    CANARY = "canary"
    """A session over all stations failed after some of them had moved."""
    WINDOW = "window"
    """The window closed for which its operator said yes beforehand."""


REMEDIES: Mapping[Code, str] = {
    Code.UNREACHABLE: "see to it that the server answers, or limit the upgrade with --only",
    Code.NOT_ACCEPTED: "its operator runs werkplaats accept {network}, once the definition that names it is published",
    Code.JUMP: "upgrade to a release in between first",
    Code.IMAGE: "build it with werkplaats release build, or bring the folder of its image",
    Code.SPACE: "make room on the server: docker image prune removes images that no container has",
    Code.CLOCK: "set the server's clock: timedatectl tells of what keeps it",
    Code.CERTIFICATE: "have it renewed: werkplaats trust publish {network}, then werkplaats up {network}",
    Code.HEALTH: "werkplaats status {network} and werkplaats verify {network} tell what is wrong; mend that first",
    Code.DRAIN: "see what it says; a station of a release that cannot drain is replaced by werkplaats up",
    Code.BUSY: "wait until the session has ended, or give --drain-seconds",
    Code.LOAD: "see what the engine says, mend that",
    Code.FORMAT: "nothing was lost: its files are as they were; see what it says",
    Code.STILL: "have the server and its engine answer; resume ends what may write there, and has the agent work again",
    Code.REPLACE: "see what the engine says, mend that",
    Code.START: "see docker logs station-agent on its server",
    Code.PACKAGES: "see what it says, mend that; what did not come up was put back where there is a way back",
    Code.FAILED: "see what it says, mend that; nothing is lost by it",
    Code.CANARY: "see what its reason says",
    Code.WINDOW: "werkplaats upgrade due {network} goes on in the next one, werkplaats upgrade resume {network} now",
}
"""What is done about each; {network} is filled in."""


class Failure(pydantic.BaseModel):
    """What stopped an upgrade, and where; `organisation` is "" where it is the network's."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)

    code: Code
    organisation: str
    text: str

    @classmethod
    def of(cls, code: Code, organisation: str, text: str) -> Failure:
        """One with its text on one line, and no longer than is read."""
        return cls(code=code, organisation=organisation, text=" ".join(text.split())[:LONGEST])

    def remedy(self, network: str) -> str:
        """What people do about it."""
        return REMEDIES[self.code].format(network=network)

    def line(self, network: str) -> str:
        """One line for people: place, what, remedy, code."""
        where = f"{self.organisation}: " if self.organisation else ""
        return f"{where}{self.text} ({self.code}); {self.remedy(network)}"


class StoppedError(Exception):
    """Raised inside an upgrade; it pauses there."""

    def __init__(self, code: Code, organisation: str, text: str) -> None:
        super().__init__(text)
        self.failure = Failure.of(code, organisation, text)
