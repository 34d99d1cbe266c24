r"""Sums over the nodes of a quadrature rule: of φ², of φ'², and of φ times Hermite polynomials.

φ(x) and φ(−x) are taken together, so that even and odd parts do not mix. The polynomials come from their recurrence in
fixed-point integers, scaled by powers of two: g_k = He_k 2^{−e_k} with 2^{e_k} next to √k!.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from operator import mul
from typing import Any

import gmpy2
from gmpy2 import mpfr, mpz

from ntkcalc.activations.formula.integrand import Integrand
from ntkcalc.activations.work_budget import WorkBudget
from ntkcalc.errors import AccuracyError
from ntkcalc.numerics.precision import mpfr_context, mpfr_log2

_MOST_NODES = 1 << 16
_SPARE = 24  # bits, a fifth at most, that need not agree: the better of two rules has far more than they agree to
_SMALLEST = (8, 80, 16.0)  # request: degree, bits, and the reach that they need


class TooNarrowError(AccuracyError):
    """φ varies too fast for a request of any size."""


class NodeSums:
    """Sums over nodes, φ in units of 2**scale; to be used in its precision.

    Attributes
    ----------
    enough
        The bits to which two rules must agree.
    most
        How many nodes there was time for at the start.
    """

    def __init__(
        self, integrand: Integrand, scale: int, degree: int, bits: int, reach: float, budget: WorkBudget
    ) -> None:
        self.integrand, self.degree, self.bits, self._budget = integrand, degree, bits, budget
        self.enough = bits - min(_SPARE, bits // 5)
        self.width, self.heavy, self._reach = *_widths(degree, bits, reach), reach
        self.precision = self.width + 48
        with mpfr_context(self.precision):
            self.run, self.unit = integrand.phi(self.precision), gmpy2.exp2(mpfr(-scale))
        self._node = _work(degree, bits, reach, integrand)
        self.most = self.left
        self._most_ever = WorkBudget(0).left(0) / _work(*_SMALLEST, integrand)
        self._shifts = list(self._exponents())

    @property
    def left(self) -> int:
        """How many nodes there is time for yet."""
        return int(min(_MOST_NODES, self._budget.left(self.degree) / self._node))

    def unresolved(self, length: float, x: float, nodes: float) -> AccuracyError:
        """Say where φ varies too fast, and how many nodes that asks for."""
        digits = max(0, -math.floor(math.log10(length)) - 3)
        always = nodes * _SMALLEST[2] / self._reach > self._most_ever  # waves take the fewer, the shorter the reach
        way = "widen it, or write a bend as abs, max or relu" if always else "lower --digits, --truncation or --depth"
        return (TooNarrowError if always else AccuracyError)(
            f"{self.integrand.text} varies within {_rough(length)} near x = {round(x, digits) + 0.0:.12g}, which "
            f"quadrature cannot resolve (it takes more than {self.most} nodes): {way}"
        )

    def too_long(self) -> AccuracyError:
        """Say that nothing in φ is too narrow, but all of it too much."""
        return AccuracyError(
            f"quadrature of {self.integrand.text} to {self.bits} bits takes more than {self.most} nodes; "
            "lower --digits, --truncation or --depth"
        )

    def refusal(self, nodes: int, agreed: float) -> AccuracyError:
        """Say how far it went."""
        return AccuracyError(
            f"quadrature of {self.integrand.text} agrees to {max(0, int(agreed))} of {self.bits} bits with {nodes} "
            f"nodes, for Hermite coefficients up to {self.degree}: it bends or varies too sharply; "
            "lower --digits, --truncation or --depth"
        )

    def values(self, x: Any) -> list[Any]:
        """Return φ(x), φ'(x), φ(−x) and φ'(−x)."""
        self._budget.spent += self._node
        value, slope = (v * self.unit for v in self.run(x))
        if sign := self.integrand.sign:
            return [value, slope, sign * value, -sign * slope]
        return [value, slope, *(v * self.unit for v in self.run(-x))]

    def over(self, nodes: Sequence[tuple[Any, Any]]) -> list[Any]:
        """Return the sums over nodes x > 0 with their dx: of φ², of φ'², and of φ g_0, φ g_1, … as integers."""
        norm = 1 / gmpy2.sqrt(2 * gmpy2.const_pi())
        square = slope = mpfr(0)
        xs, even, odd = [], [], []
        for x, dx in nodes:
            weight = norm * dx * gmpy2.exp(-x * x / 2)
            right, rise, left, fall = self.values(x)
            square += weight * (right * right + left * left)
            slope += weight * (rise * rise + fall * fall)
            xs.append(_fixed(x, self.width))
            even.append(_fixed(weight * (right + left), self.heavy))
            odd.append(_fixed(weight * (right - left), self.heavy))
        return [square, slope, *self._moments(xs, (even, odd))]

    def _moments(self, xs: list[Any], weights: tuple[list[Any], list[Any]]) -> Iterator[Any]:
        """Yield Σ w φ g_k: g_{k+1} = x g_k 2^{e_k − e_{k+1}} − k g_{k−1} 2^{e_{k−1} − e_{k+1}}."""
        before, here = [mpz(0)] * len(xs), [mpz(1) << self.width] * len(xs)
        for k, (near, far, _) in enumerate(self._shifts):
            yield sum(map(mul, weights[k % 2], here), mpz(0))
            after = [(x * h >> near) - (k * b >> far) for x, h, b in zip(xs, here, before, strict=True)]
            before, here = here, after

    def _exponents(self) -> Iterator[tuple[int, int, int]]:
        """Yield for each k the two shifts of the recurrence, and e_k."""
        log_factorial, before, here = 0.0, 0, 0
        for k in range(self.degree + 1):
            log_factorial += math.log2(k + 1)
            after = int(log_factorial / 2)
            yield after - here + self.width, after - before, here
            before, here = here, after

    def moments(self, sums: Sequence[Any]) -> Iterator[Any]:
        """Yield µ_0 … µ_degree from the integers among the sums."""
        normaliser = mpfr(1)
        for k, (total, (_, _, exponent)) in enumerate(zip(sums[2:], self._shifts, strict=True)):
            yield mpfr(total) * gmpy2.exp2(mpfr(exponent - self.width - self.heavy)) / normaliser
            normaliser *= gmpy2.sqrt(mpfr(k + 1))

    def agreement(self, a: Sequence[Any], b: Sequence[Any], whole: Sequence[Any]) -> float:
        """Return to how many bits two rules agree, the first two of their sums relatively to those of the whole."""
        apart = [x - y for x, y in zip(a, b, strict=True)]
        worst = [mpfr_log2(d / size) for d, size in zip(apart, whole[:2], strict=False) if d]
        return -max([*worst, mpfr_log2(max(map(abs, apart[2:]))) - self.width - self.heavy])


def _widths(degree: int, bits: int, reach: float) -> tuple[int, int]:
    """Return the bits after the point of g_k and of what multiplies them."""
    width = bits + 2 * (degree + 1).bit_length() + 24
    return width, width + math.ceil(reach * reach / 4 / math.log(2)) + 8  # He_k reaches √k! e^{x²/4}


def _work(degree: int, bits: int, reach: float, integrand: Integrand) -> float:
    """Return what a node takes: φ and φ' at ±x, and the Hermite polynomials, in units of `work_budget`."""
    width, heavy = _widths(degree, bits, reach)
    sides = 1 if integrand.sign else 2
    polynomials = (degree + 8) * (0.2 + (heavy + width) / 6400)
    return sides * work_of_values(integrand, width) + 1.5 * _exponential(width + integrand.guard) + polynomials


def work_of_values(integrand: Integrand, bits: int) -> float:
    """Return what φ and φ' take at one place."""
    precision = bits + integrand.guard
    return integrand.effort(precision) * _exponential(precision)


def _exponential(precision: int) -> float:
    return 4 * (1 + precision / 350)


def _rough(length: float) -> str:
    """Return one digit of a length."""
    mantissa, exponent = f"{length:.0e}".split("e")
    return f"{length:.1g}" if length > 1e-4 else f"{mantissa}e{int(exponent)}"


def _fixed(value: Any, places: int) -> Any:
    return mpz(gmpy2.mul_2exp(value, places))
