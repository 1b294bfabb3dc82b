"""One CA takes the place of another: both trusted for a while, or at once.

Path building does not backtrack, so the order counts, and each step is published before the next:

    begun     both CAs and both lists; certificates are of the one before. Root holders sign for both; each operator
              accepts the new one and brings it, whenever that is: who did and who did not talk as before
    switched  certificates of both for the same keys. A station shows that of the new one where its operator accepted
              it, which its follower does by itself, else that of the one before
    dropped   the new CA alone, for which root holders sign. Followers take the one before it away

A step breaks nothing at a station that has not heard of it, but for two: whoever did not accept by `switched` does not
take the certificates of those who did, and whoever did not hear of `switched` by `dropped` is let in by nobody who did
hear of that. The coordinator takes these two when it knows, and the calendar says of what. `accept` and `up` mend both.

Where the key was stolen all trust in the CA ends at once, and nobody who did not accept the new one talks with those
who did.
"""

from __future__ import annotations

import dataclasses

from base import canonical, errors
from publication import publication, verified
from werkplaats.operations import progress
from werkplaats.operations.coordinator import authority, ledger, steps
from werkplaats.operations.home import networks


def begin(network: networks.Network, say: progress.Say) -> None:
    """Found the CA that takes the place of the one there is, and ask the root holders to sign for both.

    No key of the one before is needed, as long as its last list is good. Begun before it says how far that is. Raises
    UsageError where there never was a CA, or one waits for root holders that is to take its place at once.
    """
    records, held = ledger.Records(network.inventory), steps.held_by(network)
    under_way, recorded, signed = authority.rolling(records), authority.newest(records), held.authorities()
    if recorded is None:
        raise authority.none_yet(network.name)
    if under_way is None and recorded[1] not in signed:
        raise errors.UsageError(
            f"CA-{recorded[0]} of {network.name} waits for root holders, to take the place of the one before at once",
            f"go on with that: werkplaats trust roll {network.name} --at-once",
        )
    if under_way is None:
        authority.step(records, recorded[0] + 1, authority.BEGUN)
    begun = under_way is not None and under_way[0] == recorded[0]  # be it that it was killed before it was founded
    (authority.open_or_found if begun else authority.roll)(network.vault, records)
    before, after = (row["key"] for row in sorted(records.rows("authorities"), key=_generation)[-2:])
    if under_way is None or under_way[1] == authority.BEGUN:
        held.ask(dataclasses.replace(held.wanted(), authorities=(before, after)), canonical.now())
    say(where(network))


def _generation(row: dict[str, str]) -> int:
    return int(row["generation"])


def where(network: networks.Network) -> str:
    """How far a roll is, and what is next, as a sentence."""
    under_way = authority.rolling(ledger.Records(network.inventory))
    if under_way is None:
        return f"no CA of {network.name} takes the place of another"
    generation, step = under_way
    if step == authority.BEGUN:
        return (
            f"CA-{generation} is trusted beside CA-{generation - 1}, by everybody who accepts it; when all did: "
            f"werkplaats trust roll {network.name} --switch"
        )
    return (
        f"certificates are of CA-{generation}, and CA-{generation - 1} is trusted too; when all stations show them: "
        f"werkplaats trust roll {network.name} --drop"
    )


def switch(network: networks.Network, say: progress.Say) -> None:
    """Have the new CA sign certificates, from the next publication on; raises UsageError before it was published."""
    generation, published = _under_way(network, authority.BEGUN), _published(network)
    if published is None or generation not in [one.generation for one in published.trusted]:
        raise errors.UsageError(
            f"CA-{generation} of {network.name} is not published beside the one before it",
            f"root holders sign for it, then werkplaats trust publish {network.name}",
        )
    authority.step(ledger.Records(network.inventory), generation, authority.SWITCHED)
    say(where(network))


def drop(network: networks.Network, say: progress.Say) -> None:
    """Trust the new CA alone from the next publication on, and ask the root holders to sign for that.

    Raises UsageError before the certificates of the new one were published.
    """
    generation, published = _under_way(network, authority.SWITCHED), _published(network)
    if published is None or published.trusted[0].generation != generation:
        raise errors.UsageError(
            f"certificates of CA-{generation} of {network.name} are not published",
            f"werkplaats trust publish {network.name}",
        )
    held, records = steps.held_by(network), ledger.Records(network.inventory)
    held.ask(dataclasses.replace(held.wanted(), authorities=(published.authority_key,)), canonical.now())
    authority.step(records, generation, authority.DROPPED)
    say(f"CA-{generation} of {network.name} is trusted alone")


def _under_way(network: networks.Network, step: str) -> int:
    """The generation of the CA that came as far as this; raises UsageError where none did."""
    found = authority.rolling(ledger.Records(network.inventory))
    if found is None or found[1] != step:
        raise errors.UsageError(
            where(network), "the steps are begun, switched, dropped: werkplaats trust roll, then --switch and --drop"
        )
    return found[0]


def _published(network: networks.Network) -> verified.Verified | None:
    """The publication that is made here, or was; None where none can be read any more."""
    try:
        return publication.read(network.publication, network.name)
    except errors.PublicationError:
        return None


def stolen(network: networks.Network, say: progress.Say) -> None:
    """As `at_once`, where somebody may have all keys of the vault: another one publishes, too."""
    _replace(network, say, theft=True)


def at_once(network: networks.Network, say: progress.Say) -> None:
    """Found another CA in the place of the one there is, and ask the root holders to sign for it and no other.

    `publish` then signs certificates anew, for keys of before. A coordinator's key that is missing is another one too.
    A roll that broke off before it was published goes on; one in which both are trusted ends.
    """
    _replace(network, say, theft=False)


def _replace(network: networks.Network, say: progress.Say, *, theft: bool) -> None:
    records, held = ledger.Records(network.inventory), steps.held_by(network)
    recorded, last = authority.newest(records), _published(network)
    published = last.authority_key if last else None
    signed = recorded is not None and recorded[1] in held.authorities()
    beside = recorded is not None and authority.rolled_last(records) in (
        (recorded[0], authority.BEGUN),
        (recorded[0], authority.SWITCHED),
    )
    begun = recorded is not None and (beside or not (signed and published in (None, recorded[1])))
    # One that began before the theft counts for nothing: its CA's key was in the vault too.
    begun = begun and not (theft and (beside or (not signed and held.names_own_key())))
    if theft and not begun:
        held.another_key()  # before there is a CA: after a kill it is the CA that tells that all of it was done
    own = (authority.open_or_found if begun else authority.roll)(network.vault, records)
    # Also a roll that was to bring this one and broke off before there was a CA: it would go on from the one before.
    if authority.rolled_last(records) in ((own.generation, authority.BEGUN), (own.generation, authority.SWITCHED)):
        authority.step(records, own.generation, authority.DROPPED)
    wanted = dataclasses.replace(held.wanted(), online=held.own_key(), authorities=(own.key_fingerprint,))
    held.ask(wanted, canonical.now())
    say(
        f"CA-{own.generation} takes the place of CA-{own.generation - 1}: a server that accepts it takes no "
        "certificate of before"
    )
