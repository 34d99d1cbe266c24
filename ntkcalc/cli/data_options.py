"""Options of data sets, and of networks of finite width on them."""

import sys
from typing import TYPE_CHECKING

from ntkcalc.cli.options import PrecisionOptions, option
from ntkcalc.cli.terminal import progress, remark
from ntkcalc.errors import InputError

if TYPE_CHECKING:
    from ntkcalc.kernel.points import Points


class DataOptions(PrecisionOptions):
    """Points from a file."""

    data: str | None = option("--data FILE", "Points, one a row: .npy, .npz, .csv, .tsv, text (or .gz), - for stdin.")
    columns: str | None = option("--columns LIST", "Columns of a text: names, numbers from 1, 2-5; -X leaves X out.")
    header: str | None = option("--header auto|yes|no", "Whether a text's first line holds names.  [default: auto]")
    delimiter: str | None = option("--delimiter C", "What stands between two fields; tab is a tab.  [default: seen]")
    decimal: str | None = option("--decimal .|,", "The decimal sign of a text.  [default: .]")
    no_normalize: bool = option("--no-normalize", "Take rows with their norms, zero rows too.", False)

    def points(self, source: str) -> "Points":
        """Read a data file; remarks say how it was read, and where rows were scaled."""
        from ntkcalc.cli.data_files import load_points
        from ntkcalc.cli.delimited_text import Layout

        delimiter = {"tab": "\t", "\\t": "\t"}.get(self.delimiter or "", self.delimiter)
        layout = Layout(self.header or "auto", delimiter, self.decimal or ".", self.columns)
        with progress(self.quiet, "reading points"):
            points, remarks = load_points(source, sys.stdin, not self.no_normalize, layout)
        for said in remarks:
            remark(said, self.quiet)
        if points.scaled:
            remark(f"{points.source}: rows scaled to unit norm", self.quiet)
        return points

    def check_layout(self) -> None:
        """Refuse options of text files without a data file."""
        for name in ("columns", "header", "delimiter", "decimal"):
            if getattr(self, name) is not None and self.data is None:
                raise InputError(f"--{name} is about how --data FILE is read: give that too")


class NetworkOptions(DataOptions):
    """Data sets, and networks of finite width on them."""

    memory: str = option("--memory SIZE", "What the kernel matrix may take, e.g. 500M; else it streams.", "1G")
    isotropic: str | None = option("--isotropic N,D", "N standard Gaussian points in R^D as data.")
    width: int | None = option("--width M", "Networks of M neurons or channels in each hidden layer.")
    trials: int | None = option("--trials N", "Networks to take the mean of.  [default: 10]")
    seed: int | None = option("--seed S", "Start of the random numbers.  [default: 0]")

    @property
    def measured(self) -> bool:
        """Whether there is a data set."""
        return bool(self.data or self.isotropic)

    @property
    def draws(self) -> tuple[int, int]:
        """The number of networks and the seed."""
        return 10 if self.trials is None else self.trials, self.seed or 0

    @property
    def budget(self) -> int:
        """The memory for the kernel matrix in bytes, from a text such as 500M or 1.5G."""
        from ntkcalc.numerics.precision import exact

        number = self.memory.strip().upper().removesuffix("B").removesuffix("I")
        unit = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}.get(number[-1:], 1)
        size = exact(number[:-1] if unit > 1 else number, "memory (such as 500M or 1.5G)") * unit
        if not 0 <= size <= 1 << 50:
            raise InputError(f"memory must lie between 0 and 1024T, got '{self.memory[:40]}'")
        return int(size)

    def data_sets(self) -> "list[Points]":
        """Return the points of --data and of --isotropic."""
        from ntkcalc.kernel.points import isotropic_points

        sets = [] if self.data is None else [self.points(self.data)]
        if self.isotropic is not None:
            n, d = sizes(self.isotropic, "--isotropic", "N,D")
            with progress(self.quiet, "drawing points"):
                sets.append(isotropic_points(n, d, self.seed or 0))
        return sets

    def check_networks(self, *names: str) -> None:
        """Refuse options of networks (fields `names`) without --width, and --width without data."""
        idle = [name for name in ("trials", *names) if getattr(self, name) is not None]
        if self.width is None and idle:
            raise InputError(f"--{idle[0].replace('_', '-')} is about networks of finite width: give --width M too")
        if self.width is not None and not self.measured:
            raise InputError("--width is about networks on data: give --data FILE or --isotropic N,D too")

    def check_seed(self) -> None:
        """Refuse a seed where nothing is random, and one out of range."""
        if self.seed is not None and self.width is None and self.isotropic is None:
            raise InputError(
                "--seed starts the random numbers of --width or --isotropic: give one of them, or leave it out"
            )
        if self.seed is not None and not 0 <= self.seed < 1 << 64:
            raise InputError(f"seed must lie in 0 to 2^64 - 1, got {self.seed}")


def sizes(text: str, what: str, names: str) -> tuple[int, ...]:
    """Read whole numbers with commas between, such as 3,40,40 for C,H,W."""
    parts = text.split(",")
    if len(parts) != len(names.split(",")) or not all(p.isascii() and p.isdigit() and 0 < len(p) < 10 for p in parts):
        raise InputError(f"{what} is {names}, whole numbers with commas between, got '{text[:40]}'")
    found = tuple(map(int, parts))
    if min(found) < 1:
        raise InputError(f"{what} {names} must be at least 1 each, got '{text[:40]}'")
    return found
