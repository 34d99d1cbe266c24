"""What long work says of itself: stages by name, steps done of steps in all, and the line on the terminal."""

from __future__ import annotations

import contextlib
import io
import math
import re
import shlex
import sys
import time
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from shell import Done, inside

import ntkcalc
from ntkcalc.activations.catalogue import activation
from ntkcalc.activations.dual import ExpansionPoint
from ntkcalc.cli import terminal
from ntkcalc.cli.interruption import ON_SCREEN
from ntkcalc.decay.kernel_decay import kernel_decays
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.matrix_summary import matrix_summary
from ntkcalc.kernel.points import unit_rows
from ntkcalc.numerics.packed_series import Packing
from ntkcalc.numerics.precision import context
from ntkcalc.numerics.tasks import HERE
from ntkcalc.numerics.types import Observer, stage
from ntkcalc.numerics.work import announce, listening, paced, repeated
from ntkcalc.series.coefficients import SeriesRequest, coefficients_by_depth
from ntkcalc.series.values import kernel_values
from ntkcalc.spectrum.effective_rank import effective_ranks
from ntkcalc.spectrum.matrix_spectrum import data_spectrum
from ntkcalc.spectrum.sphere import Sphere, kernel_spectrum

KERNEL = Kernel.of("relu", 3)
POINTS = unit_rows(np.random.default_rng(0).standard_normal((300, 3)), "x")

WORK: dict[str, tuple[Callable[[Observer], object], list[str]]] = {
    "matrix": (lambda o: matrix_summary(KERNEL, POINTS, observer=o), ["", "rank of the points"]),
    "spectrum": (
        lambda o: data_spectrum(KERNEL, POINTS, None, 9, observer=o),
        ["", "eigenvalues", "singular values of the points"],
    ),
    "largest": (
        lambda o: data_spectrum(KERNEL, POINTS, 3, 9, memory=0, observer=o),
        ["products with K", "singular values of the points"],
    ),
    "ranks": (
        lambda o: effective_ranks(KERNEL, POINTS, observer=o),
        ["singular values of the points", "", "eigenvalues"],
    ),
    "sphere": (
        lambda o: kernel_spectrum(KERNEL, Sphere(2, 4), None, 9, o),
        ["series of", "frequencies", "bounds of frequencies", "quadrature with", "frequencies"],
    ),
    "decay": (
        lambda o: kernel_decays(KERNEL, [3], 60, observer=o),
        ["coefficients, layer 2 of 3, products", "fits"],
    ),
    "coefficients": (
        lambda o: coefficients_by_depth(KERNEL, [3], SeriesRequest(20), o),
        ["layer 2 of 3, expansion", "layer 2 of 3, products", "layer 3 of 3, expansion", ""],
    ),
    "paper": (
        lambda o: coefficients_by_depth(KERNEL, [3], SeriesRequest(20, paper_truncation=True), o),
        ["expansion", "layer 3 of 3, products", ""],
    ),
    "values": (
        lambda o: kernel_values(KERNEL, [Fraction(1, 3)], [5], 20, observer=o),
        ["kernel of depth 3 at rho = 0.333333", "series, layer 3 of 3, products", ""],
    ),
}


@pytest.mark.parametrize("name", WORK)
def test_work_names_its_stages_and_counts_their_steps(name: str) -> None:
    work, expected = WORK[name]
    heard: list[tuple[int, int, str]] = []
    work(lambda done, total, stage="": heard.append((done, total, stage)))
    told = [s for _, _, s in heard]
    stages = [s for s, before in zip(told, [None, *told], strict=False) if s != before]
    it = iter(stages)
    # in this order, some more than once; numbers of terms may follow
    assert all(any(s.startswith(e) and bool(s) == bool(e) for s in it) for e in expected), stages
    assert all(0 <= done <= total or (done, total) == (0, 0) for done, total, _ in heard)
    assert any(total and done == total for done, total, _ in heard)


@pytest.mark.parametrize("name", ["matrix", "largest"])
def test_a_single_block_of_a_matrix_tells_how_far_it_is(name: str) -> None:
    heard: set[tuple[int, int]] = set()
    WORK[name][0](lambda done, total, stage="": heard.add((done, total)))
    assert {(k, 6) for k in range(1, 7)} <= heard  # 300 rows are three tiles, on and above the diagonal six


def test_a_stage_without_an_observer_is_nothing() -> None:
    assert stage(None, "eigenvalues") is None


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


class AtOnce:
    """A timer without patience."""

    def __init__(self, seconds: float, action: Callable[[], None]) -> None:
        self.start = action

    def cancel(self) -> None:
        """Too late."""


def screen_on_stderr(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """A terminal on stderr, on which bars are shown at once."""
    found = Screen()
    monkeypatch.setattr(sys, "stderr", found)
    monkeypatch.setattr("threading.Timer", AtOnce)
    monkeypatch.setenv("TERM", "xterm")
    return found


def test_the_terminal_shows_stages_and_steps_and_is_clean_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = screen_on_stderr(monkeypatch)
    with terminal.progress(False, "tiles") as observer:
        assert observer is not None
        assert b"".join(ON_SCREEN).endswith(b"\x1b[?25h")  # a signal shows the cursor again
        observer(1, 4)
        terminal_shows(screen, "tiles", "25%")
        observer(0, 0, "eigenvalues")
        terminal_shows(screen, "eigenvalues", "0:00:0")
    assert not ON_SCREEN
    assert screen.getvalue().endswith("\x1b[2K")


def terminal_shows(screen: Screen, *words: str) -> None:
    """Wait for words in what was written last; the display is drawn ten times a second."""
    for _ in range(1000):
        last = screen.getvalue().rpartition("\r")[2]
        if all(word in last for word in words):
            return
        time.sleep(0.05)
    pytest.fail(repr(last))


def test_nothing_is_shown_where_nobody_looks() -> None:
    with terminal.progress(True, "tiles") as observer:
        assert observer is None


# ---------------------------------------------------------------- what long work takes


class EnoughError(Exception):
    """The work need not be done."""


def announced(work: Callable[[], object], until: float = math.inf) -> list[float]:
    """The seconds that some work announces; it ends where they are more than `until`."""
    heard: list[float] = []

    def listener(seconds: float, most: float) -> None:
        heard.append(seconds)
        if seconds > until:
            raise EnoughError

    with listening(listener), contextlib.suppress(EnoughError):
        work()
    return heard


def coefficients(act: str, depth: int, truncation: int, digits: int) -> Callable[[], object]:
    request = SeriesRequest(truncation, digits, "mpmath")
    return lambda: coefficients_by_depth(Kernel.of(act, depth), [depth], request)


class Clock:
    """Time as a test says it passes."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr("ntkcalc.numerics.work.time.monotonic", found := Clock())
    return found


def test_hours_of_work_are_told_beforehand() -> None:
    heard = announced(coefficients("relu", 1000, 1000, 300), until=600)
    assert heard[-1] > 600  # 998 compositions of a second or so; the first has not begun


@pytest.mark.parametrize("depth", [4, 9])
def test_the_compositions_of_all_layers_are_ahead_of_the_first(depth: int) -> None:
    one, several = (announced(coefficients("relu", d, 60, 20))[0] for d in (3, depth))
    assert several == pytest.approx((depth - 2) * one, rel=0.2)  # deeper kernels take some more bits


def test_a_series_of_odd_powers_is_told_to_take_less() -> None:
    odd, full = ([0, *row] for row in ([1, 0] * 300, [1] * 600))
    packing, outer = Packing.fixed_point(60, 601), [1] * 601
    (less,), (more,) = (announced(lambda u=u: packing.compose([outer], u, 1 << 60, 1)) for u in (odd, full))
    assert more / 2 <= less <= 0.75 * more  # series half as long, but twice as many sums, for even and odd powers


@pytest.mark.parametrize(
    ("act", "delta", "route"),
    [
        ("tanh(9*x)", 0.5, "quadrature_dual"),
        ("tanh(9*x)", 1e-3, "local_hermite"),
        ("tanh(x/5)", 1e-3, "expansion_at_one"),
    ],
)
def test_every_route_of_a_formula_announces_what_it_takes(act: str, delta: float, route: str) -> None:
    point = ExpansionPoint.between(context(64).mpf(1 - delta), context(64).mpf(delta))
    heard: set[str] = set()
    with listening(lambda seconds, most: heard.add(sys._getframe(2).f_globals["__name__"])):
        activation(act).dual.expansion(point, 6, 40)
    assert f"ntkcalc.activations.formula.smooth.{route}" in heard


def test_the_parts_of_repeated_work_are_added_and_what_is_kept_is_done_less_often() -> None:
    def work() -> None:
        with repeated(5):
            announce(10)
            announce(7, most=2)
            announce(100, most=1)
        announce(3)

    assert announced(work) == [50, 64, 164, 3]


def test_items_done_tell_once_how_long_the_others_take_and_the_first_does_not(clock: Clock) -> None:
    def work(times: list[float]) -> None:
        for seconds in paced(times):
            clock.now += seconds

    assert announced(lambda: work([100, 3, 3, *[4] * 7])) == [3 * 7]
    assert announced(lambda: work([100, *[0.01] * 400])) == []  # all is done soon


def test_independent_pieces_of_work_tell_how_long_the_others_take(clock: Clock) -> None:
    def piece(item: int, observer: Observer | None) -> None:
        clock.now += 40

    assert announced(lambda: [*HERE.run(piece, range(5))]) == [120]


def test_values_tell_how_long_the_others_take(clock: Clock) -> None:
    def hear(done: int, total: int, stage: str = "") -> None:
        clock.now += 10 * bool(done and not stage)

    rhos = [Fraction(i, 9) for i in range(9)]
    assert announced(lambda: kernel_values(KERNEL, rhos, [5], 9, observer=hear))[-1] == 70


LINES = [
    "coeffs -a 'tanh(20*x)' -l 3 -T 9 --json",
    "coeffs -a relu -l 3 -T 20 -d 20 --format plain",
    "evaluate -a 'sin(x)+tanh(x/3)' --rho 0.9 --json",
    "eigs -a relu -l 3 --sphere-dim 2 --max-frequency 3 --json",
]


def ran(line: str) -> Done:
    return inside(shlex.split(line))


@pytest.mark.parametrize("line", LINES)
def test_a_command_says_on_stderr_what_long_work_takes_and_goes_on(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(terminal, "LONG", 1e-9)
        long = ran(line)
    short = ran(line)
    assert (short.returncode, short.stderr) == (0, "")
    assert re.fullmatch("(ntkcalc: this takes about a minute\n)+", long.stderr)
    assert (long.returncode, long.stdout) == (0, short.stdout)


@pytest.mark.parametrize("line", LINES[:1])
def test_quiet_commands_and_the_library_say_nothing(
    line: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(terminal, "LONG", 1e-9)
    assert ran(f"{line} -q").stderr == ""
    ntkcalc.ntk_coefficients("tanh(20*x)", depth=3, truncation=9)
    assert capfd.readouterr() == ("", "")


def test_the_remark_is_repeated_where_work_proves_to_take_far_more(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal.progress(False, "tiles"):
        for seconds in (59, 170, 300, 400, 4000, 20000, 100):
            announce(seconds)
    takes = ["3 minutes", "7 minutes", "67 minutes", "6 hours"]
    assert capsys.readouterr().err.splitlines() == [f"ntkcalc: this takes about {t}" for t in takes]


def test_the_remark_stands_above_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = screen_on_stderr(monkeypatch)
    with terminal.progress(False, "tiles") as observer:
        assert observer is not None
        announce(170)
        observer(1, 4)
        terminal_shows(screen, "tiles", "25%")
    assert "\x1b[2Kntkcalc: this takes about 3 minutes\n" in screen.getvalue()
