"""The activations: one record each, with what the theory needs to know of φ.

Special cases are one-line calls of general ones; the mathematics of their duals lives in `duals`,
`meromorphic` and `exponential_linear`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from ntkcalc.activations.duals import (
    Dual,
    HyperbolicDual,
    Point,
    error_function,
    gaussian_error_linear,
    normal_density,
    piecewise_linear,
)
from ntkcalc.activations.exponential_linear import ExponentialLinearDual
from ntkcalc.activations.meromorphic import MeromorphicDual, ladder
from ntkcalc.errors import InputError, near_miss
from ntkcalc.numerics.precision import Context, Real, context, decimal_text, exact, real

if TYPE_CHECKING:
    from ntkcalc.activations.formula.formula_dual import FormulaDual
    from ntkcalc.activations.formula.trees import Tree

Function = Callable[[Context, Real], Real]


@dataclass(frozen=True)
class Activation:
    """An activation φ with its parameters filled in.

    Parameters
    ----------
    name
        Canonical name, with parameters where they differ from their defaults.
    phi
        φ(x), from a context and a real of it.
    dual
        Its dual activation.
    hermite
        (degree, bits) ↦ µ_0 … µ_degree, signed, in the normalised probabilist's basis.
    kinks
        Where φ is not smooth.
    parity
        "even", "odd", or None.
    jumps
        Where φ has a kink at 0 alone, the least orders m, one of each parity, of derivatives φ^(m) that jump, with the
        sizes of their jumps.
    roughness
        Where φ has kinks elsewhere, the least order of a derivative that jumps.
    pole
        Where φ has poles and no other singularities, gives the distance of the nearest from the real line.
    """

    name: str
    phi: Function
    dual: Dual
    hermite: Callable[[int, int], list[Real]]
    kinks: tuple[Fraction, ...] = ()
    parity: str | None = None
    jumps: tuple[tuple[int, Callable[[Context], Real]], ...] = ()
    roughness: int | None = None
    pole: Callable[[], float] | None = None


@dataclass(frozen=True)
class Family:
    """A named family of activations and the defaults of its parameters.

    `source` says where the dual or the Hermite coefficients come from.
    """

    name: str
    formula: str
    source: str
    build: Callable[..., Activation]
    defaults: tuple[tuple[str, str], ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def usage(self) -> str:
        """The name with all parameters at their defaults, such as ``elu:alpha=1``."""
        return self.name + "".join(f":{key}={value}" for key, value in self.defaults)


def _signed_root(dual: Dual, sign: Callable[[int], int]) -> Callable[[int, int], list[Real]]:
    """Return µ_k = ± √(k-th coefficient of D), for a dual whose expansion about 0 is elementary."""

    def hermite(degree: int, bits: int) -> list[Real]:
        ctx = context(bits + 16)
        origin = Point(ctx.zero, near_one=False)
        return [sign(k) * ctx.sqrt(d) for k, d in enumerate(dual.taylor(origin, degree, bits + 8))]

    return hermite


def _alternating(first: int) -> Callable[[int], int]:
    """Return k ↦ the sign that is + at `first` and alternates with every second k after it."""
    return lambda k: -1 if (k - first) // 2 % 2 else 1


def _bent(name: str, slope: Fraction) -> Activation:
    """X for x > 0, slope · x for x < 0."""
    dual = piecewise_linear(slope)

    def sign(k: int) -> int:
        if k == 1:
            return 1 if slope >= -1 else -1
        return _alternating(2)(max(k, 2)) * (1 if slope <= 1 else -1)

    def phi(ctx: Context, x: Real) -> Real:
        return x if x > 0 else real(ctx, slope) * x

    kinks = () if slope == 1 else (Fraction(0),)
    parity = "odd" if slope == 1 else "even" if slope == -1 else None
    jumps = ((1, lambda ctx: real(ctx, 1 - slope)),) if kinks else ()
    return Activation(name, phi, dual, _signed_root(dual, sign), kinks, parity, jumps)


def _elu(name: str, alpha: Fraction | None) -> Activation:
    dual = ExponentialLinearDual(alpha)

    def phi(ctx: Context, x: Real) -> Real:
        scale = ctx.sqrt(dual._scale_square(ctx))
        return scale * (x if x > 0 else dual._alpha(ctx) * ctx.expm1(x))

    def jump(order: int) -> Callable[[Context], Real]:
        """Of λ for x > 0 and λ α eˣ for x < 0, and of its derivatives."""
        return lambda ctx: ctx.sqrt(dual._scale_square(ctx)) * ((order == 1) - dual._alpha(ctx))

    orders = (3, 2) if alpha == 1 else (1, 2)
    return Activation(name, phi, dual, dual.hermite, (Fraction(0),), jumps=tuple((m, jump(m)) for m in orders))


def _erf() -> Activation:
    dual = error_function()
    return Activation("erf", lambda ctx, x: ctx.erf(x), dual, _signed_root(dual, _alternating(1)), parity="odd")


def _gaussian(name: str, sigma: Fraction) -> Activation:
    if sigma <= 0:
        raise InputError(f"gaussian: sigma must be positive, got {decimal_text(sigma)}")
    dual = normal_density(sigma)

    def phi(ctx: Context, x: Real) -> Real:
        s = real(ctx, sigma)
        return ctx.exp(-((x / s) ** 2) / 2) / (s * ctx.sqrt(2 * ctx.pi))

    return Activation(name, phi, dual, _signed_root(dual, _alternating(0)), parity="even")


def _gelu() -> Activation:
    dual = gaussian_error_linear()

    def phi(ctx: Context, x: Real) -> Real:
        return x * ctx.erfc(-x / ctx.sqrt(2)) / 2

    return Activation("gelu", phi, dual, _signed_root(dual, lambda k: _alternating(2)(max(k, 2))))


def _wave(name: str, odd: bool) -> Activation:
    dual = HyperbolicDual(odd)
    phi: Function = (lambda ctx, x: ctx.sin(x)) if odd else (lambda ctx, x: ctx.cos(x))
    return Activation(name, phi, dual, _signed_root(dual, _alternating(int(odd))), parity="odd" if odd else "even")


def _meromorphic(name: str, dual: MeromorphicDual, parity: str | None = None) -> Activation:
    return Activation(name, dual.phi, dual, dual.hermite, parity=parity, pole=lambda: dual.strip[0])


def _logistic(ctx: Context, x: Real) -> Real:
    """1/(1 + e⁻ˣ)."""
    return 1 / (1 + ctx.exp(-x))


def _tanh() -> Activation:
    dual = MeromorphicDual(
        lambda ctx, x: ctx.tanh(x),
        lambda ctx, x: ctx.sech(x) ** 2,
        ladder(lambda ctx: ctx.pi / 2, lambda ctx, y: ctx.one),
        lambda k: k % 2 == 0,
    )
    return _meromorphic("tanh", dual, "odd")


def _sigmoid() -> Activation:
    dual = MeromorphicDual(
        _logistic,
        lambda ctx, x: _logistic(ctx, x) * _logistic(ctx, -x),
        ladder(lambda ctx: ctx.pi, lambda ctx, y: ctx.one),
        lambda k: k > 0 and k % 2 == 0,
    )
    return _meromorphic("sigmoid", dual)


def _silu() -> Activation:
    def slope(ctx: Context, x: Real) -> Real:
        return _logistic(ctx, x) * (1 + x * _logistic(ctx, -x))

    dual = MeromorphicDual(
        lambda ctx, x: x * _logistic(ctx, x),
        slope,
        ladder(lambda ctx: ctx.pi, lambda ctx, y: ctx.mpc(0, y)),
        lambda k: k > 1 and k % 2 == 1,
    )
    return _meromorphic("silu", dual)


def _softplus(name: str, beta: Fraction) -> Activation:
    """φ' = sigmoid(βx) has simple poles, at iπ(2n + 1)/β with residue 1/β."""
    if beta <= 0:
        raise InputError(f"softplus: beta must be positive, got {decimal_text(beta)}")

    def phi(ctx: Context, x: Real) -> Real:
        z = real(ctx, beta) * x
        return (max(z, 0) + ctx.log1p(ctx.exp(-abs(z)))) / real(ctx, beta)

    if beta > _STEEP:
        from ntkcalc.activations.formula.trees import X, node, number

        quadrature = _dual_of(node("softplus", X, number(beta)), name)
        return Activation(name, phi, quadrature, quadrature.hermite, pole=lambda: math.pi / float(beta))
    dual = MeromorphicDual(
        phi,
        lambda ctx, x: _logistic(ctx, real(ctx, beta) * x),
        ladder(lambda ctx: ctx.pi / real(ctx, beta), lambda ctx, y: 1 / real(ctx, beta)),
        lambda k: k > 1 and k % 2 == 1,
        order=1,
    )
    return _meromorphic(name, dual)


def _dual_of(formula: Tree, name: str) -> FormulaDual:
    """Return the dual of a formula, under some name."""
    from ntkcalc.activations.formula.cutting import cut
    from ntkcalc.activations.formula.formulas import formula_dual
    from ntkcalc.activations.formula.functions import plain

    return formula_dual(cut(plain(formula), name))


def _mish() -> Activation:
    """X f(x), f = tanh(log(1 + eˣ)) = 1 − 2/(q² + 1) with q = 1 + eˣ: poles where q = ±i, residues z/(1 + q)."""

    def factor(ctx: Context, x: Real) -> Real:
        """f, from the decaying exponential."""
        e = ctx.exp(-abs(x))
        return (1 + 2 * e) / (1 + 2 * e + 2 * e * e) if x > 0 else e * (e + 2) / (e * (e + 2) + 2)

    def slope(ctx: Context, x: Real) -> Real:
        """F + x f', f' = 4 (e² + e)/(e² + 2e + 2)²."""
        e = ctx.exp(-abs(x))
        rise = 4 * e**2 * (1 + e) / (1 + 2 * e + 2 * e * e) ** 2 if x > 0 else 4 * e * (e + 1) / (e * (e + 2) + 2) ** 2
        return factor(ctx, x) + x * rise

    def poles(ctx: Context) -> Iterator[tuple[Real, Real]]:
        half_log = ctx.log(2) / 2
        quarter = 3
        while True:  # 3π/4 (q = i), 5π/4 (q = −i), then 2π further up
            z = ctx.mpc(half_log, quarter * ctx.pi / 4)
            yield ctx.mpc(z.imag, -z.real), z / ctx.mpc(1, 1 if quarter % 8 == 3 else -1)
            quarter += 2 if quarter % 8 == 3 else 6

    dual = MeromorphicDual(lambda ctx, x: x * factor(ctx, x), slope, poles, lambda k: False, oscillates=True)
    return _meromorphic("mish", dual)


_FAMILIES = (
    Family("linear", "x", "identity", lambda name: _bent(name, Fraction(1))),
    Family("relu", "max(x, 0)", "Cho & Saul 2009", lambda name: _bent(name, Fraction(0))),
    Family(
        "leaky-relu",
        "x for x > 0, slope*x for x < 0",
        "linear in relu",
        lambda name, slope: _bent(name, slope),
        (("slope", "0.01"),),
    ),
    Family("abs", "|x|", "leaky-relu with slope -1", lambda name: _bent(name, Fraction(-1))),
    Family(
        "elu",
        "x for x > 0, alpha*(exp(x) - 1) for x < 0",
        "differential equations of its dual",
        lambda name, alpha: _elu(name, alpha),
        (("alpha", "1"),),
    ),
    Family("selu", "elu scaled to mean 0, second moment 1", "Klambauer et al. 2017", lambda name: _elu(name, None)),
    Family("gelu", "x*Phi(x)", "elementary dual", lambda name: _gelu()),
    Family("silu", "x/(1 + exp(-x))", "pole expansion", lambda name: _silu(), aliases=("swish",)),
    Family("mish", "x*tanh(log(1 + exp(x)))", "pole expansion", lambda name: _mish()),
    Family("softplus", "log(1 + exp(beta*x))/beta", "pole expansion of its derivative", _softplus, (("beta", "1"),)),
    Family("tanh", "tanh(x)", "pole expansion", lambda name: _tanh()),
    Family("sigmoid", "1/(1 + exp(-x))", "pole expansion", lambda name: _sigmoid()),
    Family("erf", "erf(x)", "Williams 1997", lambda name: _erf()),
    Family("gaussian", "density of N(0, sigma^2)", "elementary dual", _gaussian, (("sigma", "1"),)),
    Family("sin", "sin(x)", "elementary dual", lambda name: _wave(name, odd=True)),
    Family("cos", "cos(x)", "elementary dual", lambda name: _wave(name, odd=False)),
)

FAMILIES: dict[str, Family] = {family.name: family for family in _FAMILIES}
"""All named activations, by canonical name."""

_BY_ANY_NAME = FAMILIES | {alias: family for family in _FAMILIES for alias in family.aliases}


@lru_cache(maxsize=64)
def activation(text: str) -> Activation:
    """Return the activation that a user names, such as ``leaky-relu:slope=0.1``, or writes as a formula in x.

    Raises
    ------
    InputError
        For an unknown name or parameter, a value outside its range, or a formula that cannot be read or is no φ
        that Assumptions 2 and 3 allow.

    Examples
    --------
    >>> activation("gaussian:sigma=1.0").name
    'gaussian'
    >>> activation("swish").name
    'silu'
    >>> activation("x * sigmoid(1.702 * x)").name
    'x*sigmoid(1.702*x)'
    """
    name, _, written = text.strip().partition(":")
    family = _BY_ANY_NAME.get(name.strip().lower())
    if family is None:
        if _looks_like_a_formula(name):
            return _formula(text.strip())
        hint = near_miss(name.strip().lower(), list(_BY_ANY_NAME)) or f" Known: {', '.join(FAMILIES)}."
        raise InputError(f"unknown activation {name[:40]!r}.{hint} Or write a formula in x.")
    values = _parameters(family, written) if ":" in text else {}
    chosen = {key: values.get(key, exact(default, key)) for key, default in family.defaults}
    special = [f"{k}={decimal_text(chosen[k])}" for k, default in family.defaults if chosen[k] != Fraction(default)]
    return family.build(":".join([family.name, *([",".join(special)] if special else [])]), **chosen)


def _looks_like_a_formula(name: str) -> bool:
    """Return whether text is meant as a formula: not a word, unless it is one with x in it, such as x-1 or x²."""
    from ntkcalc.activations.formula.grammar import SIGNS

    if not re.fullmatch(r"\s*[A-Za-z_][\w-]*\s*|\s*", name) or any(sign in name for sign in SIGNS):
        return True
    return "x" in re.split(r"[\s-]", name.lower())


def _formula(text: str) -> Activation:
    """Return the activation that a formula describes; a plain call such as tanh(x) is the named one."""
    from ntkcalc.activations.formula.functions import WORDS
    from ntkcalc.activations.formula.grammar import parsed
    from ntkcalc.activations.formula.trees import X, text_of

    tree = parsed(text, WORDS)
    family = FAMILIES.get(str(tree.head).replace("_", "-"))
    values = [a.number for a in tree.arguments[1:]]
    if family is not None and tree.arguments[:1] == (X,) and None not in values:
        named = [
            f"{key}={decimal_text(v)}" for (key, _), v in zip(family.defaults, values, strict=True) if v is not None
        ]
        return activation(":".join([family.name, *([",".join(named)] if named else [])]))
    dual = _dual_of(tree, text_of(tree))

    def value(ctx: Context, x: Real) -> Real:
        return dual.phi.evaluator(ctx)(ctx.convert(x))[0]

    jumps, roughness = dual.jumps()
    return Activation(dual.name, value, dual, dual.hermite, parity=dual.parity, jumps=jumps, roughness=roughness)


_SMALLEST = Fraction(1, 10**30)
_STEEP = 16  # slope of softplus' from which on its poles are so near that quadrature is faster


def _parameters(family: Family, written: str) -> dict[str, Fraction]:
    """Read ``slope=0.1,…``."""
    known = [key for key, _ in family.defaults]
    usage = f"{family.name} takes " + (" and ".join(f"{k}={d}" for k, d in family.defaults) or "no parameters")
    values: dict[str, Fraction] = {}
    for part in written.split(","):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if key not in known:
            raise InputError(f"{usage}, got '{part[:40]}'.{near_miss(key, known)}")
        if not equals or key in values:
            raise InputError(f"{usage}, once each with a value, got '{written[:40]}'")
        values[key] = exact(value, f"{family.name}: {key}")
        if values[key] and not _SMALLEST <= abs(values[key]) <= 1 / _SMALLEST:
            raise InputError(f"{family.name}: {key} must be 0 or lie within 1e-30 and 1e30 in size, got '{value[:40]}'")
    return values
