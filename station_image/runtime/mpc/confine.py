"""What the process of a session may still do: compute, and talk over the connections that it was given.

All sessions of a station run in one container under one uid, where the kernel lets a process read another's memory,
stop it, take its connections, and put a socket where the agent looks for the computer. A container without rights
cannot give each session a uid. A process can give up rights for good, though: it makes itself unreadable for its equals
(PR_SET_DUMPABLE, prctl(2)) and lets the kernel refuse what reaches beyond itself (seccomp(2), mode filter).
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from collections.abc import Iterator

# prctl(2)
SET_DUMPABLE, SET_NO_NEW_PRIVS, SET_SECCOMP, FILTER = 4, 38, 22, 2
# Of the calls of x86_64, which the image is made for (arch/x86/entry/syscalls/syscall_64.tbl in Linux), those refused:
OTHER_PROCESSES = {
    "kill": 62, "tkill": 200, "tgkill": 234, "rt_sigqueueinfo": 129, "rt_tgsigqueueinfo": 297, "pidfd_open": 434,
    "pidfd_getfd": 438, "pidfd_send_signal": 424, "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311,
    "process_madvise": 440, "kcmp": 312, "setpriority": 141, "sched_setscheduler": 144,
    "sched_setparam": 142, "sched_setattr": 314, "sched_setaffinity": 203, "ioprio_set": 251, "move_pages": 279,
    "migrate_pages": 256, "perf_event_open": 298, "setpgid": 109, "setsid": 112,
}  # fmt: skip
NEW_PROGRAMS = {
    "execve": 59, "execveat": 322, "fork": 57, "vfork": 58, "unshare": 272, "setns": 308, "bpf": 321, "seccomp": 317,
}  # fmt: skip
NEW_CONNECTIONS = {"socket": 41, "connect": 42, "bind": 49, "listen": 50, "accept": 43, "accept4": 288}
SHARED = {
    "shmget": 29, "shmat": 30, "shmctl": 31, "semget": 64, "semop": 65, "semctl": 66, "semtimedop": 220, "msgget": 68,
    "msgsnd": 69, "msgrcv": 70, "msgctl": 71, "mq_open": 240, "mq_unlink": 241, "io_uring_setup": 425,
    "io_uring_enter": 426, "io_uring_register": 427, "keyctl": 250, "add_key": 248, "request_key": 249,
}  # fmt: skip
FILES = {
    "creat": 85, "truncate": 76, "rename": 82, "renameat": 264, "renameat2": 316, "unlink": 87, "unlinkat": 263,
    "link": 86, "linkat": 265, "symlink": 88, "symlinkat": 266, "mkdir": 83, "mkdirat": 258, "rmdir": 84, "mknod": 133,
    "mknodat": 259, "chmod": 90, "fchmod": 91, "fchmodat": 268, "fchmodat2": 452, "chown": 92, "fchown": 93,
    "lchown": 94, "fchownat": 260, "utimensat": 280, "setxattr": 188, "lsetxattr": 189, "fsetxattr": 190,
    "open_by_handle_at": 304, "mount": 165, "openat2": 437, "utime": 132, "utimes": 235, "futimesat": 261,
    "removexattr": 197, "lremovexattr": 198, "fremovexattr": 199,
}  # fmt: skip
REFUSED = OTHER_PROCESSES | NEW_PROGRAMS | NEW_CONNECTIONS | SHARED | FILES
CLONE3 = 435
# The first that Linux 6.12 of Debian 13 has not: what a later one adds (463 is setxattrat) nobody has judged.
NEWER = 463
WRITING = 0o1 | 0o2 | 0o100 | 0o1000  # O_WRONLY, O_RDWR, O_CREAT, O_TRUNC: open(2)
THREAD = 0x10000  # CLONE_THREAD: clone(2)
# Classic BPF over struct seccomp_data: nr, arch, instruction_pointer, args (linux/filter.h, linux/seccomp.h)
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, FIRST, SECOND, THIRD = 0, 4, 16, 24, 32
X86_64, X32 = 0xC000003E, 0x40000000
ALLOW, KILL, ERROR = 0x7FFF0000, 0x80000000, 0x00050000
# Calls of which an argument decides: number, argument, comparison, value, and whether that is what is refused.
JUDGED = (
    (2, SECOND, ANY_BIT, WRITING, True),  # open
    (257, THIRD, ANY_BIT, WRITING, True),  # openat
    (157, FIRST, EQUAL, SET_DUMPABLE, True),  # prctl
    (72, SECOND, EQUAL, 8, True),  # fcntl: F_SETOWN, F_SETSIG, F_SETOWN_EX would have the kernel send the signal
    (72, SECOND, EQUAL, 10, True),
    (72, SECOND, EQUAL, 15, True),
    (16, SECOND, EQUAL, 0x8901, True),  # ioctl: FIOSETOWN, SIOCSPGRP, the same
    (16, SECOND, EQUAL, 0x8902, True),
    (56, FIRST, ANY_BIT, THREAD, False),  # clone: no new process
    (302, FIRST, EQUAL, 0, False),  # prlimit64: its own limits only
)


class ConfineError(OSError):
    """The kernel does not take it."""


def confine() -> None:
    """Give up, for good, what reaches beyond this process. Raises ConfineError: then no session may run here."""
    libc = ctypes.CDLL(None, use_errno=True)
    if platform.machine() != "x86_64":
        raise ConfineError(errno.ENOSYS, f"no filter for {platform.machine()}")
    code = b"".join(_program())
    content = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.addressof(content))
    for words in (
        (SET_DUMPABLE, 0, 0, 0, 0),
        (SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (SET_SECCOMP, FILTER, ctypes.byref(program), 0, 0),
    ):
        if libc.prctl(*words):
            raise ConfineError(ctypes.get_errno(), "the kernel takes no filter of system calls")


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


def _program() -> Iterator[bytes]:
    refuse = _step(RETURN, ERROR | errno.EPERM)
    yield _step(LOAD, ARCHITECTURE)
    yield _step(EQUAL, X86_64, yes=1)
    yield _step(RETURN, KILL)
    yield _step(LOAD, NUMBER)
    yield _step(AT_LEAST, X32, no=1)
    yield _step(RETURN, KILL)
    # As a kernel answers that has no such call: who makes it then takes an older one.
    yield _step(AT_LEAST, NEWER, no=1)
    yield _step(RETURN, ERROR | errno.ENOSYS)
    for number in sorted(REFUSED.values()):
        yield _step(EQUAL, number, no=1)
        yield refuse
    # glibc then takes clone, of which the flags can be read.
    yield _step(EQUAL, CLONE3, no=1)
    yield _step(RETURN, ERROR | errno.ENOSYS)
    for number, argument, comparison, value, is_refused in JUDGED:
        yield _step(EQUAL, number, no=4)
        yield _step(LOAD, argument)
        yield _step(comparison, value, yes=int(not is_refused), no=int(is_refused))
        yield refuse
        yield _step(LOAD, NUMBER)
    yield _step(RETURN, ALLOW)
