"""Truncated power series with nonnegative coefficients, packed into one big integer each.

A series is a row of equal slots of one integer, so that a product of series is a product of
integers (Kronecker substitution) and runs at the speed of GMP. Here live the packing and the two
algorithms on it, product and composition; what the slots mean (fixed-point numbers, or just
"zero or not") is said by a `Packing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from math import gcd, isqrt
from typing import Any

import gmpy2

_LEAF = 32  # terms of a series on a line that are summed one by one


@dataclass(frozen=True)
class Packing:
    """How coefficients share an integer.

    After a product every slot x becomes ``((x + bias) >> shift) & (2**kept - 1)``.
    """

    slot: int  # bits that a coefficient takes; a sum of products of coefficients must fit
    shift: int
    bias: int
    kept: int
    terms: int  # coefficients of the longest series

    @classmethod
    def fixed_point(cls, fraction: int, terms: int) -> Packing:
        """Coefficients are numbers below 1 with `fraction` bits, rounded down; series sum to at most 1."""
        return cls(2 * fraction + 2, fraction, 0, fraction + 1, terms)

    @classmethod
    def presence(cls, terms: int) -> Packing:
        """Coefficients are 0 or 1, for "exactly zero" and "positive"."""
        return cls(48, 47, (1 << 47) - 1, 1, terms)

    @cached_property
    def _mask(self) -> Any:
        return self.pack([(1 << self.kept) - 1] * self.terms)

    @cached_property
    def _biases(self) -> Any:
        return self.pack([self.bias] * self.terms) if self.bias else 0

    def pack(self, coefficients: Sequence[int]) -> Any:
        """Return the integer that holds `coefficients`."""
        return gmpy2.pack([gmpy2.mpz(c) for c in coefficients], self.slot)

    def unpack(self, series: Any, terms: int) -> list[int]:
        """Return the first `terms` coefficients."""
        found = gmpy2.unpack(series, self.slot)[:terms] if series else []
        return [*found, *[0] * (terms - len(found))]

    def truncate(self, series: Any, terms: int) -> Any:
        """Return the series modulo t^terms."""
        return gmpy2.f_mod_2exp(series, self.slot * terms)

    def shifted(self, series: Any, places: int) -> Any:
        """Return t^places times the series."""
        return series << (self.slot * places) if places else series

    def rounded(self, products: Any, terms: int) -> Any:
        """Return sums of products as coefficients again, modulo t^terms."""
        products = self.truncate(products, terms)
        if self.bias:
            products += self.truncate(self._biases, terms)
        return (products >> self.shift) & self._mask

    def multiply(self, a: Any, b: Any, terms: int) -> Any:
        """Return the product modulo t^terms."""
        left = self.truncate(a, terms)
        right = left if b is a else self.truncate(b, terms)  # a square takes GMP two thirds of a product
        return self.rounded(left * right, terms)

    def compose(
        self, outers: Sequence[Sequence[int]], inner: Sequence[int], unit: int, valuation: int
    ) -> list[list[int]]:
        r"""Return the coefficients of :math:`\sum_j r_j u(t)^j` modulo t^terms for several outer series r at once.

        Baby steps, giant steps (Paterson and Stockmeyer): the powers u, …, u^m are computed once
        for all outer series, then each is summed by Horner's rule in u^m. Of u only what follows its
        least power of t, the valuation, is stored; of u = t^v w(t^n) only every n-th coefficient, and powers with
        the same vi modulo n, which share no power of t with others, are summed by themselves. `unit` is the number 1
        in slot units.

        With fixed-point slots, ‖u‖₁ ≤ 1 and ‖r‖₁ ≤ 1, every coefficient of the result is low by
        at most `composition_error` units: a power u^i is low by at most 2i − 1 (a product adds the
        errors of its factors and one rounding), a block of m terms by 3m + 1, and a giant step
        passes on what it got plus 2m ‖r_j, j ≥ (g+1)m‖₁ + 1.
        """
        if valuation == 0 and not any(inner[2:]):
            return [self.unpack(self._on_line(outer, inner, unit), self.terms) for outer in outers]
        length = max(map(len, outers))
        if valuation > 0:
            length = min(length, (self.terms - 1) // valuation + 1)
        stride = gcd(*(p - valuation for p, c in enumerate(inner) if c)) or 1
        parts = stride // gcd(stride, valuation)
        step = baby_steps(length, len(outers) * parts, valuation)
        step = min(length, -(-step // parts) * parts)
        slots, jump = -(-self.terms // stride), step * valuation // stride
        powers = [self.pack([unit]), self.pack(inner[valuation::stride])]
        for i in range(2, step + 1):
            left = max(slots - i * valuation // stride, 0)
            powers.append(self.multiply(powers[i // 2], powers[i - i // 2], left))
        giant = powers.pop()
        for i in range(1, step):  # one by one, for all together take much memory
            powers[i] = self.shifted(powers[i], i * valuation // stride)
        found = [[0] * self.terms for _ in outers]
        for row, outer in zip(found, outers, strict=True):
            for part in range(parts):
                own = [c if j % parts == part else 0 for j, c in enumerate(outer[:length])]
                places = slice(part * valuation % stride, None, stride)
                row[places] = self.unpack(self._giant_steps(own, powers, giant, slots, jump), len(row[places]))
        return found

    def _giant_steps(self, outer: Sequence[int], powers: list[Any], giant: Any, terms: int, jump: int) -> Any:
        """Horner's rule in u^step, t^jump times `giant`, from the last block of the outer series to the first."""
        total, step = gmpy2.mpz(0), len(powers)
        for start in reversed(range(0, len(outer), step)):
            left = terms - start // step * jump
            block = gmpy2.mpz(0)
            for power, c in zip(powers, outer[start : start + step], strict=False):
                if c:
                    block = gmpy2.fma(self.truncate(power, left), c, block)
            if total:
                block += self.shifted(self.truncate(giant, left - jump) * total, jump)
            total = self.rounded(block, left)
        return total

    def _on_line(self, outer: Sequence[int], line: Sequence[int], unit: int) -> Any:
        """Return r(u) for a line u = a + δt, by halves: sums of m terms in pairs, the later one times u^m.

        Powers of u are short, so that few products are long. A product adds (2m − 1) ‖r_j‖₁ + 1 to the error, j from
        the later half; the m of all halves that r_j is in sum to j, so that products add 2j r_j, and their roundings.
        """
        powers = [self.pack([unit]), self.pack(line)]
        for i in range(2, _LEAF + 1):
            powers.append(self.multiply(powers[i // 2], powers[i - i // 2], self.terms))
        giant = powers.pop()
        parts = [self._block(outer[i : i + _LEAF], powers) for i in range(0, len(outer), _LEAF)]
        while len(parts) > 1:
            later = [self.multiply(part, giant, self.terms) for part in parts[1::2]]
            parts = [a + b for a, b in zip_longest(parts[::2], later, fillvalue=gmpy2.mpz(0))]
            giant = self.multiply(giant, giant, self.terms) if len(parts) > 1 else giant
        return parts[0]

    def _block(self, outer: Sequence[int], powers: list[Any]) -> Any:
        """Return the sum of r_j u^j for so many powers as there are, rounded."""
        block = gmpy2.mpz(0)
        for power, c in zip(powers, outer, strict=False):
            if c:
                block = gmpy2.fma(power, c, block)
        return self.rounded(block, self.terms)


def baby_steps(length: int, outers: int, valuation: int) -> int:
    """Return the number of baby steps that balances the products of `Packing.compose`, even or the length."""
    return max(1, min(length, isqrt(length * outers // (2 if valuation else 1)) // 2 * 2 + 2))


def composition_error(length: int) -> int:
    """Return a bound on the error of `Packing.compose`, in units of the last place (see there); step ≤ length."""
    return 10 * length + 16


def composition_work(packing: Packing, length: int, outers: int, step: int) -> float:
    """Return about the seconds that `Packing.compose` takes with so many series of a length, but for those on a line.

    They are those of products, and of sums of coefficients times powers.
    """
    products, sums = step + outers * length / (2 * step), outers * length
    return packing.slot * packing.terms * (7e-9 * products + (1e-10 + 1.2e-13 * packing.kept) * sums)


def support_of_compositions(outers: Sequence[Sequence[Any]], inner: Sequence[Any], terms: int) -> list[list[bool]]:
    """Return which coefficients of the compositions r(u(t)) are positive; the others are exact zeros."""
    if not inner[0] and terms > 1 and inner[1] and all(len(r) >= terms and all(r[:terms]) for r in outers):
        return [[True] * terms for _ in outers]
    if inner[0] and terms > 1 and inner[1] and all(any(r[terms - 1 :]) for r in outers):
        return [[True] * terms for _ in outers]
    packing, valuation = Packing.presence(terms), next((p for p, c in enumerate(inner) if c), terms)
    rows = [[int(bool(c)) for c in series] for series in (*outers, inner)]
    return [[bool(c) for c in series] for series in packing.compose(rows[:-1], rows[-1], 1, valuation)]


def support_of_product(a: Sequence[Any], b: Sequence[Any]) -> list[bool]:
    """Return which coefficients of the truncated product a b are positive."""
    if all(a) and b[0]:
        return [True] * len(a)
    packing = Packing.presence(len(a))
    packed = [packing.pack([int(bool(c)) for c in series]) for series in (a, b)]
    return [bool(c) for c in packing.unpack(packing.multiply(packed[0], packed[1], len(a)), len(a))]
