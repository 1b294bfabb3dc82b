"""Regions on this machine and their federation `kring`: real stations, each of its own region, with gateways."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tests.harness import compiled, gateways, pki
from tests.harness.region import Region
from tests.harness.stations import Station

NAME = "kring"


class Member(Station):
    """The station of an organisation of a region."""

    def __init__(self, country: Country, station: str, inbound: bool) -> None:
        self.home, _, organisation = station.partition(".")
        super().__init__(country, organisation, inbound, folder=station)
        self.id = station
        self.certificate = pki.Party(country.authorities[self.home], organisation, country.folder)


class Country(Region):
    """Stations by id, as in `west.a`, in the federation only: those that compute are called, the others only call."""

    def __init__(self, computing: Sequence[str], others: Sequence[str]) -> None:
        super().__init__()
        every = [*computing, *others]
        self.authorities = {home: pki.Authority(home) for home in {one.partition(".")[0] for one in every}}
        self.members = {one: Member(self, one, one in computing) for one in every}
        self.stations.update(self.members)
        for one in self.members.values():
            self.write_gateway(one, computing)
        self.network(NAME, computing, every)

    def write_gateway(self, station: Station, called: Iterable[str]) -> None:
        """The gateway of `station`: trust and peers of its region, and beside them those of the others."""
        home = self.members[station.id].home
        authority, certificate = self.authorities[home], station.certificate.pem
        port, chosen = station.port or None, set(called)
        entries = [compiled.network(authority, station.organisation, [], certificate=certificate, port=port)]
        for other in self.authorities.values():
            if other is not authority:
                entry = compiled.network(other, station.organisation, [], port=None)
                entries.append({**entry, "network": NAME, "home": home})
        for entry in entries:
            mine = [one for one in self.members.values() if (one.home == home) == (entry is entries[0])]
            entry["peers"] = [self._peer(one, called=one.id in chosen) for one in mine if one is not station]
        gateways.place(station.root, station.id, [*entries], pki.key_pem(station.certificate.key))
        self.write_host(station)

    def _peer(self, one: Member, *, called: bool) -> dict[str, Any]:
        issuers = [self.authorities[one.home].subject]
        return compiled.peer(
            one.home, one.organisation, issuers, address=gateways.HERE, port=one.port, outbound=called, inbound=True
        )
