"""ntkcalc: the neural tangent kernel's power series, every digit right.

Names are imported when they are first used, so that ``import ntkcalc`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ntkcalc.decay.fit import fit_decay
    from ntkcalc.decay.results import DecayFit, DecayTheory
    from ntkcalc.decay.theory import decay_theory
    from ntkcalc.errors import AccuracyError, InputError, NtkcalcError
    from ntkcalc.kernel.arrays import ntk, ntk_matrix
    from ntkcalc.networks.network import empirical_ntk
    from ntkcalc.series.coefficients import ntk_coefficients
    from ntkcalc.series.results import Coefficients, KernelValues
    from ntkcalc.series.values import ntk_values
    from ntkcalc.spectrum.effective_rank import effective_rank
    from ntkcalc.spectrum.matrix_spectrum import matrix_spectrum
    from ntkcalc.spectrum.rank_bounds import effective_rank_bounds
    from ntkcalc.spectrum.results import MatrixSpectrum, RankBounds, SphereSpectrum
    from ntkcalc.spectrum.sphere import sphere_eigenvalues

__version__ = "0.1.0"

__all__ = ["AccuracyError", "InputError", "NtkcalcError", "__version__"]
__all__ += ["Coefficients", "DecayFit", "DecayTheory", "KernelValues", "MatrixSpectrum", "RankBounds", "SphereSpectrum"]
__all__ += ["decay_theory", "effective_rank", "effective_rank_bounds", "empirical_ntk", "fit_decay", "matrix_spectrum"]
__all__ += ["ntk", "ntk_coefficients", "ntk_matrix", "ntk_values", "sphere_eigenvalues"]

_HOME = {
    "errors": ("AccuracyError", "InputError", "NtkcalcError"),
    "kernel.arrays": ("ntk", "ntk_matrix"),
    "series.coefficients": ("ntk_coefficients",),
    "series.values": ("ntk_values",),
    "series.results": ("Coefficients", "KernelValues"),
    "spectrum.sphere": ("sphere_eigenvalues",),
    "spectrum.matrix_spectrum": ("matrix_spectrum",),
    "spectrum.rank_bounds": ("effective_rank_bounds",),
    "spectrum.effective_rank": ("effective_rank",),
    "spectrum.results": ("MatrixSpectrum", "RankBounds", "SphereSpectrum"),
    "decay.fit": ("fit_decay",),
    "decay.theory": ("decay_theory",),
    "decay.results": ("DecayFit", "DecayTheory"),
    "networks.network": ("empirical_ntk",),
}
"""The exported names of each module."""


def __dir__() -> list[str]:
    return [*__all__]


def __getattr__(name: str) -> object:
    home = next((module for module, names in _HOME.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module 'ntkcalc' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(f"ntkcalc.{home}"), name)
