"""Results: fitted laws of decay, and what theory says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar

from ntkcalc.kernel.results import FLAT, INTERNAL, KernelFacts

Model = Annotated[str, ("power", "stretched-exponential", "exponential", "entire", "finite", "undecided")]
Parity = Annotated[str, ("even", "odd")]
LAW = ("exponent", "rate", "ratio", "constant")
"""Parameters of a law C p^e exp(−a √p) r^(−p): e, a, r, C."""


@dataclass(frozen=True)
class Parameter:
    """A fitted number.

    Parameters
    ----------
    value
        the number
    stderr
        standard error, from the residuals
    systematic
        five times the most by which either half of the window differs from the whole
    """

    value: float
    stderr: float
    systematic: float


Parameters = Annotated[dict[str, Parameter], LAW]


@dataclass(frozen=True)
class Candidate:
    """A model that was fitted to one parity class.

    Parameters
    ----------
    model
        what was tried
    spread
        root mean square of the residuals of log c_p
    criterion
        information criterion, the lower the better
    candidate
        whether its leading term is there
    """

    model: Model
    spread: float
    criterion: float
    candidate: bool


@dataclass(frozen=True)
class ClassFit:
    """The law of the coefficients of one parity.

    Parameters
    ----------
    parity
        degrees
    model
        their law
    parameters
        of their law, as the model has them
    spread
        root mean square of the residuals of log c_p
    candidates
        every model that was tried, with --all
    """

    parity: Parity
    model: Model
    parameters: Parameters
    spread: float
    candidates: tuple[Candidate, ...] | None = None


@dataclass(frozen=True)
class DecayFit:
    """The law of decay of a series.

    Parameters
    ----------
    model
        law of the class that falls more slowly
    oscillating
        whether the coefficients swing, and the law is that of their crests
    parameters
        of that law
    classes
        even and odd degrees apart
    parity
        which degrees have coefficients; "finite" where only finitely many have
    window
        first and last degree that were fitted
    degree
        the last degree with a coefficient, where they are finitely many
    """

    model: Model
    oscillating: bool
    parameters: Parameters
    classes: tuple[ClassFit, ...]
    parity: Annotated[str, ("even", "odd", "both", "finite")]
    window: tuple[int, int]
    degree: int | None


@dataclass(frozen=True)
class Statement:
    """One statement of theory.

    Parameters
    ----------
    model
        kind of law
    law
        the law in letters
    status
        how it is known
    source
        lemma, corollary or theorem of the paper, or what it is derived from
    exponent
        e in p^e
    rate
        a in exp(−a √p)
    ratio
        r in r^(−p)
    constant
        C before it
    parity
        where it is about such degrees only
    """

    model: Model
    law: str
    status: Annotated[str, ("proven in the paper", "derived here", "measured")]
    source: str
    exponent: float | None = None
    rate: float | None = None
    ratio: float | None = None
    constant: float | None = None
    parity: Parity | None = None


@dataclass(frozen=True)
class DecayTheory:
    """What theory says of decay.

    Parameters
    ----------
    coefficients
        of κ_p
    sphere_eigenvalues
        of λ_k, with --sphere-dim
    data_eigenvalues
        of λ_n of kernel matrices of data, with --rank
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
        the kernel; null for a series of unknown origin
    fit
        the fitted law
    theory
        what is known
    logs
        log c_p, None where c_p = 0
    """

    engine: ClassVar[str] = "mpmath"
    digits: ClassVar[int] = 12
    kernel: KernelFacts | None
    fit: DecayFit = field(metadata=FLAT)
    theory: DecayTheory
    logs: tuple[float | None, ...] = field(metadata=INTERNAL)

    def without_candidates(self) -> Decay:
        """Return the same without the models that were tried."""
        classes = tuple(replace(c, candidates=None) for c in self.fit.classes)
        return replace(self, fit=replace(self.fit, classes=classes))
