"""The incidents that people tell of: how each is caused on servers, who types what of its runbook, and what must be so.

To add one: write a row, run `pytest tests/faults/told -k NAME`, and see it fail where a word of the runbook is another.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from tests.faults.told import console, desk, people, thief
from tests.faults.told.walk import Commands, Passed, Typed, Walk
from tests.harness import sandboxes

Act = Callable[[Walk], None]


def nothing(_: Walk) -> None:
    """Of a row for which nothing has to be done."""


@dataclasses.dataclass(frozen=True)
class Told:
    """One incident: `causes` it, the walk goes through its runbook, and `then` must be so.

    `before` and `back` are commands of its prose: what is looked at first, and how what it ended comes back; then it
    `holds`. `undo` is done in any case. `lost` is what is lost by it or by its mitigation.
    """

    incident: str
    target: str
    how: str
    commands: Commands
    causes: Act
    then: Act
    holds: Act
    before: tuple[str, ...] = ()
    back: tuple[str, ...] = ()
    rung: Act = nothing
    """What whoever is rung does, as no command of ours says."""
    undo: Act = nothing
    lost: str = "nothing"
    found: bool = False
    """Whether diagnosis finds it too."""

    @property
    def id(self) -> str:
        """Its name among tests."""
        return f"{self.incident}: {self.how}"


DIAGNOSE = "werkplaats incident diagnose NETWORK"
REVOKE = "werkplaats trust revoke NETWORK ORGANISATION --reason"
UP, ACCEPT, PUBLISH = (f"werkplaats {one} NETWORK" for one in ("up", "accept", "trust publish"))
REQUEST = "werkplaats trust request NETWORK"
APPROVE = "werkplaats trust approve NETWORK ORGANISATION --fingerprint FINGERPRINT"
DESTROY = "werkplaats destroy NETWORK --name NETWORK --only ORGANISATION"
REINSTATE = "werkplaats trust reinstate NETWORK ORGANISATION"
CALENDAR = "werkplaats status NETWORK --calendar"
RESTORE = "werkplaats backup restore NETWORK FILE --publication FOLDER"
BACKUP = "werkplaats backup make NETWORK FILE"
SIGN = "werkplaats trust root sign NETWORK --key FILE"
QUESTION = {"NAME": sandboxes.QUESTION}
LOST = {"FILE": f"{{folder}}/{desk.BACKUP}", "FOLDER": f"{{folder}}/{desk.OF_A_MEMBER}"}
AFTER = {"FILE": "{folder}/after.backup"}
NEVER_NAMED = Typed(says="nothing is wrong")
NOT_CUT = Passed("nobody has to wait: the coordinator is there, and acts")
GOOD = "what a member had is good as it is, and the runbook says so; it is looked at afterwards"
ENDS_WAITING = (0, 3, 5)
"""Of `up` and `accept` while somebody is out, or waits to be approved or accepted."""

EVERY = (
    Told(
        "stolen-station-key",
        "ziekenhuis",
        "keys and certificate copied off its server",
        {
            DIAGNOSE: NEVER_NAMED,
            "werkplaats trust enforce NETWORK": Typed(says="in force at"),
            "station-cut NETWORK.ORGANISATION": NOT_CUT,
            f"{REVOKE} certificateHold --now": Passed("there is no doubt about it"),
            f"{REVOKE} keyCompromise --now": Typed(says="in force at"),
            "werkplaats trust renew-key NETWORK ORGANISATION": Passed("the runbook says that it is not enough"),
            UP: Typed(ends=ENDS_WAITING),
            DESTROY: Typed(says="is gone from"),
            REQUEST: Typed(learns="ORGANISATION: (?P<FINGERPRINT>SHA256:[^ \r\n]+)"),
            APPROVE: Typed(),
            PUBLISH: Typed(learns="its root is (?P<ROOT>sha256:[0-9a-f]{64})"),
            f"{ACCEPT} --root ROOT": Typed(says="WARNING"),
            ACCEPT: Typed(),
        },
        causes=thief.copies,
        then=thief.is_out,
        holds=thief.stays_out,
        before=(DIAGNOSE,),
        back=(DESTROY, UP, REQUEST, APPROVE, PUBLISH, f"{ACCEPT} --root ROOT", ACCEPT, UP),
        lost="the keys and the certificate of that station",
    ),
    Told(
        "consent-regretted",
        "thuiszorg",
        "a steward allowed, and regrets it",
        {
            DIAGNOSE: NEVER_NAMED,
            "station refuse NAME": Typed("steward", given=(QUESTION,)),
            "station questions NAME": Typed("steward", given=(QUESTION,), says="waits"),
            "station register": Typed("steward"),
            "station status": Typed("root"),
            "station propose": Passed("it is no command to type here: it is said how long what it asks for may take"),
            "werkplaats incident run NETWORK session-stuck --target ORGANISATION": Typed(says="nothing was changed"),
            "werkplaats incident run NETWORK suspected-leak": Typed(says="nothing was changed"),
        },
        causes=people.all_allow,
        then=people.is_refused,
        holds=people.allows_again,
        before=(DIAGNOSE,),
        lost="nothing; what was handed over stays so",
    ),
    Told(
        "organisation-leaves-in-anger",
        "thuiszorg",
        "held from one minute to the next, and taken back",
        {
            DIAGNOSE: NEVER_NAMED,
            "werkplaats trust enforce NETWORK": Passed("nobody else operates a server, and --now put it in force"),
            "station-cut NETWORK.ORGANISATION": NOT_CUT,
            f"{REVOKE} certificateHold --now": Typed(says="in force at"),
            f"{REVOKE} cessationOfOperation --now": Passed("tempers cool: it does not leave for good"),
            UP: Typed(ends=ENDS_WAITING),
            "werkplaats trust root change NETWORK --root FILE.pub": Passed(
                "none of its people holds a key of the root"
            ),
            "werkplaats incident run NETWORK ca-compromised": Typed(says="nothing was changed"),
            "werkplaats plan NETWORK --steps": Typed(),
            ACCEPT: Typed(ends=ENDS_WAITING),
            "werkplaats session NETWORK": Typed(ends=(1,), says="ORGANISATION"),
            "werkplaats check NETWORK": Typed(),
            PUBLISH: Typed(),
            DESTROY: Passed("its card stays: it comes back"),
            REINSTATE: Typed(),
        },
        causes=people.all_is_well,
        then=people.is_held,
        holds=people.all_is_well,
        before=(DIAGNOSE,),
        back=(REINSTATE, ACCEPT, UP),
        lost="sessions that ran then",
    ),
    Told(
        "coordinator-lost",
        "",
        "its vault and publication gone, its inventory as git had it",
        {
            CALENDAR: Typed(ends=(0, 1)),
            DIAGNOSE: Typed(ends=(1,), says="pulumi-state-lost"),
            "werkplaats incident run NETWORK ca-compromised": Passed("the disk broke: nobody has the vault"),
            f"{RESTORE} --check": Typed(given=(LOST,), says="its private key opens"),
            RESTORE: Typed(given=(LOST,), says="learned: "),
            "werkplaats trust root coordinator NETWORK": Passed("the disk broke: nobody can find the key"),
            SIGN: Passed("nothing waits for root holders: the key is the same"),
            "werkplaats plan NETWORK": Passed(GOOD),
            PUBLISH: Passed(GOOD),
            BACKUP: Typed(given=(AFTER,)),
        },
        causes=desk.is_lost,
        then=desk.is_restored,
        holds=nothing,
        before=(CALENDAR, DIAGNOSE),
    ),
    Told(
        "publication-ended",
        "",
        "its word was for a minute",
        {DIAGNOSE: Typed(says="publication-ended", ends=(1,)), PUBLISH: Typed()},
        causes=desk.ends_soon,
        then=desk.is_good_for_weeks,
        holds=nothing,
        before=(DIAGNOSE,),
        found=True,
    ),
    Told(
        "session-stuck",
        "ggd",
        "a session that goes on and on",
        {
            "station status": Typed("root"),
            "station register --last 20": Typed("steward"),
            DIAGNOSE: NEVER_NAMED,
            "station refuse NAME": Passed("the runbook says that it does not end a session"),
            "station drain": Passed("the runbook says that it does not end a session"),
        },
        causes=people.endless,
        then=people.is_ended,
        holds=nothing,
        undo=people.end,
        lost="sessions that ran then",
    ),
    Told(
        "ca-compromised",
        "",
        "vault and passphrase copied",
        {
            DIAGNOSE: NEVER_NAMED,
            "werkplaats incident run NETWORK coordinator-lost": Passed("the vault is here"),
            "werkplaats trust roll NETWORK --stolen": Typed(ends=(0, 3)),
            SIGN: Typed(given=({"FILE": "{state}/root-a"}, {"FILE": "{state}/root-b"})),
            PUBLISH: Typed(),
            ACCEPT: Typed(says="another key"),
            UP: Typed(),
            BACKUP: Typed(given=(AFTER,)),
        },
        causes=desk.is_copied,
        then=desk.is_rolled,
        holds=nothing,
        before=(DIAGNOSE,),
        lost="the CA of before, and what it publishes",
    ),
    Told(
        "administrator-locked-out",
        "thuiszorg",
        "its sshd lets nobody log in",
        {
            DIAGNOSE: Typed(says="administrator-locked-out", ends=(1,)),
            "werkplaats incident run NETWORK server-taken-over --target ORGANISATION": Typed(
                says="nothing was changed"
            ),
            "werkplaats plan NETWORK": Typed(ends=(0, 3, 5)),
        },
        causes=console.locks_out,
        then=nothing,
        holds=nothing,
        before=(DIAGNOSE,),
        rung=console.lets_in,
        undo=console.lets_in,
        found=True,
    ),
)
