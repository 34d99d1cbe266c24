"""From what a user writes, a name with parameters or a formula in x, to an `Activation`."""

from collections.abc import Sequence
from dataclasses import replace
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

WRITTEN = (
    *("relu6", "hardtanh", "hardsigmoid", "hardswish", "softsign", "softshrink", "tanhshrink", "squareplus"),
    *("celu", "logsigmoid", "quick-gelu", "arctan"),
)
"""Names of functions of formulas that activations have, too."""

_BY_ANY_NAME = FAMILIES | {alias: family for family in _FAMILIES for alias in family.aliases}
_COMPACT = {name.replace("-", ""): name for name in (*_BY_ANY_NAME, *WRITTEN)}

_NUMBER = tuple("+-.0123456789")  # with which a value begins
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
    >>> activation("ReLU6").name
    'relu6'
    """
    name, colon, written = text.strip().partition(":")
    known = _canonical(name)
    if known in _BY_ANY_NAME:
        family = _BY_ANY_NAME[known]
        return family.activation(_parameters(family.name, family.defaults, written) if colon else {})
    if known in WRITTEN:
        function = _function(known)
        values = _parameters(known, formula.written_out(function)[1], written) if colon else {}
        found = formula.parse(f"{function}({', '.join(['x', *map(decimal_text, values.values())])})", _named_call)
        own = ",".join(f"{key}={decimal_text(value)}" for key, value in values.items())
        return replace(found, name=f"{known}:{own}" if own else known)
    if name in formula_functions() and not colon:
        return formula.parse(f"{name}(x)", _named_call)
    if formula.is_formula(name):
        return formula.parse(text.strip(), _named_call)
    hint = near_miss(name.strip().lower(), [*_BY_ANY_NAME, *WRITTEN]) or f" Known: {', '.join(FAMILIES)}."
    raise InputError(f"unknown activation {name[:40]!r}.{hint} Or write a formula in x.")


def written_usages() -> list[tuple[str, str]]:
    """Return the names that stand for a formula, with their parameters, and the formulas."""
    found = ((name, *formula.written_out(_function(name))) for name in WRITTEN)
    return [(name + "".join(f":{key}={value}" for key, value in own), phi) for name, phi, own in found]


def _function(name: str) -> str:
    """Return how the function is called in formulas that an activation's name stands for."""
    return name.replace("-", "_")


def _canonical(name: str) -> str:
    """Return the name as it is listed: LeakyReLU and leaky_relu are leaky-relu."""
    word = name.strip().lower()
    return _COMPACT.get(word.replace("-", "").replace("_", ""), word) if word[:1].isalpha() else word


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


def _parameters(name: str, defaults: Sequence[tuple[str, str]], written: str) -> dict[str, Fraction]:
    """Read ``slope=0.1,…``, or the values alone, in their order."""
    known = [key for key, _ in defaults]
    usage = f"{name} takes " + (" and ".join(f"{k}={d}" for k, d in defaults) or "no parameters")
    values: dict[str, Fraction] = {}
    for place, part in enumerate(written.split(",")):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals and place < len(known) and key[:1] in _NUMBER:
            key, equals, value = known[place], "=", key
        if key not in known:
            raise InputError(f"{usage}, got '{part[:40]}'.{near_miss(key, known)}")
        if not equals or key in values:
            raise InputError(f"{usage}, once each with a value, got '{written[:40]}'")
        values[key] = exact(value, f"{name}: {key}")
        if values[key] and not _SMALLEST <= abs(values[key]) <= 1 / _SMALLEST:
            raise InputError(f"{name}: {key} must be 0 or lie within 1e-30 and 1e30 in size, got '{value[:40]}'")
    return values
