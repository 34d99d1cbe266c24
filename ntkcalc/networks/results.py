"""Results: spectra of networks of finite width."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, ClassVar

from ntkcalc.kernel.results import INTERNAL, INTERVAL, DataFacts, KernelFacts, Result
from ntkcalc.spectrum.results import Interval


@dataclass(frozen=True)
class NetworkFacts:
    """Networks of finite width at random initialisation."""

    arch: Annotated[str, ("mlp", "cnn"), "fully connected, or convolutions"]
    width: Annotated[int, "neurons or channels in each hidden layer"]
    parametrization: Annotated[
        str, ("ntk", "standard"), 'of the weights: "ntk" (equation (1)) or "standard" (Kaiming-uniform)'
    ]
    padding: Annotated[str | None, "of convolutions; null for an MLP"]
    image_shape: Annotated[tuple[int, int, int] | None, "channels, height, width of the images; null for an MLP"]
    seed: Annotated[int, "what the random numbers started from"]


@dataclass(frozen=True)
class NetworkEigenvalue:
    """One eigenvalue of K/n, K the empirical kernel of networks of finite width; None is unknown."""

    index: Annotated[int, "p from 1"]
    eigenvalue: Annotated[Decimal | None, "mean of λ_p over the networks; null below double precision"]
    normalized: Annotated[Interval, "λ_p/λ_1, mean over the networks"] = field(metadata=INTERVAL)
    infinite_normalized: Annotated[Decimal | None, "λ_p/λ_1 of the infinite network; null where that is not known"]
    gram_normalized: Annotated[Decimal | None, "the same of XXᵀ"]
    bound_effrank: Annotated[Decimal, "mean of eff(K)/p ≥ λ_p/λ_1"]
    bound_tail: Annotated[Decimal | None, "null: the bound of Lemma C.20 is not one for finite networks"]
    resolved: Annotated[bool, "whether double precision can see it"]


@dataclass(frozen=True, repr=False)
class NetworkSpectrum(Result):
    """The spectrum of empirical kernels of networks of finite width, on data."""

    rows: ClassVar[str] = "eigenvalues"
    number: ClassVar[str] = "eigenvalue"
    engine: ClassVar[str] = "numpy"
    kernel: Annotated[
        KernelFacts,
        "the kernel of infinite width; under the standard parametrisation only its activation and depth are known",
    ]
    data: Annotated[DataFacts, "the points"]
    network: Annotated[NetworkFacts, "the networks, with --width"]
    trials: Annotated[int, "networks that the means are of"]
    digits: Annotated[int, "most significant digits of a number; fewer where fewer are known"]
    eigenvalues: Annotated[tuple[NetworkEigenvalue, ...], "largest first"]
    kernel_effrank: Annotated[Interval, "eff(K), mean over the networks"] = field(metadata=INTERVAL)
    gram_effrank: Annotated[Decimal, "eff(XXᵀ)"]
    distance: Annotated[
        Decimal | None,
        "root mean square over the networks of ‖K − Θ‖/‖Θ‖ (Frobenius norm), Θ of infinite width; null if not known",
    ]
    accuracy: Annotated[float, "error of the eigenvalues over the largest"]
    seconds: Annotated[float, "time taken"] = field(metadata=INTERNAL)
