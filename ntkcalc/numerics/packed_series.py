"""Truncated power series with nonnegative coefficients, packed into one big integer each.

A series is a row of equal slots of one integer, so that a product of series is a product of
integers (Kronecker substitution) and runs at the speed of GMP. Here live the packing and the two
algorithms on it, product and composition; what the slots mean (fixed-point numbers, or just
"zero or not") is said by a `Packing`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle, zip_longest
from math import gcd, isqrt
from typing import Any, TypeAlias

import gmpy2

from ntkcalc.numerics.work import announce

_LEAF = 32  # terms of a series on a line that are summed one by one
_MANY = 2 * 10**10  # bits of slots times numbers, from which sums of series are worth loading NumPy
_WIDEST = 1 << 15  # bits of a slot, up to which they are: residues of numbers take the square of their length

Sums: TypeAlias = Callable[[Sequence[Sequence[int]], Sequence[int], slice], list[Any]]
"""From rows of numbers, their lengths and a slice: the sums of numbers times the series of the slice, truncated."""


@dataclass(frozen=True)
class Packing:
    """How coefficients share an integer.

    After a product every slot x becomes ``((x + bias) >> shift) & (2**kept - 1)``.
    """

    slot: int  # bits that a coefficient takes, a multiple of 16; a sum of products of coefficients must fit
    shift: int
    bias: int
    kept: int
    terms: int  # coefficients of the longest series

    @classmethod
    def fixed_point(cls, fraction: int, terms: int) -> Packing:
        """Coefficients are numbers below 1 with `fraction` bits, rounded down; series sum to at most 1."""
        return cls(-(-(2 * fraction + 2) // 16) * 16, fraction, 0, fraction + 1, terms)

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
        announce(composition_work(self.slot * slots, length, len(outers) * parts, step))
        powers = [self.pack([unit]), self.pack(inner[valuation::stride])]
        for i in range(2, step + 1):
            left = max(slots - i * valuation // stride, 0)
            powers.append(self.multiply(powers[i // 2], powers[i - i // 2], left))
        giant = powers.pop()
        for i in range(1, step):  # one by one, for all together take much memory
            powers[i] = self.shifted(powers[i], i * valuation // stride)
        sums = self._sums(powers, slots, len(outers) * length)
        found = [[0] * self.terms for _ in outers]
        for part in range(parts):
            starts = [start for start in range(0, length, step) for _ in outers]
            rows = [r[start + part : min(start + step, length) : parts] for start, r in zip(starts, cycle(outers))]
            blocks = sums(rows, [slots - start // step * jump for start in starts], slice(part, None, parts))
            places = slice(part * valuation % stride, None, stride)
            for i, row in enumerate(found):
                total = self._giant_steps(blocks[i :: len(outers)], giant, slots, jump)
                row[places] = self.unpack(total, len(row[places]))
        return found

    def _sums(self, series: list[Any], terms: int, factors: int) -> Sums:
        """Return what sums these series, times rows of so many numbers altogether."""
        if self.slot * terms * factors < _MANY or self.slot > _WIDEST:
            return lambda rows, lengths, places: [
                self._sum(series[places], row, length) for row, length in zip(rows, lengths, strict=True)
            ]
        from ntkcalc.numerics.block_sums import BlockSums

        return BlockSums(series, self.slot, self.kept, terms)

    def _sum(self, series: Sequence[Any], factors: Sequence[int], terms: int) -> Any:
        """Return the sum of numbers times series modulo t^terms, for so many as there are of both."""
        total = gmpy2.mpz(0)
        for one, c in zip(series, factors, strict=False):
            if c:
                total = gmpy2.fma(self.truncate(one, terms), c, total)
        return total

    def _giant_steps(self, blocks: list[Any], giant: Any, terms: int, jump: int) -> Any:
        """Horner's rule in u^step, t^jump times `giant`, from the last block to the first."""
        total = gmpy2.mpz(0)
        while blocks:
            block = blocks.pop()
            left = terms - len(blocks) * jump
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
        sums = (self._sum(powers, outer[i : i + _LEAF], self.terms) for i in range(0, len(outer), _LEAF))
        parts = [self.rounded(total, self.terms) for total in sums]
        while len(parts) > 1:
            later = [self.multiply(part, giant, self.terms) for part in parts[1::2]]
            parts = [a + b for a, b in zip_longest(parts[::2], later, fillvalue=gmpy2.mpz(0))]
            giant = self.multiply(giant, giant, self.terms) if len(parts) > 1 else giant
        return parts[0]


def baby_steps(length: int, outers: int, valuation: int) -> int:
    """Return the number of baby steps that balances the products of `Packing.compose`, even or the length."""
    return max(1, min(length, isqrt(length * outers // (2 if valuation else 1)) // 2 * 2 + 2))


def composition_error(length: int) -> int:
    """Return a bound on the error of `Packing.compose`, in units of the last place (see there); step ≤ length."""
    return 10 * length + 16


def composition_work(bits: int, length: int, outers: int, step: int) -> float:
    """Return about the seconds that `Packing.compose` takes with so many series of a length, powers of so many bits.

    They are those of products, of which giant steps have half the bits on average, and of sums.
    """
    products, sums = step + outers * length / (2 * step), outers * length / 2
    return bits * (2.8e-9 * products + 1e-11 * sums)


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
