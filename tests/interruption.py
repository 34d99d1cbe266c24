"""Signals at a moment that does not depend on the machine's load: CPU time is measured, not a clock."""

import os
import resource
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from shell import ENVIRONMENT, PROGRAM

HANGS = 900  # seconds, a guard against hanging only


def interrupted(arguments: Sequence[str], cwd: Path, after: float, number: int = signal.SIGINT) -> float:
    """Send a signal to a run that has used `after` seconds of CPU time: how many more it uses before it ends.

    It must end without a word and with 128 + the signal's number as exit code.
    """
    before = children()
    process = subprocess.Popen(
        [*PROGRAM, *arguments],
        cwd=cwd,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # a shell that runs the tests in the background would have them ignore Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
    )
    while (used := cpu_seconds(process.pid)) < after:
        assert process.poll() is None  # it takes long
        time.sleep(0.02)
    process.send_signal(number)
    assert process.communicate(timeout=HANGS) == (b"", b"")
    assert process.returncode == (128 + number if number != signal.SIGKILL else -number)
    return children() - before - used


def cpu_seconds(pid: int) -> float:
    """User and system time of a running process; none of one that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children() -> float:
    """User and system time of all processes that were waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
