"""The machine: system, processor, memory, disk, clock, restarts, what else watches over programs."""

from __future__ import annotations

from on_server import owned
from werkplaats.operations.offered import texts
from werkplaats.operations.offered.answer import Facts
from werkplaats.operations.offered.findings import Faults, Part, Row, Severity, Wanted

GIB = 2**30
SYSTEM, MACHINE = ("debian", "13"), "x86_64"
NEEDED = ("sse2", "pni")  # NumPy is built for these at least; pni is SSE3 (proc_cpuinfo(5))
LEAST_MEMORY, USUAL_MEMORY = 1.5 * GIB, 3.5 * GIB  # a session may use 2 GiB; some is the kernel's own
LEAST_DISK, USUAL_DISK, LEAST_FILES = 1 * GIB, 10 * GIB, 20_000  # packages and image take 0.8 GB
CLOCK_SECONDS = 5.0  # as the role `baseline` has it
CLOCKS = owned.CLOCKS
DISKS = ("/var/lib/docker", "/var/lib/werkplaats")
PROGRAMS = "/usr/local"
OTHER_VIRTUAL = ("lxc", "lxc-libvirt", "openvz", "systemd-nspawn", "podman")


def gib(amount: float) -> str:
    """Bytes in words."""
    return f"{amount / GIB:.1f} GiB"


def _system(facts: Facts, _: Wanted) -> str:
    virtual = facts.said("virtual").strip()
    inside = f", in {virtual}" if virtual not in ("", "none") else ""
    return (
        f"{facts.release.get('PRETTY_NAME', 'unknown')} on {facts.answer.machine}, Linux {facts.answer.kernel}{inside}"
    )


def _other_system(facts: Facts, wanted: Wanted) -> str:
    return "" if (facts.release.get("ID"), facts.release.get("VERSION_ID")) == SYSTEM else _system(facts, wanted)


def _virtual(facts: Facts, _: Wanted) -> str:
    kind = facts.said("virtual").strip()
    return f"the server is itself a container ({kind})" if kind in OTHER_VIRTUAL else ""


def _processor(facts: Facts, _: Wanted) -> str:
    missing = [one for one in NEEDED if facts.flags and one not in facts.flags]
    return f"its processor has no {', '.join(missing)}" if missing and facts.answer.machine == MACHINE else ""


def _memory(least: float, most: float) -> Row:
    def found(facts: Facts, _: Wanted) -> str:
        memory = facts.memory
        return f"{gib(memory)} of memory" if memory is not None and least <= memory < most else ""

    if least:
        return Row(
            Severity.DECIDES,
            found,
            "one session may use 2 GiB beside your own programs; larger questions then end with a sentence",
            "give it 4 GiB, or try with what there is",
        )
    return Row(Severity.STOPS, found, "a station cannot compute in that", "give it 4 GiB")


def _disk(facts: Facts, _: Wanted) -> str:
    """The folders that lie on one disk are said together."""
    at: dict[tuple[int, int], list[str]] = {}
    for path in DISKS:
        if space := facts.answer.space.get(_place(facts, path)):
            at.setdefault((space.free, space.inodes), []).append(_place(facts, path))
    return "; ".join(f"{gib(free)} free for {' and '.join(paths)}" for (free, _), paths in at.items()) or "unknown"


def _place(facts: Facts, path: str) -> str:
    """Where the images lie is the owner's to say, and then is not looked at."""
    root = facts.engine.settings.get("data-root")
    return str(root) if path == DISKS[0] and isinstance(root, str) else path


def _little_disk(least: float, most: float) -> Row:
    def found(facts: Facts, wanted: Wanted) -> str:
        spaces = [facts.answer.space[path] for path in DISKS if path in facts.answer.space]
        return _disk(facts, wanted) if any(least <= one.free < most for one in spaces) else ""

    if least:
        return Row(
            Severity.DECIDES,
            found,
            "packages and the image take about 0.8 GB, and data and the register grow",
            "give these folders 10 GB, or watch them yourself",
        )
    return Row(
        Severity.STOPS,
        found,
        "packages and the image take about 0.8 GB, and data come on top",
        "give these folders 10 GB",
    )


def _few_files(facts: Facts, _: Wanted) -> str:
    few = [path for path in DISKS if path in facts.answer.space and facts.answer.space[path].inodes < LEAST_FILES]
    # A file system without a fixed number of them, such as btrfs, says 0 of all.
    few = [path for path in few if facts.answer.space[path].inodes]
    return f"the disk of {' and '.join(few)} has room for fewer than {LEAST_FILES} files (inodes)" if few else ""


def _closed(facts: Facts, _: Wanted) -> str:
    closed = {"ro": "read-only", "noexec": "noexec"}
    found = [word for option, word in closed.items() if option in facts.mounted(PROGRAMS)]
    return f"{PROGRAMS} is mounted {' and '.join(found)}" if found else ""


def _clock(facts: Facts, _: Wanted) -> str:
    keeper = next((unit.removesuffix(".service") for unit in CLOCKS if facts.active(unit)), "")
    off = "unknown" if facts.clock_difference is None else f"{abs(facts.clock_difference):.1f} s"
    return f"differs {off} from this machine's" + (f", kept by {keeper}" if keeper else "")


def _wrong_clock(facts: Facts, wanted: Wanted) -> str:
    off = facts.clock_difference
    return f"its clock {_clock(facts, wanted)}" if off is not None and abs(off) >= CLOCK_SECONDS else ""


def _clock_faults(facts: Facts) -> list[tuple[str, str]]:
    container = facts.said("virtual").strip() in ("docker", *OTHER_VIRTUAL)
    return owned.clock([unit for unit in CLOCKS if facts.active(unit)], container=container)


def _owner_s_clock(facts: Facts, wanted: Wanted) -> list[tuple[str, str]]:
    return _clock_faults(facts) if "time" in wanted.owners else []


def _unkept(facts: Facts, wanted: Wanted) -> str:
    return "nothing keeps its clock" if "time" not in wanted.owners and _clock_faults(facts) else ""


def _owner_s_journal(facts: Facts, wanted: Wanted) -> list[tuple[str, str]]:
    logs = facts.answer.space.get(owned.LOGS)
    return owned.journal(facts.said("journal"), logs.size if logs else 0) if "journal" in wanted.owners else []


def _restart(facts: Facts, _: Wanted) -> str:
    return "a restart of this server is pending (/run/reboot-required)" if facts.marked("/run/reboot-required") else ""


def _guards(facts: Facts, _: Wanted) -> str:
    return f"the kernel has {facts.file('/sys/kernel/security/lsm').strip().replace(',', ', ') or 'none that it tells'}"


def _selinux(facts: Facts, _: Wanted) -> str:
    return "SELinux is enforcing" if facts.file("/sys/fs/selinux/enforce").strip() == "1" else ""


def _allow_list(facts: Facts, _: Wanted) -> str:
    return "fapolicyd runs" if facts.active("fapolicyd.service") else ""


def _locale(facts: Facts, _: Wanted) -> str:
    wanted = texts.assigned(facts.file("/etc/default/locale")).get("LANG", "")
    spelled = {one.lower().replace("-", "") for one in facts.said("locales").split()}
    lacking = wanted and spelled and wanted.lower().replace("-", "") not in spelled
    return f"its locale {wanted} is not generated" if lacking else ""


PARTS = (
    Part(
        "system",
        _system,
        (
            Row(
                Severity.STOPS,
                _other_system,
                "stations run on Debian 13 (trixie), with its own packages",
                "offer a server or a virtual machine with Debian 13, or upgrade this one first",
            ),
            Row(
                Severity.STOPS,
                lambda facts, _: f"a processor {facts.answer.machine}" if facts.answer.machine != MACHINE else "",
                f"the station image is made for {MACHINE}",
                f"offer a server with an {MACHINE} processor",
            ),
            Row(
                Severity.STOPS,
                lambda facts, _: "" if facts.marked("/run/systemd/system") else "systemd does not run here",
                "gateway, firewall table and engine are started by systemd",
                "offer a server that systemd starts",
            ),
            Row(
                Severity.DECIDES,
                _virtual,
                "an engine inside one needs nesting, which its host allows or does not",
                "allow nesting for it (lxc: `features: nesting=1,keyctl=1`), or offer a virtual machine",
            ),
            Row(Severity.TELLS, _locale, "nothing: whatever we run there has C.UTF-8", ""),
        ),
    ),
    Part(
        "processor",
        lambda facts, _: "has what the image needs" if facts.flags else "says nothing of what it can do",
        (
            Row(Severity.STOPS, _processor, "the programs of the image would end at once", "offer another server"),
            Row(
                Severity.TELLS,
                lambda facts, _: "its processor has no AES" if facts.flags and "aes" not in facts.flags else "",
                "shares are sealed with AES: sessions take longer here",
                "",
            ),
        ),
    ),
    Part(
        "memory",
        lambda facts, _: gib(facts.memory) if facts.memory is not None else "unknown",
        (_memory(0, LEAST_MEMORY), _memory(LEAST_MEMORY, USUAL_MEMORY)),
    ),
    Part(
        "disk",
        _disk,
        (
            _little_disk(0, LEAST_DISK),
            _little_disk(LEAST_DISK, USUAL_DISK),
            Faults(Severity.DECIDES, _owner_s_journal, "a station logs there, and has its data and register on a disk"),
            Row(Severity.STOPS, _few_files, "an image cannot be unpacked there", "make a file system with more inodes"),
            Row(Severity.STOPS, _closed, "our commands lie there", f"mount {PROGRAMS} writable and with exec"),
        ),
    ),
    Part(
        "clock",
        _clock,
        (
            Row(
                Severity.STOPS,
                _wrong_clock,
                "certificates need the right time",
                "let one of the two synchronise (timedatectl, chronyc tracking)",
            ),
            Faults(Severity.STOPS, _owner_s_clock, "certificates need the right time"),
            Row(Severity.TELLS, _unkept, "systemd-timesyncd is installed with the station", ""),
        ),
    ),
    Part(
        "restart",
        lambda _facts, _wanted: "none is pending",
        (
            Row(
                Severity.TELLS,
                _restart,
                "gateway and station come up by themselves after it, but the sessions that run then fail",
                "",
            ),
        ),
    ),
    Part(
        "security modules",
        _guards,
        (
            Row(
                Severity.DECIDES,
                _selinux,
                "no station was ever tried under it on Debian",
                "try it in permissive mode first and read `ausearch -m avc`, or offer a server of its own",
            ),
            Row(
                Severity.DECIDES,
                _allow_list,
                "it lets only known programs start, and ours are unknown to it",
                "trust /usr/local/lib/werkplaats, /usr/local/bin/station*, /usr/local/sbin and the engine's folder",
            ),
        ),
    ),
)
