r"""Decay laws of the paper's Figure 4, fitted to eigenvalues by least squares on logarithms.

.. math::  λ_ℓ = a ℓ^{-b}, \qquad λ_ℓ = a ℓ^{-3/4} b^{-ℓ^{1/4}}, \qquad λ_ℓ = a ℓ^{-1/2} b^{-ℓ^{1/2}} .
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ntkcalc.numerics.types import Array


@dataclass(frozen=True)
class Law:
    """λ = a ℓ^power exp(slope · ℓ^root), with log ℓ for ℓ^0."""

    formula: str  # in letters, with its numbers
    log_a: float
    slope: float
    power: float
    root: float
    spread: float  # root mean square of the residuals of log λ

    def __call__(self, ell: Array) -> Array:
        """Return λ_ℓ."""
        return np.asarray(np.exp(self.log_a + self.power * np.log(ell) + self.slope * _abscissa(ell, self.root)))


_SHAPES = ((0.0, 0.0), (-0.75, 0.25), (-0.5, 0.5))


def best_law(ell: Sequence[float], values: Sequence[float]) -> Law:
    """Return the law of Figure 4 with the least residuals, from at least three indices ℓ ≥ 1 and λ_ℓ > 0."""
    laws = [_fitted(np.asarray(ell, dtype=np.float64), np.log(values), *shape) for shape in _SHAPES]
    return min(laws, key=lambda law: law.spread)


def _fitted(ell: Array, logs: Array, power: float, root: float) -> Law:
    rest, x = logs - power * np.log(ell), _abscissa(ell, root)
    (log_a, slope), *_ = np.linalg.lstsq(np.stack([np.ones_like(x), x], axis=1), rest, rcond=None)
    spread = float(np.sqrt(np.mean((rest - log_a - slope * x) ** 2)))
    base = f"{np.exp(log_a):.3g}"
    formula = f"{base} ℓ^{slope:.3g}" if not root else f"{base} ℓ^{power:g} {np.exp(-slope):.4g}^(−ℓ^{root:g})"
    return Law(formula, float(log_a), float(slope), power, root, spread)


def _abscissa(ell: Array, root: float) -> Array:
    return np.asarray(ell**root if root else np.log(ell))
