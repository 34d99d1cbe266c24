"""The decay of a kernel or of someone else's series: the fit, and the theory beside it."""

from __future__ import annotations

from math import log

from ntkcalc.coefficients import MOST_TERMS, kernel_facts, series_by_depth
from ntkcalc.decay_fit import fit_logs
from ntkcalc.decay_laws import kernel_decay
from ntkcalc.errors import InputError
from ntkcalc.kernel import Kernel
from ntkcalc.precision import log2
from ntkcalc.results import Decay, DecayTheory
from ntkcalc.series_file import GivenSeries

_BITS = 64  # of coefficients: their logarithms are fitted in float64
_TERMS = 1000


def kernel_decays(
    kernel: Kernel,
    depths: list[int],
    truncation: int | None = None,
    window: tuple[int, int] | None = None,
    sphere_dim: int | None = None,
    rank: int | None = None,
) -> list[Decay]:
    """Return the decay of a kernel at several depths ≤ kernel.depth.

    Parameters
    ----------
    kernel, depths
        The kernel, and the depths that are wanted.
    truncation
        The highest degree; None is 1000.
    window
        Degrees to fit; None is the upper three quarters.
    sphere_dim, rank
        For what follows on a sphere and for data of a rank.
    """
    terms = _TERMS if truncation is None else truncation
    if not 1 <= terms <= MOST_TERMS:
        raise InputError(f"truncation must lie in 1 to {MOST_TERMS}, got {terms}")
    theories = [kernel_decay(kernel.at_depth(depth), sphere_dim, rank) for depth in depths]
    known = series_by_depth(kernel, depths, terms, _BITS)
    found = []
    for depth, theory in zip(depths, theories, strict=True):
        c, tails = known[depth]
        logs = [log2(x) * log(2) if x else None for x in c]
        fit = fit_logs(logs, window, ended=not tails[-1])
        found.append(Decay(kernel_facts(kernel.at_depth(depth), 12), fit, theory, tuple(logs)))
    return found


def given_decay(given: GivenSeries, window: tuple[int, int] | None = None) -> Decay:
    """Return the decay of a series from outside, on which theory is silent."""
    logs = [log(x.numerator) - log(x.denominator) if x else None for x in given.coefficients]
    return Decay(given.kernel, fit_logs(logs, window, ended=given.tail == 0), DecayTheory((), (), ()), tuple(logs))
