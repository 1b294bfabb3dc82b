"""Who signed an archive: release holders, with the keys by which they sign releases, by DSSE over its manifest.

DSSE says of what type a payload is in what is signed, so that no signature of an archive is one of a release, or of
anything else that these keys sign.
"""

from __future__ import annotations

from pathlib import Path

from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import Key, Signature, Signer
from tuf.api import exceptions
from tuf.api.metadata import Metadata, Targets

from base import canonical, errors, files
from publication import metadata
from publication.metadata import RELEASES
from werkplaats.operations.package import install


def beside(archive: install.Archive) -> Path:
    """The file of its signatures."""
    return archive.path.with_name(archive.path.name + install.SIGNATURES)


def envelope(archive: install.Archive) -> Envelope:
    """The manifest with what lies beside it of signatures."""
    there = archive.signatures if beside(archive).exists() else {}
    return Envelope(archive.text, install.TYPE, {one: Signature(one, said) for one, said in there.items()})


def holders(archive: install.Archive) -> tuple[list[Key], int]:
    """The release holders by the publication in the archive, and how many must sign: tells whose, proves nothing.

    Raises RefusedError where it names none.
    """
    try:
        delegated = Metadata[Targets].from_bytes(archive.content(_targets(archive))).signed.delegations
        keys, roles = (delegated.keys, delegated.roles or {}) if delegated else ({}, {})
        return [keys[one] for one in roles[RELEASES].keyids], roles[RELEASES].threshold
    except (KeyError, ValueError, exceptions.RepositoryError) as error:
        raise errors.RefusedError(
            f"{archive.path} has no publication that names release holders", install.ANEW
        ) from error


def _targets(archive: install.Archive) -> str:
    (found,) = (name for name in archive.files if name.startswith(install.METADATA) and name.endswith(".targets.json"))
    return found


def signed(archive: install.Archive) -> list[str]:
    """The fingerprints of the holders whose signature holds."""
    one, found = envelope(archive), []
    for key in holders(archive)[0]:
        try:
            one.verify([key], 1)
        except VerificationError:
            continue
        found.append(metadata.key_fingerprint(key))
    return sorted(found)


def sign(archive: install.Archive, signer: Signer) -> None:
    """Add a signature to those that there are. Raises RefusedError where the key is no release holder's."""
    if signer.public_key.keyid not in {key.keyid for key in holders(archive)[0]}:
        raise errors.RefusedError(
            f"this is not the key of a release holder of {archive.manifest['network']}",
            "name the file of a key that is listed",
        )
    one = envelope(archive)
    one.sign(signer)
    said = [signature.to_dict() for _, signature in sorted(one.signatures.items())]
    files.write_atomically(beside(archive), canonical.pretty({"signatures": said}), mode=0o644)
