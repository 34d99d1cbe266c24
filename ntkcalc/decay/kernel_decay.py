"""The decay of a kernel's series, or of one from a file: the fit beside the theory."""

from dataclasses import replace
from decimal import Context
from math import floor, log, log10

import numpy as np

from ntkcalc.decay.fit import FEWEST, fit_logs, parity_classes
from ntkcalc.decay.results import Decay, DecayTheory, Model, Parity, Statement
from ntkcalc.decay.theory import kernel_theory
from ntkcalc.errors import InputError
from ntkcalc.kernel.hyperparameters import Kernel, kernel_facts, kernel_of
from ntkcalc.numerics.precision import log2, whole
from ntkcalc.numerics.types import Observer, stage
from ntkcalc.series.coefficients import MOST_TERMS, kappa_by_depth
from ntkcalc.series.given_series import GivenSeries
from ntkcalc.spectrum.sphere import Sphere, kernel_spectrum

_BITS = 64  # of coefficients: their logarithms are fitted in float64
_TERMS = 1000
_HIGHEST = 100  # frequency of the eigenvalues that are fitted
MEASURED = "measured"


def kernel_decays(
    kernel: Kernel,
    depths: list[int],
    truncation: int | None = None,
    window: tuple[int, int] | None = None,
    sphere_dim: int | None = None,
    rank: int | None = None,
    observer: Observer | None = None,
) -> list[Decay]:
    """Return the decay of a kernel at several depths ≤ kernel.depth, fitted to κ_p up to p = 1000 by default.

    `sphere_dim` and `rank` are d of S^d and r of data, for Corollary 4.7 and Theorem 4.8.
    """
    terms = whole(_TERMS if truncation is None else truncation, "truncation", 1, MOST_TERMS)
    theories = [kernel_theory(kernel.at_depth(depth), sphere_dim, rank) for depth in depths]
    known = kappa_by_depth(kernel, depths, terms, _BITS, stage(observer, "coefficients"))
    stage(observer, "fits")
    found = []
    for depth, theory in zip(depths, theories, strict=True):
        c, tails = known[depth]
        logs = [log2(x) * log(2) if x else None for x in c]
        fit = fit_logs(logs, window, ended=not tails[-1])
        layers = kernel.at_depth(depth)
        beside = theory if sphere_dim is None else _with_measured(layers, theory, sphere_dim, fit.model, observer)
        found.append(Decay(kernel_facts(layers, 12), fit, beside, tuple(logs)))
    return found


def _with_measured(
    kernel: Kernel, theory: DecayTheory, sphere_dim: int, fitted: str, observer: Observer | None = None
) -> DecayTheory:
    """Return the theory with a fit to λ_k beside it; without theory the fit to κ_p tells which law to try."""
    rows = kernel_spectrum(kernel, Sphere(sphere_dim, _HIGHEST), None, 10, observer).eigenvalues
    logs = [None if not row.eigenvalue else float(row.eigenvalue.ln(Context(prec=20))) for row in rows]
    said = theory.sphere_eigenvalues
    found = measured_on_sphere(logs, said[0].model if said else fitted)
    if not said:
        silent = "no theory for this formula, only a fit"
        nothing = Statement(
            "undecided", f"λ_k, k ≤ {_HIGHEST}, follows none of the laws that are tried", MEASURED, "fit"
        )
        found = [replace(s, source=silent) for s in found or [nothing]]
    return replace(theory, sphere_eigenvalues=(*said, *found))


def measured_on_sphere(logs: list[float | None], model: str) -> list[Statement]:
    """Return the fitted law of log λ_0 … log λ_K (None for λ_k = 0) on the upper half of the frequencies.

    Where κ_p follows a stretched exponential, the two-thirds law of λ_k is fitted.
    """
    window = (len(logs) // 2, len(logs) - 1)
    if model == "stretched-exponential":
        return _two_thirds(logs, window)
    statements = []
    for c in fit_logs(logs, window).classes:
        if c.model == "power":
            e = c.parameters["exponent"]
            said = f"λ_k ~ k^({_with_error(e.value, e.stderr + e.systematic)})"
            statements.append(_measured("power", said, c.parity, window, exponent=e.value))
        elif c.model == "exponential":
            r = c.parameters["ratio"]
            said = f"λ_k ~ k^q ({_with_error(r.value, r.stderr + r.systematic)})^(−k)"
            statements.append(_measured("exponential", said, c.parity, window, ratio=r.value))
        elif c.model == "entire":
            statements.append(_measured("entire", "λ_k falls faster than any exponential", c.parity, window))
    return statements


def _measured(model: Model, said: str, parity: Parity, window: tuple[int, int], **parameters: float) -> Statement:
    law = f"{said} for {parity} k, k = {window[0]} … {window[1]}"
    return Statement(model, law, MEASURED, "fit", parity=parity, **parameters)


def _with_error(value: float, error: float) -> str:
    """Return a value to the digits that its error leaves, and the error."""
    error = max(error, 1e-12)
    return f"{value:.{max(0, -floor(log10(error)))}f} ± {error:.1g}"


def _two_thirds(logs: list[float | None], window: tuple[int, int]) -> list[Statement]:
    """Fit log λ_k = log C + q log k − s k^{2/3} + β k^{1/3}: the law of kernels whose φ has poles."""
    statements = []
    for parity, ks in parity_classes([k for k in range(window[0], window[1] + 1) if logs[k] is not None]):
        if len(ks) < FEWEST:
            continue
        k, y = np.array(ks, dtype=np.float64), np.array([logs[i] for i in ks], dtype=np.float64)
        basis = np.stack([np.ones_like(k), np.log(k), k ** (2 / 3), k ** (1 / 3)], axis=1)
        rates = [-float(np.linalg.lstsq(basis[:, :n], y, rcond=None)[0][2]) for n in (4, 3)]
        error = abs(rates[0] - rates[1])
        if rates[0] <= error:  # the sign of the rate is unknown, as for oscillating λ_k
            continue
        said = f"λ_k ~ k^q exp(−({_with_error(rates[0], error)}) k^(2/3))"
        statements.append(_measured("stretched-exponential", said, parity, window))
    return statements


def given_decay(
    given: GivenSeries,
    window: tuple[int, int] | None = None,
    sphere_dim: int | None = None,
    rank: int | None = None,
    observer: Observer | None = None,
) -> Decay:
    """Return the decay of a series from a file, beside what theory says of the kernel that the file names.

    Raises
    ------
    InputError
        For `sphere_dim` or `rank` where the file names no kernel.
    """
    logs = [log(x.numerator) - log(x.denominator) if x else None for x in given.coefficients]
    fit = fit_logs(logs, window, ended=given.tail == 0)
    theory = DecayTheory((), (), ())
    if sphere_dim is not None or rank is not None:
        if given.kernel is None:
            raise InputError(
                "the series names no kernel, of which theory could speak: leave out --sphere-dim and --rank"
            )
        kernel = kernel_of(given.kernel)
        theory = kernel_theory(kernel, sphere_dim, rank)
        theory = theory if sphere_dim is None else _with_measured(kernel, theory, sphere_dim, fit.model, observer)
    return Decay(given.kernel, fit, theory, tuple(logs))
