"""Runs that are killed at random moments: no temporary file stays, and outputs are the old ones or whole.

Run ``python tests/fuzz/kills.py [--count N] [--seed S]``. Signals are sent at moments spread over the length of a whole
run, from the start of the interpreter to its end. TERM, HUP and INT must end it with 128 + their number and without a
word; KILL leaves nothing either, where the file system has files without a name.
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from shell import ENVIRONMENT, PROGRAM

SIGNALS = [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL]
LINES = {
    "K.npy": "evaluate -a relu --data points.npy -q -o K.npy",
    "c.json": "coeffs -a tanh -T 300 -o c.json",
    "p.png": "evaluate -a relu --rho -1:1:9 -o /dev/null --plot p.png",
}
OLD = b"old"
HANGS = 600  # seconds, a guard against hanging only


def start(line: str, folder: Path) -> subprocess.Popen[bytes]:
    """Start the program in a folder; the signals are not ignored, whatever the one who starts the tests does."""

    def listen() -> None:
        for number in SIGNALS[:3]:
            signal.signal(number, signal.SIG_DFL)

    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([*PROGRAM, *shlex.split(line)], cwd=folder, env=ENVIRONMENT, preexec_fn=listen, **pipes)


def whole(line: str, name: str, folder: Path) -> tuple[bytes, float]:
    """What a run that nobody kills writes, and how long it takes."""
    before = time.monotonic()
    process = start(line, folder)
    assert process.communicate(timeout=HANGS)[1] == b""
    assert process.returncode == 0
    return (folder / name).read_bytes(), time.monotonic() - before


def verdict(name: str, folder: Path, new: bytes, number: int, code: int, said: bytes, replaced: bool) -> str:
    """What is wrong after a killed run, or nothing."""
    left = {path.name for path in folder.iterdir()} - {"points.npy"}
    content = (folder / name).read_bytes() if name in left else None
    if left - {name}:
        return f"left {sorted(left - {name})}"
    if content not in (OLD if replaced else None, new):
        return f"half a file, or none: {None if content is None else content[:80]!r}"
    if code == 0:
        return "" if content == new else "done, but nothing is written"
    if number == signal.SIGKILL or code == -number:  # before the program is there to see the signal
        return "" if code == -number else f"exit code {code}"
    if said and b"ntkcalc/cli" not in said:  # Python itself, before it runs a line of the program
        return "" if b"KeyboardInterrupt" in said and number == signal.SIGINT else f"said {said[-300:]!r}"
    return f"exit code {code}, said {said[-300:]!r}" if said or code != 128 + number else ""


def kill(name: str, folder: Path, new: bytes, moment: float, number: signal.Signals, twice: bool) -> tuple[str, str]:
    """Kill one run at a moment: how it ended, and what is wrong."""
    replaced = random.random() < 0.5
    if replaced:
        (folder / name).write_bytes(OLD)
    process = start(LINES[name], folder)
    time.sleep(moment)
    process.send_signal(number)
    if twice:
        process.send_signal(number)
    said = process.communicate(timeout=HANGS)[1]
    code = process.returncode
    wrong = verdict(name, folder, new, number, code, said, replaced)
    return f"exit {code}" + " of Python's own" * bool(
        said
    ), wrong and f"{number.name} after {moment:.3f} s of {LINES[name]}: {wrong}"


def report(count: int, seed: int) -> list[str]:
    """Kill so many runs, print how they ended, and return what went wrong."""
    random.seed(seed)
    ends: Counter[str] = Counter()
    faults = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        points = np.random.default_rng(seed).standard_normal((1500, 8))
        np.save(folder / "points.npy", points)
        runs = {}
        for name, line in LINES.items():
            runs[name] = whole(line, name, folder)
            (folder / name).unlink()
        for i in range(count):
            name, number = list(LINES)[i % len(LINES)], SIGNALS[i // len(LINES) % len(SIGNALS)]
            new, seconds = runs[name]
            moment = random.random() * seconds
            end, wrong = kill(name, folder, new, moment, number, twice=random.random() < 0.3)
            for path in folder.iterdir():
                if path.name != "points.npy":
                    path.unlink()
            ends[f"{number.name} {end}"] += 1
            if wrong:
                faults.append(wrong)
                print(wrong, file=sys.stderr, flush=True)
    print(f"{count} killed runs: {', '.join(f'{end}: {n}' for end, n in sorted(ends.items()))}; {len(faults)} faults")
    return faults


def main() -> int:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=400, help="runs, a quarter of them for each signal")
    parser.add_argument("--seed", type=int, default=0, help="start of the random numbers")
    chosen = parser.parse_args()
    return bool(report(chosen.count, chosen.seed))


if __name__ == "__main__":
    os.nice(5)
    sys.exit(main())
