r"""Bounds on a formula far out: |φ(x + iy)| for all x ≥ R and |y| ≤ b, read off its tree.

Every node u of the tree gets one of two forms there, z = x + iy:

* `Algebraic`: u = B z^p with B in a ball;
* `Exponential`: |u| = m x^p e^{g x^s} with m ≥ 0 and g in intervals, and u/|u| in a ball.

Sums are decided by what dominates. Where no form is proven the bound is None. A bound implies that φ is analytic there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from flint import acb, arb

from ntkcalc.activations.formula.balls import Ball, ComplexBalls, log2_upper, working_precision
from ntkcalc.activations.formula.functions import OVER, SMOOTH, Branch, branch, replaced
from ntkcalc.activations.formula.trees import Tree, in_order

_PRECISION = 64
_ROOT = Fraction(1, 4)  # power of x that stands for a logarithm
_ANY_PHASE = acb(arb(0, 1), arb(0, 1))


class UnboundedError(Exception):
    """No bound is proven."""


@dataclass(frozen=True)
class Growth:
    """A bound m x^p e^{g x^s} for x ≥ `start`: log2 m, p, g and s."""

    start: float
    log_size: float
    power: float
    rate: float
    order: float

    def log_value(self, x: float) -> float:
        """Return log2 of the bound at x."""
        if self.log_size == -math.inf:
            return -math.inf
        steep = self.rate * x**self.order if self.rate else 0.0
        return self.log_size + self.power * math.log2(x) + steep / math.log(2)

    def log_tail(self, x: float, weight: float, times: int = 1) -> float:
        """Return log2 of a bound on ∫_x^∞ of bound^times · e^{−weight v²} dv, ∞ where that is not proven.

        The logarithm of the integrand has a slope below −κx with κ = 2·weight − times·(p/v² + g s v^{s−2}), which
        does not fall for v ≥ x while s ≤ 2; the integral is then at most (value at x)/(κx).
        """
        if self.log_size == -math.inf:
            return -math.inf
        steep = self.rate * self.order * x ** (self.order - 2) if self.rate > 0 else 0.0
        kappa = 2 * weight - times * (max(self.power, 0) / x**2 + steep)
        if kappa <= 1e-3 or (self.rate > 0 and self.order > 2):
            return math.inf
        return times * self.log_value(x) - weight * x * x / math.log(2) - math.log2(kappa * x) + 1e-6


@dataclass(frozen=True)
class Algebraic:
    """B z^p."""

    factor: Ball
    power: Fraction


@dataclass(frozen=True)
class Exponential:
    """|u| in [low, high] x^p e^{[slow, fast] x^s}, u/|u| in `phase`."""

    low: Ball
    high: Ball
    power: Fraction
    slow: Ball
    fast: Ball
    order: Fraction
    phase: Ball


Form = Algebraic | Exponential


def growth(tree: Tree, start: float, height: float, sign: int) -> Growth | None:
    """Return a bound on |φ(sign · x + iy)| for x ≥ start, |y| ≤ height, None where none is proven."""
    with working_precision(_PRECISION):
        try:
            form = _Region(start, height).form(tree, sign)
        except UnboundedError:
            return None
        if isinstance(form, Algebraic):
            size, power, rate, order = form.factor.abs_upper(), form.power, 0.0, 1.0
            if power > 0:
                size *= arb(1 + (height / start) ** 2 * 1.01) ** (arb(power.numerator) / (2 * power.denominator))
        else:
            size, power, rate, order = form.high, form.power, float(form.fast.upper()), float(form.order)
        if not size.is_finite():
            return None
        return Growth(start, log2_upper(size), float(power), rate + abs(rate) * 1e-12, order)


def far_formula(tree: Tree, start: float, sign: int) -> Tree | None:
    """Return the plain formula that a tree with branches is for all sign · x ≥ start, None where that is not proven."""
    with working_precision(_PRECISION):
        region = _Region(start, 0.0)
        while (found := next(((t, b) for t in in_order(tree) if (b := branch(t)) is not None), None)) is not None:
            node, choice = found
            try:
                direction = region._direction(region.form(choice.decider, sign))
            except UnboundedError:
                return None
            if not direction:
                return None
            tree = replaced(tree, node, choice.above if direction > 0 else choice.below)
    return tree


class _Region:
    """The half-strip x ≥ start, |y| ≤ height."""

    def __init__(self, start: float, height: float) -> None:
        self.start = arb(start)
        self.lean = acb(1, arb(0, height / start * (1 + 1e-12)))  # z/x
        self.field = ComplexBalls()

    def form(self, tree: Tree, sign: int) -> Form:
        known: dict[Tree, Form] = {}
        for t in in_order(tree):
            known[t] = self._node(t, [known[a] for a in t.arguments], sign)
        return known[tree]

    def _node(self, t: Tree, a: list[Form], sign: int) -> Form:
        if t.word == "x":
            return Algebraic(acb(sign), Fraction(1))
        if t.number is not None:
            return Algebraic(self.field.number(t.number), Fraction(0))
        if not t.arguments:
            return Algebraic(self.field.constant(t.word), Fraction(0))
        if t.word == "power" and isinstance(a[1], Algebraic) and t.arguments[1].number is not None:
            return self._real_power(a[0], t.arguments[1].number)
        choice = branch(t)
        if choice is not None:
            return self._branch(choice, sign)
        if t.word in OVER:
            return self.divide(_RULES[OVER[t.word]](self, *a), a[0])
        rule = _RULES.get(t.word)
        if rule is None:
            raise UnboundedError
        return rule(self, *a)

    def _branch(self, choice: Branch, sign: int) -> Form:
        """Return the form of the branch that is taken, or on the real line a bound on both."""
        try:
            taken = self._direction(self.form(choice.decider, sign))
        except UnboundedError:
            taken = 0
        if taken:
            return self.form(choice.above if taken > 0 else choice.below, sign)
        if not self.lean.imag == 0:  # a bound implies that φ is analytic
            raise UnboundedError
        return self._upper_sum(self.form(choice.above, sign), self.form(choice.below, sign))

    # ---------------------------------------------------------------- arithmetic

    def power_of_lean(self, p: Fraction) -> Ball:
        """Return a ball that holds (z/x)^p."""
        if p.denominator == 1:
            return self.lean ** int(p)
        return self.lean.pow(acb(p.numerator) / p.denominator)

    def power_of_start(self, p: Fraction) -> Ball:
        """Return R^p."""
        return self.start ** (arb(p.numerator) / p.denominator)

    def add(self, a: Form, b: Form) -> Form:
        if isinstance(a, Algebraic) and isinstance(b, Algebraic):
            if a.power < b.power:
                a, b = b, a
            if a.power == b.power:
                return Algebraic(a.factor + b.factor, a.power)
            share = self.power_of_start(b.power - a.power).abs_upper()  # |z| ≥ x ≥ R
            real = self.lean.imag == 0  # and z = x is positive
            small = acb(arb(0).union(share)) if real else acb(arb(0, share), arb(0, share))
            return Algebraic(a.factor + b.factor * small, a.power)
        for one, other in ((a, b), (b, a)):
            ratio = self._largest_ratio(other, one)
            if ratio is not None and ratio < 1:
                return self._perturbed(one, ratio)
        return self._upper_sum(a, b)

    def _perturbed(self, a: Form, ratio: Ball) -> Form:
        """Return a (1 + v) for |v| ≤ ratio."""
        r = ratio.abs_upper()
        near = 1 + acb(arb(0, r), arb(0, r))
        if isinstance(a, Algebraic):
            return Algebraic(a.factor * near, a.power)
        return Exponential(
            a.low * (1 - r), a.high * (1 + r), a.power, a.slow, a.fast, a.order, a.phase * near / (1 + arb(0, r))
        )

    def _largest_ratio(self, small: Form, large: Form) -> Ball | None:
        """Return the largest of |small/large| over the half-strip, None where that is not proven."""
        low = self._sizes(large)[0]
        if not low > 0:
            return None
        (_, high, p, _, fast, s), (_, _, q, slow, _, r) = self._sizes(small), self._sizes(large)
        terms = [(s, fast), (r, -slow)] if s != r else [(s, fast - slow)]
        return self._largest(high / low, p - q, terms)

    def _largest(self, size: Ball, power: Fraction, terms: list[tuple[Fraction, Ball]]) -> Ball | None:
        """Return the largest of size x^power e^{Σ g x^s} over x ≥ R, where it falls all the way."""
        terms = [(s, g) for s, g in terms if not g.is_zero()]
        top = max((s for s, _ in terms), default=None)
        # x d/dx of the logarithm; what rises in it does so more slowly than the top term falls
        slope = arb(max(power.numerator, 0)) / power.denominator
        for s, g in terms:
            slope += g * s.numerator / s.denominator * self.power_of_start(s)
        if not slope <= 0 or not all(g <= 0 for s, g in terms if s == top):
            return None
        value = size * self.power_of_start(power)
        for s, g in terms:
            value *= (g * self.power_of_start(s)).exp()
        return value.abs_upper()

    def _sizes(self, a: Form) -> tuple[Ball, Ball, Fraction, Ball, Ball, Fraction]:
        """Return low, high, p, slow, fast, s of |u|."""
        if isinstance(a, Exponential):
            return a.low, a.high, a.power, a.slow, a.fast, a.order
        lean = self.power_of_lean(a.power)
        low, high = a.factor.abs_lower() * lean.abs_lower(), a.factor.abs_upper() * lean.abs_upper()
        return low, high, a.power, arb(0), arb(0), Fraction(1)

    def _upper_sum(self, a: Form, b: Form) -> Form:
        """Return a sum of which only an upper bound is known."""
        (_, m, p, _, g, s), (_, n, q, _, h, r) = self._sizes(a), self._sizes(b)
        g, h = g.max(arb(0)), h.max(arb(0))
        if s != r:  # e^{g x^s} ≤ e^{g R^{s−r} x^r} for s < r
            if s < r:
                g, s = g * self.power_of_start(s - r), r
            else:
                h, r = h * self.power_of_start(r - s), s
        rate, power = g.max(h), max(p, q)
        size = m * self.power_of_start(p - power) + n * self.power_of_start(q - power)
        if not size.is_finite():
            raise UnboundedError
        if size.is_zero():
            return Algebraic(acb(0), Fraction(0))
        return Exponential(arb(0), size.abs_upper(), power, -rate, rate, s, _ANY_PHASE)

    def negate(self, a: Form) -> Form:
        return self.multiply(Algebraic(acb(-1), Fraction(0)), a)

    def subtract(self, a: Form, b: Form) -> Form:
        return self.add(a, self.negate(b))

    def multiply(self, a: Form, b: Form) -> Form:
        if isinstance(a, Algebraic) and isinstance(b, Algebraic):
            return Algebraic(a.factor * b.factor, a.power + b.power)
        if isinstance(a, Algebraic):
            a, b = b, a
        assert isinstance(a, Exponential)
        low, high, p, slow, fast, s = self._sizes(b)
        phase = a.phase * self._phase(b)
        slow, fast, order = self._rates(a, slow, fast, s)
        return Exponential(a.low * low, a.high * high, a.power + p, slow, fast, order, phase)

    def _rates(self, a: Exponential, slow: Ball, fast: Ball, s: Fraction) -> tuple[Ball, Ball, Fraction]:
        """Return the rates of a product."""
        if fast == 0 and slow == 0:
            return a.slow, a.fast, a.order
        if a.order == s:
            return a.slow + slow, a.fast + fast, s
        (ls, lf, lo), (hs, hf, ho) = ((slow, fast, s), (a.slow, a.fast, a.order))
        if lo > ho:
            (ls, lf, lo), (hs, hf, ho) = (hs, hf, ho), (ls, lf, lo)
        share = self.power_of_start(lo - ho)
        return hs + (ls * share).min(arb(0)), hf + (lf * share).max(arb(0)), ho

    def _phase(self, a: Form) -> Ball:
        if isinstance(a, Exponential):
            return a.phase
        value = a.factor * self.power_of_lean(a.power)
        size = value.abs_lower()
        return value / abs(value) if size > 0 else _ANY_PHASE

    def divide(self, a: Form, b: Form) -> Form:
        return self.multiply(a, self._inverse(b))

    def _inverse(self, b: Form) -> Form:
        if isinstance(b, Algebraic):
            inverse = 1 / b.factor
            if not inverse.is_finite():
                raise UnboundedError
            return Algebraic(inverse, -b.power)
        if not b.low > 0:
            raise UnboundedError
        phase = b.phase.conjugate()
        return Exponential(1 / b.high, 1 / b.low, -b.power, -b.fast, -b.slow, b.order, phase)

    # ---------------------------------------------------------------- functions

    def settled(self, a: Form) -> Form:
        """Return a bounded form as a ball, an exponential that decays as a ball around 0."""
        if isinstance(a, Exponential):
            size = self._largest(a.high, a.power, [(a.order, a.fast)])
            if size is None:
                return a
            return Algebraic(acb(arb(0, size), arb(0, size)), Fraction(0))
        if a.power > 0:
            return a
        share = self.power_of_start(a.power).abs_upper()
        if a.power == 0:
            return a
        lean = self.power_of_lean(a.power)
        between = arb(share / 2, share / 2 * (1 + arb(2) ** -40))
        return Algebraic(a.factor * lean * between, Fraction(0))

    def exp(self, a: Form) -> Form:
        a = self.settled(a)
        if isinstance(a, Exponential):
            return self._double_exponential(a)
        if a.power == 0:
            return Algebraic(a.factor.exp(), Fraction(0))
        value = a.factor * self.power_of_lean(a.power)
        rate = value.real
        angle = value.imag if a.power != 1 else a.factor.real * self.lean.imag * self.start + a.factor.imag
        if not rate.is_finite():
            raise UnboundedError
        bounded = a.power == 1 and a.factor.imag == 0
        phase = acb(0, angle).exp() if bounded or value.imag == 0 else _ANY_PHASE
        if value.imag == 0:
            phase = acb(1)
        return Exponential(arb(1), arb(1), Fraction(0), arb(rate.lower()), arb(rate.upper()), a.power, phase)

    def _double_exponential(self, a: Exponential) -> Form:
        """Return e^u for a growing u, where its real part falls to −∞."""
        if not (a.phase.real < 0 and a.slow > 0 and a.low > 0 and a.power >= 0):
            raise UnboundedError
        size = a.low * (a.slow * self.power_of_start(a.order)).exp() * self.power_of_start(a.power)
        small = (a.phase.real.abs_lower() * -size).exp().abs_upper()
        return Algebraic(acb(arb(0, small), arb(0, small)), Fraction(0))

    def expm1(self, a: Form) -> Form:
        return self.subtract(self.exp(a), _one())

    def sigmoid(self, a: Form) -> Form:
        try:
            return self._sigmoid(a)
        except UnboundedError:
            self._require_narrow(a)
            return Algebraic(acb(arb(0, 1), arb(0, 1)), Fraction(0))

    def _require_narrow(self, a: Form) -> None:
        """Refuse unless |Im u| ≤ 1, where |1 + e^{±u}| ≥ 1 and |ln(1 + e^{−u})| ≤ ln 2 + 1 for Re u ≥ 0."""
        height = abs(a.factor.real * self.lean.imag * self.start) if isinstance(a, Algebraic) else arb.pos_inf()
        if not (isinstance(a, Algebraic) and a.power == 1 and a.factor.imag == 0 and height < 1):
            raise UnboundedError

    def _sigmoid(self, a: Form) -> Form:
        if self._direction(a) < 0:
            e = self.exp(a)
            return self.divide(e, self.add(_one(), e))
        return self.divide(_one(), self.add(_one(), self.exp(self.negate(a))))

    def tanh(self, a: Form) -> Form:
        settled = self.settled(a)
        if isinstance(settled, Algebraic) and settled.power == 0:
            return Algebraic(settled.factor.tanh(), Fraction(0))
        if self._direction(a) < 0:
            return self.negate(self.tanh(self.negate(a)))
        e = self.exp(self.multiply(_one(-2), a))  # 1 − 2e/(1 + e)
        return self.subtract(_one(), self.divide(self.multiply(_one(2), e), self.add(_one(), e)))

    def _direction(self, a: Form) -> int:
        """Return the sign of the real part far out, 0 where it is not known."""
        value = a.phase if isinstance(a, Exponential) else a.factor * self.power_of_lean(a.power)
        return 1 if value.real > 0 else -1 if value.real < 0 else 0

    def softplus(self, a: Form) -> Form:
        settled = self.settled(a)
        if isinstance(settled, Algebraic) and settled.power == 0:
            return self._ball(settled, self.field.softplus)
        right = self._direction(a) > 0
        try:
            rest = self.log1p(self.exp(self.negate(a) if right else a))
        except UnboundedError:
            self._require_narrow(a)
            rest = Algebraic(acb(arb(0, 2), arb(0, 2)), Fraction(0))
        return self.add(a, rest) if right else rest

    def log1p(self, a: Form) -> Form:
        """Return ln(1 + u); of a decaying exponential u (1 + v) with |v| ≤ |u|."""
        settled = self.settled(a)
        if isinstance(a, Exponential) and isinstance(settled, Algebraic):
            r = settled.factor.abs_upper()
            if r < arb("0.5"):
                return self._perturbed(a, r)
        return self.log(self.add(_one(), a))

    def log(self, a: Form) -> Form:
        if isinstance(a, Exponential):
            if not (a.low > 0 and a.phase.real > 0 and a.order >= _ROOT):
                raise UnboundedError
            rest = abs(a.low.log()) + abs(a.high.log()) + 4 * abs(a.power.numerator / arb(a.power.denominator))
            rates = arb(0, 1) * rest * self.power_of_start(_ROOT - a.order) + a.slow.union(a.fast)
            return Algebraic(
                acb(rates, arb(0, 4) * self.power_of_start(-a.order)) / self.power_of_lean(a.order), a.order
            )
        settled = self.settled(a)
        assert isinstance(settled, Algebraic)
        if settled.power == 0:
            return self._ball(settled, self.field.log)
        self._off_cut(a)
        # |ln(B z^p)| ≤ |ln |B|| + π + |p| ln|z|, and ln v ≤ 4 v^{1/4}/e·e^{…} ≤ 4 v^{1/4}
        size = abs(abs(settled.factor).log()) + 4 + 5 * abs(arb(settled.power.numerator) / settled.power.denominator)
        if not size.is_finite():
            raise UnboundedError
        return Algebraic(acb(arb(0, size.abs_upper()), arb(0, size.abs_upper())), _ROOT)

    def _off_cut(self, a: Algebraic | Form) -> None:
        """Refuse what may be on the negative axis."""
        assert isinstance(a, Algebraic)
        value = a.factor * self.power_of_lean(a.power)
        if not (value.real > 0 or value.imag != 0):
            raise UnboundedError

    def sqrt(self, a: Form) -> Form:
        return self._real_power(a, Fraction(1, 2))

    def _real_power(self, a: Form, r: Fraction) -> Form:
        exponent = acb(r.numerator) / r.denominator
        if isinstance(a, Exponential):
            if not (a.phase.real > 0 and (r > 0 or a.low > 0)):
                raise UnboundedError
            share = arb(r.numerator) / r.denominator
            sizes = sorted([a.low**share, a.high**share], key=lambda v: float(v.mid()))
            rates = sorted([a.slow * share, a.fast * share], key=lambda v: float(v.mid()))
            phase = a.phase.pow(exponent)
            return Exponential(sizes[0], sizes[1], a.power * r, rates[0], rates[1], a.order, phase)
        if a.factor.is_zero() and r > 0:
            return Algebraic(acb(0), Fraction(0))
        self._off_cut(a)
        factor = a.factor.pow(exponent, analytic=True)
        if not factor.is_finite():
            raise UnboundedError
        return Algebraic(factor, a.power * r)

    def sinh(self, a: Form) -> Form:
        half = Algebraic(acb(arb("0.5")), Fraction(0))
        return self.multiply(half, self.subtract(self.exp(a), self.exp(self.negate(a))))

    def cosh(self, a: Form) -> Form:
        half = Algebraic(acb(arb("0.5")), Fraction(0))
        return self.multiply(half, self.add(self.exp(a), self.exp(self.negate(a))))

    def sin(self, a: Form) -> Form:
        """Return a bound on sin u and cos u: e^{|Im u|}."""
        a = self.settled(a)
        if self.lean.imag == 0 and self._phase(a).imag == 0:
            return Algebraic(acb(arb(0, 1)), Fraction(0))
        if isinstance(a, Exponential):
            raise UnboundedError
        value = a.factor * self.power_of_lean(a.power)
        if value.imag == 0:
            return Algebraic(acb(arb(0, 1)), Fraction(0))
        if a.power == 0 or (a.power == 1 and a.factor.imag == 0):  # Im u is bounded
            height = a.factor.imag if a.power == 0 else a.factor.real * self.lean.imag * self.start
            size = abs(height).exp().abs_upper()
            return Algebraic(acb(arb(0, size), arb(0, size)), Fraction(0))
        rate = arb(abs(value.imag).upper())
        if not rate.is_finite():
            raise UnboundedError
        return Exponential(arb(0), arb(1), Fraction(0), -rate, rate, a.power, _ANY_PHASE)

    cos = sin

    def sinc(self, a: Form) -> Form:
        return self.divide(self.sin(a), a)

    def erfc(self, a: Form) -> Form:
        """Return erfc: |erfc(u)| ≤ |e^{−u²}| for Re u ≥ 0."""
        settled = self.settled(a)
        if isinstance(settled, Algebraic) and settled.power == 0:
            return Algebraic(settled.factor.erfc(), Fraction(0))
        direction = self._direction(a)
        if direction < 0:
            return self.subtract(_one(2), self.erfc(self.negate(a)))
        if direction == 0 or not isinstance(a, Algebraic):
            raise UnboundedError
        square = self.exp(self.negate(self.multiply(a, a)))
        assert isinstance(square, Exponential)
        return Exponential(arb(0), square.high, square.power, square.slow, square.fast, square.order, _ANY_PHASE)

    def erf(self, a: Form) -> Form:
        settled = self.settled(a)
        if isinstance(settled, Algebraic) and settled.power == 0:
            return Algebraic(settled.factor.erf(), Fraction(0))
        return self.subtract(_one(), self.erfc(a))

    def atan(self, a: Form) -> Form:
        settled = self.settled(a)
        if isinstance(settled, Algebraic) and settled.power == 0:
            return self._ball(settled, self.field.atan)
        direction = self._direction(a)
        inverse = self.settled(self._inverse(a))
        if direction == 0 or not isinstance(inverse, Algebraic) or inverse.power > 0:
            raise UnboundedError
        right = acb(arb.pi() / 2 * direction)
        return self.subtract(Algebraic(right, Fraction(0)), self._ball(inverse, self.field.atan))

    def asinh(self, a: Form) -> Form:
        settled = self.settled(a)
        if isinstance(settled, Algebraic) and settled.power == 0:
            return self._ball(settled, self.field.asinh)
        if self._direction(a) == 0:
            raise UnboundedError
        if self._direction(a) < 0:
            return self.negate(self.asinh(self.negate(a)))
        return self.log(self.add(a, self.sqrt(self.add(self.multiply(a, a), _one()))))

    def _ball(self, a: Algebraic, function: Callable[[Ball], Ball]) -> Form:
        value = function(a.factor)
        if not value.is_finite():
            raise UnboundedError
        return Algebraic(value, Fraction(0))


def _one(value: int = 1) -> Algebraic:
    return Algebraic(acb(value), Fraction(0))


_RULES: dict[str, Callable[..., Form]] = {
    "+": _Region.add,
    "-": _Region.subtract,
    "*": _Region.multiply,
    "/": _Region.divide,
    "neg": _Region.negate,
    **{name: getattr(_Region, name) for name in SMOOTH},
}
