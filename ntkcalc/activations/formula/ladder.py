"""Poles on the imaginary axis, as those of tanh and sigmoid."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property


@dataclass(frozen=True)
class Ladder:
    """The poles of φ(x) = A g(Bx), or of φ', at (2n + 1) times the first, n = 0, 1, …, on the imaginary axis.

    Parameters
    ----------
    first
        The distance of g's first pole from the real line over π.
    amplitude, steepness
        A and B².
    order
        1 where φ' has the poles, with residues A; else 0, with residues A/B.
    linear
        Whether g is u times such a function, so that its residue at u is u.
    """

    first: Fraction
    amplitude: Fraction = Fraction(1)
    steepness: Fraction = Fraction(1)
    order: int = 0
    linear: bool = False

    def scaled(self, q: Fraction) -> Ladder:
        """Return the poles of φ(√q x)."""
        return replace(self, steepness=self.steepness * q)

    @cached_property
    def distance(self) -> float:
        """The distance of the first pole from the real line."""
        return math.pi * float(self.first) / math.sqrt(self.steepness)
