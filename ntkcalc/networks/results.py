"""Results of the package: spectra of networks of finite width."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ntkcalc.kernel.results import DataFacts, KernelFacts
from ntkcalc.spectrum.results import Interval


@dataclass(frozen=True)
class NetworkFacts:
    """Networks of finite width at random initialisation.

    Parameters
    ----------
    arch
        "mlp" or "cnn".
    width
        Neurons or channels of every hidden layer.
    parametrization
        "ntk" (equation (1)) or "standard" (Kaiming-uniform).
    padding, image
        Of convolutions, and the channels, height and width of the images; None for an MLP.
    trials, seed
        Networks, and what their random numbers start from.
    """

    arch: str
    width: int
    parametrization: str
    padding: str | None
    image: tuple[int, int, int] | None
    trials: int
    seed: int


@dataclass(frozen=True)
class NetworkEigenvalue:
    """One eigenvalue of K/n, K the empirical kernel of networks of finite width; None is unknown.

    Parameters
    ----------
    index
        p from 1, the largest eigenvalue first.
    eigenvalue
        Mean of λ_p over the trials; None below what double precision can see.
    normalized
        λ_p/λ_1, mean and interval over the trials.
    infinite
        λ_p/λ_1 of the kernel of infinite width; None where that is not known.
    gram_normalized
        λ_p/λ_1 of XXᵀ; None where it was not computed.
    bound_effrank
        Mean of eff(K)/p, a bound on the mean of `normalized`.
    """

    index: int
    eigenvalue: Decimal | None
    normalized: Interval
    infinite: Decimal | None
    gram_normalized: Decimal | None
    bound_effrank: Decimal

    @property
    def resolved(self) -> bool:
        """Whether double precision can see it."""
        return self.eigenvalue is not None


@dataclass(frozen=True)
class NetworkSpectrum:
    """The spectrum of empirical kernels of networks of finite width, on data.

    Parameters
    ----------
    kernel
        The kernel of infinite width; under the standard parametrisation only its activation and depth count.
    network, data
        The networks and the points.
    digits
        Most digits of a number; fewer where fewer are known.
    eigenvalues
        Largest first.
    kernel_effrank
        eff(K), mean and interval over the trials.
    gram_effrank
        eff(XXᵀ).
    distance
        Root mean square over the trials of ‖K − Θ‖/‖Θ‖ (Frobenius norm), Θ of infinite width; None where that is
        not known.
    accuracy
        Absolute error of the eigenvalues over the largest.
    seconds
        What it took.
    """

    kernel: KernelFacts
    network: NetworkFacts
    data: DataFacts
    digits: int
    eigenvalues: tuple[NetworkEigenvalue, ...]
    kernel_effrank: Interval
    gram_effrank: Decimal
    distance: Decimal | None
    accuracy: float
    seconds: float
