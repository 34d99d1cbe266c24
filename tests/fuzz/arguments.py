"""The program on arguments and files that nobody would type, by the tens of thousands.

Run ``python tests/fuzz/arguments.py [--inside N] [--processes N] [--seed S]``. Whatever is fed in: an exit code of
the contract, never a traceback or an internal error, nothing on stdout when it fails, one or two lines on stderr, and
an end within ten seconds.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent.parent))

from shell import Done, inside, run
from typer.main import get_command

from ntkcalc.activations.catalogue import FAMILIES
from ntkcalc.cli.main import app
from ntkcalc.cli.manual import Entry, pages

CODES = {0, 1, 2, 3}
LIMIT = 10  # seconds of work, and of waiting for what never comes; the machine may be busy with other things
FILES = ["points.npy", "many.npz", "points.csv", "points.txt", "series.json", "numbers.txt", "odd.bin", "missing", "."]

NAMES = [*FAMILIES, *(alias for f in FAMILIES.values() for alias in f.aliases)]
whole = st.one_of(st.integers(-3, 5), st.sampled_from([10**9, 10**30])).map(str)  # what is deep takes long, rightly
real = st.one_of(
    st.integers(-2, 3).map(str),
    st.floats(-2, 2).filter(lambda x: abs(x) > 1e-30).map(str),  # variances of 1e-200 take minutes, rightly
    st.sampled_from(
        ["0.5", "1e-30", "1e400", "nan", "-inf", "1/2", "0x1", "٣", "1_0", "", " 1 ", "1e-999999999", "+.5"]
    ),
)
noise = st.one_of(
    st.text(max_size=8), st.sampled_from(["", "-", "--", "=", ":", "\x00", "\udcff", "🙂", "%s", "{}", "\\", "'"])
)
words = noise.map(lambda text: text.replace("\x00", "0"))  # no shell can pass a zero byte
activation = st.one_of(
    st.sampled_from(NAMES),
    st.sampled_from(["relu", "tanh", "gaussian"]),
    st.builds(
        "{}:{}={}".format, st.sampled_from(NAMES), st.sampled_from(["slope", "alpha", "beta", "sigma", "x"]), real
    ),
    st.builds("{}*{}({})".format, st.sampled_from("x2"), st.sampled_from(["tanh", "exp", "f"]), st.sampled_from("xy1")),
    words,
)
ranges = st.builds("{}:{}:{}".format, real, real, whole) | st.builds("{}:{}".format, whole, whole)
# what may stand for a value, by its metavar
VALUES = {
    "ACT": activation,
    "N": whole | ranges,
    "X": real | ranges,
    "X|max": real | st.just("max"),
    "FILE": st.sampled_from(FILES) | st.just("-"),
    "A:B": ranges,
    "SIZE": st.builds("{}{}".format, whole, st.sampled_from(["", "K", "M", "G", "MB", "x"])),
}


def value(entry: Entry) -> st.SearchStrategy[str]:
    """Something that may be the value of an option, mostly of the right kind."""
    kind = VALUES.get(entry.metavar, whole)
    if entry.choices:
        kind = kind | st.sampled_from(entry.choices) if entry.metavar in VALUES else st.sampled_from(entry.choices)
    if entry.names[-1] in ("--output", "--plot"):
        kind = st.sampled_from(["out.json", "out.csv", "out.npy", "out.png", "no/folder", ".", "-", "points.npy/x"])
    if entry.names[-1] in ("--workers", "--scheduler"):
        kind = st.sampled_from(["0", "-1", "513", "10**9", "x", "a:b", "tcp://", ""])  # no process is started
    return st.integers(0, 11).flatmap(lambda n: words if n == 0 else kind)


def option(entry: Entry) -> st.SearchStrategy[list[str]]:
    """An option, spelled in one of its ways."""
    if not entry.metavar:
        return st.sampled_from(entry.names).map(lambda name: [name])
    ways = (lambda n, v: [n, v], lambda n, v: [f"{n}={v}"], lambda n, v: [n + v])
    return st.builds(
        lambda name, v, way: way(name, v), st.sampled_from(entry.names), value(entry), st.sampled_from(ways)
    )


TOP, COMMANDS = pages(get_command(app), "ntkcalc")


@st.composite
def command_lines(draw: Callable[..., object]) -> list[str]:
    """Arguments: mostly a command that makes sense, with options that may or may not."""
    page = draw(st.sampled_from(COMMANDS))
    arguments = [page.path.split()[1]]
    known = {entry.names[-1]: entry for entry in page.entries}
    sensible = draw(st.integers(0, 9))
    if sensible:
        arguments += ["-a", draw(st.sampled_from(["relu", "tanh", "gaussian", "erf", "elu"]))]
        needs = {
            "evaluate": ["--rho=0.5", "--data=points.npy"],
            "eigs": ["--sphere-dim=2", "--data=points.csv"],
            "decay": ["-T40"],
        }
        arguments += [draw(st.sampled_from(needs[arguments[0]]))] if arguments[0] in needs else []
    for entry in draw(st.lists(st.sampled_from([*known.values()]), max_size=4)):
        arguments += draw(option(entry))
    if sensible == 9:
        arguments.insert(draw(st.integers(0, len(arguments))), draw(words))
    if sensible == 8:
        arguments = draw(st.permutations(arguments))
    return arguments


contents = st.one_of(
    st.binary(max_size=60),
    st.lists(st.lists(real, min_size=1, max_size=3).map(" ".join), max_size=5).map(
        lambda rows: "\n".join(rows).encode()
    ),
    st.sampled_from(
        [b"", b"{}", b"[1]", b"\x93NUMPY\x01\x00", b"PK\x03\x04", b'{"schema": "ntkcalc.coeffs/1"}', b"1\n0.5\n"]
    ),
)
stdins = st.sampled_from(["", "1 0\n0 1\n", "0.5 -1", "1\n0.5\n0.25\n", "x", "{}", "\x00", "nan nan\n"])


def prepare() -> None:
    """Put files of every kind into the current folder."""
    rows = np.random.default_rng(0).standard_normal((6, 3))
    np.save("points.npy", rows)
    np.savez("many.npz", a=rows, b=rows.astype(complex))
    np.savetxt("points.csv", rows, delimiter=",")
    np.savetxt("points.txt", rows)
    Path("numbers.txt").write_text("1\n0.5\n0.25\n")
    Path("series.json").write_text(inside(["coeffs", "-a", "relu", "--json"]).stdout)


class Hang(BaseException):
    """The time is over."""


@contextmanager
def limited() -> object:
    """Raise Hang after the limit."""

    def over(*_: object) -> None:
        raise Hang

    signal.signal(signal.SIGALRM, over)
    signal.signal(signal.SIGPROF, over)
    signal.alarm(6 * LIMIT)
    signal.setitimer(signal.ITIMER_PROF, LIMIT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)


def verdict(done: Done) -> str:
    """What is wrong with a run, or nothing."""
    if done.returncode not in CODES:
        return f"exit code {done.returncode}"
    if "Traceback" in done.stderr or "internal error" in done.stderr:
        return "a traceback or an internal error"
    if done.returncode and done.stdout:
        return "failed with something on stdout"
    if done.returncode and not done.stderr.startswith(("ntkcalc: ", "Example: ")):
        return "failed without a message"
    lines = [line for line in done.stderr.splitlines() if "rows scaled" not in line]
    if done.returncode and done.stderr.startswith("ntkcalc: ") and len(lines) > 2:
        return "a message of more than two lines"
    return ""


class Fuzz:
    """Counts of what was run, and what went wrong."""

    def __init__(self) -> None:
        self.codes: Counter[int] = Counter()
        self.faults: list[str] = []
        self.slowest = 0.0

    def fault(self, said: str, *case: object) -> None:
        """Keep what went wrong with which case, and say it at once."""
        self.faults.append(f"{said}: {case!r}"[:1500])
        print(self.faults[-1], file=sys.__stderr__, flush=True)

    def try_inside(self, arguments: list[str], content: bytes, stdin: str) -> None:
        """Run once in this process."""
        Path("odd.bin").write_bytes(content)
        start = time.process_time()
        try:
            with limited():
                done = inside(arguments, stdin)
            self.note(done, arguments, content, stdin)
        except Hang:
            self.fault(f"no end within {LIMIT} s", arguments, content, stdin)
        except BaseException as error:  # also what only a test would raise
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(last.filename).name}:{last.lineno}"
            self.fault(f"{type(error).__name__} at {place}: {error}", arguments, content, stdin)
            if isinstance(error, KeyboardInterrupt):
                raise
        self.slowest = max(self.slowest, time.process_time() - start)

    def try_process(self, arguments: list[str], content: bytes, stdin: str) -> None:
        """Run once as a process of its own."""
        Path("odd.bin").write_bytes(content)
        try:
            done = run([a.encode("utf-8", "surrogateescape") for a in arguments], stdin, timeout=6 * LIMIT)  # type: ignore[list-item]
        except Exception as error:
            self.fault(type(error).__name__, arguments, content, stdin)
            return
        self.note(done, arguments, content, stdin)

    def note(self, done: Done, arguments: list[str], content: bytes, stdin: str) -> None:
        """Count a run, and keep it where it was at fault."""
        self.codes[done.returncode] += 1
        if sum(self.codes.values()) % 1000 == 0:
            print(f"{sum(self.codes.values())} runs", file=sys.__stdout__, flush=True)
        said = verdict(done)
        if said:
            self.fault(said, arguments, content, stdin, done.stderr[-300:])


def many(attempt: Callable[[list[str], bytes, str], None], count: int, start: int) -> None:
    """Draw so many cases; nothing raises, so that one fault does not end the search."""

    @seed(start)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=[*HealthCheck],
    )
    @given(command_lines(), contents, stdins)
    def each(arguments: list[str], content: bytes, stdin: str) -> None:
        attempt(arguments, content, stdin)

    each()


def report(inner: int, outer: int, start: int) -> list[str]:
    """Run everything in a folder of its own, print the counts, and return the faults."""
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            prepare()
            inside_, outside = Fuzz(), Fuzz()
            for fuzz, attempt, count in ((inside_, inside_.try_inside, inner), (outside, outside.try_process, outer)):
                if count:
                    many(attempt, count, start)
                where = "in this process" if fuzz is inside_ else "as processes"
                codes = ", ".join(f"exit {code}: {n}" for code, n in sorted(fuzz.codes.items()))
                print(f"{sum(fuzz.codes.values())} runs {where}: {codes}; {len(fuzz.faults)} faults", flush=True)
            print(f"slowest in this process: {inside_.slowest:.1f} s")
        finally:
            os.chdir(here)
    return inside_.faults + outside.faults


def main() -> int:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inside", type=int, default=20_000, help="runs in this process")
    parser.add_argument("--processes", type=int, default=300, help="runs as processes")
    parser.add_argument("--seed", type=int, default=0, help="start of the random numbers")
    chosen = parser.parse_args()
    return bool(report(chosen.inside, chosen.processes, chosen.seed))


if __name__ == "__main__":
    sys.exit(main())
