"""Everything that `werkplaats` stops for, and the exit code that each kind ends with.

    WerkplaatsError                        4  something failed; nothing was changed, or it was taken back
    ├── FoundError                         1  a check found something: the work was done, the answer is not good
    │   └── violation.DefinitionError         a definition breaks rules; every violation is told
    │       ├── violation.UnknownNetworkError  2  no network of this name is defined
    │       └── violation.KindError            3  it is a federation, and a regional network is needed
    ├── UsageError                         2  the command was used wrongly: an unknown name, a missing argument or file
    ├── RefusedError                       3  it could be done, but must not: trust, locks, gates
    │   ├── LockedError                       another process holds the lock
    │   ├── VaultError                        the vault's modes, passphrase or keys are not as they must be
    │   ├── RequestError                      a request that cannot be approved
    │   ├── RevocationError                   a revocation list that is not newer, not ours or not in force
    │   ├── PublicationError                  a publication that is mixed, edited, unsigned or older
    │   │   ├── ExpiredError                  one of which nobody said lately that it is the newest
    │   │   ├── OtherRootError                one of another root than was accepted here
    │   │   └── fetch.OverError               one that a web server did not give in time
    │   ├── AcceptanceError                   something waits for the operator's own acceptance
    │   ├── drive.LostStateError              Pulumi's state is lost, and what it knew of is there
    │   └── record.AlteredError               the record of an incident is not as it was written
    ├── servers.UnreachableError              a server does not answer, or with another host key
    ├── TakenBackError                     4  a change failed and was taken back
    └── HalfWayError                       5  a change failed and stands half-way; the remedy says what to run
        └── UnmetError                        something is missing or in the way; the same command goes on from there
            ├── drive.DriveError                  the Pulumi engine could not do what was asked
            │   └── drive.PartsError              so much of it, for some organisations alone; for all others it is done
            ├── install.EngineError               the Pulumi engine cannot be had
            ├── between.EngineError               the container engine of this machine did not do what it was asked
            ├── seeds.SeedError                   no address is left for a sandbox
            ├── make.ImageError                   the image of a sandbox server cannot be made
            ├── images.ImageError                 the image of a station cannot be made
            └── debian.DebianError                Debian packages cannot be had

An error is a sentence with a place and a remedy: `what` says where and what, `remedy` what to do about it. One that
belongs to a module is written `module.Name`; the code stands where it is another than that of the kind above it.
"""

from __future__ import annotations

from typing import ClassVar

DONE = 0
FOUND = 1
WRONG_USE = 2
REFUSED = 3
TAKEN_BACK = 4
HALF_WAY = 5

LONGEST_LINE = 2_000
"""Characters of what an error says."""


def printable(text: str) -> str:
    """The text as a terminal may have it: others wrote parts of it, and a control character would be obeyed."""
    return "".join(one if one == "\n" or one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def shortened(text: str, longest: int = LONGEST_LINE) -> str:
    """The text without the middle of lines that are too long: others choose what is in them, and how much."""
    half = longest // 2
    return "\n".join(line if len(line) <= longest else f"{line[:half]} … {line[-half:]}" for line in text.split("\n"))


class WerkplaatsError(Exception):
    """The root of all errors that are told to a person without a traceback; `str()` is "what; remedy"."""

    exit_code: ClassVar[int] = TAKEN_BACK

    def __init__(self, what: str, remedy: str = "") -> None:
        what = shortened(what)
        super().__init__(f"{what}; {remedy}" if remedy else what)
        self.what = what
        self.remedy = remedy

    def in_words(self, command: str) -> str:
        """What a person is shown when `command` stopped for it."""
        return printable(f"{command}: {self}")


class FoundError(WerkplaatsError):
    """A check found something."""

    exit_code = FOUND


class UsageError(WerkplaatsError):
    """The command was used wrongly."""

    exit_code = WRONG_USE


class RefusedError(WerkplaatsError):
    """It could be done, but must not."""

    exit_code = REFUSED


class LockedError(RefusedError):
    """Another process holds the lock; the sentence says which, of whom, and since when."""


class VaultError(RefusedError):
    """The vault's modes, passphrase or keys are not as they must be."""


class RequestError(RefusedError):
    """A request for a certificate that cannot be approved."""


class RevocationError(RefusedError):
    """A revocation list that is not newer, not ours, or not in force."""


class PublicationError(RefusedError):
    """A publication that is mixed, edited, older, or says something that nobody signed who may."""


class ExpiredError(PublicationError):
    """A publication of which nobody said lately that it is the newest: it changes nothing, and ends nothing."""


class OtherRootError(PublicationError):
    """A publication of another root than was accepted here."""


class AcceptanceError(RefusedError):
    """Something waits for the acceptance of the operator of this server."""


class TakenBackError(WerkplaatsError):
    """A change failed and was taken back."""

    exit_code = TAKEN_BACK


class HalfWayError(WerkplaatsError):
    """A change failed and stands half-way; the remedy says what to run."""

    exit_code = HALF_WAY


class UnmetError(HalfWayError):
    """What a command needs is missing on this machine, or in the way of the engine; the text says why and what to do.

    The remedy is in the text, and afterwards the same command goes on from where it stopped.
    """

    def in_words(self, command: str) -> str:
        """The text, and what to run."""
        return f"{super().in_words(command)}\nrun the same command again"
