"""Activations that others publish, five verbs, depths 2, 3, 5: which commands fail, and the ten that take longest.

python tests/benchmarks/published.py [--only TEXT] [--verbs VERB ...] [--depths L ...] [--limit SECONDS]

Every command runs in a process of its own, forked from one that has loaded the program; its CPU time (user + system)
counts. Failed is what does not end with exit code 0, or takes more than the limit. The activations are those of
tests/formula/published.py.
"""

from __future__ import annotations

import argparse
import os
import resource
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # threads do not survive a fork

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "formula"))

from published import PUBLISHED, VERBS

from ntkcalc.cli.main import main as program

SLOWEST = 10
WARM = "tanh(x)+x/3"
"""A formula, not among those measured, that loads what is loaded late."""


@dataclass(frozen=True)
class Ended:
    """A command, its CPU time, its exit code or minus the signal that ended it, and its last line on stderr."""

    command: str
    seconds: float
    status: int
    said: str

    def __str__(self) -> str:
        why = f"   exit {self.status}: {self.said}" if self.status else ""
        return f"{self.seconds:7.2f} s  ntkcalc {self.command}{why}"


def run(arguments: Sequence[str]) -> int:
    """Run a command in this process, and return its exit code."""
    sys.argv = ["ntkcalc", *arguments, "-q"]
    try:
        program()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    return 0


def forked(arguments: Sequence[str], limit: int) -> Ended:
    """Run a command in a process of its own, which ends after so many seconds of CPU time."""
    with TemporaryFile() as errors:
        pid = os.fork()
        if not pid:
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(errors.fileno(), 2)
            os._exit(run(arguments))
        _, status, used = os.wait4(pid, 0)
        errors.seek(0)
        said = errors.read().decode("utf-8", "replace").splitlines()
    seconds = used.ru_utime + used.ru_stime
    return Ended(shlex.join(arguments), seconds, os.waitstatus_to_exitcode(status), said[-1] if said else "")


def main() -> int:
    """Run all, print what failed and what took longest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="what names or formulas must contain")
    parser.add_argument("--verbs", nargs="+", default=[*VERBS], choices=[*VERBS])
    parser.add_argument("--depths", nargs="+", type=int, default=[2, 3, 5])
    parser.add_argument("--limit", type=int, default=120, help="seconds of CPU time")
    options = parser.parse_args()
    texts = [p.text for name, p in PUBLISHED.items() if options.only in name or options.only in p.text]
    done: list[Ended] = []
    with TemporaryDirectory() as folder:
        np.save(f"{folder}/points.npy", np.random.default_rng(0).standard_normal((50, 4)))
        os.chdir(folder)
        commands = {verb: VERBS[verb].format("points.npy").split() for verb in options.verbs}
        for verb in commands.values():
            run([*verb, "-a", WARM, "-o", "warm.json"])
        for text in texts:
            for verb in commands.values():
                for depth in options.depths:
                    done.append(forked([*verb, "-l", str(depth), "-a", text], options.limit))
                    if done[-1].status:
                        print(done[-1], flush=True)
    failed = [ended for ended in done if ended.status]
    print(f"{len(texts)} activations, {len(done)} commands, {sum(e.seconds for e in done):.0f} s of CPU time")
    print(f"{len(failed)} failed; the slowest {SLOWEST}:")
    print(*sorted(done, key=lambda e: -e.seconds)[:SLOWEST], sep="\n")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
