"""The functions in formulas: their derivatives, bounds and symmetries, and what is written by others, in tables.

A smooth function is one line of `SMOOTH`, with what is known of it; its values are methods of every field.
Functions that bend or jump are branches of smooth ones (`BRANCHES`), and all others are abbreviations (`SHORT`).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

from ntkcalc.activations.formula.expressions.grammar import Signature, Vocabulary
from ntkcalc.activations.formula.expressions.trees import VARIABLES
from ntkcalc.numerics.precision import decimal_text

_INF = math.inf


@dataclass(frozen=True)
class Smooth:
    """What is known of a smooth function f."""

    derivative: str  # f'(x), as a formula
    reflected: str = ""  # f(−x) in terms of x and of y = f(x), if that is another way to write it
    positive: bool = False  # whether f > 0 on the line
    vanishes: bool = False  # whether f(0) = 0 with f analytic there, so that f(x)/x is a function too
    rises: bool = False  # whether f increases, with f(0) = 0: it has the sign of its argument
    ends: tuple[float, float] | None = None  # of an f that rises or falls: f(−∞) and f(∞), or bounds on them
    within: tuple[float, float] | None = None  # of any other f: bounds
    meaning: str = ""  # f(x) by fewer functions, if there is such a formula; floats and wide balls have better ones
    complement: str = ""  # 1 − f(x) in one piece, if there is such a formula


def _odd(derivative: str, bound: float, meaning: str = "", complement: str = "") -> Smooth:
    """Return an odd function that increases, with |f| ≤ bound."""
    ends = -bound, bound
    return Smooth(derivative, "-y", vanishes=True, rises=True, ends=ends, meaning=meaning, complement=complement)


SMOOTH = {
    "exp": Smooth("exp(x)", "1/y", positive=True, ends=(0, _INF), complement="-expm1(x)"),
    "expm1": Smooth("exp(x)", "-y/(1 + y)", vanishes=True, rises=True, ends=(-1, _INF), meaning="exp(x) - 1"),
    "log": Smooth("1/x", ends=(-_INF, _INF)),
    "log1p": Smooth("1/(1 + x)", vanishes=True, ends=(-_INF, _INF), meaning="log(1 + x)"),
    "sqrt": Smooth("sqrt(x)/(2*x)", ends=(0, _INF)),
    "sin": Smooth("cos(x)", "-y", vanishes=True, within=(-1, 1)),
    "cos": Smooth("-sin(x)", "y", within=(-1, 1), complement="2*sin(x/2)^2"),
    "sinc": Smooth("sinc_slope(x)", "y", within=(-0.25, 1), meaning="sin(x)/x"),
    "sinc_slope": Smooth("-sinc(x) - 2*sinc_slope(x)/x", "-y", within=(-0.5, 0.5), meaning="(cos(x) - sinc(x))/x"),
    "sinh": _odd("(exp(x) + exp(-x))/2", _INF, "(exp(x) - exp(-x))/2"),
    "tanh": _odd("4*sigmoid(2*x)*sigmoid(-2*x)", 1, "1 - 2/(exp(2*x) + 1)", "2*sigmoid(-2*x)"),
    "asinh": _odd("1/sqrt(1 + x*x)", _INF, "log(x + sqrt(1 + x*x))"),
    "atan": _odd("1/(1 + x*x)", 1.6),
    "erf": _odd("2/sqrt(pi)*exp(-(x*x))", 1, complement="erfc(x)"),
    "erfc": Smooth("-2/sqrt(pi)*exp(-(x*x))", "2 - y", positive=True, ends=(2, 0), complement="erf(x)"),
    "sigmoid": Smooth(
        "sigmoid(x)*sigmoid(-x)",
        "1 - y",
        positive=True,
        ends=(0, 1),
        meaning="1/(1 + exp(-x))",
        complement="sigmoid(-x)",
    ),
    "softplus": Smooth("sigmoid(x)", "y - x", positive=True, ends=(0, _INF), meaning="log(1 + exp(x))"),
}
"""The smooth functions; each has a method in every field, and a bound far out in `growth`."""

_UNNAMED = "sinc_slope"
"""The only one that is no word of users."""

OVER = {f"{name}_over": name for name, f in SMOOTH.items() if f.vanishes}
"""Names of the functions f(x)/x."""

ROOTED = ("sqrt", "power", "log", "log1p")
"""What is real for arguments of one sign only, log1p from −1 on."""

BRANCHES = {  # what decides (its sign), the value where that is positive, and where it is negative
    "relu": ("x", "x", "0"),
    "abs": ("x", "x", "-x"),
    "sign": ("x", "1", "-1"),
    "step": ("x", "1", "0"),
    "max": ("x - y", "x", "y"),
    "min": ("x - y", "y", "x"),
}

REFLECTED_BRANCHES = {"relu": "y - x", "abs": "y", "sign": "-y", "step": "1 - y"}
"""f(−x) in terms of x and of y = f(x), but for x = 0."""


@dataclass(frozen=True)
class Short:
    """What a function stands for, and its last argument if that has a name."""

    formula: str  # in its arguments x, y, z
    keyword: str = ""
    default: int | Fraction = 0


_SELU_MEAN = "exp(1/2)*erfc(1/sqrt(2))/2"  # E[e^Z; Z < 0]
_SELU_ALPHA = f"1/(sqrt(2*pi)*(1/2 - {_SELU_MEAN}))"
_SELU_SQUARE = f"(1/2 + ({_SELU_ALPHA})^2*(exp(2)*erfc(2/sqrt(2))/2 - 2*{_SELU_MEAN} + 1/2))"

SHORT = {
    "tan": Short("sin(x)/cos(x)"),
    "cosh": Short("(exp(x) + exp(-x))/2"),
    "sech": Short("2/(exp(x) + exp(-x))"),
    "coth": Short("1/tanh(x)"),
    "Phi": Short("erfc(-x/sqrt(2))/2"),
    "phi": Short("exp(-x*x/2)/sqrt(2*pi)"),
    "clip": Short("min(max(x, y), z)"),
    "linear": Short("x"),
    "gelu": Short("x*erfc(-x/sqrt(2))/2"),
    "silu": Short("x*sigmoid(x)"),
    "mish": Short("x*tanh(softplus(x))"),
    "softplus": Short("softplus(y*x)/y", "beta", 1),
    "leaky_relu": Short("relu(x) - y*relu(-x)", "slope", Fraction(1, 100)),
    "elu": Short("relu(x) + y*expm1(min(x, 0))", "alpha", 1),
    "gaussian": Short("exp(-(x/y)^2/2)/(y*sqrt(2*pi))", "sigma", 1),
    "selu": Short(f"(relu(x) + {_SELU_ALPHA}*expm1(min(x, 0)))/sqrt({_SELU_SQUARE})"),
    "relu6": Short("clip(x, 0, 6)"),
    "hardtanh": Short("clip(x, -1, 1)"),
    "hardsigmoid": Short("clip(x/6 + 1/2, 0, 1)"),
    "hardswish": Short("x*clip(x/6 + 1/2, 0, 1)"),
    "softsign": Short("x/(1 + abs(x))"),
    "softshrink": Short("relu(x - y) - relu(-x - y)", "lambda", Fraction(1, 2)),
    "tanhshrink": Short("x - tanh(x)"),
    "squareplus": Short("(x + sqrt(x^2 + y))/2", "b", 4),
    "celu": Short("relu(x) + y*expm1(min(x, 0)/y)", "alpha", 1),
    "logsigmoid": Short("-softplus(-x)"),
    "quick_gelu": Short("x*sigmoid(1.702*x)"),
    "arctan": Short("atan(x)"),
}

_ARITY = {"max": 2, "min": 2, "clip": 3}


def signature(name: str) -> Signature:
    """Return how a function is called."""
    last = SHORT.get(name, Short(""))
    return Signature(_ARITY.get(name, 1), last.keyword, last.default)


def written_out(name: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return the formula that an abbreviation stands for, and its parameter with the default value, if it has one."""
    last = SHORT[name]
    if not last.keyword:
        return last.formula, ()
    return re.sub(r"\by\b", last.keyword, last.formula), ((last.keyword, decimal_text(Fraction(last.default))),)


_OTHERWISE = {
    **{"log2": "log(x)/log(2)", "log10": "log(x)/log(10)", "exp2": "2^x", "square": "x^2", "pow": "x^2"},
    **{"sec": "1/cos(x)", "csch": "1/sinh(x)", "cot": "cos(x)/sin(x)", "cbrt": "sign(x)*abs(x)^(1/3)"},
    **{"logistic": "sigmoid(x)", "heaviside": "step(x)", "langevin": "coth(x)-1/x", "prelu": "leaky_relu(x, 0.25)"},
}
_JUMPING = ("floor", "ceil", "round", "mod", "hardshrink", "threshold")

ELSEWHERE = {
    **{name: f" Write {formula}." for name, formula in _OTHERWISE.items()},
    **dict.fromkeys(_JUMPING, " It jumps, and phi must be continuous."),
}
"""What is said of functions that other libraries have."""

WORDS = Vocabulary(
    {name: signature(name) for name in (*SMOOTH, *BRANCHES, *SHORT) if name != _UNNAMED},
    ("pi", "e"),
    ("x",),
    {"swish": "silu", "ln": "log"},
    ELSEWHERE,
)
"""The words of users' formulas."""

OWN_WORDS = Vocabulary(
    {name: Signature(1) for name in SMOOTH} | {name: n for name, n in WORDS.functions.items() if name not in SMOOTH},
    WORDS.constants,
    VARIABLES,
    {},
)
