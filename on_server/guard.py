"""Changes ssh and firewall settings so that a mistake locks nobody out for longer than a minute.

    guarded-change apply     put the candidates in force; after a minute they go back by themselves
    guarded-change confirm   keep them: said over a new login, which proves that the server is still reached
    guarded-change undo      take them back (the timer, and the first boot after an unconfirmed change)
    guarded-change keep      load the firewall table again where somebody emptied all rules (a timer, each minute)

Candidates lie in /etc/werkplaats/baseline; where there is none that part is its owner's, and what was ours of it goes.
Of confirming and taking back, and of taking back and the next change, one waits for the other: half of each would be a
change that is kept without a way back.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from on_server import access, disk, drop_in, programs

BASE = Path("/etc/werkplaats/baseline")
LOCK = Path("/run/werkplaats/guard.lock")
TIMER = "werkplaats-undo-timer"
KEEPER = "werkplaats-firewall-kept.timer"
SECONDS = 60


class NotReadError(Exception):
    """A sentence: the daemon did not take what lies there."""


@dataclasses.dataclass(frozen=True)
class Change:
    """One thing that can lock people out."""

    name: str
    candidate: Path
    live: Path
    test: tuple[str, ...]  # run before anything is loaded
    load: tuple[str, ...]
    loaded: tuple[str, ...]  # succeeds when it is in force
    unread: Callable[[], str] = str  # why the daemon does not read it; "" when it does

    def is_loaded(self) -> bool:
        """Return whether something of ours is in force."""
        return subprocess.run(self.loaded, capture_output=True, check=False).returncode == 0

    @property
    def previous(self) -> Path:
        """Where the former live file waits for confirmation."""
        return BASE / "pending" / self.name

    def require_read(self) -> None:
        """Raise NotReadError where the daemon would not read it."""
        if why := self.unread():
            raise NotReadError(why)

    def put_in_force(self) -> None:
        """Have the daemon read the candidate, or nothing of ours where there is none."""
        if self.candidate.exists():
            disk.write(self.live, self.candidate.read_bytes())
            programs.run(*self.test)
            self.require_read()
        else:
            self.live.unlink()
        programs.run(*self.load)

    def needed(self) -> bool:
        """Return whether the candidate is not what is in force."""
        if not self.candidate.exists():
            return self.live.exists()
        same = self.live.exists() and self.live.read_bytes() == self.candidate.read_bytes()
        return not same or not self.is_loaded()


def _unread_by_sshd() -> str:
    """The judge is sshd itself, by what it gives an account of ours."""
    if access.settings("steward").get("forcecommand") == [f"{drop_in.COMMAND} steward"]:
        return ""
    return drop_in.unread() or f"a Match block before {drop_in.PATH} is about steward too; except the account there"


SSH, FIREWALL = CHANGES = (
    Change(
        "ssh",
        BASE / "sshd.conf",
        Path(drop_in.PATH),
        ("/usr/sbin/sshd", "-t"),
        ("systemctl", "try-reload-or-restart", "ssh.service"),
        ("true",),
        _unread_by_sshd,
    ),
    Change(
        "firewall",
        BASE / "firewall.nft",
        BASE / "firewall.loaded",
        ("/usr/sbin/nft", "--check", "--file", str(BASE / "firewall.nft")),
        ("systemctl", "reload-or-restart", "werkplaats-firewall.service"),
        ("/usr/sbin/nft", "list", "chain", "inet", "werkplaats", "input"),
    ),
)


@contextlib.contextmanager
def _way_back() -> Iterator[None]:
    """Nobody else lays, takes or forgets the way back meanwhile; released by death.

    Held for what is over in a moment only: a daemon that does not come back must not keep the timer waiting.
    """
    LOCK.parent.mkdir(exist_ok=True)  # at boot this program may be the first one of ours
    with disk.locked(LOCK):
        yield


def apply(seconds: int) -> list[str]:
    """Put in force what differs; returns the names. The way back is laid before the first step forward."""
    with _way_back():
        _take_back()
        changes = [change for change in CHANGES if change.needed()]
        if not changes:
            return []
        _lay(changes, seconds)
    try:
        for change in changes:
            change.put_in_force()
    except (subprocess.CalledProcessError, NotReadError):
        undo()
        raise
    return [change.name for change in changes]


def _lay(changes: Sequence[Change], seconds: int) -> None:
    (BASE / "pending").mkdir(mode=0o700, parents=True)
    for change in changes:
        if change.live.exists():
            disk.write(change.previous, change.live.read_bytes())
        else:
            disk.write(change.previous.with_suffix(".absent"), b"")
    for folder in (BASE / "pending", BASE):  # after a power cut an empty way back would be put in force at boot
        disk.sync_folder(folder)
    back = ("systemd-run", f"--unit={TIMER}", f"--on-active={seconds}", "--timer-property=AccuracySec=1s")
    programs.run(*back, "/usr/local/sbin/guarded-change", "undo")


def keep() -> bool:
    """Load the firewall table again where it is gone; returns whether it was.

    `nft flush ruleset`, nftables.service that was stopped and started, and some tools of firewalls empty all tables.
    """
    if not FIREWALL.live.exists() or FIREWALL.is_loaded():
        return False
    programs.run(*FIREWALL.load)
    return True


def undo() -> None:
    """Put back what was in force before the change that waits, if one does."""
    with _way_back():
        _take_back()


def _take_back() -> None:
    if not (BASE / "pending").exists():
        return
    for change in CHANGES:
        absent = change.previous.with_suffix(".absent")
        if change.previous.exists():
            disk.write(change.live, change.previous.read_bytes())
        elif absent.exists():
            change.live.unlink(missing_ok=True)
        else:
            continue
        if change.name == "firewall" and absent.exists():
            subprocess.run(("/usr/sbin/nft", "delete", "table", "inet", "werkplaats"), capture_output=True, check=False)
        # At boot both services wait for this program: waiting for them in turn would wait for ever.
        subprocess.run((change.load[0], "--no-block", *change.load[1:]), capture_output=True, check=False)
    _forget()


def confirm() -> bool:
    """Forget the way back; returns whether there still was one."""
    with _way_back():
        if not (BASE / "pending").exists():
            return False
        _forget()
        return True


def _forget() -> None:
    shutil.rmtree(BASE / "pending", ignore_errors=True)
    subprocess.run(("systemctl", "stop", f"{TIMER}.timer"), capture_output=True, check=False)


def main() -> int:
    """Run the program."""
    os.umask(0o022)  # of a login or of sudo it may be 077: what is made here is read by other accounts
    words = sys.argv[1:]
    if words == ["confirm"]:
        if not confirm():
            sys.stderr.write("guarded-change: nothing waits; the change was taken back already, apply it again\n")
            return 1
    elif words == ["undo"]:
        undo()
    elif words == ["keep"]:
        if keep():  # <4>: a warning, sd-daemon(3)
            sys.stderr.write(
                "<4>the server's firewall rules had been emptied, ours too: table inet werkplaats is back\n"
            )
    elif words[:1] == ["apply"] and len(words) <= 2:
        try:
            changed = apply(int(words[1]) if words[1:] else SECONDS)
        except subprocess.CalledProcessError as problem:
            said = (problem.stderr or "").strip()
            sys.stderr.write(f"guarded-change: taken back, `{' '.join(problem.cmd)}` refuses: {said}\n")
            return 1
        except NotReadError as problem:
            sys.stderr.write(f"guarded-change: taken back, sshd does not take it: {problem}\n")
            return 1
        if FIREWALL.live.exists() and not programs.active(KEEPER):
            programs.run("systemctl", "start", KEEPER)
        programs.tell(bool(changed), ", ".join(changed) or "in force")
    else:
        sys.stderr.write((__doc__ or "") + "\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
