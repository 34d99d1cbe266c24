"""What long work says of itself: stages by name, steps done of steps in all, and the line on the terminal."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from ntkcalc.cli import terminal
from ntkcalc.cli.interruption import ON_SCREEN
from ntkcalc.decay.kernel_decay import kernel_decays
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.matrix_summary import matrix_summary
from ntkcalc.kernel.points import unit_rows
from ntkcalc.numerics.types import Observer, stage
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


def test_the_terminal_shows_stages_and_steps_and_is_clean_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr("threading.Timer", AtOnce)
    monkeypatch.setenv("TERM", "xterm")
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
