"""Results of the package: fitted laws of decay, and what theory says."""

from __future__ import annotations

from dataclasses import dataclass

from ntkcalc.kernel.results import KernelFacts


@dataclass(frozen=True)
class Parameter:
    """A fitted number.

    Parameters
    ----------
    value
        The number.
    stderr
        Standard error, from the residuals.
    systematic
        Five times the most by which either half of the window differs from the whole.
    """

    value: float
    stderr: float
    systematic: float


@dataclass(frozen=True)
class ClassFit:
    """The law of the coefficients of one parity.

    Parameters
    ----------
    parity
        "even" or "odd" degrees.
    model
        Name of the model, or "undecided".
    parameters
        "exponent" (of p), "rate" (a in e^{−a√p}), "ratio" (r in r^{−p}), "constant", as the model has them.
    spread
        Root mean square of the residuals of log c_p.
    candidates
        For each model its spread, its criterion, and whether its leading term is there.
    """

    parity: str
    model: str
    parameters: dict[str, Parameter]
    spread: float
    candidates: dict[str, tuple[float, float, bool]]


@dataclass(frozen=True)
class DecayFit:
    """The law of decay of a series.

    Parameters
    ----------
    window
        Degrees that were fitted, both ends included.
    parity
        "even", "odd" or "both": which degrees have coefficients; "finite" where only finitely many have.
    oscillating
        Whether the coefficients swing about their law, which is then that of the crests.
    model
        "power", "stretched-exponential", "exponential", "entire", "finite" or "undecided".
    parameters
        Of the class that falls more slowly.
    classes
        Each parity class by itself.
    degree
        The last degree with a coefficient, where they are finitely many.
    """

    window: tuple[int, int]
    parity: str
    oscillating: bool
    model: str
    parameters: dict[str, Parameter]
    classes: tuple[ClassFit, ...]
    degree: int | None


@dataclass(frozen=True)
class Statement:
    """One statement of theory.

    Parameters
    ----------
    model
        The kind of law, as in `DecayFit`.
    law
        In letters.
    status
        "proven in the paper", "derived here" or "measured".
    source
        Lemma, corollary or theorem of the paper, or what it is derived from.
    exponent, rate, ratio, constant
        Numbers of the law, as in `ClassFit`, where it has them.
    parity
        "even" or "odd" where it is about such degrees only.
    """

    model: str
    law: str
    status: str
    source: str
    exponent: float | None = None
    rate: float | None = None
    ratio: float | None = None
    constant: float | None = None
    parity: str | None = None


@dataclass(frozen=True)
class DecayTheory:
    """What theory says of decay.

    Parameters
    ----------
    coefficients
        Of κ_p.
    sphere_eigenvalues
        Of λ_k on a sphere, where one was named.
    data_eigenvalues
        Of λ_n of kernel matrices of data, where their rank was named.
    """

    coefficients: tuple[Statement, ...]
    sphere_eigenvalues: tuple[Statement, ...]
    data_eigenvalues: tuple[Statement, ...]


@dataclass(frozen=True)
class Decay:
    """The decay of one series: what was measured, and what theory says.

    Parameters
    ----------
    kernel
        The kernel, or None for a series of unknown origin.
    fit
        The fitted law.
    theory
        What is known of it.
    logs
        log c_p, None where c_p = 0.
    """

    kernel: KernelFacts | None
    fit: DecayFit
    theory: DecayTheory
    logs: tuple[float | None, ...]
