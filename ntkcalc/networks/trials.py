"""Independent trials: their random generators, and means of measured values with 95 % confidence intervals."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import numpy as np

from ntkcalc.errors import InputError
from ntkcalc.numerics.known_digits import figures, known_digits
from ntkcalc.numerics.precision import decimal, whole
from ntkcalc.numerics.types import Array
from ntkcalc.spectrum.results import Interval

MOST_TRIALS = 1_000_000
UNKNOWN = Interval(None, None, None, 0)
"""The interval of no trials."""

_TAIL = 0.975  # quantile whose interval holds 95 %


def numbered_trials(seed: int, trials: int) -> range:
    """Return the numbers of the trials, from 0; an InputError refuses too many, and a seed out of range."""
    whole(trials, "trials", 1, MOST_TRIALS)
    if not 0 <= whole(seed, "seed") < 1 << 64:
        raise InputError(f"seed must lie in 0 to 2^64 - 1, got {seed}")
    return range(trials)


def generator(seed: int, trial: int) -> np.random.Generator:
    """Return the generator of a trial, which starts from ``SeedSequence(seed).spawn(trials)[trial]``."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(trial,)))


class Sample:
    """Values measured in trials: count, mean and sum of squared deviations, updated with each trial (Welford)."""

    def __init__(self) -> None:
        self.count, self.mean, self.squares = 0, np.zeros(()), np.zeros(())

    def add(self, values: Array | float) -> None:
        """Add the values of one trial, all of one shape."""
        self.count += 1
        off = np.asarray(values, dtype=np.float64) - self.mean
        self.mean = self.mean + off / self.count
        self.squares = self.squares + off * (values - self.mean)

    def half_width(self) -> Array | None:
        """Return half of the 95 % confidence interval of the mean, t_{0.975, N−1} s/√N; None for one trial."""
        if self.count < 2:
            return None
        from scipy.special import stdtrit

        variance = self.squares / (self.count - 1)
        return np.asarray(stdtrit(self.count - 1, _TAIL) * np.sqrt(variance / self.count))

    def intervals(self, errors: Array | float, digits: int, low: float, high: float) -> list[Interval]:
        """Return the means and intervals as decimals of at most so many digits, one for each value.

        `errors` are absolute, of the means. Ends of intervals are rounded outwards and cut at the bounds low and high.
        """
        if not self.count:
            return []
        half, means, found = self.half_width(), np.atleast_1d(self.mean), []
        for i, (mean, error) in enumerate(zip(means, np.broadcast_to(errors, means.shape), strict=True)):
            if mean <= error:
                found.append(Interval(None, None, None, self.count))
                continue
            first = last = None
            if half is not None:
                width = np.atleast_1d(half)[i]
                first = _outward(max(low, mean - width), ROUND_FLOOR, error, digits)
                last = _outward(min(high, mean + width), ROUND_CEILING, error, digits)
            found.append(Interval(known_digits(mean, error, digits), first, last, self.count))
        return found

    def interval(self, error: Array | float, digits: int, low: float, high: float) -> Interval:
        """Return the interval of a single value, unknown without trials."""
        return self.intervals(error, digits, low, high)[0] if self.count else UNKNOWN


def _outward(end: float, rounding: str, error: float, digits: int) -> Decimal:
    """Return an end of an interval, rounded outwards to the digits that its error leaves."""
    known = figures(end, error)
    return decimal(float(end), min(digits, known), rounding) if known else Decimal(0)
