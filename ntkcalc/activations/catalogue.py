"""From what a user writes, a name with parameters or a formula in x, to an `Activation`."""

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

from ntkcalc.activations import formula
from ntkcalc.activations.activation import Activation, Family
from ntkcalc.activations.exponential_linear import ELU, SELU
from ntkcalc.activations.normal_distribution import ERF, GAUSSIAN, GELU
from ntkcalc.activations.piecewise_linear import ABS, LEAKY_RELU, LINEAR, RELU
from ntkcalc.activations.sigmoidal import MISH, SIGMOID, SILU, SOFTPLUS, TANH
from ntkcalc.activations.trigonometric import COS, SIN
from ntkcalc.errors import InputError, near_miss
from ntkcalc.numerics.precision import decimal_text, exact

_FAMILIES = (
    LINEAR,
    RELU,
    LEAKY_RELU,
    ABS,
    ELU,
    SELU,
    GELU,
    SILU,
    MISH,
    SOFTPLUS,
    TANH,
    SIGMOID,
    ERF,
    GAUSSIAN,
    SIN,
    COS,
)

FAMILIES: dict[str, Family] = {family.name: family for family in _FAMILIES}
"""All named activations, by canonical name."""

_BY_ANY_NAME = FAMILIES | {alias: family for family in _FAMILIES for alias in family.aliases}

_SMALLEST = Fraction(1, 10**30)  # size of a parameter that is not 0; the largest is 1/_SMALLEST


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
        if formula.is_formula(name):
            return formula.parse(text.strip(), _named_call)
        hint = near_miss(name.strip().lower(), list(_BY_ANY_NAME)) or f" Known: {', '.join(FAMILIES)}."
        raise InputError(f"unknown activation {name[:40]!r}.{hint} Or write a formula in x.")
    return family.activation(_parameters(family, written) if ":" in text else {})


def formula_functions() -> list[str]:
    """Return the names of the functions that formulas may use, in alphabetical order."""
    return formula.function_names()


def _named_call(function: str, values: Sequence[Fraction]) -> Activation | None:
    """Return the named activation that a formula such as leaky_relu(x, 0.1) is, None where there is none."""
    family = FAMILIES.get(function.replace("_", "-"))
    if family is None:
        return None
    written = [f"{key}={decimal_text(value)}" for (key, _), value in zip(family.defaults, values, strict=True)]
    return activation(":".join([family.name, *([",".join(written)] if written else [])]))


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
