"""The program on damaged data and series files, by the tens of thousands.

Run ``python tests/fuzz/files.py [--count N] [--seed S]``. Files of every kind are cut, spliced, flipped and retyped,
some of them inside their archive. Whatever comes out: exit code 0 or 2, nothing on stdout when it fails, one or two
lines on stderr then and no word otherwise (no warning either), an end within ten seconds, no growth beyond 500 MB.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import io
import os
import resource
import sys
import tempfile
import traceback
import warnings
import zipfile
from collections import Counter
from pathlib import Path
from random import Random

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from arguments import Hang, limited, verdict
from shell import Done, inside

GROWTH = 500_000  # kB
ROWS = np.array([[3.0, 4.0, 1.0], [-1.0, 0.0, 2.0], [0.25, -0.5, 1.0], [1.0, 1.0, 1.0]])
DATA = ["evaluate", "-a", "linear", "--format", "plain", "-q", "--data"]
SERIES = [
    ["eigs", "--sphere-dim", "2", "--max-frequency", "2", "--format", "plain", "-q", "-c"],
    ["effrank", "--format", "plain", "-q", "-c"],
    ["decay", "--format", "plain", "-q", "-c"],
    ["evaluate", "--rho", "0.5", "--format", "plain", "-q", "-c"],
]
LAYOUTS: list[list[str]] = [[], [], [], ["--columns=-1"], ["--columns", "a,c"], ["--header", "yes"], ["--header", "no"]]
LAYOUTS += [["--decimal", ","], ["--delimiter", ";"]]

WORDS = ["", " ", "nan", "NaN", "-inf", "1e999", "1e-999", "1.7e308", "5e-324", "0", "-0", "1,5", "\u22121", "\0", '"']
WORDS += ["'", "\ufeff", "#", ";", ",", "\t", "\n", "\r", "\n\n", "x", "NA", "1_0", "0x1p3", "1D0", "9" * 400, "1e5000"]
WORDS += [
    "{",
    "}",
    "[",
    "]",
    "null",
    "true",
    "(",
    "):",
    "'<f8'",
    "'|O'",
    "'<c16'",
    "True",
    "-1",
    "10000000000",
    "\udcff",
]


def npy(array: object, version: tuple[int, int] = (1, 0)) -> bytes:
    """An array as the bytes of a .npy file."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asanyarray(array), version=version, allow_pickle=True)
    return buffer.getvalue()


def archive(name: str, content: bytes, packed: int = zipfile.ZIP_STORED) -> bytes:
    """A zip archive with one member."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packed) as file:
        file.writestr(name, content)
    return buffer.getvalue()


def parquet() -> bytes:
    """A table as the bytes of a .parquet file."""
    import pandas

    buffer = io.BytesIO()
    pandas.DataFrame(ROWS, columns=["a", "b", "c"]).to_parquet(buffer)
    return buffer.getvalue()


def text(delimiter: str, names: str = "") -> bytes:
    """Rows as lines of text."""
    lines = [delimiter.join(map(str, row)) for row in ROWS.tolist()]
    return ("\n".join([delimiter.join(names)] * bool(names) + lines) + "\n").encode()


POINTS = {
    "x.npy": [
        *(npy(ROWS), npy(np.asfortranarray(ROWS), (2, 0)), npy(ROWS.astype(">f4"), (3, 0)), npy([[3, 4], [1, 2]])),
        *(npy(np.array([[{}, 1]])), npy(ROWS.astype([("a", float)])), npy(ROWS.reshape(2, 2, 3)), npy(ROWS + 1j)),
    ],
    "x.csv": [text(","), text(",", "abc"), text(";", "abc"), b'"a","b"\n"1","2"\n3,"4"\n', b",a,b\n0,3,4\n1,-1,0\n"],
    "x.tsv": [text("\t"), text("\t", "abc")],
    "x.txt": [text(" "), text(" ", "abc"), b"# made by hand\n 1  2\n\n3 4 # end\n"],
    "x.parquet": [parquet()],
}
TEXTS = {"s.txt": [b"1\n0.5\n0.25\n", b"1\n0.5\n\n3\n2\n1e-20\n", b"1/3\n2/7\n"]}
"""Files that the program reads, by name, before they are damaged."""


class Fuzz:
    """Counts of what was run, and what went wrong."""

    def __init__(self, seed: int) -> None:
        self.seed, self.codes, self.faults = seed, Counter[str](), list[str]()
        lines = inside(["coeffs", "-a", "relu", "-a", "tanh", "-T", "5", "--json"]).stdout
        table = inside(["coeffs", "-a", "relu", "-T", "5", "--format", "csv"]).stdout
        self.series = TEXTS | {"s.json": [lines.encode()], "s.csv": [table.encode()]}

    def case(self, number: int) -> tuple[list[str], str, bytes, bytes | None]:
        """Arguments, the name of a file, its content, and what is on stdin, of one case."""
        random = Random(f"{self.seed} {number}")
        series = random.random() < 0.3
        kinds = self.series if series else POINTS
        name = random.choice(list(kinds))
        content = mutated(random, random.choice(kinds[name]), random.choice(kinds[random.choice(list(kinds))]))
        if name == "x.npy" and random.random() < 0.4:
            name = "x.npz"
            content = archive("rows.npy", content, random.choice([0, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA]))
            content = mutated(random, content, content) if random.random() < 0.5 else content
        elif not series and name != "x.parquet" and random.random() < 0.25:
            name, content = f"{name}.gz", gzip.compress(content, mtime=0)
            content = mutated(random, content, content) if random.random() < 0.5 else content
        command = [*(random.choice(SERIES) if series else DATA)]
        layout = [] if series else random.choice(LAYOUTS)
        if random.random() < 0.2:
            return [*command, "-", *layout], name, content, content
        return [*command, name, *layout], name, content, None

    def run(self, number: int) -> None:
        """Run one case."""
        arguments, name, content, stdin = self.case(number)
        Path(name).write_bytes(content)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        said = ""
        try:
            with limited(), warnings.catch_warnings():
                warnings.simplefilter("always")
                done = inside(arguments, "" if stdin is None else stdin)
            self.codes[f"exit {done.returncode} of {'stdin' if stdin else name}"] += 1
            said = self.wrong(done)
        except Hang:
            said = "no end"
        except BaseException as error:  # also what only a test would raise
            last = traceback.extract_tb(error.__traceback__)[-1]
            said = f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}: {error}"
            if isinstance(error, KeyboardInterrupt):
                raise
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        if grown > GROWTH:
            said = said or f"grew by {grown} kB"
        if said:
            self.faults.append(f"case {number}: {said}: {arguments} {content[:400]!r}")
            print(self.faults[-1], file=sys.__stderr__, flush=True)

    def wrong(self, done: Done) -> str:
        """What is wrong with a run, or nothing."""
        if done.returncode not in (0, 2):
            return f"exit code {done.returncode}: {done.stderr[-200:]!r}"
        if done.returncode == 0 and done.stderr:
            return f"said {done.stderr[-200:]!r}"
        return verdict(done) and f"{verdict(done)}: {done.stderr[-200:]!r}"


def mutated(random: Random, content: bytes, other: bytes) -> bytes:
    """Some bytes with up to four changes; `other` lends pieces."""
    found = bytearray(content)
    for _ in range(random.choice([0, 1, 1, 1, 2, 3, 4])):
        at, to = sorted(random.randint(0, len(found)) for _ in range(2))
        short = min(to, at + random.randint(1, 12))
        match random.randrange(8):
            case 0:
                found[at:short] = random.randbytes(short - at)
            case 1:
                del found[at:]
            case 2:
                del found[at:short]
            case 3:
                found[at:at] = found[at:to]
            case 4:
                found[at:short] = other[random.randint(0, len(other)) :][: random.randint(1, 200)]
            case 5 | 6:
                word = random.choice(WORDS).encode("utf-8", "surrogateescape")
                found[at : random.choice([at, short])] = word
            case 7 if found:
                found[min(at, len(found) - 1)] ^= 1 << random.randrange(8)
    return bytes(found)


def report(count: int, seed: int) -> list[str]:
    """Run so many cases in a folder of their own, print the counts, and return what went wrong."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        fuzz = Fuzz(seed)
        for number in range(count):
            fuzz.run(number)
    ends = ", ".join(f"{end}: {n}" for end, n in sorted(fuzz.codes.items()))
    print(f"{count} damaged files: {ends}; {len(fuzz.faults)} faults")
    print(f"largest: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000:.0f} MB")
    return fuzz.faults


def main() -> int:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="files")
    parser.add_argument("--seed", type=int, default=0, help="start of the random numbers")
    chosen = parser.parse_args()
    return bool(report(chosen.count, chosen.seed))


if __name__ == "__main__":
    os.nice(5)
    sys.exit(main())
