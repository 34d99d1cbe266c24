"""ntkcalc: the neural tangent kernel's power series, every digit right.

Names are imported when they are first used, so that ``import ntkcalc`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ntkcalc.arrays import ntk as ntk
    from ntkcalc.arrays import ntk_matrix as ntk_matrix
    from ntkcalc.coefficients import ntk_coefficients as ntk_coefficients
    from ntkcalc.decay_fit import fit_decay as fit_decay
    from ntkcalc.decay_laws import decay_theory as decay_theory
    from ntkcalc.errors import AccuracyError as AccuracyError
    from ntkcalc.errors import InputError as InputError
    from ntkcalc.errors import NtkcalcError as NtkcalcError
    from ntkcalc.networks import empirical_ntk as empirical_ntk
    from ntkcalc.rank import effective_rank as effective_rank
    from ntkcalc.rank import effective_rank_bounds as effective_rank_bounds
    from ntkcalc.results import Coefficients as Coefficients
    from ntkcalc.results import DecayFit as DecayFit
    from ntkcalc.results import DecayTheory as DecayTheory
    from ntkcalc.results import KernelValues as KernelValues
    from ntkcalc.results import MatrixSpectrum as MatrixSpectrum
    from ntkcalc.results import RankBounds as RankBounds
    from ntkcalc.results import SphereSpectrum as SphereSpectrum
    from ntkcalc.spectrum import matrix_spectrum as matrix_spectrum
    from ntkcalc.sphere import sphere_eigenvalues as sphere_eigenvalues
    from ntkcalc.values import ntk_values as ntk_values

__version__ = "0.1.0"

_HOME = {
    "decay_theory": "decay_laws",
    "fit_decay": "decay_fit",
    "DecayFit": "results",
    "DecayTheory": "results",
    "matrix_spectrum": "spectrum",
    "sphere_eigenvalues": "sphere",
    "MatrixSpectrum": "results",
    "SphereSpectrum": "results",
    "effective_rank": "rank",
    "empirical_ntk": "networks",
    "effective_rank_bounds": "rank",
    "ntk": "arrays",
    "ntk_coefficients": "coefficients",
    "ntk_matrix": "arrays",
    "ntk_values": "values",
    "Coefficients": "results",
    "KernelValues": "results",
    "RankBounds": "results",
    "NtkcalcError": "errors",
    "InputError": "errors",
    "AccuracyError": "errors",
}

__all__ = [
    "AccuracyError",
    "Coefficients",
    "DecayFit",
    "DecayTheory",
    "InputError",
    "KernelValues",
    "MatrixSpectrum",
    "NtkcalcError",
    "RankBounds",
    "SphereSpectrum",
    "__version__",
    "decay_theory",
    "effective_rank",
    "effective_rank_bounds",
    "empirical_ntk",
    "fit_decay",
    "matrix_spectrum",
    "ntk",
    "ntk_coefficients",
    "ntk_matrix",
    "ntk_values",
    "sphere_eigenvalues",
]


def __dir__() -> list[str]:
    return [*__all__]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'ntkcalc' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(f"ntkcalc.{_HOME[name]}"), name)
