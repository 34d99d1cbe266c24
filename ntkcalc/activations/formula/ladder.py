"""Poles on the imaginary axis, as those of tanh and sigmoid."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property


@dataclass(frozen=True)
class Ladder:
    """The poles of φ(x) = A g(Bx), or of φ', at (2n + 1) times the first, n = 0, 1, …, on the imaginary axis."""

    first: Fraction  # the distance of g's first pole from the real line over π
    amplitude: Fraction = Fraction(1)  # A
    steepness: Fraction = Fraction(1)  # B²
    order: int = 0  # 1 where φ' has the poles, with residues A; else 0, with residues A/B
    linear: bool = False  # whether g is u times such a function, so that its residue at u is u

    def scaled(self, q: Fraction) -> Ladder:
        """Return the poles of φ(√q x)."""
        return replace(self, steepness=self.steepness * q)

    @cached_property
    def distance(self) -> float:
        """The distance of the first pole from the real line."""
        return math.pi * float(self.first) / math.sqrt(self.steepness)
