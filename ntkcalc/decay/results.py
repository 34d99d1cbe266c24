"""Results: fitted laws of decay, and what theory says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar

from ntkcalc.kernel.results import FLAT, INTERNAL, KernelFacts, Result

Model = Annotated[str, ("power", "stretched-exponential", "exponential", "entire", "finite", "undecided")]
Parity = Annotated[str, ("even", "odd")]
LAW = ("exponent", "rate", "ratio", "constant")
"""Parameters of a law C p^e exp(−a √p) r^(−p): e, a, r, C."""


@dataclass(frozen=True)
class Parameter:
    """A fitted number."""

    value: Annotated[float, "the number"]
    stderr: Annotated[float, "standard error, from the residuals"]
    systematic: Annotated[float, "five times the most by which either half of the window differs from the whole"]


Parameters = Annotated[dict[str, Parameter], LAW]


@dataclass(frozen=True)
class Candidate:
    """A model that was fitted to one parity class."""

    model: Annotated[Model, "what was tried"]
    spread: Annotated[float, "root mean square of the residuals of log c_p"]
    criterion: Annotated[float, "information criterion, the lower the better"]
    candidate: Annotated[bool, "whether its leading term is there"]


@dataclass(frozen=True)
class ClassFit:
    """The law of the coefficients of one parity."""

    parity: Annotated[Parity, "degrees"]
    model: Annotated[Model, "their law"]
    parameters: Annotated[Parameters, "of their law, as the model has them"]
    spread: Annotated[float, "root mean square of the residuals of log c_p"]
    candidates: Annotated[tuple[Candidate, ...] | None, "every model that was tried, with --all"] = None


@dataclass(frozen=True, repr=False)
class DecayFit(Result):
    """The law of decay of a series."""

    model: Annotated[Model, "law of the class that falls more slowly"]
    oscillating: Annotated[bool, "whether the coefficients swing, and the law is that of their crests"]
    parameters: Annotated[Parameters, "of that law"]
    classes: Annotated[tuple[ClassFit, ...], "even and odd degrees apart"]
    parity: Annotated[
        str,
        ("even", "odd", "both", "finite"),
        'which degrees have coefficients; "finite" where only finitely many have',
    ]
    window: Annotated[tuple[int, int], "first and last degree that were fitted"]
    degree: Annotated[int | None, "the last degree with a coefficient, where they are finitely many"]


@dataclass(frozen=True)
class Statement:
    """One statement of theory."""

    model: Annotated[Model, "kind of law"]
    law: Annotated[str, "the law in letters"]
    status: Annotated[str, ("proven in the paper", "derived here", "measured"), "how it is known"]
    source: Annotated[str, "lemma, corollary or theorem of the paper, or what it is derived from"]
    exponent: Annotated[float | None, "e in p^e"] = None
    rate: Annotated[float | None, "a in exp(−a √p)"] = None
    ratio: Annotated[float | None, "r in r^(−p)"] = None
    constant: Annotated[float | None, "C before it"] = None
    parity: Annotated[Parity | None, "where it is about such degrees only"] = None


@dataclass(frozen=True, repr=False)
class DecayTheory(Result):
    """What theory says of decay."""

    coefficients: Annotated[tuple[Statement, ...], "of κ_p"]
    sphere_eigenvalues: Annotated[tuple[Statement, ...], "of λ_k, with --sphere-dim"]
    data_eigenvalues: Annotated[tuple[Statement, ...], "of λ_n of kernel matrices of data, with --rank"]


@dataclass(frozen=True, repr=False)
class Decay(Result):
    """The decay of one series: what was measured, and what theory says."""

    engine: ClassVar[str] = "mpmath"
    digits: ClassVar[int] = 12
    kernel: Annotated[KernelFacts | None, "the kernel; null for a series of unknown origin"]
    fit: Annotated[DecayFit, "the fitted law"] = field(metadata=FLAT)
    theory: Annotated[DecayTheory, "what is known"]
    logs: Annotated[tuple[float | None, ...], "log c_p, None where c_p = 0"] = field(metadata=INTERNAL)

    def without_candidates(self) -> Decay:
        """Return the same without the models that were tried."""
        classes = tuple(replace(c, candidates=None) for c in self.fit.classes)
        return replace(self, fit=replace(self.fit, classes=classes))
