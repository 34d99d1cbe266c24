r"""Decay laws of the paper's Figure 4, fitted to eigenvalues by least squares on logarithms.

.. math::  λ_ℓ = a ℓ^{-b}, \qquad λ_ℓ = a ℓ^{-3/4} b^{-ℓ^{1/4}}, \qquad λ_ℓ = a ℓ^{-1/2} b^{-ℓ^{1/2}} .
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ntkcalc.numerics.types import Array


@dataclass(frozen=True)
class Law:
    """λ = a ℓ^power exp(slope · x(ℓ)): a law with its two parameters.

    Parameters
    ----------
    formula
        In letters, with its numbers.
    log_a, slope
        The parameters.
    power, root
        λ ℓ^(−power) is exponential in ℓ^root, or where `root` is 0, in log ℓ.
    spread
        Root mean square of the residuals of log λ.
    """

    formula: str
    log_a: float
    slope: float
    power: float
    root: float
    spread: float

    def __call__(self, ell: Array) -> Array:
        """Return λ_ℓ."""
        return np.asarray(np.exp(self.log_a + self.power * np.log(ell) + self.slope * _abscissa(ell, self.root)))


_SHAPES = ((0.0, 0.0), (-0.75, 0.25), (-0.5, 0.5))


def best_law(ell: Sequence[float], values: Sequence[float]) -> Law:
    """Return that of the three laws which leaves the least residuals.

    Parameters
    ----------
    ell
        Indices from 1, at least three.
    values
        Positive eigenvalues.
    """
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
