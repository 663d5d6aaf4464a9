"""What differs between systems in how a mover is begun, reached and ended.

Linux is proven by the tests. macOS has the same calls and should work alike, which nobody has tried. Windows has no
descriptors that travel over a socket: there the bytes stay with the threads.
"""

from __future__ import annotations

import array
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import subprocess

#: What of the environment a mover is given: where shared libraries and temporary files are. Never all of it.
_ENVIRON: Final = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR", "LANG", "LC_ALL", "NBXFER_TEST_COVERAGE")
#: What a mover begins with. Neither the folder nor the modules of a person are looked into (-I), nor site-packages
#: scanned (-S): the folders that it needs are named.
_PROGRAM: Final = (
    "import sys; sys.path += sys.argv[2:]; from nbxfer.engine.mover_start import main; main(int(sys.argv[1]))"
)
#: By so much a thread that moves bytes is less urgent (see nice(2)): it gets a third of a share where all want one.
LESS_URGENT: Final = 5
#: What a mover imports; where these lie is what it is told.
_NEEDED: Final = ("nbxfer", "msgspec", "h11", "crc32c")


def why_not() -> str | None:
    """Say why no mover can be had on this system at all; None where it can be tried."""
    if sys.platform == "win32" or not hasattr(socket, "AF_UNIX") or not hasattr(socket, "send_fds"):
        return "this system cannot hand open files to another process"
    if not sys.executable or not os.path.isfile(sys.executable):
        return "it is not known with which program Python was begun"
    return None


def spawn() -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Begin a mover, in a session of its own; give it and our end of its pipe. Raises OSError, ValueError."""
    import subprocess  # here: a mover has this module, and begins no process

    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _PROGRAM, str(theirs.fileno()), *_folders()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                cwd="/",
                env={name: os.environ[name] for name in _ENVIRON if name in os.environ},
            )
    except BaseException:
        ours.close()
        raise
    return process, ours


def _folders() -> list[str]:
    found = [os.path.dirname(os.path.dirname(os.path.abspath(_file(name)))) for name in _NEEDED]
    return list(dict.fromkeys(found))


def _file(name: str) -> str:
    import importlib

    return importlib.import_module(name).__file__ or ""


def end(process: subprocess.Popen[bytes], within: float) -> bool:
    """End a process for certain, also one that is stopped; say whether it is gone after ``within`` seconds."""
    from subprocess import TimeoutExpired

    with contextlib.suppress(OSError):
        process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    try:
        process.wait(within)
    except TimeoutExpired:
        return False
    return True


def send(channel: socket.socket, data: bytes, descriptors: Sequence[int] = ()) -> int:
    """Send some of ``data``, with ``descriptors`` beside its first byte; give how many bytes. Raises OSError."""
    if not descriptors:
        return channel.send(data)
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
    return channel.sendmsg([data], rights)


def receive(channel: socket.socket, most: int) -> tuple[bytes, list[int]]:
    """Give the next bytes, and the descriptors that came beside them. Raises OSError."""
    data, descriptors, _, _ = socket.recv_fds(channel, most, 8)
    return data, list(descriptors)


def give_way() -> None:
    """Have this thread leave the processor to those that are more urgent, where a system knows threads to be so.

    Eight threads that decrypt keep two processors; the one that answers a cell would wait for its turn behind them, and
    a cell that computes has less of its own.
    """
    import threading  # here: a mover has this module, too

    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a sandbox may forbid it
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, 0) + LESS_URGENT)


def processors() -> int:
    """Give how many processors this process may run on, as far as the system tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def spare_descriptors() -> int | None:
    """Give how many more files this process may open, as it is now; None where that is not known, or not limited."""
    try:
        import resource

        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        used = len(os.listdir("/dev/fd"))
    except (ImportError, OSError, ValueError):
        return None
    return None if most == resource.RLIM_INFINITY else max(0, most - used)


def computed_by_others() -> dict[int, float] | None:
    """Give the seconds that each thread of Python's that is not nbxfer's has computed; None: this system does not tell.

    What the system does for a thread (removing a large file takes it a tenth of a second) counts for nothing: a call
    into it gives the interpreter's lock away.
    """
    import threading  # here: a mover has this module, too

    found: dict[int, float] = {}
    for thread in threading.enumerate():
        if thread.native_id is None or thread.name.startswith("nbxfer"):
            continue
        try:
            with open(f"/proc/self/task/{thread.native_id}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except (FileNotFoundError, ProcessLookupError):  # it has just ended, before its file was opened or read
            if not os.path.isdir("/proc/self/task"):
                return None
            continue
        except OSError:
            return None
        found[thread.native_id] = int(fields[11]) / os.sysconf("SC_CLK_TCK")
    return found


def give_back() -> None:
    """Give memory that is free, and kept for the next need, back to the system; only where the C library does that."""
    import ctypes  # here: few processes ever have so much

    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library has no such thing
            ctypes.CDLL(None).malloc_trim(0)
