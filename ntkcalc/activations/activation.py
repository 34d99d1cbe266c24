"""What is known of an activation φ: the record `Activation`, and the record `Family` of those that have a name."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

from ntkcalc.activations.dual import Dual, ExpansionPoint, Singularity
from ntkcalc.errors import InputError
from ntkcalc.numerics.precision import Context, Real, context, decimal_text, real
from ntkcalc.numerics.types import Array

ArrayFunction: TypeAlias = "Callable[[Array], Array]"
"""An elementwise function of float64 arrays."""

ArrayPair: TypeAlias = tuple[ArrayFunction, ArrayFunction]
"""φ and φ' on arrays."""

HermiteFunction: TypeAlias = Callable[[int, int], list[Real]]
"""(degree, bits) ↦ µ_0 … µ_degree."""

Dilation: TypeAlias = Callable[[Fraction], tuple[Dual, HermiteFunction]]
"""From q > 0 the dual and the Hermite coefficients of φ(√q x)."""


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
    dilation : from q > 0 the dual and the Hermite coefficients of φ(√q x)
    parity : "even", "odd", or None
    jumps
        Where φ has a kink at 0 alone, the least orders m, one of each parity, of derivatives φ^(m) that jump, with the
        sizes of their jumps.
    roughness : where φ has kinks elsewhere, the least order of a derivative that jumps
    pole_distance : where φ has poles and no other singularities, returns the distance of the nearest from the real line
    singularity : that of the dual where it is algebraic and beyond 1
    entire : whether the dual is an entire function that is no polynomial
    slope_range : φ'_min and φ'_max where φ' ≥ φ'_min > 0 everywhere, as Corollary C.3 assumes
    homogeneous : whether φ(cx) = c φ(x) for c > 0
    is_relu : whether φ is max(x, 0), which theorems C.5, C.10 and C.17 are about
    lemma_3_2 : what Lemma 3.2 says of its two-layer kernel
    """

    name: str
    phi: Callable[[Context, Real], Real]
    on_arrays: Callable[[], ArrayPair]
    dual: Dual
    hermite: HermiteFunction
    dilation: Dilation
    parity: str | None = None
    jumps: tuple[tuple[int, Callable[[Context], Real]], ...] = ()
    roughness: int | None = None
    pole_distance: Callable[[], float] | None = None
    singularity: Singularity | None = None
    entire: bool = False
    slope_range: tuple[float, float] | None = None
    homogeneous: bool = False
    is_relu: bool = False
    lemma_3_2: TwoLayerLaw | None = None

    def scaled(self, q: Fraction) -> "Activation":
        """Return φ_q(x) = φ(√q x), which a layer applies to preactivations of variance q, as a function of N(0, 1)."""
        return self if q == 1 else _scaled(self, q)


@lru_cache(maxsize=256)
def _scaled(base: Activation, q: Fraction) -> Activation:
    dual, hermite = base.dilation(q)

    @lru_cache(maxsize=4)
    def root(ctx: Context) -> Real:
        return ctx.sqrt(real(ctx, q))

    def jump(order: int, size: Callable[[Context], Real]) -> Callable[[Context], Real]:
        return lambda ctx: root(ctx) ** order * size(ctx)

    def on_arrays() -> ArrayPair:
        (phi, slope), s = base.on_arrays(), float(q) ** 0.5
        return lambda x: phi(s * x), lambda x: s * slope(s * x)

    distance, s = base.pole_distance, float(q) ** 0.5
    return replace(
        base,
        phi=lambda ctx, x: base.phi(ctx, root(ctx) * x),
        on_arrays=on_arrays,
        dual=dual,
        hermite=hermite,
        dilation=lambda again: base.dilation(again * q),
        jumps=tuple((order, jump(order, size)) for order, size in base.jumps),
        pole_distance=distance and (lambda: distance() / s),
        singularity=base.singularity and getattr(dual, "singularity", None),
        slope_range=base.slope_range and (s * base.slope_range[0], s * base.slope_range[1]),
        lemma_3_2=None,
    )


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


def signed_roots(dual: Dual, sign: Callable[[int], int]) -> HermiteFunction:
    """Return (degree, bits) ↦ µ_0 … µ_degree, µ_k = ± √(k-th coefficient of D), for a dual in closed form."""

    def hermite(degree: int, bits: int) -> list[Real]:
        ctx = context(bits + 16)
        return [sign(k) * ctx.sqrt(d) for k, d in enumerate(dual.taylor(ExpansionPoint.origin(), degree, bits + 8))]

    return hermite


def closed_form(dual: Callable[[Fraction], Dual], sign: Callable[[int], int]) -> Dilation:
    """Return the dilation of a φ whose dual has a closed form for every q and whose µ_k keep their signs."""

    def at(q: Fraction) -> tuple[Dual, HermiteFunction]:
        found = dual(q)
        return found, signed_roots(found, sign)

    return at


def alternating(first: int) -> Callable[[int], int]:
    """Return k ↦ the sign that is + for k ≤ first and alternates with every second k after it."""
    return lambda k: -1 if max(k - first, 0) // 2 % 2 else 1
