"""Whole processes, as benchmarks measure them: CPU time (user + system), how they ended, what they said."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

HERE = Path(__file__).parents[2]
UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "PYTHONDONTWRITEBYTECODE")
ENVIRONMENT = {k: v for k, v in os.environ.items() if k not in UNSET} | {"PYTHONPATH": str(HERE)}
PYTHON = [sys.executable, "-c"]
NTKCALC = [sys.executable, "-m", "ntkcalc"]


@dataclass(frozen=True)
class Ended:
    """What became of a process.

    Attributes
    ----------
    seconds
        CPU time, user and system.
    status
        Exit code, or minus the number of the signal that ended it.
    said
        Last line on stderr.
    """

    seconds: float
    status: int
    said: str


def ended(command: Sequence[str], folder: str | Path | None = None, limit: int | None = None) -> Ended:
    """Run a command to its end, or until it has taken `limit` seconds of CPU time."""
    with TemporaryFile() as errors:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            preexec_fn=None if limit is None else _limited(limit),
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        lines = errors.read().decode("utf-8", "replace").splitlines()
    return Ended(used.ru_utime + used.ru_stime, process.returncode, lines[-1] if lines else "")


def _limited(seconds: int) -> Callable[[], None]:
    """Return what sets the limit of CPU time in a new process; SIGXCPU ends it."""
    return lambda: resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
