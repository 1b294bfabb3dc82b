"""What causes an incident on the servers of a sandbox, and what undoes that: one table, for drills and for tests.

An undoing may come at any moment: before its cause was there, in the middle of it, after somebody mended it in another
way, and twice. So it is judged by what is there, and leaves alone what is well. A cause comes once, where all is well.

What a drill causes was seen to be found, and healed by its runbook, on real servers (tests/faults/incidents.py).
"""

from __future__ import annotations

import dataclasses
import itertools
import shlex
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, Protocol, TypeAlias

from base import errors

Word = Literal["on", "off", "freeze"]
"""Of a server's switch."""
Ends: TypeAlias = tuple[str, ...]
"""Of whom an incident is: an organisation, or source and target of a link."""


class Place(Protocol):
    """A sandbox, as whoever causes an incident needs it."""

    def shell(self, organisation: str, line: str) -> None:
        """Run a line of root's shell on a server. Raises an error where it fails."""

    def switch(self, organisation: str, word: Word) -> None:
        """Use the switch of a server; to switch on what is on does nothing."""

    def address(self, organisation: str) -> str:
        """Where a server is reached."""

    def port(self, organisation: str) -> int:
        """That of its gateway."""


Act: TypeAlias = Callable[[Place, Ends], None]


@dataclasses.dataclass(frozen=True)
class Cause:
    """One way in which an incident comes about; `how` is that in words.

    `subjects`: of whom it can be, by who is there and who computes. `by_people`: its runbook asks people to do what the
    undoing does. `both`: of a link, that it is the same one way or the other.
    """

    incident: str
    how: str
    subjects: Callable[[Sequence[str], Sequence[str]], Iterable[Ends]]
    act: Act
    undo: Act
    by_people: bool = False
    both: bool = False

    def same(self, ends: Ends, others: Ends) -> bool:
        """Whether these are the same subject."""
        return ends == others or (self.both and ends == others[::-1])


def anybody(every: Sequence[str], _: Sequence[str]) -> Iterable[Ends]:
    """Each organisation with a server here."""
    return ((one,) for one in every)


def who_computes(_: Sequence[str], computing: Sequence[str]) -> Iterable[Ends]:
    """Each that all others of some kind call: it has a gateway."""
    return ((one,) for one in computing)


def pairs(_: Sequence[str], computing: Sequence[str]) -> Iterable[Ends]:
    """Two that call each other, as diagnosis names them."""
    return itertools.combinations(sorted(computing), 2)


def directions(_: Sequence[str], computing: Sequence[str]) -> Iterable[Ends]:
    """Each that calls, with each whom it calls."""
    return itertools.permutations(sorted(computing), 2)


def line(text: str) -> Act:
    """A line of root's shell on the server of an organisation, of a link on that of its source."""
    return lambda place, ends: place.shell(ends[0], text)


def there(text: str) -> Act:
    """The same on the server of a link's target."""
    return lambda place, ends: place.shell(ends[1], text)


def switch(word: Word) -> Act:
    """Use the switch of a server."""
    return lambda place, ends: place.switch(ends[0], word)


def either_way(act: Act) -> Act:
    """What is done of a link, done of the other direction too."""

    def both(place: Place, ends: Ends) -> None:
        act(place, ends)
        act(place, ends[::-1])

    return both


def goes_nowhere(place: Place, ends: Ends) -> None:
    """What a server sends to another goes nowhere: its own end of a line that is down."""
    place.shell(ends[0], f"iptables --wait --insert {_sent(place, ends[1])}")


def goes(place: Place, ends: Ends) -> None:
    """It goes there again."""
    place.shell(ends[0], _no_such_rule(_sent(place, ends[1])))


def _sent(place: Place, target: str) -> str:
    return shlex.join(("OUTPUT", "--destination", place.address(target), "--jump", "DROP"))


def closed(place: Place, ends: Ends) -> None:
    """The port of a gateway is closed to all."""
    place.shell(ends[0], f"iptables --wait --insert {_taken(place, ends[0])}")


def opened(place: Place, ends: Ends) -> None:
    """It is open again."""
    place.shell(ends[0], _no_such_rule(_taken(place, ends[0])))


def _taken(place: Place, organisation: str) -> str:
    return f"INPUT --protocol tcp --dport {place.port(organisation)} --jump DROP"


def _no_such_rule(rule: str) -> str:
    return f"while iptables --wait --check {rule} 2>/dev/null; do iptables --wait --delete {rule} || exit 1; done"


def refuses(place: Place, ends: Ends) -> None:
    """A server takes nothing from another at its gateway's port: a rule of its owner, beside our table."""
    rules = OF_ITS_OWNER.format(place.address(ends[0]), place.port(ends[1]))
    place.shell(ends[1], f"echo {shlex.quote(rules)} | nft --file -")


def inspects(place: Place, ends: Ends) -> None:
    """Calls of a server to another's gateway end at a program that shows a certificate of its own."""
    place.shell(ends[0], PROXY.format(rule=_led_to_it(place, ends[1])))


def inspects_no_more(place: Place, ends: Ends) -> None:
    """They end at the gateway again."""
    place.shell(ends[0], f"systemctl stop {PROXY_UNIT} 2>/dev/null; {_no_such_rule(_led_to_it(place, ends[1]))}")


def _led_to_it(place: Place, target: str) -> str:
    called = f"OUTPUT --protocol tcp --destination {place.address(target)} --dport {place.port(target)}"
    return f"{called} --jump REDIRECT --to-ports 9443 --table nat"


def poor(rule: str) -> Act:
    """What a server takes from another is dropped by a rule: a line that loses, is thin, or has a smaller MTU."""

    def act(place: Place, ends: Ends) -> None:
        rules = POOR.format(rule=f"ip saddr {place.address(ends[1])} {rule} drop")
        place.shell(ends[0], f"echo {shlex.quote(rules)} | nft --file -")

    return act


def signal(name: str, part: str) -> str:
    """A line that sends a signal to all processes of a part of the station."""
    return f"pkill --signal {name} --full '[p]ython3 -m station_image.runtime.{part}'"  # and not the shell of it


def woken(command: str) -> Act:
    """After a line that wakes processes, of which there may be none any more."""
    return line(f"{command} || test $? -eq 1")  # pkill(1): nothing matched


OF_ITS_OWNER = """
table inet owner {{
    chain input {{
        type filter hook input priority 5;
        ip saddr {} tcp dport {} drop
    }}
}}
"""
NOT_OF_ITS_OWNER = "nft add table inet owner && nft delete table inet owner"
POOR = """
table inet poor {{
    chain input {{
        type filter hook input priority 5;
        {rule}
    }}
}}
"""
NOT_POOR = "nft add table inet poor && nft delete table inet poor"
PROXY_UNIT = "inspects.service"
# Its key is nobody's. What is connected already goes on behind such a device's back: the gateway calls anew.
PROXY = f"""
cd /run && openssl req -x509 -newkey ed25519 -noenc -days 1 -subj '/O=Inspection of TLS/CN=proxy' \
    -keyout inspects.key -out inspects.pem 2>/dev/null &&
systemd-run --quiet --unit={PROXY_UNIT} --collect \
    openssl s_server -accept 9443 -www -key /run/inspects.key -cert /run/inspects.pem &&
iptables --wait --insert {{rule}} && systemctl restart werkplaats-gateway.service
"""
# Its follower, which would start it, looked just now: the next time is minutes away.
GATEWAY = "systemctl restart werkplaats-follow.timer && systemctl stop werkplaats-gateway.service"
STATION = """
docker ps --quiet --filter status=paused | xargs --no-run-if-empty docker unpause &&
docker start station-computer station-agent
"""
SMALL, LIES, KEEPS = "/mnt/small", "/var/lib/werkplaats", "/var/cache/apt/archives"
# A file system of its own, with what the station writes and what apt keeps; the second is what fills it.
FILL = f"""
docker stop station-agent station-computer && mkdir -p {SMALL} && mount -t tmpfs -o size=48m tmpfs {SMALL} &&
cp --archive {LIES} {SMALL}/werkplaats && mount --bind {SMALL}/werkplaats {LIES} &&
mkdir -p {SMALL}/archives/partial && mount --bind {SMALL}/archives {KEEPS} &&
docker start station-computer station-agent &&
(head --bytes=200M /dev/zero > {KEEPS}/filler_1_all.deb || true)
"""
# The same, and it can only be read once nobody writes there just then.
READ = f"""
docker stop station-agent station-computer && mkdir -p {SMALL} && mount -t tmpfs -o size=48m tmpfs {SMALL} &&
cp --archive {LIES} {SMALL}/werkplaats && mount --bind {SMALL}/werkplaats {LIES} || exit 1
for try in 1 2 3 4 5 6 7 8 9; do mount -o remount,ro {SMALL} && break || sleep 1; done
findmnt --noheadings --options ro {SMALL} && docker start station-computer station-agent
"""
# What was written there meanwhile goes back first: `.new` is whole as long as it has that name. What is of another kind
# than there, or not there, was taken away meanwhile; all else in the folder stays in use until it is written anew.
EMPTY = f"""
small() {{ test "$(findmnt --noheadings --output SOURCE --mountpoint "$1" | cut --delimiter='[' --fields=1)" = tmpfs; }}
gone() {{
    rm --recursive --force {LIES}.part && if test -e {LIES}.new; then mv {LIES}.new {LIES}.part; fi &&
    rm --recursive --force {LIES}.part
}}
if small {SMALL} || test -e {LIES}.new; then docker stop station-agent station-computer; fi
if small {LIES}; then
    gone && cp --archive {LIES} {LIES}.part && mv {LIES}.part {LIES}.new && umount {LIES} || exit 1
fi
kinds='for one; do test "$(stat --format=%F "$one" "{LIES}.new/${{one#{LIES}/}}" 2>/dev/null | uniq --repeated)" ||
rm --recursive "$one" || exit 1; done'
if test -e {LIES}.new; then
    find {LIES} -mindepth 1 -depth -exec sh -c "$kinds" kinds {{}} + &&
    cp --archive --remove-destination {LIES}.new/. {LIES}/ && gone || exit 1
fi
rm --recursive --force {LIES}.part || exit 1
if small {KEEPS}; then umount {KEEPS} || exit 1; fi
if small {SMALL}; then umount {SMALL} || exit 1; fi
docker start station-computer station-agent
"""

# Every program that starts there from then on is told another time, and no clock is set: a server in a container has
# that of its machine. What starts in the station's containers has it right.
LATER = """
install() { apt-get install --yes --no-install-recommends libfaketime; }
(install || { apt-get update --quiet && install; }) >/dev/null 2>&1 &&
echo +10m > /etc/faketimerc && dpkg --listfiles libfaketime | grep '/libfaketime.so.1$' > /etc/ld.so.preload
"""

CAUSES = (
    Cause(
        "station-down",
        "both containers stopped",
        anybody,
        line("docker stop --time 2 station-agent station-computer"),
        line(STATION),
    ),
    Cause(
        "station-down",
        "both containers paused",
        anybody,
        line("docker pause station-agent station-computer"),
        line(STATION),
    ),
    Cause(
        "gateway-down", "its unit stopped", anybody, line(GATEWAY), line("systemctl start werkplaats-gateway.service")
    ),
    Cause("agent-stuck", "stopped by a signal", anybody, line(signal("STOP", "agent")), woken(signal("CONT", "agent"))),
    Cause(
        "computer-stuck",
        "stopped by a signal",
        anybody,
        line(signal("STOP", "computer")),
        woken(signal("CONT", "computer")),
    ),
    Cause("server-unreachable", "switched off", anybody, switch("off"), switch("on")),
    Cause("server-unreachable", "frozen", anybody, switch("freeze"), switch("on")),
    Cause(
        "engine-broken",
        "stopped",
        anybody,
        line("systemctl stop docker.socket docker.service"),
        line("systemctl start docker.socket docker.service"),
    ),
    Cause("engine-broken", "hangs", anybody, line("pkill --signal STOP dockerd"), woken("pkill --signal CONT dockerd")),
    Cause("disk-full", "a small disk full of what apt keeps", anybody, line(FILL), line(EMPTY)),
    Cause("disk-full", "a disk that can only be read", anybody, line(READ), line(EMPTY), by_people=True),
    Cause(
        "clock-off",
        "its programs are told a time ten minutes later",
        anybody,
        line(LATER),
        line("rm --force /etc/ld.so.preload"),
        by_people=True,
    ),
    Cause(
        "follower-stopped",
        "its timer stopped",
        anybody,
        line("systemctl stop werkplaats-follow.timer"),
        line("systemctl start werkplaats-follow.timer"),
    ),
    Cause(
        "partition",
        "nothing passes, either way",
        pairs,
        either_way(goes_nowhere),
        either_way(goes),
        by_people=True,
        both=True,
    ),
    Cause(
        "partition",
        "one direction: a rule of nft at whom is called",
        directions,
        refuses,
        there(NOT_OF_ITS_OWNER),
        by_people=True,
    ),
    *(
        Cause(
            "partition",
            how,
            pairs,
            either_way(poor(rule)),
            either_way(line(NOT_POOR)),
            by_people=True,
            both=True,
        )
        for how, rule in (
            ("large packets go nowhere, either way", "meta length > 700"),
            ("a line that loses four of ten packets, either way", "numgen random mod 10 < 4"),
            ("a thin line, 2 kB a second either way", "limit rate over 2 kbytes/second burst 1 kbytes"),
        )
    ),
    Cause(
        "tls-inspection",
        "a proxy that shows a certificate of its own",
        directions,
        inspects,
        inspects_no_more,
        by_people=True,
    ),
    Cause("firewall-closed", "its port closed to all", who_computes, closed, opened, by_people=True),
)


def incidents() -> list[str]:
    """Of which there are drills."""
    return sorted({one.incident for one in CAUSES})


def find(incident: str, how: str) -> Cause:
    """The one of an incident that comes about like this. Raises UsageError."""
    for one in CAUSES:
        if (one.incident, one.how) == (incident, how):
            return one
    raise errors.UsageError(
        f"nothing here causes {incident} like this: {how}", "use the version of the suite that knows it"
    )
