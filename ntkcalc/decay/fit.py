r"""Laws of decay of a series, fitted by least squares to the logarithms of its coefficients.

Each model is linear in its unknowns and includes the next-order correction, without which exponents are biased:

.. math::  \log c_p = \log C + e \log p + β/p, \quad \log C + q \log p - a \sqrt p + β/\sqrt p, \quad
           \log C + q \log p - p \log r + β/p, \quad \log C + q \log p + b\,p - s\, p \log p

(power, stretched exponential, exponential, entire). Even and odd degrees are fitted separately. A model is a candidate
if its leading term decreases, changes by more than one over the window, and agrees between both halves of the window.
Of the candidates common to both parity classes (or, without a common one, of each class's own) the one with the least
Bayesian information criterion is taken. The result is "undecided" where there is no candidate or its residuals exceed
0.1. Coefficients that oscillate evenly in √p are judged by their local maxima (crests): log c_p = log C + e log p or
log C + log p/2 − a √p, whichever has the smaller residuals, if both halves of the crests agree.

Standard errors come from the residuals. The systematic error is five times the largest difference between the fit to
either half of the window and the fit to all of it: a neglected term such as 1/√p changes by a third from one half
to the other; for kernels with a known law, up to 4.4 times that difference were seen. A law that begins beyond
the window cannot be found: where two singularities lie within a thousandth of each other, as for erf at depth 4,
degrees far beyond 1000 decide, and theory is the better guide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import log

import numpy as np

from ntkcalc.decay.results import Candidate, ClassFit, DecayFit, Parameter
from ntkcalc.errors import InputError
from ntkcalc.numerics.precision import exact, python_integers
from ntkcalc.numerics.types import Array, Flags

MODELS = ("power", "stretched-exponential", "exponential", "entire")
FEWEST = 12
"""Coefficients of a parity class that a fit needs."""

_FLOOR = 1e-9  # residuals below which models are not told apart
# agreement of the halves, relatively
_AGREEMENT = {"power": 0.1, "stretched-exponential": 0.2, "exponential": 0.2, "entire": 0.5}
_LEADING = {"power": 1, "stretched-exponential": 2, "exponential": 2, "entire": 3}  # column of `_basis`
_NOISE = 0.1  # residual beyond which no model describes the series
_RISE = -0.2  # exponent above which a series is not said to decrease
_CALM = 10  # the degree from which on crests are looked for


@python_integers
def fit_decay(series: Sequence[str | float | Decimal | Fraction], window: tuple[int, int] | None = None) -> DecayFit:
    """Return the law of decay of nonnegative coefficients.

    Parameters
    ----------
    series : c_0, c_1, …, nonnegative
    window : degrees (A, B) to fit, both included; None is the upper three quarters

    Returns
    -------
    DecayFit
        The model, its parameters with errors, and each parity class by itself; ``"undecided"`` where nothing
        can be said.

    Raises
    ------
    InputError
        For negative coefficients or a window outside the series.

    Examples
    --------
    >>> found = fit_decay([0] + [2.0 * p**-1.5 for p in range(1, 400)])
    >>> found.model, round(found.parameters["exponent"].value, 6)
    ('power', -1.5)
    """
    values = [exact(c, f"c_{p}") for p, c in enumerate(series)]
    if not values:
        raise InputError("a decay law needs coefficients, got none")
    if any(v < 0 for v in values):
        raise InputError("a decay law needs nonnegative coefficients")
    return fit_logs([log(v.numerator) - log(v.denominator) if v else None for v in values], window)


def fit_logs(logs: Sequence[float | None], window: tuple[int, int] | None = None, ended: bool = False) -> DecayFit:
    """Return the law of decay from log c_p, None where c_p is exactly zero; `ended` if all later c_p are zero."""
    last, known = len(logs) - 1, {p: y for p, y in enumerate(logs) if y is not None}
    if window is None and last < FEWEST and not ended:
        return DecayFit("undecided", False, {}, (), "both", (0, last), None)
    first, end = window or (max(2, last // 4), last)
    if not 1 <= first < end <= last:
        raise InputError(f"the window must be A:B with 1 <= A < B <= {last}, the last degree, got {first}:{end}")
    highest = max(known, default=0)
    if ended or highest < max(first, last - max(FEWEST, last // 4)):
        return DecayFit("finite", False, {}, (), "finite", (first, end), highest)
    rows = parity_classes([p for p in range(first, end + 1) if p in known])
    parity = "both" if len(rows) != 1 else rows[0][0]
    full = (len(ps) >= FEWEST and ps[-1] - ps[0] == 2 * (len(ps) - 1) for _, ps in rows)  # without gaps
    if not rows or not all(full):
        return DecayFit("undecided", False, {}, (), parity, (first, end), None)
    points = [(name, np.array(ps, dtype=np.float64), np.array([known[p] for p in ps])) for name, ps in rows]
    return _joined((first, end), parity, _classes(points), known)


def parity_classes(degrees: Sequence[int]) -> list[tuple[str, list[int]]]:
    """Return the even and the odd degrees, those that there are."""
    classes = [(name, [p for p in degrees if p % 2 == i]) for i, name in enumerate(("even", "odd"))]
    return [(name, ps) for name, ps in classes if ps]


@dataclass(frozen=True)
class _Fit:
    """One model on one class: coefficients of its basis, their standard errors, residuals."""

    model: str
    c: Array
    stderr: Array
    residuals: Array
    criterion: float
    halves: tuple[tuple[Array, Array], ...]  # the same of either half of the window

    @property
    def spread(self) -> float:
        """Root mean square of the residuals."""
        return float(np.sqrt(np.mean(self.residuals**2)))


def _basis(model: str, p: Array) -> Array:
    one, logs = np.ones_like(p), np.log(p)
    columns = {
        "power": [one, logs, 1 / p],
        "stretched-exponential": [one, logs, np.sqrt(p), 1 / np.sqrt(p)],
        "exponential": [one, logs, p, 1 / p],
        "entire": [one, logs, p, p * logs],
    }
    return np.stack(columns[model], axis=1)


def _solve(model: str, p: Array, y: Array) -> tuple[Array, Array, Array]:
    basis = _basis(model, p)
    scale = np.abs(basis).max(axis=0)
    c, *_ = np.linalg.lstsq(basis / scale, y, rcond=None)
    residuals = y - basis / scale @ c
    freedom = max(1, len(p) - len(c))
    covariance = residuals @ residuals / freedom * np.linalg.pinv((basis / scale).T @ (basis / scale))
    return c / scale, np.sqrt(np.diag(covariance)) / scale, residuals


def _fitted(model: str, p: Array, y: Array) -> _Fit:
    c, stderr, residuals = _solve(model, p, y)
    spread = float(np.mean(residuals**2)) + _FLOOR**2
    half = len(p) // 2
    halves = tuple(_solve(model, p[part], y[part])[:2] for part in (slice(None, half), slice(half, None)))
    return _Fit(model, c, stderr, residuals, len(p) * log(spread) + len(c) * log(len(p)), halves)


def _is_candidate(fit: _Fit, p: Array) -> bool:
    """Whether the leading term is present, decreases, and agrees between both halves of the window."""
    j = _LEADING[fit.model]
    terms = [fit.c[j], *(c[j] for c, _ in fit.halves)]
    if terms[0] >= 0 or (fit.model == "power" and fit.c[1] > _RISE):
        return False
    change = abs(fit.c[j]) * float(np.ptp(_basis(fit.model, p)[:, j]))
    noise = 3 * float(np.hypot(*(stderr[j] for _, stderr in fit.halves)))
    agree = abs(terms[1] - terms[2]) <= _AGREEMENT[fit.model] * abs(fit.c[j]) + noise
    return agree and (fit.model == "power" or change > 1)


def _classes(rows: Sequence[tuple[str, Array, Array]]) -> list[ClassFit]:
    """Fit all models to the parity classes and take the best common candidate, or each class's own."""
    fits = [{model: _fitted(model, p, y) for model in MODELS} for _, p, y in rows]
    fair = [{m: _is_candidate(f, p) for m, f in found.items()} for found, (_, p, _) in zip(fits, rows, strict=True)]
    shared = _least([m for m in MODELS if all(candidates[m] for candidates in fair)], fits)
    classes = []
    for (parity, _, _), found, candidates in zip(rows, fits, fair, strict=True):
        known = tuple(Candidate(m, f.spread, f.criterion, bool(candidates[m])) for m, f in found.items())
        best = shared or _least([m for m in MODELS if candidates[m]], [found])
        if best is None or found[best].spread > _NOISE:
            classes.append(ClassFit(parity, "undecided", {}, min(f.spread for f in found.values()), known))
        else:
            classes.append(ClassFit(parity, best, _parameters(found[best]), found[best].spread, known))
    return classes


def _least(models: Sequence[str], fits: Sequence[dict[str, _Fit]]) -> str | None:
    """Return the model with the least sum of information criteria."""
    return min(models, key=lambda m: sum(found[m].criterion for found in fits), default=None)


def _parameters(fit: _Fit) -> dict[str, Parameter]:
    def parameter(j: int, sign: float = 1.0) -> Parameter:
        systematic = 5 * max(abs(c[j] - fit.c[j]) for c, _ in fit.halves)
        return Parameter(sign * float(fit.c[j]), float(fit.stderr[j]), float(systematic))

    def exponential(j: int, sign: float = 1.0) -> Parameter:
        inner = parameter(j, sign)
        value = float(np.exp(inner.value))
        return Parameter(value, value * inner.stderr, value * inner.systematic)

    found = {"exponent": parameter(1), "constant": exponential(0)}
    if fit.model == "stretched-exponential":
        found["rate"] = parameter(2, -1.0)
    if fit.model == "exponential":
        found["ratio"] = exponential(2, -1.0)
    return {} if fit.model == "entire" else found


def _joined(window: tuple[int, int], parity: str, classes: Sequence[ClassFit], logs: dict[int, float]) -> DecayFit:
    """Return the law of the series: that of its slower class, or of the envelope where it oscillates."""
    envelope = False
    if any(c.model == "undecided" and c.spread > _NOISE for c in classes):
        crests = [_enveloped(c, logs) if c.model == "undecided" else c for c in classes]
        fits = [c for c in crests if c is not None]
        if len(fits) == len(classes):
            classes, envelope = fits, True
    if any(c.model == "undecided" for c in classes):
        return DecayFit("undecided", False, {}, tuple(classes), parity, window, None)
    slowest = min(classes, key=lambda c: _fall(c, window[1]))
    return DecayFit(slowest.model, envelope, slowest.parameters, tuple(classes), parity, window, None)


def _fall(fit: ClassFit, p: int) -> float:
    """Return −d log c/d log p at p: how fast a class falls."""
    at = {name: parameter.value for name, parameter in fit.parameters.items()}
    return float(-at.get("exponent", 0.0) + at.get("rate", 0.0) * p**0.5 / 2 + log(at.get("ratio", 1.0)) * p)


def _enveloped(fit: ClassFit, logs: dict[int, float]) -> ClassFit | None:
    """Fit the crests of a class that oscillates about a smooth law; None if it does not, or no law fits both halves."""
    ps = np.array([p for p in logs if p >= _CALM and p % 2 == (fit.parity == "odd")], dtype=np.float64)
    y = np.array([logs[int(p)] for p in ps])
    smooth = np.stack([np.ones_like(ps), np.log(ps), np.sqrt(ps)], axis=1)
    rest = y - smooth @ np.linalg.lstsq(smooth, y, rcond=None)[0]
    crests: Flags = np.concatenate([[False], (rest[1:-1] > rest[:-2]) & (rest[1:-1] >= rest[2:]), [False]])
    if crests.sum() < 3 or crests.sum() > len(ps) // 6:  # noise has a crest every third point
        return None
    p, top = ps[crests], y[crests]
    spacing = np.diff(np.sqrt(p))
    if spacing.std() > 0.15 * spacing.mean():  # a pair of poles or a kink oscillates evenly in √p
        return None
    models = (("power", _power_of_crests(p, top)), ("stretched-exponential", _rate_of_crests(p, top)))
    fitted = [(left, model, found) for model, (found, left) in models if found is not None]
    if not fitted:
        return None
    _, model, found = min(fitted, key=lambda item: item[0])
    return ClassFit(fit.parity, model, found, float(rest.std()), fit.candidates)


def _slope(x: Array, y: Array) -> tuple[float, Array]:
    """Return b of y = a + b x, and the residuals."""
    basis = np.stack([np.ones_like(x), x], axis=1)
    c = np.linalg.lstsq(basis, y, rcond=None)[0]
    return float(c[1]), y - basis @ c


def _of_halves(x: Array, y: Array) -> tuple[float, float]:
    """Return b of y = a + b x for the lower half of the crests and for the upper."""
    half = (len(x) + 1) // 2
    return _slope(x[:half], y[:half])[0], _slope(x[-half:], y[-half:])[0]


_Crests = tuple[dict[str, Parameter] | None, float]  # None where the halves disagree; root mean square of residuals


def _power_of_crests(p: Array, top: Array) -> _Crests:
    """Fit log c_p = log C + e log p. Low crests are bent by what falls faster: the upper half is taken."""
    left = _slope(np.log(p), top)[1]
    lower, e = _of_halves(np.log(p), top)
    if e > _RISE or abs(lower - e) > _AGREEMENT["power"] * abs(e):
        return None, float(left.std())
    stderr = float(left.std() / np.ptp(np.log(p)))
    return {"exponent": Parameter(e, stderr, abs(lower - e))}, float(left.std())


def _rate_of_crests(p: Array, top: Array) -> _Crests:
    """Fit log c_p = log C + log p/2 − a √p. Few crests leave the power of p open: 0 and 1 are the error of a."""
    root = -np.sqrt(p)
    rates = [_slope(root, top - power * np.log(p))[0] for power in (0.0, 0.5, 1.0)]
    left = _slope(root, top - 0.5 * np.log(p))[1]
    halves = _of_halves(root, top - 0.5 * np.log(p))
    if rates[1] <= 0 or abs(halves[0] - halves[1]) > _AGREEMENT["stretched-exponential"] * rates[1]:
        return None, float(left.std())
    stderr = float(left.std() / np.ptp(root))
    return {"rate": Parameter(rates[1], stderr, max(abs(rate - rates[1]) for rate in rates))}, float(left.std())
