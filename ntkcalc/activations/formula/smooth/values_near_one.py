"""D(t) and D'(t) for |t| near 1, or −1 itself, where Hermite series are long.

Each value takes two local Hermite coefficients, which serve t and −t, or derivatives of D at ±1, which serve all values
as near to ±1: they are taken once the values that they would have served took as long. A series would have served all
values that are as far from ±1 or farther, and is left to others once it is less work than these.
"""

from __future__ import annotations

import math

from ntkcalc.activations.dual import Correlation
from ntkcalc.activations.formula.expressions.balls import Ball, refined, to_ball, to_real, working_precision
from ntkcalc.activations.formula.smooth.expansion_at_one import DerivativesAtOne
from ntkcalc.activations.formula.smooth.local_hermite import LocalHermite
from ntkcalc.activations.formula.smooth.trapezoid import Line
from ntkcalc.numerics.precision import Real, context, log2

_GUARD = 24.0  # bits of derivatives beyond those asked for

_Value = tuple[Real, Real]


class ValuesNearOne:
    """Values of the dual of one φ.

    Parameters
    ----------
    derivatives
        Those of D at ±1.
    log_square
        log2 of the smaller one of E[φ²] and E[φ'²].
    """

    def __init__(self, line: Line, derivatives: DerivativesAtOne, log_square: float) -> None:
        self._line, self._derivatives, self._log_square = line, derivatives, log_square
        self._spent: dict[int, list[tuple[int, float]]] = {}  # by bits: terms of a series in its place, seconds
        self._without_derivatives = 0.0  # seconds of values that these would have served
        self._known: dict[tuple[int, Real], dict[int, _Value]] = {}  # by bits and 1 − |t|, for both signs

    def value(self, t: Correlation, bits: int, terms: int, series: float) -> _Value | None:
        """Return D(t) and D'(t), t near ±1, with absolute errors below 2**-bits of D(1) and D'(1).

        None where a series of so many terms, which takes so many seconds, is less work.
        """
        known = self._known.get((bits, t.size.smaller))
        if known is not None:
            return known[t.sign]
        local, few = self._local(t, bits), self._derivatives_for(t, bits)
        alone = math.inf if local is None else local.work()
        together = math.inf if few is None else self._derivatives.work(few, bits + _GUARD)
        seconds = together if together < self._without_derivatives + alone else alone
        spent = self._spent.setdefault(bits, [])
        if seconds == math.inf or series <= seconds + sum(each for most, each in spent if most <= terms):
            return None
        spent.append((terms, seconds))
        if few is not None:
            if seconds == together:
                return self._beside_an_end(t, bits, few)
            self._without_derivatives += alone
        assert local is not None
        ctx = context(bits + 16)
        both = {sign: (to_real(ctx, d), to_real(ctx, slope)) for sign, (d, slope) in local.values().items()}
        self._known[bits, t.size.smaller] = both
        return both[t.sign]

    def _local(self, t: Correlation, bits: int) -> LocalHermite | None:
        """Return local coefficients, None at ±1."""
        if not t.size.smaller:
            return None
        need = bits + 16 - min(0.0, self._log_square) - log2(t.size.smaller)
        return LocalHermite(self._line, t.size, 1, need)

    def _derivatives_for(self, t: Correlation, bits: int) -> int | None:
        """Return how many derivatives are enough, None where there are no such."""
        log_delta = log2(t.size.smaller) if t.size.smaller else -math.inf
        return self._derivatives.terms_of_value(log_delta, self._log_square - bits - 8)

    def _beside_an_end(self, t: Correlation, bits: int, terms: int) -> _Value:
        """Return D(t) and D'(t) from derivatives at ±1."""

        def sums(guard: float) -> list[Ball]:
            with working_precision(math.ceil(bits + guard) + 32):
                return [*self._derivatives.value(t.sign, to_ball(t.size.smaller), terms, bits + guard)]

        found = refined(
            sums, bits + 2 - self._log_square, _GUARD, "derivatives of a formula are too large; lower --digits"
        )
        value, slope = (to_real(context(bits + 16), c) for c in found)
        return value, slope
