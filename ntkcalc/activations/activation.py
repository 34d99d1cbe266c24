"""What is known of an activation φ: the record `Activation`, and the record `Family` of those that have a name."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from ntkcalc.activations.dual import Dual, ExpansionPoint, Singularity
from ntkcalc.errors import InputError
from ntkcalc.numerics.precision import Context, Real, context, decimal_text
from ntkcalc.numerics.types import Array

ArrayFunction: TypeAlias = "Callable[[Array], Array]"
"""An elementwise function of float64 arrays."""

ArrayPair: TypeAlias = tuple[ArrayFunction, ArrayFunction]
"""φ and φ' on arrays."""


@dataclass(frozen=True)
class TwoLayerLaw:
    """How the paper's Lemma 3.2 says that the coefficients κ_p of the two-layer kernel decay.

    Parameters
    ----------
    model : "power" (p^exponent), "stretched-exponential" (e^{−rate √p}) or "exponential" (p^exponent ratio^{−p})
    order : the statement on κ_p, such as "Θ(p^(−3/2))"
    exponent, rate, ratio : parameters of the model
    parity : for γ_b² = 0, the parity of the p to which the statement is limited; None for all p
    needs_zero_bias : whether it is proven for γ_b² = 0 only
    """

    model: str
    order: str
    exponent: float | None = None
    rate: float | None = None
    ratio: float | None = None
    parity: str | None = None
    needs_zero_bias: bool = True


@dataclass(frozen=True)
class Activation:
    """An activation φ with its parameters filled in.

    Parameters
    ----------
    name : canonical name, with parameters where they differ from their defaults
    phi : φ(x), from a context and a real of it
    on_arrays
        Returns φ and φ' as functions of float64 arrays. At a kink φ' is its limit from the left, but 0 for abs.
    dual : its dual activation
    hermite : (degree, bits) ↦ µ_0 … µ_degree, signed, in the normalised probabilist's basis
    parity : "even", "odd", or None
    jumps
        Where φ has a kink at 0 alone, the least orders m, one of each parity, of derivatives φ^(m) that jump, with the
        sizes of their jumps.
    roughness : where φ has kinks elsewhere, the least order of a derivative that jumps
    pole_distance : where φ has poles and no other singularities, returns the distance of the nearest from the real line
    singularity : that of the dual where it is algebraic and beyond 1
    entire : whether the dual is an entire function that is no polynomial
    slope_range : φ'_min and φ'_max where φ' ≥ φ'_min > 0 everywhere, as Corollary C.3 assumes
    is_relu : whether φ is max(x, 0), which theorems C.5, C.10 and C.17 are about
    lemma_3_2 : what Lemma 3.2 says of its two-layer kernel
    """

    name: str
    phi: Callable[[Context, Real], Real]
    on_arrays: Callable[[], ArrayPair]
    dual: Dual
    hermite: Callable[[int, int], list[Real]]
    parity: str | None = None
    jumps: tuple[tuple[int, Callable[[Context], Real]], ...] = ()
    roughness: int | None = None
    pole_distance: Callable[[], float] | None = None
    singularity: Singularity | None = None
    entire: bool = False
    slope_range: tuple[float, float] | None = None
    is_relu: bool = False
    lemma_3_2: TwoLayerLaw | None = None


@dataclass(frozen=True)
class Family:
    """The activations of one name.

    Parameters
    ----------
    name : canonical name
    formula : φ(x) as `--list-activations` shows it
    source : the origin of the dual or of the Hermite coefficients
    build : from the activation's name and its parameters, in the order of `defaults`, to the activation
    defaults : names and default values of the parameters
    positive : whether the parameters must be positive
    aliases : other names
    """

    name: str
    formula: str
    source: str
    build: Callable[..., Activation]
    defaults: tuple[tuple[str, str], ...] = ()
    positive: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def usage(self) -> str:
        """The name with all parameters at their defaults, such as ``elu:alpha=1``."""
        return self.name + "".join(f":{key}={value}" for key, value in self.defaults)

    def activation(self, values: dict[str, Fraction]) -> Activation:
        """Return the activation with these values of parameters, else their defaults.

        Raises
        ------
        InputError
            For a parameter that must be positive and is not.
        """
        chosen = {key: values.get(key, Fraction(default)) for key, default in self.defaults}
        for key, value in chosen.items():
            if self.positive and value <= 0:
                raise InputError(f"{self.name}: {key} must be positive, got {decimal_text(value)}")
        special = [f"{k}={decimal_text(chosen[k])}" for k, default in self.defaults if chosen[k] != Fraction(default)]
        return self.build(":".join([self.name, *([",".join(special)] if special else [])]), *chosen.values())


def signed_roots(dual: Dual, sign: Callable[[int], int]) -> Callable[[int, int], list[Real]]:
    """Return (degree, bits) ↦ µ_0 … µ_degree, µ_k = ± √(k-th coefficient of D), for a dual in closed form."""

    def hermite(degree: int, bits: int) -> list[Real]:
        ctx = context(bits + 16)
        return [sign(k) * ctx.sqrt(d) for k, d in enumerate(dual.taylor(ExpansionPoint.origin(), degree, bits + 8))]

    return hermite


def alternating(first: int) -> Callable[[int], int]:
    """Return k ↦ the sign that is + for k ≤ first and alternates with every second k after it."""
    return lambda k: -1 if max(k - first, 0) // 2 % 2 else 1
