r"""The dual of A x_+^p + B x_-^p, p no integer: hypergeometric functions, proven by FLINT.

With e = (A + B)/2 and o = (A − B)/2 it is e² E(t) + o² O(t), the duals of |x|^p and of sign(x) |x|^p,

.. math::  E = \frac{2^p}{π} Γ\Big(\frac{1+p}2\Big)^2 {}_2F_1\Big(−\frac p2, −\frac p2; \frac12; t²\Big), \qquad
           O = \frac{2^{p+1}}{π} Γ\Big(1+\frac p2\Big)^2 \; t \; {}_2F_1\Big(\frac{1−p}2, \frac{1−p}2; \frac32; t²\Big).

Both have power series with (k + 1)(k + 2) c_{k+2} = (k − p)² c_k, so that
(1 − t²) D'' = (1 − 2p) t D' + p² D, and for D(a + s) = Σ g_j s^j

.. math::  (1 − a²)(j + 1)(j + 2) g_{j+2} = a (j + 1)(2j + 1 − 2p) g_{j+1} + (j − p)² g_j,

a recurrence of positive terms from j ≥ p − 1/2 on.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from flint import arb

from ntkcalc.activations.closed_form_dual import ClosedFormDual
from ntkcalc.activations.dual import Correlation, ExpansionPoint
from ntkcalc.activations.formula.expressions.ball_functions import real_program
from ntkcalc.activations.formula.expressions.balls import Ball, rational, resolved, to_ball, working_precision
from ntkcalc.activations.formula.expressions.trees import ONE, ZERO, Tree, X, negated, node, number, over, times
from ntkcalc.activations.formula.piecewise.rational_pieces import Piece
from ntkcalc.activations.formula.smooth.quadrature_dual import FLOOR
from ntkcalc.errors import InputError
from ntkcalc.numerics.precision import Real, context, log2


class PowerDual(ClosedFormDual):
    """The dual of φ(√q x) for φ = A x_+^p + B x_-^p.

    Parameters
    ----------
    exponent
        p > 1/2, no integer.
    sides
        A and B, constant trees.
    name
        φ as its user may know it.
    q
        To take φ(√q x) in place of φ.

    Raises
    ------
    InputError
        Where A and B are zero, or below the floor.
    """

    degree: int | None = None

    def __init__(self, exponent: Fraction, sides: tuple[Tree, Tree], name: str, q: Fraction = Fraction(1)) -> None:
        self.exponent, self.sides, self.name, self.q = exponent, sides, name, q
        with working_precision(FLOOR):  # below which a part counts as none
            right, left = real_program(*sides)(arb(0))
            even, odd = not right.overlaps(-left), not right.overlaps(left)
        if not (even or odd):
            raise InputError(f"{name} is constant: a network of it computes nothing")
        self.parity = None if even and odd else "even" if even else "odd"

    def scaled(self, q: Fraction) -> PowerDual:
        """Return the dual of φ(√q x)."""
        return PowerDual(self.exponent, self.sides, self.name, self.q * q)

    def jumps(self) -> tuple[tuple[tuple[int, Any], ...], None]:
        """Return what `ntkcalc.activations.activation.Activation` calls jumps and roughness: none of whole order."""
        return (), None

    # ---------------------------------------------------------------- balls

    def _means(self) -> tuple[Ball, Ball]:
        """Return (A + B)/2 and (A − B)/2 times √q^p."""
        right, left = real_program(*self.sides)(arb(0))
        factor = rational(self.q) ** (rational(self.exponent) / 2) / 2
        even, odd = arb(0) if self.parity == "odd" else right + left, arb(0) if self.parity == "even" else right - left
        return factor * even, factor * odd

    def _at(self, t: Ball) -> tuple[Ball, Ball]:
        """Return D and D' at |t| ≤ 1."""
        p, square, half, (even, odd) = rational(self.exponent), t * t, arb("0.5"), self._means()
        size = 2**p / arb.pi()
        first = even**2 * size * ((1 + p) / 2).gamma() ** 2  # µ_0²
        second = 2 * odd**2 * size * (1 + p / 2).gamma() ** 2  # µ_1²
        found = [arb(0), arb(0)]
        if not first.is_zero():
            alpha = -p / 2
            found[0] += first * square.hypgeom_2f1(alpha, alpha, half)
            found[1] += first * 4 * t * alpha * alpha * square.hypgeom_2f1(alpha + 1, alpha + 1, 3 * half)
        if not second.is_zero():
            beta, gamma = (1 - p) / 2, 3 * half
            value = square.hypgeom_2f1(beta, beta, gamma)
            slope = beta * beta / gamma * square.hypgeom_2f1(beta + 1, beta + 1, gamma + 1)
            found[0] += second * t * value
            found[1] += second * (value + 2 * square * slope)
        return found[0], found[1]

    def _series(self, point: ExpansionPoint, degree: int, bits: int) -> list[Ball]:
        """Return d_0 … d_degree, the point rounded to so many bits."""
        p = rational(self.exponent)
        a, delta = (to_ball(x) for x in point.at(context(bits)))
        row = [*self._at(a)]
        gap, power = delta * (1 + a), arb(1)
        for j in range(degree - 1):
            row.append(
                (a * (j + 1) * (2 * j + 1 - 2 * p) * row[j + 1] + (j - p) ** 2 * row[j]) / (gap * (j + 1) * (j + 2))
            )
        for j in range(degree + 1):
            row[j], power = row[j] * power, power * delta
        return row[: degree + 1]

    # ---------------------------------------------------------------- the dual

    def taylor(self, point: ExpansionPoint, degree: int, bits: int) -> list[Real]:
        """See `ntkcalc.activations.dual.Dual.taylor`."""
        wide = bits + 64 + (max(0, -int(log2(point.smaller))) if point.smaller else 0)
        return resolved(lambda precision: self._series(point, degree, precision), bits, wide, self.name)

    def hermite(self, degree: int, bits: int) -> list[Real]:
        """Return µ_0 … µ_degree."""
        with working_precision(64):
            signs = [1 if mean > 0 else -1 for mean in self._means()]
        found = []
        for k, square in enumerate(self.taylor(ExpansionPoint.origin(), degree, bits + 4)):
            found.append(signs[k % 2] * square.context.sqrt(square))
            signs[k % 2] *= 1 if self.exponent > k else -1
        return found

    def value(self, t: Correlation, bits: int) -> tuple[Real, Real]:
        """See `ntkcalc.activations.dual.Dual.value`."""
        units = [log2(total(16)) for total in (self.mean_square, self.slope_square)]
        wide = t.context(bits + 128).prec

        def both(precision: int) -> tuple[Ball, Ball]:
            with working_precision(max(precision, 2 * wide)):  # t² is exact, and 1 − t² with it
                return self._at(to_ball(t.at(context(wide))[0]))

        value, slope = resolved(both, max(bits, wide - 64), wide, self.name, units)
        return value, slope

    def mean_square(self, bits: int) -> Real:
        """Return E[φ²]."""
        return resolved(lambda _: self._at(arb(1))[:1], bits, bits + 32, self.name)[0]

    def slope_square(self, bits: int) -> Real:
        """Return E[φ'²]."""
        return resolved(lambda _: self._at(arb(1))[1:], bits, bits + 32, self.name)[0]


def power_dual(pieces: list[Piece], name: str) -> PowerDual | None:
    """Return the dual of two multiples of a power of |x| that meet at 0, None for any other pieces."""
    if len(pieces) != 2 or pieces[0].right != 0:
        return None
    found = [_monomial(piece.tree, side) for side, piece in zip((-1, 1), pieces, strict=True)]
    exponents = {one[1] for one in found if one is not None and one[0] is not ZERO}
    if None in found or len(exponents) != 1 or next(iter(exponents)).denominator == 1:
        return None
    left, right = (one[0] for one in found if one is not None)
    return PowerDual(exponents.pop(), (right, left), name)


def _monomial(tree: Tree, side: int) -> tuple[Tree, Fraction] | None:
    """Return c and p with tree = c |x|^p for x of one sign, if it is plainly that."""
    if tree.constant:
        return tree, Fraction(0)
    if tree is X:
        return number(side), Fraction(1)
    parts = [part for a in tree.arguments if (part := _monomial(a, side)) is not None]
    if len(parts) < len(tree.arguments):
        return None
    (c, p), (other, r) = parts[0], parts[-1]
    if tree.word == "neg":
        return negated(c), p
    if tree.word == "sqrt":
        return ONE if c is ONE else node("sqrt", c), p / 2
    if tree.word == "*":
        return times(c, other), p + r
    if tree.word == "/":
        return over(c, other), p - r
    if tree.word == "power" and other.number is not None and r == 0:
        return ONE if c is ONE else node("power", c, other), p * other.number
    return None
