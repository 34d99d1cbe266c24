r"""The dual of a φ with kinks or narrow features, from Hermite coefficients by panels.

The coefficients fall like a power of k, so that expansions about a take all k up to about (j + bits)/δ. Where these are
many, the spline S that has the jumps of φ (`matched_spline`) gives

.. math::  D(t) = D_S(t) + \sum_{k ≤ K} (µ_k(φ)² − µ_k(S)²) t^k + ε, \qquad |ε| ≤ e (2 ‖φ‖ + e),

with e the norm of what φ − S has beyond K. A φ that is a spline itself takes nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from functools import cached_property, partial
from typing import Any

from flint import arb_poly

from ntkcalc.activations.dual import Correlation, Expansion, ExpansionPoint
from ntkcalc.activations.formula.bounds.growth import far_formula
from ntkcalc.activations.formula.bounds.symmetry import polynomial_parts
from ntkcalc.activations.formula.expressions.ball_functions import real_program
from ntkcalc.activations.formula.expressions.balls import (
    Ball,
    exact,
    log2_upper,
    log_total,
    relatively_accurate,
    resolved,
    to_ball,
    to_real,
    widened,
    working_precision,
)
from ntkcalc.activations.formula.expressions.plain_form import stretched
from ntkcalc.activations.formula.expressions.polynomials import polynomial
from ntkcalc.activations.formula.expressions.trees import Tree, X, negated, number, plus, substituted, times
from ntkcalc.activations.formula.piecewise.kinks import Kink, kinks_of, rational_kinks
from ntkcalc.activations.formula.piecewise.matched_spline import Matching, OwnSpline, Split
from ntkcalc.activations.formula.piecewise.panels import Panels, panels_of
from ntkcalc.activations.formula.piecewise.rational_pieces import Piece, alike, polynomial_parts_of, rational_pieces
from ntkcalc.activations.formula.smooth.quadrature_dual import QuadratureDual, log2_float
from ntkcalc.activations.formula.smooth.tails import Tails
from ntkcalc.numerics.precision import Context, Real, context, log2

_MOST_TERMS = 1 << 17
_KEPT = 7  # precisions of corrections
_GRAIN = 32  # bits to which the needs of splines are rounded up, for values share them
_FEW_TERMS = 1024  # of a series that is faster than a spline's dual
_JUMP_BITS = 256  # of the jumps whose orders are reported
_MOST_ORDERS = 24  # of derivatives among which one that jumps is looked for


class _NoSplineError(Exception):
    """No spline has φ's jumps, or it is more work than a series."""


class PiecewiseDual(QuadratureDual):
    """The dual of a φ by panels.

    Parameters
    ----------
    tree
        φ, with its branches.
    name
        φ as its user may know it.
    q
        To take φ(√q x) in place of φ. Its kinks b/√q and its parity follow exactly from those of φ.
    """

    most_bits = 1024  # rules for more take long

    def __init__(self, tree: Tree, name: str, q: Fraction = Fraction(1)) -> None:
        self.tree, self.q = tree, q
        scaled = stretched(tree, q)
        super().__init__(self._spline_itself or panels_of(scaled, name, self._parity_sign), name)
        self._whole = panels_of(scaled, name)
        self._matched_of: dict[float, Split | None] = {}
        self._corrections: dict[tuple[Split, int], tuple[Any, Any]] = {}

    # ---------------------------------------------------------------- structure

    @cached_property
    def _pieces(self) -> list[Piece] | None:
        return rational_pieces(self.tree)

    @cached_property
    def polynomial_parts(self) -> tuple[int | None, int | None]:
        """The degrees of φ's even and odd part where they are polynomials, −1 for zero."""
        even, odd = polynomial_parts(self.tree)
        other = (None, None) if self._pieces is None else polynomial_parts_of(self._pieces)
        return even if other[0] is None else other[0], odd if other[1] is None else other[1]

    @property
    def proven_pieces(self) -> list[Piece] | None:
        """The formulas without branches that φ is, from left to right, with exact ends: x + sign(x) − sign(x^3) is x.

        Where a sliver may have another one, however narrow it is, there are none.
        """
        line = Panels(self._whole.tree, self.name).line(64.0)  # coarse: its cells end at multiples of 1
        far = [far_formula(self._whole.tree, line.reach, sign) for sign in (-1, 1)]
        if far[0] is None or far[1] is None:
            return None
        found = [Piece(None, None, far[0])]
        inside = [(exact(cell.left), [cell.tree]) for cell in line.cells]
        inside += [(exact(sliver.left), [*sliver.trees]) for sliver in line.slivers]
        for left, trees in (*sorted(inside, key=lambda part: part[0]), (Fraction(line.reach), [far[1]])):
            if not all(alike(trees[0], t) for t in trees[1:]):
                return None
            if not alike(found[-1].tree, trees[0]):
                found[-1:] = [replace(found[-1], right=left), Piece(left, None, trees[0])]
        return found

    @cached_property
    def _spline_itself(self) -> OwnSpline | None:
        """φ as a spline, if its formulas are polynomials that meet at rational places."""
        pieces = self._pieces or []
        rows = [row for piece in pieces if (row := polynomial(stretched(piece.tree, self.q))) is not None]
        return OwnSpline(rational_kinks(pieces, self.q), rows) if 1 < len(pieces) == len(rows) else None

    def halves(self) -> tuple[Tree, Tree] | None:
        """Return the formulas left and right of 0 where φ has no others."""
        pieces = self._pieces or []
        return (pieces[0].tree, pieces[1].tree) if len(pieces) == 2 and pieces[0].right == 0 else None

    def kinks(self, need: float) -> list[Kink]:
        """Return the kinks, their places to so many bits."""
        return kinks_of(self._whole, need) if self._pieces is None else rational_kinks(self._pieces, self.q)

    def jumps(self) -> tuple[tuple[tuple[int, Callable[[Context], Real]], ...], int | None]:
        """Return what `ntkcalc.activations.activation.Activation` calls jumps and roughness."""
        kinks = self.kinks(_JUMP_BITS)
        rows = [kink.jumps(_MOST_ORDERS, 2 * _JUMP_BITS) for kink in kinks]
        if not kinks or None in rows:
            return (), None
        orders = [m for row in rows for m, jump in enumerate(row or []) if m and not jump.contains(0)]
        if [kink.exact for kink in kinks] != [Fraction(0)]:
            return (), min(orders, default=None)
        least = [min((m for m in orders if m % 2 == parity), default=None) for parity in (0, 1)]
        return tuple((m, partial(_jump, kinks[0], m)) for m in sorted(m for m in least if m is not None)), None

    @property
    def log_scale(self) -> float:
        """log2 of about E[φ²], from the largest value between cells."""
        found = [0.0]
        for cell in self._whole.line(64.0).cells:
            with working_precision(64):
                value = real_program(cell.tree)(cell.right)[0]
            found.append(2 * log2_upper(value) - float(cell.right) ** 2 / (2 * math.log(2)))
        return max(size for size in found if size < math.inf)

    # ---------------------------------------------------------------- coefficients

    def moments(self, degree: int, need: float) -> list[Ball]:
        """Return balls of µ_0 … µ_degree at least, radii below 2**-need; kept for the next demands."""
        for known, kept in self._moments:
            if known >= need and len(kept) > degree:
                return kept
        need, degree = 32 * math.ceil((need + 8) / 32), degree + degree // 16 + 2
        found: list[Ball] = self._line.hermite(degree, need)
        self._moments = [(need, found), *self._moments[:3]]
        return found

    def _matched(self, need: float) -> Split | None:
        """Return the spline with φ's jumps beyond whose K norms are 2**-need, None where there is none; kept."""
        need = _GRAIN * math.ceil((need + 8) / _GRAIN)
        if need not in self._matched_of:
            self._matched_of[need] = Matching(self._whole, self.kinks(Matching.places(need)), need).best
        return self._matched_of[need]

    def _log_square(self, k: int) -> float:
        """Return about log2 of µ_k², where no derivative below the third jumps."""
        return 2 * self._log_norm - 4.5 * math.log2(k + 1)

    # ---------------------------------------------------------------- expansions

    def expansion(self, point: ExpansionPoint, degree: int, bits: int) -> Expansion:
        """See `ntkcalc.activations.dual.Dual.expansion`."""
        a, delta = point.at(context(64))
        if not a:
            return self._about_zero(degree, bits)
        log_delta = log2(delta)
        terms = 1.1 * (degree + 2) * 2.0 ** min(-log_delta, 64.0) + (bits + 20) / max(-log2(a), 2.0**-64) + 16
        if terms > _FEW_TERMS and (found := self._split_expansion(point, degree, bits, terms)) is not None:
            return found
        return self._regrouped(point, degree, bits, math.ceil(min(terms, _MOST_TERMS)), bits + 24.0)

    def _split_expansion(self, point: ExpansionPoint, degree: int, bits: int, terms: float) -> Expansion | None:
        """Return the expansion of the spline's dual and of the smooth rest, None where there is no spline."""
        log_delta = log2(point.at(context(64))[1])
        need = bits + 32 - 2 * min(0.0, self._log_norm) - 1.5 * log_delta + 2 * log2_float(degree)

        def rows(need: float) -> list[list[Ball]]:
            self._check_need(need)
            split = self._split(need, terms, series=True)
            if split is None:
                raise _NoSplineError
            precision = 64 * math.ceil((need + 64 + split.log_loss) / 64)
            with working_precision(precision):
                delta = to_ball(point.at(context(precision + math.ceil(-log_delta)))[1])
                beside = self._correction(split, precision)[0](arb_poly([1 - delta, delta]))
                series, error = split.spline(precision).series(1, delta, degree + 1), self._log_errors(split)[0]
                d = [widened(c + beside[j], error) for j, c in enumerate(series)]
                return self._with_tails(d, delta, degree, need + split.log_loss)

        with suppress(_NoSplineError):
            return Expansion(*relatively_accurate(rows, bits, need))
        return None

    def _split(self, need: float, terms: float, series: bool = False) -> Split | None:
        """Return a spline beyond whose `last` φ has norms of 2**-need; None where so many terms are less work."""
        found = self._spline_itself or self._matched(need)
        return None if found is None or found.last + found.work(series) > 4 * terms else found

    def _correction(self, split: Split, bits: int) -> tuple[Any, Any]:
        """Return Σ_{k≤K} (µ_k(φ)² − µ_k(S)²) t^k and its slope, polynomials in balls of so many bits; some are kept."""
        if (split, bits) not in self._corrections:
            last = split.last
            ours = self.moments(last, bits - split.log_loss - 24)
            theirs = split.moments(last, bits - split.log_loss / 2)
            squares = [a * a - b * b for a, b in zip(ours[: last + 1], theirs, strict=True)]
            pair = (row := arb_poly(squares)), row.derivative()
            self._corrections = {**dict([*self._corrections.items()][-_KEPT:]), (split, bits): pair}
        return self._corrections[split, bits]

    def _log_errors(self, split: Split) -> tuple[float, ...]:
        """Return log2 of bounds on what is left out of D and of D', by Cauchy and Schwarz."""
        sizes = self._log_norm, log2(self.slope_square(16)) / 2
        return tuple(e + log_total((size + 1.01, e)) for size, e in zip(sizes, split.log_beyond, strict=True))

    @cached_property
    def _tails(self) -> Tails:
        return Tails([])

    # ---------------------------------------------------------------- values

    def value(self, t: Correlation, bits: int) -> tuple[Real, Real]:
        """See `ntkcalc.activations.dual.Dual.value`: the Hermite series where it is short, else a spline's dual."""
        size = t.at(context(64))[0]
        log_size = log2(abs(size)) if size else -math.inf
        bits = 32 * math.ceil(bits / 32)
        if t.size.near_one and not t.size.smaller:
            return self._at_an_end(t.sign, bits)
        terms = 32 if log_size == -math.inf else max(32, math.ceil((bits + 16) / max(-log_size, 1e-9)))
        if terms > _FEW_TERMS and (found := self._split_value(t, bits, terms)) is not None:
            return found
        return self._series_value(t, bits, min(terms, _MOST_TERMS))

    def _split_value(self, t: Correlation, bits: int, terms: float) -> tuple[Real, Real] | None:
        """Return D and D' as the spline's dual and what is beside it, None where there is no spline."""
        sizes = self._log_norm, log2(self.slope_square(16)) / 2
        need = bits + 16.0 - 2 * min(0.0, *sizes)
        split = self._split(need, terms)
        if split is None:
            return None
        errors = self._log_errors(split)

        def both(precision: int) -> list[Ball]:
            precision = _GRAIN * math.ceil(precision / _GRAIN)
            with working_precision(precision):
                x, gap = (to_ball(u) for u in t.size.at(context(precision + 64)))
                spline, beside = split.spline(precision).value(t.sign, gap), self._correction(split, precision)
                rows = zip(spline, beside, errors, strict=True)
                return [widened(a + row(t.sign * x), error) for a, row, error in rows]

        value, slope = resolved(both, bits, need + 32 + split.log_loss, self.name, [2 * size for size in sizes])
        return value, slope

    def _at_an_end(self, sign: int, bits: int) -> tuple[Real, Real]:
        """Return D and D' at ±1: E[φ²] and E[φ'²], less twice what odd k, or even ones, have of them."""
        ctx = context(bits + 16)
        totals = [ctx.convert(total) for total in (self.mean_square(bits + 16), self.slope_square(bits + 16))]
        if sign > 0:
            return totals[0], totals[1]
        if self._parity_sign:
            return self._parity_sign * totals[0], -self._parity_sign * totals[1]
        mirrored = substituted(self._whole.tree, {"x": negated(X)})
        even = panels_of(times(number(Fraction(1, 2)), plus(self._whole.tree, mirrored)), self.name, 1)
        value, slope = (to_real(ctx, even.square(order, bits + 8 - log2(total))) for order, total in enumerate(totals))
        return 2 * value - totals[0], totals[1] - 2 * slope


def _jump(kink: Kink, order: int, ctx: Context) -> Real:
    row = kink.jumps(order, ctx.prec + 64)
    assert row is not None
    return to_real(ctx, row[order])
