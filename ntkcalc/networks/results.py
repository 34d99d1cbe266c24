"""Results: spectra of networks of finite width."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, ClassVar

from ntkcalc.kernel.results import INTERNAL, INTERVAL, DataFacts, KernelFacts
from ntkcalc.spectrum.results import Interval


@dataclass(frozen=True)
class NetworkFacts:
    """Networks of finite width at random initialisation.

    Parameters
    ----------
    arch
        fully connected, or convolutions
    width
        neurons or channels in each hidden layer
    parametrization
        of the weights: "ntk" (equation (1)) or "standard" (Kaiming-uniform)
    padding
        of convolutions; null for an MLP
    image_shape
        channels, height, width of the images; null for an MLP
    seed
        what the random numbers started from
    """

    arch: Annotated[str, ("mlp", "cnn")]
    width: int
    parametrization: Annotated[str, ("ntk", "standard")]
    padding: str | None
    image_shape: tuple[int, int, int] | None
    seed: int


@dataclass(frozen=True)
class NetworkEigenvalue:
    """One eigenvalue of K/n, K the empirical kernel of networks of finite width; None is unknown.

    Parameters
    ----------
    index
        p from 1
    eigenvalue
        mean of λ_p over the networks; null below double precision
    normalized
        λ_p/λ_1, mean over the networks
    infinite_normalized
        λ_p/λ_1 of the infinite network; null where that is not known
    gram_normalized
        the same of XXᵀ
    bound_effrank
        mean of eff(K)/p ≥ λ_p/λ_1
    bound_tail
        null: the bound of Lemma C.20 is not one for finite networks
    resolved
        whether double precision can see it
    """

    index: int
    eigenvalue: Decimal | None
    normalized: Interval = field(metadata=INTERVAL)
    infinite_normalized: Decimal | None
    gram_normalized: Decimal | None
    bound_effrank: Decimal
    bound_tail: Decimal | None
    resolved: bool


@dataclass(frozen=True)
class NetworkSpectrum:
    """The spectrum of empirical kernels of networks of finite width, on data.

    Parameters
    ----------
    kernel
        the kernel of infinite width; under the standard parametrisation only its activation and depth are known
    data
        the points
    network
        the networks, with --width
    trials
        networks that the means are of
    digits
        most significant digits of a number; fewer where fewer are known
    eigenvalues
        largest first
    kernel_effrank
        eff(K), mean over the networks
    gram_effrank
        eff(XXᵀ)
    distance
        root mean square over the networks of ‖K − Θ‖/‖Θ‖ (Frobenius norm), Θ of infinite width; null if not known
    accuracy
        error of the eigenvalues over the largest
    seconds
        time taken
    """

    engine: ClassVar[str] = "numpy"
    kernel: KernelFacts
    data: DataFacts
    network: NetworkFacts
    trials: int
    digits: int
    eigenvalues: tuple[NetworkEigenvalue, ...]
    kernel_effrank: Interval = field(metadata=INTERVAL)
    gram_effrank: Decimal
    distance: Decimal | None
    accuracy: float
    seconds: float = field(metadata=INTERNAL)
