"""Moments of formulas in float64, from what the user wrote and SciPy's functions: slow to be exact, hard to fool.

`differs` says where the first Hermite coefficients or E[φ²] of an activation are far from sums over two grids that
agree with each other. `is_plainly_allowed` says of a formula that was refused whether grids see a φ that is finite,
continuous and no constant, with means of φ² and φ'² that do not change as grids become finer. Nothing is shared with
the package but the grammar.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from ntkcalc.activations.activation import Activation
from ntkcalc.activations.formula.expressions.functions import WORDS
from ntkcalc.activations.formula.expressions.grammar import parsed
from ntkcalc.activations.formula.expressions.trees import Tree, in_order

Values = Any
REACH, STEP = 16.0, 1.0 / 1024
ORDERS = 4
_LAMBDA, _ALPHA = 1.0507009873554804934, 1.6732632423543772848  # of SELU


def _power(a: Values, b: Values) -> Values:
    return np.power(a, b) if np.ndim(b) or b != np.round(b) else np.where(a < 0, (-1.0) ** (b % 2), 1) * np.abs(a) ** b


FUNCTIONS: dict[str, Callable[..., Values]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "^": _power,
    "neg": np.negative,
    "pi": lambda: math.pi,
    "e": lambda: math.e,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "sinc": lambda x: np.sinc(x / math.pi),
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "erf": special.erf,
    "erfc": special.erfc,
    "sigmoid": special.expit,
    "relu": lambda x: np.maximum(x, 0.0),
    "abs": np.abs,
    "sign": np.sign,
    "step": lambda x: np.heaviside(x, 0.0),
    "max": np.maximum,
    "min": np.minimum,
    "clip": lambda x, low, high: np.minimum(np.maximum(x, low), high),
    "linear": lambda x: x,
    "Phi": special.ndtr,
    "phi": lambda x: np.exp(-x * x / 2) / math.sqrt(2 * math.pi),
    "gelu": lambda x: x * special.ndtr(x),
    "silu": lambda x: x * special.expit(x),
    "mish": lambda x: x * np.tanh(np.logaddexp(0.0, x)),
    "softplus": lambda x, beta=1.0: np.logaddexp(0.0, beta * x) / beta,
    "leaky_relu": lambda x, slope=0.01: np.where(x > 0, x, slope * x),
    "elu": lambda x, alpha=1.0: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0))),
    "selu": lambda x: _LAMBDA * np.where(x > 0, x, _ALPHA * np.expm1(np.minimum(x, 0.0))),
    "sech": lambda x: 1 / np.cosh(x),
    "coth": lambda x: 1 / np.tanh(x),
    "relu6": lambda x: np.clip(x, 0.0, 6.0),
    "hardtanh": lambda x: np.clip(x, -1.0, 1.0),
    "hardsigmoid": lambda x: np.clip(x + 3, 0.0, 6.0) / 6,
    "hardswish": lambda x: x * np.clip(x + 3, 0.0, 6.0) / 6,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "softshrink": lambda x, least=0.5: np.maximum(x - least, 0.0) - np.maximum(-x - least, 0.0),
    "tanhshrink": lambda x: x - np.tanh(x),
    "squareplus": lambda x, b=4.0: (x + np.sqrt(x * x + b)) / 2,
    "celu": lambda x, alpha=1.0: np.maximum(x, 0.0) + alpha * np.expm1(np.minimum(x, 0.0) / alpha),
    "logsigmoid": lambda x: -np.logaddexp(0.0, -x),
    "quick_gelu": lambda x: x * special.expit(1.702 * x),
    "arctan": np.arctan,
    "gaussian": lambda x, sigma=1.0: np.exp(-((x / sigma) ** 2) / 2) / (sigma * math.sqrt(2 * math.pi)),
}


def evaluated(tree: Tree, x: Values) -> Values:
    """φ(x) as it is written."""
    if tree.number is not None:
        return float(tree.number)
    if tree.word == "x" and not tree.arguments:
        return x
    return FUNCTIONS[tree.word](*(evaluated(a, x) for a in tree.arguments))


def sums(text: str, start: float) -> Values:
    """E[φ h_k] for the first k, and E[φ²], by sums over a grid."""
    x, phi = values(text, STEP, start)
    with np.errstate(all="ignore"):
        mass = STEP * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
        rows = [special.eval_hermitenorm(k, x) / math.sqrt(math.factorial(k)) for k in range(ORDERS)]
        return np.array([*(np.sum(mass * phi * h) for h in rows), np.sum(mass * phi * phi)])


def values(text: str, step: float, start: float) -> tuple[Values, Values]:
    """Places of a grid, and φ there."""
    x = np.arange(-REACH + start, REACH, step)
    with np.errstate(all="ignore"):
        return x, np.broadcast_to(evaluated(parsed(text, WORDS), x), x.shape).astype(float)


def has_extreme_numbers(text: str) -> bool:
    """Whether a formula has numbers beside which x is lost in float64, or parts that are too large for it near 0."""
    if any(not 1e-9 < abs(t.number) < 1e9 for t in in_order(parsed(text, WORDS)) if t.number):
        return True
    with np.errstate(all="ignore", over="raise"):
        try:
            evaluated(parsed(text, WORDS), np.linspace(-3, 3, 602))
        except FloatingPointError:
            return True
    return False


def is_plainly_allowed(text: str) -> bool:
    """Whether grids of several steps see a φ for the theory: E[φ²] and E[φ'²], by differences, agree."""
    if has_extreme_numbers(text):
        return False
    found = []
    far_out = np.geomspace(REACH, 1e12, 4096)
    with np.errstate(divide="raise", invalid="raise", over="ignore", under="ignore"):
        try:
            evaluated(parsed(text, WORDS), np.append(-far_out, far_out))
        except FloatingPointError:
            return False
    for step, start in ((STEP, STEP / 5), (STEP / 4, STEP / 3), (STEP / 16, STEP / 7)):
        x, phi = values(text, step, start)
        if not np.isfinite(phi).all():
            return False
        with np.errstate(all="ignore"):
            mass = step * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
            steep = np.diff(phi) / step
            found.append((np.sum(mass * phi * phi), np.sum(mass[1:] * steep * steep)))
            far = (phi * phi * mass)[np.abs(x) > REACH - 1]
        if not far.max() < 1e-9 * found[-1][0]:
            return False
    rows = np.array(found)
    return bool(np.isfinite(rows).all() and (rows > 1e-200).all() and (np.ptp(rows, axis=0) < 0.01 * rows[0]).all())


def differs(text: str, found: Activation) -> str:
    """What of an activation is not as two grids see it, or nothing."""
    if has_extreme_numbers(text):
        return ""
    one, other = sums(text, 0.0), sums(text, STEP / 3)
    if not np.isfinite([one, other]).all():
        return ""
    size = math.sqrt(one[-1]) or 1.0
    scales = np.array([size] * ORDERS + [size * size])
    slack = 30 * np.abs(one - other).max() / scales.min() + 1e-6
    if slack > 0.03:
        return ""  # too steep for grids
    ours = np.array([float(c) for c in (*found.hermite(ORDERS - 1, 40), found.dual.mean_square(40))])
    off = np.abs(ours - one) / scales
    return "" if (off < slack).all() else f"moments {ours.tolist()}, but {one.tolist()} on a grid"
