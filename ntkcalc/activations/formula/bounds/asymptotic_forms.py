r"""The form that a formula has far out: z = x + iy with x ≥ R and |y| ≤ b, read off its tree.

There every node u of the tree is written as u = B z^p e^{G z^s} with B and G in balls. Functions of what is bounded are
balls; those of what grows have the rules below, or are written by others. A sum a + b is a (1 + v), where v = b/a is
bounded. Where no form is proven there is none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, reduce
from typing import TypeAlias

from flint import acb, arb

from ntkcalc.activations.formula.bounds.ranges import Range, around, range_of, ranges
from ntkcalc.activations.formula.bounds.symmetry import one_quotient, reflected
from ntkcalc.activations.formula.expressions.ball_functions import ComplexBalls, real_program
from ntkcalc.activations.formula.expressions.balls import Ball
from ntkcalc.activations.formula.expressions.derivatives import outer_derivative
from ntkcalc.activations.formula.expressions.functions import OVER, SMOOTH, WORDS
from ntkcalc.activations.formula.expressions.grammar import parsed
from ntkcalc.activations.formula.expressions.plain_form import Branch, beside_root, branch
from ntkcalc.activations.formula.expressions.polynomials import polynomial
from ntkcalc.activations.formula.expressions.trees import ONE, ZERO, Tree, X, folded, in_order, node

_ROOT = Fraction(1, 4)  # power of x that stands for a logarithm: ln v ≤ 2 v^{1/4}
_STEEP_ORDER = 6  # s of a bound e^{−g x^s} on what falls like e^{−e^x}
_STEEPEST = 1e300  # of exponents that no float holds


class UnboundedError(Exception):
    """No form, or no bound, is proven."""


@dataclass(frozen=True)
class Form:
    """u = B z^p e^{G z^s}: `factor`, `power`, `rate`, `order`.

    Where they are known also the range of a real u, v for u = ln v, and e^{cx} for u = x.
    """

    factor: Ball
    power: Fraction
    rate: Ball
    order: Fraction
    range: Range | None = None
    inside_log: Form | None = None
    exponential: Form | None = None


_Held: TypeAlias = tuple[Form | None, Range | None]
"""What is known of a node: its form, and where it is real its range."""


def _algebraic(factor: Ball | int, power: Fraction = Fraction(0)) -> Form:
    """Return B z^p."""
    return Form(acb(factor), power, acb(0), Fraction(1))


@cache
def _mirrored(u: Tree) -> Tree:
    """Return u(−x) as one quotient."""
    return one_quotient(reflected(u))


def regions(tree: Tree, start: float, height: float) -> Iterator[HalfStrip]:
    """Yield what may tell a bound for x ≥ start, |y| ≤ height: powers of z, then of e^{cx} for c in exponents."""
    yield HalfStrip(start, height)
    slopes = {} if height else dict.fromkeys(c for t in in_order(tree) if (c := _slope(t)) is not None)
    for slope in slopes:
        with suppress(UnboundedError):
            yield ExponentialRegion(start, slope)


def _slope(t: Tree) -> Tree | None:
    """Return c for what is e^{cx} times a constant, 1 for any rational c."""
    row = polynomial(t.arguments[0]) if t.word in _EXPONENTIAL else None
    if row is None or len(row) != 2:
        return None
    return row[1] if row[1].number is None else ONE


_EXPONENTIAL = ("exp", "expm1", "sinh")


class HalfStrip:
    """The half-strip x ≥ start, |y| ≤ height."""

    def __init__(self, start: float, height: float) -> None:
        self.start, self.real = arb(start), height == 0
        self.lean = acb(1, arb(0, height / start * (1 + 1e-12)))  # z/x
        self.field = ComplexBalls()

    def line(self, sign: int) -> Form:
        """Return the form of sign · x."""
        x = Range(low=self.start)
        return replace(_algebraic(sign, Fraction(1)), range=(x if sign > 0 else -x) if self.real else None)

    def form(self, tree: Tree, x: Form) -> Form:
        """Return the form of tree(x)."""
        found, _ = folded(tree, lambda t, a: (x, x.range) if t is X else self._held(t, a, x))
        if found is None:
            raise UnboundedError
        return found

    def _held(self, t: Tree, arguments: list[_Held], x: Form) -> _Held:
        """Return the form of a node, a ball if it has no other but is bounded, None for none, and its range if real."""
        a = [u for u, _ in arguments if u is not None]
        found = None
        if len(a) == len(arguments):
            with suppress(UnboundedError):
                found = self._node(t, a, x)
                found = replace(found, inside_log=self._inside_log(t, a, x) or found.inside_log)
        if x.range is None:
            return found, None
        values = range_of(t, [held for _, held in arguments if held is not None])
        ball = None if found is None else self._bounded(found)
        if ball is None and values.bounded:
            found = _algebraic(values.whole)
        elif ball is not None and not values.bounded:
            values = values.intersection(around(ball.real))
        return found and replace(found, range=values), values

    def _node(self, t: Tree, a: list[Form], x: Form) -> Form:
        if not a:
            return _algebraic(self.field.number(t.number) if t.number is not None else self.field.constant(t.word))
        if t.word in _ARITHMETIC:
            found = _ARITHMETIC[t.word](self, *a)
            beside = beside_root(t) if found.factor.contains(0) else None
            if beside is None:
                return found
            apart = self.subtract(self.form(beside.root, x), self.form(beside.u, x))
            return self.divide(_algebraic(_number(beside.rest)), apart)
        if t.word == "power" and t.arguments[1].number is not None:
            return self.power(a[0], t.arguments[1].number)
        choice = branch(t)
        if choice is not None:
            return self._branch(choice, x)
        if t.word in SMOOTH or t.word in OVER:
            return self.function(t.word, a[0])
        raise UnboundedError

    def _inside_log(self, t: Tree, a: list[Form], x: Form) -> Form | None:
        """Return v where a node is plainly ln v, as 2 ln x − ln y is."""
        if t.word == "log":
            return a[0]
        logs = [u.inside_log for u in a]
        known = [log for log in logs if log is not None]
        if not known:
            return None
        factors = t.arguments if t.word == "*" else t.arguments[1:] if t.word == "/" else ()
        c = next((s.number for s in factors if s.number), None)
        with suppress(UnboundedError):
            if t.word == "neg":
                return self.divide(_algebraic(1), known[0])
            if c is not None and len(known) == 1:
                return self.power(known[0], c if t.word == "*" else 1 / c)
            if t.word in ("+", "-") and all(log or s.constant for log, s in zip(logs, t.arguments, strict=True)):
                v = [log or _algebraic(u.factor.exp()) for log, u in zip(logs, a, strict=True)]
                return self.multiply(*v) if t.word == "+" else self.divide(*v)
        return None

    def _branch(self, choice: Branch, x: Form) -> Form:
        """Return the form of the branch that is taken, or on the real line a bound on both."""
        taken = self.direction_of(choice, x)
        if taken:
            return self.form(choice.above if taken > 0 else choice.below, x)
        if not self.real:  # a bound implies that φ is analytic
            raise UnboundedError
        return self._upper_sum(self.form(choice.above, x), self.form(choice.below, x))

    def direction_of(self, choice: Branch, x: Form) -> int:
        """Return the sign far out of what decides a branch, 0 where it is not known.

        One quotient may tell it where a sum does not, also one in −x, for x − x Φ(x) is x Φ(−x).
        """
        for write, at in ((lambda u: u, x), (one_quotient, x), (_mirrored, self.mirrored(x))):
            with suppress(UnboundedError):
                if direction := self._direction(self.form(write(choice.decider), at)):
                    return direction
        return 0

    def mirrored(self, x: Form) -> Form:
        """Return the form of −x from the one of x."""
        return self.negate(x)

    # ---------------------------------------------------------------- balls around parts of a form

    def _lean(self, p: Fraction) -> Ball:
        """Return a ball that holds (z/x)^p."""
        return self.lean ** int(p) if p.denominator == 1 else self.lean.pow(acb(_number(p)))

    def _at_start(self, p: Fraction) -> Ball:
        """Return R^p."""
        return self.start ** _number(p)

    def _falling(self, p: Fraction) -> Ball:
        """Return a ball that holds z^p for all z, p < 0."""
        return self._lean(p) * self._at_start(p).abs_upper() * arb(0).union(arb(1))

    def _around_zero(self, size: Ball | int) -> Ball:
        """Return a ball that holds all values up to a size; on the real line functions are real."""
        most = arb(0, arb(size).abs_upper())
        return acb(most) if self.real else acb(most, most)

    def bound(self, u: Form) -> tuple[Ball, Fraction, Ball, Fraction]:
        """Return m, p, g and s with |u| ≤ m x^p e^{g x^s}."""
        size, rate = self.size(u)
        return size, u.power, rate, u.order

    def size(self, u: Form) -> tuple[Ball, Ball]:
        """Return m and g with |u| ≤ m x^p e^{g x^s}."""
        return (u.factor * self._lean(u.power)).abs_upper(), arb((u.rate * self._lean(u.order)).real.upper())

    def _bounded(self, u: Form) -> Ball | None:
        """Return a ball that holds u, None for what may grow."""
        if u.factor.is_zero():
            return u.factor
        held, (size, rate) = None, self.size(u)
        steep = rate * self._at_start(u.order)
        if u.rate.is_zero() and u.power <= 0:
            held = u.factor if u.power == 0 else u.factor * self._falling(u.power)
        elif rate <= 0 and _number(u.power) + steep * _number(u.order) <= 0:  # x d/dx of the logarithm at the start
            most = size * self._at_start(u.power) * steep.exp()
            held = self._around_zero(most) if most.is_finite() else None
        if u.range is None or not u.range.bounded or (held is not None and held.rad() <= u.range.whole.rad()):
            return held
        return acb(u.range.whole)

    def _imaginary(self, u: Form) -> Ball | None:
        """Return a ball that holds Im u, None for what may grow."""
        held = self._bounded(u)
        if held is not None:
            return held.imag
        if self.real and u.factor.imag == 0 and u.rate.imag == 0:
            return arb(0)
        if u.rate.is_zero() and u.power <= 1 and u.factor.imag == 0:  # Im z^p falls in x and grows in y
            return u.factor.real * self._lean(u.power).imag * self._at_start(u.power)
        return None

    def _phase(self, u: Form) -> Ball:
        """Return a ball that holds u/|u|."""
        value, angle = u.factor * self._lean(u.power), self._imaginary(Form(u.rate, u.order, acb(0), Fraction(1)))
        if angle is None or not value.abs_lower() > 0:
            return self._around_zero(1)
        return value / abs(value) * (1 if angle.is_zero() else acb(0, angle).exp())

    def _direction(self, u: Form) -> int:
        """Return the sign of the real part far out, 0 where it is not known."""
        phase = self._phase(u).real
        if phase > 0 or phase < 0:
            return 1 if phase > 0 else -1
        if u.inside_log is not None:  # ln v, v < 1 or v > 1
            for sign, v in ((-1, u.inside_log), (1, self.divide(_algebraic(1), u.inside_log))):
                held = self._bounded(v)
                if held is not None and held.abs_upper() < 1:
                    return sign
        return 0 if u.range is None else u.range.sign

    # ---------------------------------------------------------------- arithmetic

    def negate(self, a: Form) -> Form:
        """Return −a."""
        return Form(-a.factor, a.power, a.rate, a.order)

    def multiply(self, a: Form, b: Form) -> Form:
        """Return a b."""
        factor = a.factor * b.factor
        if factor.is_zero():
            return _algebraic(0)
        low, high = sorted((a, b), key=lambda u: (not u.rate.is_zero(), u.order))
        if low.rate.is_zero() or low.order == high.order:
            rate = high.rate + low.rate
        else:
            rate = high.rate + low.rate * self._falling(low.order - high.order)
        return Form(factor, a.power + b.power, rate, Fraction(1) if rate.is_zero() else high.order)

    def divide(self, a: Form, b: Form) -> Form:
        """Return a/b."""
        inverse = 1 / b.factor
        if not inverse.is_finite():
            if b.range is None or not b.range.sign:
                raise UnboundedError
            nearest = b.range.low if b.range.sign > 0 else b.range.high
            return self.multiply(a, _algebraic(self._around_zero(1 / nearest)))
        return self.multiply(a, Form(inverse, -b.power, -b.rate, b.order))

    def subtract(self, a: Form, b: Form) -> Form:
        """Return a − b."""
        return self.add(a, self.negate(b))

    def add(self, a: Form, b: Form) -> Form:
        """Return a + b."""
        if (a.power, a.order) == (b.power, b.order) and a.rate == b.rate:
            return Form(a.factor + b.factor, a.power, a.rate, a.order)
        found = [(one, v) for one, other in ((a, b), (b, a)) if (v := self._ratio(other, one)) is not None]
        if not found:
            return self._upper_sum(a, b)
        one, v = min(found, key=lambda pair: float(pair[1].abs_upper()))
        factor = one.factor * (1 + v)
        if factor.contains(0) and a.order == b.order and a.rate == b.rate:
            # a sum of balls keeps a sign that their product may lose
            low, one = sorted((a, b), key=lambda u: u.power)
            factor = one.factor + low.factor * self._falling(low.power - one.power)
        return Form(factor, one.power, one.rate, one.order)

    def _ratio(self, a: Form, b: Form) -> Ball | None:
        """Return a ball that holds a/b, None for what may grow."""
        try:
            return self._bounded(self.divide(a, b))
        except UnboundedError:
            return None

    def _upper_sum(self, a: Form, b: Form) -> Form:
        """Return a sum of which only an upper bound is known."""
        terms = [(u, *self.size(u)) for u in (a, b)]
        power = max(a.power, b.power)
        order = max([u.order for u, _, rate in terms if not rate <= 0] or [a.order, b.order])
        size, rates = arb(0), list[Ball]()
        for u, own, rate in terms:
            size += own * self._at_start(u.power - power)
            rates.append(arb(0) if rate <= 0 and u.order != order else rate * self._at_start(u.order - order))
        return self._exponential(size, power, reduce(arb.max, rates), order)

    def _exponential(self, size: Ball, power: Fraction, rate: Ball, order: Fraction) -> Form:
        """Return a form of everything that is at most m x^p e^{g x^s}."""
        factor, lean = size / self._lean(power).abs_lower(), self._lean(order).real
        steep = (rate.upper() / lean).upper()
        if not (lean > 0 and factor.is_finite() and steep.is_finite()):
            raise UnboundedError
        return Form(self._around_zero(factor), power, acb(steep), order)

    # ---------------------------------------------------------------- functions

    def function(self, name: str, u: Form) -> Form:
        """Return f(u), on the real line at least a bound on it from one on f'."""
        try:
            return self._function(name, u)
        except UnboundedError:
            if u.range is None or name in OVER:
                raise
            return self._by_slope(name, u, u.range)

    def _by_slope(self, name: str, u: Form, values: Range) -> Form:
        """Return a bound |f(c)| + sup |f'| (|u| + |c|) on |f(u)|, c the value of u next to 0."""
        (slope,) = ranges([outer_derivative(node(name, X))], values)
        nearest = arb(0) if not values.sign else values.low if values.sign > 0 else values.high
        (there,) = ranges([node(name, X)], around(nearest))
        if not (slope.bounded and there.bounded):
            raise UnboundedError
        steep = abs(slope.whole)
        rest = self._around_zero(abs(there.whole) + steep * abs(nearest))
        return self.add(_algebraic(rest), self.multiply(_algebraic(self._around_zero(steep)), u))

    def _function(self, name: str, u: Form) -> Form:
        """Return f(u) by f's own rule."""
        if name == "sqrt":
            return self.power(u, Fraction(1, 2))
        held = self._bounded(u)
        if held is not None:
            if f"{name}_over" in OVER and held.abs_upper() < 0.5:
                value = getattr(self.field, f"{name}_over")(held)
                if value.is_finite():
                    return self.multiply(u, _algebraic(value))
            value = getattr(self.field, name)(held)
            if value.is_finite():
                return _algebraic(value)
        if held is not None and u.rate.is_zero() and u.power == 0:
            raise UnboundedError
        if name in OVER:
            return self.divide(self.function(OVER[name], u), u)
        if name in _RULES:
            return _RULES[name](self, u)
        texts = _WRITTEN.get(name, (SMOOTH[name].meaning,))
        if name in _BY_SIGN:
            direction = self._direction(u)
            texts = _BY_SIGN[name][direction < 0 :][:1] if direction else ()
        for text in texts:
            with suppress(UnboundedError):
                return self.form(_parsed(text), u)
        raise UnboundedError

    def exp(self, u: Form) -> Form:
        """Return e^u."""
        if u.inside_log is not None:
            return u.inside_log
        if u.rate.is_zero():
            return Form(acb(1), Fraction(0), u.factor, u.power)
        size, slow = (u.factor * self._lean(u.power)).abs_lower(), (u.rate * self._lean(u.order)).real
        phase = self._phase(u).real
        if not (phase < 0 and slow > 0):
            raise UnboundedError
        m = max(0, math.ceil((_STEEP_ORDER - u.power) / u.order))  # e^g ≥ g^m/m!
        least = size * slow**m / math.factorial(m)
        return self._exponential(arb(1), Fraction(0), -least * phase.abs_lower(), u.power + m * u.order)

    def log(self, u: Form) -> Form:
        """Return ln u = ln B + p ln z + G z^s."""
        power = _number(u.power)
        self._require_off_cut(u)
        if not u.rate.is_zero():
            if u.order < _ROOT:
                raise UnboundedError
            value = abs(u.factor * self._lean(u.power))
            rest = (abs(value.log()) + 4 * abs(power)) * self._at_start(_ROOT - u.order)
            rate = (u.rate * self._lean(u.order)).real + arb(0, rest.abs_upper())
            angle = self._around_zero(2).imag * self._at_start(-u.order)
            return _algebraic(acb(rate, angle) / self._lean(u.order), u.order)
        size = abs(abs(u.factor).log()) + 4 + 5 * abs(power)
        if not size.is_finite():
            raise UnboundedError
        return _algebraic(self._around_zero(size), _ROOT)

    def _require_off_cut(self, u: Form) -> None:
        """Refuse what may be on the negative axis."""
        value = u.factor * self._lean(u.power) if u.rate.is_zero() else self._phase(u)
        if not (value.real > 0 or (u.rate.is_zero() and value.imag != 0)):
            raise UnboundedError

    def power(self, u: Form, r: Fraction) -> Form:
        """Return u^r."""
        if u.factor.is_zero() and r > 0:
            return u
        exponent = acb(_number(r))
        try:
            self._require_off_cut(u)
            factor = u.factor.pow(exponent, analytic=True)
        except UnboundedError:
            if u.range is None or not u.range.low >= 0 or r <= 0:
                raise
            factor = acb(arb(0).union(arb(u.factor.abs_upper()) ** _number(r)))
        if not factor.is_finite():
            raise UnboundedError
        return Form(factor, u.power * r, u.rate * exponent, u.order)

    def wave(self, u: Form) -> Form:
        """Return a bound on sin u and cos u: e^{|Im u|}."""
        height = self._imaginary(u)
        if height is not None:
            return _algebraic(self._around_zero(abs(height).exp()))
        if not u.rate.is_zero():
            raise UnboundedError
        return self._exponential(arb(1), Fraction(0), abs((u.factor * self._lean(u.power)).imag), u.power)

    def erfc(self, u: Form) -> Form:
        """Return erfc: |erfc(u)| ≤ |e^{−u²}| for Re u ≥ 0, and 1 − 1/(2u²) ≤ √π u e^{u²} erfc(u) ≤ 1 for u > 0."""
        direction = self._direction(u)
        if direction < 0:
            return self.subtract(_algebraic(2), self.erfc(self.negate(u)))
        if direction == 0:
            raise UnboundedError
        square = self.exp(self.negate(self.multiply(u, u)))
        inverse = self.divide(_algebraic(1), u)
        small = self._bounded(self.multiply(inverse, inverse))
        if small is None or not (self.real and u.factor.imag == 0):
            return self.multiply(_algebraic(self._around_zero(1)), square)
        share = (1 - arb(0).union(arb(1)) * small / 2) / arb.pi().sqrt()
        return self.multiply(self.multiply(_algebraic(share), inverse), square)

    def atan(self, u: Form) -> Form:
        """Return atan u, which is ±π/2 − atan(1/u)."""
        direction, inverse = self._direction(u), self.divide(_algebraic(1), u)
        if not direction or self._bounded(inverse) is None:
            raise UnboundedError
        return self.subtract(_algebraic(acb(arb.pi() / 2 * direction)), self.function("atan", inverse))


class ExponentialRegion(HalfStrip):
    """The half-line x ≥ start, by w = e^{|c|x} in the place of z: there e^{e^{|c|x}} is e^w, and x is ln(w)/|c|.

    Parameters
    ----------
    start
        Where it begins.
    slope
        c, a constant tree.

    Raises
    ------
    UnboundedError
        Where c may be 0 or numbers are too large.
    """

    def __init__(self, start: float, slope: Tree) -> None:
        (c,) = real_program(slope)(arb(0))
        self.slope, self.rises, self.scale, self.begin = slope, bool(c > 0), abs(c), arb(start)
        least = (self.scale * start).exp().lower()
        if not (self.scale > 0 and least < _STEEPEST):
            raise UnboundedError
        super().__init__(float(least), 0.0)

    def line(self, sign: int) -> Form:
        """Return the form of sign · x."""
        w = replace(_algebraic(1, Fraction(1)), range=Range(low=self.start))
        x = replace(self.divide(self.log(w), _algebraic(self.scale)), range=Range(low=self.begin))
        x = self._with_exponential(x, w if self.rises else self.divide(_algebraic(1), w))
        return x if sign > 0 else self.mirrored(x)

    def mirrored(self, x: Form) -> Form:
        """Return the form of −x from the one of x."""
        if x.range is None or x.exponential is None:
            return super().mirrored(x)
        inverse = self.divide(_algebraic(1), x.exponential)
        return self._with_exponential(replace(self.negate(x), range=-x.range), inverse)

    def _with_exponential(self, x: Form, exponential: Form) -> Form:
        """Return x with e^{cx}."""
        return replace(x, exponential=exponential, inside_log=exponential if self.slope is ONE else None)

    def _inside_log(self, t: Tree, a: list[Form], x: Form) -> Form | None:
        return x.exponential if polynomial(t) == [ZERO, self.slope] else super()._inside_log(t, a, x)

    def bound(self, u: Form) -> tuple[Ball, Fraction, Ball, Fraction]:
        """Return a bound in x: m w^p e^{g w^s} with g ≤ 0 is below its tangent at the start on a logarithmic scale."""
        size, rate = self.size(u)
        if rate > 0:
            raise UnboundedError
        power, order = self.scale * _number(u.power), self.scale * _number(u.order)
        steep = rate * (order * self.begin).exp()
        return size * (steep * (1 - order * self.begin)).exp(), Fraction(0), power + steep * order, Fraction(1)


_ARITHMETIC: dict[str, Callable[..., Form]] = {
    "+": HalfStrip.add,
    "-": HalfStrip.subtract,
    "*": HalfStrip.multiply,
    "/": HalfStrip.divide,
    "neg": HalfStrip.negate,
}
_RULES: dict[str, Callable[[HalfStrip, Form], Form]] = {
    **{name: getattr(HalfStrip, name) for name in ("exp", "log", "erfc", "atan")},
    **dict.fromkeys(("sin", "cos"), HalfStrip.wave),
}
_WRITTEN: dict[str, tuple[str, ...]] = {
    "sigmoid": ("1/(1 + exp(-x))", "exp(x)/(1 + exp(x))"),
    "tanh": ("2*sigmoid(2*x) - 1",),
    "erf": ("1 - erfc(x)",),
}
"""Functions by others, of which the first that has a bound is taken; where there is none, as `SMOOTH` says."""

_BY_SIGN = {
    "softplus": ("x + log1p(exp(-x))", "log1p(exp(x))"),
    "asinh": ("log(x + sqrt(1 + x*x))", "-log(sqrt(1 + x*x) - x)"),
}
"""Functions by others, for arguments that are positive far out and for those that are negative."""


def _number(p: Fraction) -> Ball:
    return arb(p.numerator) / p.denominator


@cache
def _parsed(text: str) -> Tree:
    return parsed(text, WORDS)
