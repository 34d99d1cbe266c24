"""ntkcalc: the neural tangent kernel's power series, every digit right.

Names are imported when they are first used, so that ``import ntkcalc`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ntkcalc.decay.fit import fit_decay as fit_decay
    from ntkcalc.decay.results import DecayFit as DecayFit
    from ntkcalc.decay.results import DecayTheory as DecayTheory
    from ntkcalc.decay.theory import decay_theory as decay_theory
    from ntkcalc.errors import AccuracyError as AccuracyError
    from ntkcalc.errors import InputError as InputError
    from ntkcalc.errors import NtkcalcError as NtkcalcError
    from ntkcalc.kernel.arrays import ntk as ntk
    from ntkcalc.kernel.arrays import ntk_matrix as ntk_matrix
    from ntkcalc.networks.network import empirical_ntk as empirical_ntk
    from ntkcalc.series.coefficients import ntk_coefficients as ntk_coefficients
    from ntkcalc.series.results import Coefficients as Coefficients
    from ntkcalc.series.results import KernelValues as KernelValues
    from ntkcalc.series.values import ntk_values as ntk_values
    from ntkcalc.spectrum.effective_rank import effective_rank as effective_rank
    from ntkcalc.spectrum.matrix_spectrum import matrix_spectrum as matrix_spectrum
    from ntkcalc.spectrum.rank_bounds import effective_rank_bounds as effective_rank_bounds
    from ntkcalc.spectrum.results import MatrixSpectrum as MatrixSpectrum
    from ntkcalc.spectrum.results import RankBounds as RankBounds
    from ntkcalc.spectrum.results import SphereSpectrum as SphereSpectrum
    from ntkcalc.spectrum.sphere import sphere_eigenvalues as sphere_eigenvalues

__version__ = "0.1.0"

_HOME = {
    "AccuracyError": "errors",
    "Coefficients": "series.results",
    "DecayFit": "decay.results",
    "DecayTheory": "decay.results",
    "InputError": "errors",
    "KernelValues": "series.results",
    "MatrixSpectrum": "spectrum.results",
    "NtkcalcError": "errors",
    "RankBounds": "spectrum.results",
    "SphereSpectrum": "spectrum.results",
    "decay_theory": "decay.theory",
    "effective_rank": "spectrum.effective_rank",
    "effective_rank_bounds": "spectrum.rank_bounds",
    "empirical_ntk": "networks.network",
    "fit_decay": "decay.fit",
    "matrix_spectrum": "spectrum.matrix_spectrum",
    "ntk": "kernel.arrays",
    "ntk_coefficients": "series.coefficients",
    "ntk_matrix": "kernel.arrays",
    "ntk_values": "series.values",
    "sphere_eigenvalues": "spectrum.sphere",
}
"""Where each exported name is defined."""

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
