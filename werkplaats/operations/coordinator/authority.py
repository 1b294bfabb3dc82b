"""The CA of a network, as its coordinator holds it: key and certificate in the vault, what it did in the records.

A network starts alone: its CA is self-signed and constrains itself. The key is made once per generation; when the
network joins a federation the same key and name are signed again, and no station notices.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Collection

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from base import canonical, errors
from network_topology import names
from publication import profile, trust
from werkplaats.operations.coordinator import lifetimes
from werkplaats.operations.coordinator.ledger import Records
from werkplaats.operations.home import vault

BEGUN, SWITCHED, DROPPED = "begun", "switched", "dropped"
"""The steps of a roll in which one CA takes the place of another: trusted beside it, signs, trusted alone."""


class Authority:
    """The CA of a network of one generation. The key is decrypted when it is first needed.

    `beside`: the other one that is trusted, while one takes the place of the other.
    """

    beside: Authority | None = None

    def __init__(self, kept: vault.Vault, records: Records, generation: int, certificate: x509.Certificate) -> None:
        self.vault = kept
        self.records = records
        self.generation = generation
        self.certificate = certificate
        self.network = kept.network
        self.lifetimes = lifetimes.read(records)

    @functools.cached_property
    def _key(self) -> ec.EllipticCurvePrivateKey:
        if not self.signs:
            raise _lost(self.vault, self.records, self.generation)
        key = self.vault.read_private_key(_key_name(self.generation))
        if key.public_key() != self.certificate.public_key():
            raise errors.VaultError(
                f"{_key_name(self.generation)} and {_certificate_name(self.generation)} in {self.vault.folder} "
                "do not belong together",
                "restore the vault from its backup",
            )
        return key

    @property
    def signs(self) -> bool:
        """Whether its key is here."""
        return self.vault.has(_key_name(self.generation))

    def require_key(self) -> None:
        """Open its key; raises VaultError where that cannot be."""
        _ = self._key

    @property
    def before(self) -> Authority | None:
        """The CA whose place this one takes, as long as that is trusted and can sign."""
        other = self.beside
        return other if other and other.generation < self.generation and other.signs else None

    @property
    def pem(self) -> bytes:
        """The certificate, PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(
        self, organisation: str, key: ec.EllipticCurvePublicKey, moment: datetime.datetime | None = None
    ) -> x509.Certificate:
        """A station certificate. Takes a public key and nothing else; names and lifetime are this network's.

        The serial is recorded before the certificate exists, so there is none that cannot be revoked.
        """
        start = moment or canonical.now()
        authority_key = profile.p256(self.certificate.public_key())
        return _sign(
            self.records,
            names.subject(self.network, organisation),
            names.ca_subject(self.network, self.generation),
            profile.p256(key),
            self._key,
            profile.station_extensions(self.network, organisation, key, authority_key),
            start,
            self.ends(start),
        )

    def cross(
        self, network: str, member: x509.Certificate, moment: datetime.datetime | None = None
    ) -> x509.Certificate:
        """A cross-certificate, where this is the CA of a federation: for the name and key of a regional network's CA.

        `member` is that CA's own certificate, of which nothing but its generation and key is taken.
        """
        start, key = moment or canonical.now(), profile.p256(member.public_key())
        return _sign(
            self.records,
            names.ca_subject(network, trust.generation(member)),
            self.certificate.subject.rfc4514_string(),
            key,
            self._key,
            profile.authority_extensions(network, key, profile.p256(self.certificate.public_key())),
            start,
            min(start + profile.CROSS_LIFETIME, self.certificate.not_valid_after_utc),
        )

    def ends(self, start: datetime.datetime) -> datetime.datetime:
        """When a certificate ends that is signed at this moment."""
        return min(start + self.lifetimes.certificate, self.certificate.not_valid_after_utc)

    def sign_revocations(self, builder: x509.CertificateRevocationListBuilder) -> x509.CertificateRevocationList:
        """Sign a revocation list in the name of this CA."""
        builder = builder.issuer_name(self.certificate.subject).add_extension(
            profile.key_identifier(profile.p256(self.certificate.public_key())), critical=False
        )
        return builder.sign(self._key, hashes.SHA256())

    @property
    def key_fingerprint(self) -> str:
        """The fingerprint of its key, for which root holders sign."""
        return profile.key_of(self.certificate)


def open_or_found(
    kept: vault.Vault, records: Records, moment: datetime.datetime | None = None, tier: profile.Tier = profile.REGION
) -> Authority:
    """The CA of the vault's network, the newest generation; founded as the first one where there never was one.

    Raises VaultError when the records know a CA whose key is not in the vault: a second CA of the same name would be
    taken for the first by nobody, and by some for an attack.
    """
    recorded = newest(records)
    generation = recorded[0] if recorded else 1
    if not kept.has(_key_name(generation)):
        if recorded:
            raise _lost(kept, records, generation)
        kept.write_private_key(_key_name(generation), ec.generate_private_key(ec.SECP256R1()))
    if not kept.has(_certificate_name(generation)):
        # Also the way on for a founding that was killed between key and certificate.
        certificate = _found(kept, records, generation, moment or canonical.now(), tier)
        kept.write(_certificate_name(generation), certificate.public_bytes(serialization.Encoding.PEM))
    return _opened(kept, records, generation)


def _lost(kept: vault.Vault, records: Records, generation: int) -> errors.VaultError:
    return errors.VaultError(
        f"the key of CA-{generation} of {kept.network} is not in {kept.folder}, though "
        f"{records.folder / 'authorities.txt'} knows it",
        f"restore the vault from its backup; where there is none, werkplaats trust roll {kept.network}",
    )


def _opened(kept: vault.Vault, records: Records, generation: int) -> Authority:
    certificate = x509.load_pem_x509_certificate(kept.read(_certificate_name(generation)))
    _refuse_stranger(records, certificate, generation)
    return Authority(kept, records, generation, certificate)


def signed_for(
    kept: vault.Vault,
    records: Records,
    signed: Collection[str],
    *,
    keyless: bool = False,
    tier: profile.Tier = profile.REGION,
) -> Authority:
    """The CA that signs now, of those of which the key (its fingerprint) is among those that root holders signed for.

    It is the newest of them, but for one that is trusted beside the one before it until it is switched to. One that
    took its place in the vault waits until they signed. Where there is none such, or its key is not here, it is that
    one all the same, as `open_or_found`: nothing else can sign. It is not where `keyless` will do, or while another one
    is trusted beside it: what it signed is good as long as it says.
    """
    generation, other = _in_force(records, signed)
    without_key = not kept.has(_key_name(generation)) and not keyless and not other
    if without_key or not kept.has(_certificate_name(generation)):
        return open_or_found(kept, records, tier=tier)
    found = _opened(kept, records, generation)
    if other and kept.has(_certificate_name(other)):
        found.beside = _opened(kept, records, other)
        found.beside.beside = found
    return found


def _in_force(records: Records, signed: Collection[str]) -> tuple[int, int]:
    """The generation that signs and the one that is trusted beside it, each 0 for none."""
    generations = sorted(int(row["generation"]) for row in records.rows("authorities") if row["key"] in signed)
    if not generations:
        return 0, 0
    newest, before = generations[-1], generations[-2] if len(generations) > 1 else 0
    last = rolled_last(records)
    if not before or last is None or last[0] != newest or last[1] == DROPPED:
        return newest, 0
    return (before, newest) if last[1] == BEGUN else (newest, before)


def rolled_last(records: Records) -> tuple[int, str] | None:
    """Of the CA that was last to take the place of another beside it: its generation, and the last step; None of none.

    Killed before it was founded it is not known as an authority yet.
    """
    rows = records.rows("rolls")
    return (int(rows[-1]["generation"]), rows[-1]["step"]) if rows else None


def rolling(records: Records) -> tuple[int, str] | None:
    """As `rolled_last`, as long as the one before it is trusted too and no later one was made at once."""
    last, known = rolled_last(records), newest(records)
    under_way = last is not None and last[1] != DROPPED and (known is None or last[0] >= known[0])
    return last if under_way else None


def step(records: Records, generation: int, what: str, moment: datetime.datetime | None = None) -> None:
    """Write down that a roll came to BEGUN, SWITCHED or DROPPED."""
    if rolled_last(records) != (generation, what):
        records.append("rolls", generation=generation, step=what, at=canonical.stamp(moment or canonical.now()))


def newest(records: Records) -> tuple[int, str] | None:
    """The generation of the newest CA and the fingerprint of its key; None where there never was one."""
    return max(((int(row["generation"]), row["key"]) for row in records.rows("authorities")), default=None)


def roll(kept: vault.Vault, records: Records, moment: datetime.datetime | None = None) -> Authority:
    """Found the CA of the next generation, in the place of the one before, of which no key is needed.

    Where it was killed before the records knew of it, it goes on; afterwards `open_or_found` does. Raises UsageError
    where there never was a CA.
    """
    recorded = newest(records)
    if recorded is None:
        raise none_yet(kept.network)
    generation = recorded[0] + 1
    if not kept.has(_key_name(generation)):
        kept.write_private_key(_key_name(generation), ec.generate_private_key(ec.SECP256R1()))
    certificate = _found(kept, records, generation, moment or canonical.now(), profile.REGION)
    kept.write(_certificate_name(generation), certificate.public_bytes(serialization.Encoding.PEM))
    return open_or_found(kept, records, moment)


def none_yet(network: str) -> errors.UsageError:
    """What is said where there never was a CA."""
    return errors.UsageError(f"{network} never had a CA", "the first approval founds it: werkplaats trust approve")


def _found(
    kept: vault.Vault, records: Records, generation: int, moment: datetime.datetime, tier: profile.Tier
) -> x509.Certificate:
    private = kept.read_private_key(_key_name(generation))
    key = private.public_key()
    if not any(int(row["generation"]) == generation for row in records.rows("authorities")):
        records.append(
            "authorities", generation=generation, key=profile.key_fingerprint(key), founded=canonical.stamp(moment)
        )
    name = tier.subject(kept.network, generation)
    extensions = tier.extensions(kept.network, key)
    return _sign(records, name, name, key, private, extensions, moment, moment + tier.lifetime)


def _refuse_stranger(records: Records, certificate: x509.Certificate, generation: int) -> None:
    found = profile.key_of(certificate)
    known = {row["key"] for row in records.rows("authorities") if int(row["generation"]) == generation}
    if known != {found}:
        raise errors.VaultError(
            f"the vault holds another CA-{generation} than {records.folder / 'authorities.txt'} knows",
            "use the vault and the inventory of the same network, of the same backup",
        )


def _sign(
    records: Records,
    subject: str,
    issuer: str,
    key: ec.EllipticCurvePublicKey,
    signing: ec.EllipticCurvePrivateKey,
    extensions: profile.Extensions,
    start: datetime.datetime,
    end: datetime.datetime,
) -> x509.Certificate:
    serial, begin = x509.random_serial_number(), start - profile.BACKDATED
    records.append(
        "serials",
        serial=f"{serial:x}",
        name=subject,
        not_before=canonical.stamp(begin),
        not_after=canonical.stamp(end),
        issuer=issuer,
    )
    builder = x509.CertificateBuilder(
        profile.distinguished(issuer), profile.distinguished(subject), key, serial, begin, end
    )
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    return builder.sign(signing, hashes.SHA256())


def _key_name(generation: int) -> str:
    return f"ca-{generation}.key"


def _certificate_name(generation: int) -> str:
    return f"ca-{generation}.pem"
