"""Sums of the same series with many rows of integer coefficients, as products of matrices, exact in float64.

For packed series a_i (`ntkcalc.numerics.packed_series`) and rows of numbers c, the sums Σ_i c_i a_i are the product of
two matrices. It is taken modulo primes so small that sums of products of residues are exact in float64, and its
integers are found from their residues (Chinese remainder theorem). So a product of two numbers takes as many
multiplications as it has digits of 24 bits, not the square of that, and BLAS does thousands of millions of them a
second.
"""

from collections.abc import Iterator, Sequence
from math import isqrt, prod
from typing import Any

import gmpy2
import numpy as np
from numpy.typing import NDArray

from ntkcalc.numerics.blas_threads import blas_threads

_DIGIT = 16  # bits of the digits in which integers are read and written
_WORD = 64
_EXACT = 53  # bits up to which integers are exact in float64
_LARGEST = 1 << 24  # of primes; then sums of residues times up to 2**13 digits, too, are exact
_OFFSET = 1 << 52  # more than those of fewer than 2**12 residues times digits
_SLICE = 512  # terms that are computed at a time, for what they take to stay in the processor's cache

Array = NDArray[Any]


class BlockSums:
    """Sums of packed series, slots of which have a multiple of 16 bits, at most 2**15; the list of them is emptied."""

    def __init__(self, series: list[Any], slot: int, kept: int, terms: int) -> None:
        self.slot = slot
        self.digits = np.empty((-(-kept // _DIGIT), len(series), terms), np.uint16)
        while series:
            last = _digits(series.pop(), slot, terms)
            self.digits[:, len(series)] = last[: len(self.digits)]

    def __call__(self, rows: Sequence[Sequence[int]], lengths: Sequence[int], places: slice) -> list[Any]:
        """Return Σ_i c_i a_i modulo t^length for every row c and its length, with the a_i at `places`.

        Lengths do not grow from row to row. Coefficients of sums are below 2**slot.
        """
        found, used = [gmpy2.mpz(0)] * len(rows), [i for i, row in enumerate(rows) if any(row)]
        if used:
            sums = self._sums([rows[i] for i in used], [lengths[i] for i in used], self.digits[:, places])
            for i, packed in zip(used, sums, strict=True):
                found[i] = packed
        return found

    def _sums(self, rows: Sequence[Sequence[int]], lengths: Sequence[int], series: Array) -> list[Any]:
        """Return the sums of some rows with series of digits (digits, series, terms), a slice of terms at a time."""
        modular = _Modular(self.slot, series.shape[1])
        factors = modular.factors(self._numbers(rows, series.shape[1]))
        found: list[list[Any]] = [[] for _ in rows]
        for start in range(0, lengths[0], _SLICE):
            reached = sum(length > start for length in lengths)
            residues = modular.residues(series[:, :, start : min(start + _SLICE, lengths[0])])
            with blas_threads(len(rows)):
                products = factors[:, :reached] @ residues
            for row, packed in zip(found, modular.packed(products), strict=False):
                row.append(packed)
        for row, length in zip(found, lengths, strict=True):  # one by one, for all twice take much memory
            row[:] = [gmpy2.f_mod_2exp(gmpy2.pack(row, _SLICE * self.slot), self.slot * length)]
        return [packed for (packed,) in found]

    def _numbers(self, rows: Sequence[Sequence[int]], width: int) -> Array:
        """Return the digits of rows filled up with zeros, (digits, rows, width)."""
        numbers = [gmpy2.mpz(c) for row in rows for c in (*row, *[0] * (width - len(row)))]
        slot = len(self.digits) * _DIGIT
        return _digits(gmpy2.pack(numbers, slot), slot, len(numbers)).reshape(-1, len(rows), width)


class _Modular:
    """Sums x = Σ c_i a_i of so many products, below 2**slot, modulo primes p whose product is M > 4 · 2**slot.

    Residues lie within −p/2 − 1 and p/2 + 1. Where y_p are those of x (M/p)^{−1}, x = Σ_p y_p M/p − z M, and z is the
    whole number nearest to Σ_p y_p/p = z + x/M.
    """

    def __init__(self, slot: int, summed: int) -> None:
        self.slot, self.primes = slot, list[int]()
        candidate = min(2 * isqrt((1 << _EXACT) // summed) - 2, _LARGEST)
        while prod(self.primes) >> (slot + 2) == 0:
            candidate -= 1
            if gmpy2.is_prime(candidate):
                self.primes.append(candidate)
        product = prod(self.primes)
        self._cofactors = [product // p for p in self.primes]
        self._moduli = np.array(self.primes, float)[:, None, None]
        digits = range(0, product.bit_length(), _DIGIT)
        self._digits = np.array([[c >> k & 0xFFFF for k in digits] for c in (*self._cofactors, product)], float)
        self._digits[-1] *= -1

    def residues(self, digits: Array, factors: Sequence[int] | None = None) -> Array:
        """Return the residues, (primes, …), of integers with digits (digits, …) times a factor for each prime."""
        pairs = zip(self.primes, factors or [1] * len(self.primes), strict=True)
        weights = np.array([[f * pow(2, _DIGIT * k, p) % p for k in range(len(digits))] for p, f in pairs], float)
        return self._reduced((weights @ digits.reshape(len(digits), -1).astype(float)).reshape(-1, *digits.shape[1:]))

    def factors(self, digits: Array) -> Array:
        """Return the residues of integers times (M/p)^{−1}."""
        return self.residues(digits, [pow(c, -1, p) for c, p in zip(self._cofactors, self.primes, strict=True)])

    def packed(self, products: Array) -> Iterator[Any]:
        """Yield each row of sums in one integer, from all y_p, (primes, rows, terms)."""
        y = self._reduced(products)
        wraps = np.rint((y / self._moduli).sum(axis=0, keepdims=True))
        y = np.concatenate([y, wraps])
        width, surplus = self.slot // _DIGIT, self._digits.shape[1] - self.slot // _DIGIT
        digits = np.empty((y.shape[2] + 1, width))
        padding = -digits.size % (_WORD // _DIGIT)
        offsets = ((1 << _DIGIT * (digits.size + padding)) - 1) // ((1 << _DIGIT) - 1) * gmpy2.mpz(_OFFSET)
        for row in range(y.shape[1]):
            own = y[:, row].T @ self._digits
            digits[:-1], digits[-1] = own[:, :width], 0
            digits[1:, :surplus] += own[:, width:]
            yield _packed(np.pad(digits.ravel(), (0, padding)) + _OFFSET) - offsets

    def _reduced(self, x: Array) -> Array:
        """Replace integers of less than 53 bits by their residues."""
        multiples = x / self._moduli
        np.rint(multiples, out=multiples)
        multiples *= self._moduli
        x -= multiples
        return x


def _digits(packed: Any, slot: int, terms: int) -> Array:
    """Return the digits of the coefficients of a packed series, (digits, terms)."""
    data = gmpy2.f_mod_2exp(packed, slot * terms).to_bytes(slot // 8 * terms, "little")
    return np.frombuffer(data, "<u2").reshape(terms, -1).T


def _packed(digits: Array) -> Any:
    """Return Σ_k d_k 2**(16 k) for whole numbers 0 ≤ d_k < 2**63: those of each fourth k in one integer."""
    total, words = gmpy2.mpz(0), digits.astype("<i8")
    for k in range(_WORD // _DIGIT):
        total += gmpy2.mpz.from_bytes(words[k :: _WORD // _DIGIT].tobytes(), "little") << _DIGIT * k
    return total
