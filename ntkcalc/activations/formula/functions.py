r"""What the functions in formulas are: their values on any kind of number, their derivatives, and where they bend.

A smooth function is one line of `SMOOTH`, with what is known of it; its values are methods of every field.
Functions that bend or jump are branches of smooth ones (`_BRANCHES`), and all others are abbreviations (`_SHORT`).
Derivatives of every order follow from the first, for if f' = g then the coefficients of f(u(t)) = Σ f_k t^k obey

.. math::  k f_k = \sum_{i=1}^k i u_i g_{k−i}, \qquad g = g_0 + g_1 t + … \text{ at } u(t).
"""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache, reduce
from typing import Any

from ntkcalc.activations.formula.grammar import Signature, Vocabulary, parsed
from ntkcalc.activations.formula.trees import (
    ONE,
    VARIABLES,
    ZERO,
    Tree,
    X,
    folded,
    in_order,
    minus,
    negated,
    node,
    number,
    over,
    plus,
    rebuilt,
    simplified,
    substituted,
    text_of,
    times,
    whole_power,
)
from ntkcalc.errors import InputError

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
    "cos": Smooth("-sin(x)", "y", within=(-1, 1)),
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

_BRANCHES = {  # what decides (its sign), the value where that is positive, and where it is negative
    "relu": ("x", "x", "0"),
    "abs": ("x", "x", "-x"),
    "sign": ("x", "1", "-1"),
    "step": ("x", "1", "0"),
    "max": ("x - y", "x", "y"),
    "min": ("x - y", "y", "x"),
}

_REFLECTED_BRANCHES = {"relu": "y - x", "abs": "y", "sign": "-y", "step": "1 - y"}
"""f(−x) in terms of x and of y = f(x), but for x = 0."""

_SHORT = {
    "tan": "sin(x)/cos(x)",
    "cosh": "(exp(x) + exp(-x))/2",
    "Phi": "erfc(-x/sqrt(2))/2",
    "phi": "exp(-x*x/2)/sqrt(2*pi)",
    "clip": "min(max(x, y), z)",
    "linear": "x",
    "gelu": "x*erfc(-x/sqrt(2))/2",
    "silu": "x*sigmoid(x)",
    "mish": "x*tanh(softplus(x))",
    "softplus": "softplus(y*x)/y",
    "leaky_relu": "relu(x) - y*relu(-x)",
    "elu": "relu(x) + y*expm1(min(x, 0))",
    "gaussian": "exp(-(x/y)^2/2)/(y*sqrt(2*pi))",
}

_SELU_MEAN = "exp(1/2)*erfc(1/sqrt(2))/2"  # E[e^Z; Z < 0]
_SELU_ALPHA = f"1/(sqrt(2*pi)*(1/2 - {_SELU_MEAN}))"
_SELU_SQUARE = f"(1/2 + ({_SELU_ALPHA})^2*(exp(2)*erfc(2/sqrt(2))/2 - 2*{_SELU_MEAN} + 1/2))"
_SHORT["selu"] = f"(relu(x) + {_SELU_ALPHA}*expm1(min(x, 0)))/sqrt({_SELU_SQUARE})"

_KEYWORDS = {
    "softplus": ("beta", 1),
    "leaky_relu": ("slope", Fraction(1, 100)),
    "elu": ("alpha", 1),
    "gaussian": ("sigma", 1),
}

_ARITY = {"max": 2, "min": 2, "clip": 3}


def _signature(name: str) -> Signature:
    return Signature(_ARITY.get(name, 1), *_KEYWORDS.get(name, ()))


WORDS = Vocabulary(
    {name: _signature(name) for name in (*SMOOTH, *_BRANCHES, *_SHORT) if name != _UNNAMED},
    ("pi", "e"),
    ("x",),
    {"swish": "silu", "ln": "log"},
)
"""The words of users' formulas."""

_OWN_WORDS = Vocabulary(
    {name: Signature(1) for name in SMOOTH} | {name: n for name, n in WORDS.functions.items() if name not in SMOOTH},
    WORDS.constants,
    VARIABLES,
    {},
)


@cache
def _definition(text: str) -> Tree:
    """Return one of the formulas above, ready to be used."""
    return rebuilt(parsed(text, _OWN_WORDS), _plain)


def plain(tree: Tree) -> Tree:
    """Return a user's formula in smooth functions and branches alone, simplified, powers as products.

    Raises
    ------
    InputError
        For powers or numbers that are too large.
    """
    found = rebuilt(tree, lambda t: _plain(_abbreviated(t)))
    if sum(1 for _ in in_order(found)) > _MOST_NODES:
        raise InputError(f"the formula has more than {_MOST_NODES} steps; write a shorter one")
    return found


_MOST_NODES = 600


def _abbreviated(t: Tree) -> Tree:
    """Replace a user's abbreviation by what it stands for."""
    short = _SHORT.get(t.word)
    if short is None or len(t.arguments) < _signature(str(t.head)).most:  # or plain already
        return t
    if t.head == "softplus" and t.arguments[1] is ONE:
        return node("softplus", t.arguments[0])
    if t.head == "clip":
        low, high = (a.number for a in t.arguments[1:])
        if low is not None and high is not None and low > high:
            said = " and ".join(map(text_of, t.arguments[1:]))
            raise InputError(f"clip(x, low, high) needs low <= high, got {said}")
    if t.head in ("softplus", "gaussian") and (size := t.arguments[1].number) is not None and size <= 0:
        raise InputError(f"{t.head}: {_KEYWORDS[t.word][0]} must be positive, got {text_of(t.arguments[1])}")
    return rebuilt(_definition(short), _plain, dict(zip(VARIABLES, t.arguments, strict=False)))


def _plain(t: Tree) -> Tree:
    """Simplify one node whose arguments are plain."""
    if t.word in ("^", "power"):
        return _power(*t.arguments)
    if not t.arguments:
        return t
    u = t.arguments[0]
    if t.arguments == (ZERO,) and t.word in SMOOTH:
        return ZERO if SMOOTH[t.word].vanishes or t.head == "sqrt" else ONE if t.word in ("exp", "cos") else t
    if t.word in _BRANCHES:
        return _branch_taken(t)
    if u.head == _INVERSES.get(t.word):
        return u.arguments[0]
    mirrored = SMOOTH[t.word].reflected if t.word in SMOOTH else ""
    if mirrored in ("y", "-y") and (opposite := _negative(u)) is not None:
        value = _plain(node(t.head, opposite))
        return negated(value) if mirrored == "-y" else value
    rule = _RULES.get(t.word)
    return t if rule is None else rule(t)


def _branch_taken(t: Tree) -> Tree:
    """Return one argument of what branches, or a number, where it is plain which."""
    if _decided_by_zero(t):
        return ZERO if len(t.arguments) == 1 else t.arguments[0]
    if t.constant and (chosen := branch(t)) is not None and (sign := chosen.decider.number):
        return chosen.above if sign > 0 else chosen.below
    return t


def _wave(t: Tree) -> Tree:
    """Return sin or cos of nπ/2 as a number, of atan u without either."""
    u = t.arguments[0]
    if u.head == "atan":
        return rebuilt(_definition(_OF_ATAN[t.word]), _plain, {"x": u.arguments[0]})
    c, unit = _multiple(u)
    quarters = 2 * c + (t.head == "cos")
    return number((0, 1, 0, -1)[int(quarters) % 4]) if unit.head == "pi" and quarters.denominator == 1 else t


_OF_ATAN = {"sin": "x/sqrt(1 + x*x)", "cos": "1/sqrt(1 + x*x)"}
"""Functions of atan x."""


def _product(t: Tree) -> Tree:
    """Return √n √n as n, and a multiple of a multiple as one."""
    a, b = t.arguments
    if a is b and a.head == "sqrt" and (a.arguments[0].number or 0) > 0:
        return a.arguments[0]
    if (a.number or b.number) and _multiple(b if a.number else a)[0] != 1:
        c, u = _multiple(t)
        return times(number(c), u)
    return t


def _exponential(t: Tree) -> Tree:
    """Return e^{ln u} as u where u is plainly nowhere negative, e^1 as e."""
    u = t.arguments[0]
    if u is ONE:
        return node("e")
    return u.arguments[0] if u.head == "log" and _is_no_negative(u.arguments[0]) else t


_INVERSES = {"log": "exp", "log1p": "expm1", "asinh": "sinh", "sinh": "asinh"}
"""Functions f and g with f(g(v)) = v for all real v."""


def _power(base: Tree, exponent: Tree) -> Tree:
    """Return base^exponent: products for whole exponents, else a power of something positive."""
    n = exponent.number
    if n is not None and n.denominator == 1:
        if abs(n) > MOST_POWER:
            raise InputError(f"a whole exponent is at most {MOST_POWER}, got {text_of(exponent)}")
        power = whole_power(base, abs(int(n)))
        return power if n >= 0 else over(ONE, power)
    if base is ZERO and ((n or 0) > 0 or (exponent.word in SMOOTH and SMOOTH[exponent.word].positive)):
        return ZERO
    if base.head == "exp":
        return node("exp", times(exponent, base.arguments[0]))
    if n == Fraction(1, 2):
        return _root(base)
    if n is not None and _is_square(base):
        return _power(node("abs", base.arguments[0]), number(2 * n))
    if exponent.constant and not base.constant:
        return node("power", base, exponent)
    return node("exp", times(exponent, ONE if base.head == "e" else node("log", base)))


MOST_POWER = 200
"""Largest whole exponent."""


def _negative(u: Tree) -> Tree | None:
    """Return −u where a sign is in front of u, else None."""
    if u.head == "neg":
        return u.arguments[0]
    if u.number is not None:
        return number(-u.number) if u.number < 0 else None
    first = _negative(u.arguments[0]) if u.word in ("*", "/") else None
    return None if first is None else simplified(u.head, first, u.arguments[1])


def _sum(t: Tree) -> Tree:
    """Return a sum with its multiples of x in one, and c − c f(u) by the `complement` of f."""
    line = folded(t, _line)
    if line is not None and (
        all(not a.constant for a in t.arguments) or any(a.word in ("+", "-") for a in t.arguments)
    ):
        d, c = line
        x = times(number(c), X)
        return minus(x, number(-d)) if d < 0 else plus(x, number(d))
    (p, f), (q, g) = map(_multiple, t.arguments)
    q = q if t.head == "+" else -q
    found = _from_one(q, p, f) if g is ONE else _from_one(p, q, g) if f is ONE else None
    return t if found is None else found


def _from_one(c: Fraction, factor: Fraction, f: Tree) -> Tree | None:
    """Return c + factor · f(u) by the complement of f, if that has one: for −c, and of an odd f for c, too."""
    known = SMOOTH.get(f.word)
    signs = (-1, 1) if known is not None and known.reflected == "-y" else (-1,)
    if known is None or not known.complement or factor not in [sign * c for sign in signs]:
        return None
    u = f.arguments[0] if factor == -c else negated(f.arguments[0])
    found = times(number(c), rebuilt(_definition(known.complement), _plain, {"x": u}))
    return _product(found) if found.head == "*" else found


def _line(t: Tree, parts: list[tuple[Fraction, Fraction] | None]) -> tuple[Fraction, Fraction] | None:
    """Return d and c of a node that is plainly cx + d."""
    if t is X or t.number is not None:
        return (t.number, Fraction(0)) if t.number is not None else (Fraction(0), Fraction(1))
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts):
        return None
    (d, c), (e, b) = (*known, known[0])[:2]
    if t.head == "neg":
        return -d, -c
    if t.head in ("+", "-"):
        return (d + e, c + b) if t.head == "+" else (d - e, c - b)
    if t.head == "*":
        return None if c and b else (d * e, c * e + d * b)
    return (d / e, c / e) if t.head == "/" and e and not b else None


def _multiple(t: Tree) -> tuple[Fraction, Tree]:
    """Return c and u with t = c u, as it is written, u = 1 for a number."""
    if t.number is not None:
        return t.number, ONE
    if t.head == "neg":
        factor, rest = Fraction(-1), t.arguments[0]
    elif t.head == "*" and (n := t.arguments[0].number or t.arguments[1].number):
        factor, rest = n, t.arguments[t.arguments[0].number is not None]
    elif t.head == "/" and (n := t.arguments[1].number):
        factor, rest = 1 / n, t.arguments[0]
    else:
        return Fraction(1), t
    c, u = _multiple(rest)
    return factor * c, u


def _is_square(u: Tree) -> bool:
    """Return whether a tree is v² as a product."""
    return u.head == "*" and u.arguments[0] is u.arguments[1]


def _is_no_negative(u: Tree) -> bool:
    """Return whether a tree is plainly nowhere negative."""
    return _is_square(u) or u.word == "abs" or (u.word in SMOOTH and SMOOTH[u.word].positive)


def _root(u: Tree) -> Tree:
    """Return √u, |v| where u = v², √v e^{w/2} where u = v e^w, and √c |x|^m where u = c x^{2m}."""
    if _is_square(u):
        return node("abs", u.arguments[0])
    if u.head == "exp":
        return node("exp", times(number(Fraction(1, 2)), u.arguments[0]))
    if u.word in ("*", "/") and any(a.head == "exp" for a in u.arguments):
        return (times if u.word == "*" else over)(*map(_root, u.arguments))
    row = None if u.constant else polynomial(u)
    if row is not None and all(lower is ZERO for lower in row[:-1]):
        c = row[-1].number
        if c == 0:
            return ZERO
        if c and c > 0 and len(row) % 2:
            return times(node("sqrt", number(c)), whole_power(node("abs", X), len(row) // 2))
    return node("sqrt", u)


def _logarithm(u: Tree) -> Tree:
    """Return ln u, of 1 + v without the sum, of 1 + e^v as softplus, of v + √(1 + v²) as asinh."""
    if u.head == "+" and ONE in u.arguments:
        return _logarithm_of_one_and(u.arguments[1] if u.arguments[0] is ONE else u.arguments[0])
    if u.head == "+":
        for v, root in (u.arguments, u.arguments[::-1]):
            row = polynomial(root.arguments[0]) if root.head == "sqrt" else None
            if row is not None and row == polynomial(plus(times(v, v), ONE)):
                return node("asinh", v)
    if u is ONE:
        return ZERO
    if u.head == "sigmoid":
        return negated(node("softplus", negated(u.arguments[0])))
    if u.word in ("*", "/") and not u.constant and any(map(_is_plainly_positive, u.arguments)):
        return (plus if u.head == "*" else minus)(*map(_logarithm, u.arguments))
    return u.arguments[0] if u.head == "exp" else node("log", u)


@lru_cache(maxsize=256)
def _is_plainly_positive(t: Tree) -> bool:
    """Return whether a tree is made of exponentials, and of constants that are seen to be positive, by * and /."""
    if not t.constant:
        return t.head == "exp" or (t.word in ("*", "/") and all(map(_is_plainly_positive, t.arguments)))
    from ntkcalc.activations.formula.balls import real_program, working_precision

    with working_precision(64):
        return bool(real_program(t)(None)[0] > 2.0**-32)


def _logarithm_of_one_and(v: Tree) -> Tree:
    """Return ln(1 + v)."""
    return node("softplus", *v.arguments) if v.head == "exp" else node("log1p", v)


_RULES: dict[str, Callable[[Tree], Tree]] = {
    "+": _sum,
    "-": _sum,
    "*": _product,
    "sin": _wave,
    "cos": _wave,
    "exp": _exponential,
    "log": lambda t: _logarithm(t.arguments[0]),
    "log1p": lambda t: _logarithm_of_one_and(t.arguments[0]),
    "sqrt": lambda t: _root(t.arguments[0]),
}
"""How nodes are simplified."""


@dataclass(frozen=True)
class Branch:
    """A node that is one formula where `decider` is positive, and another where it is negative."""

    decider: Tree
    above: Tree
    below: Tree


def branch(t: Tree) -> Branch | None:
    """Return what a node branches into, if it does."""
    texts = _BRANCHES.get(t.word)
    if texts is None or not t.arguments:
        return None
    values = dict(zip(VARIABLES, t.arguments, strict=False))
    decider, above, below = (rebuilt(_definition(text), _plain, values) for text in texts)
    return Branch(_of_same_sign(decider), above, below)


def _decided_by_zero(t: Tree) -> bool:
    """Return whether what decides a branch is plainly 0 everywhere, as in max(u, u); sign and step are 0 at 0."""
    return polynomial(_of_same_sign(reduce(minus, t.arguments))) == [ZERO]


def _of_same_sign(u: Tree) -> Tree:
    """Return a tree with u's sign, but for single points.

    It has products for quotients, u for tanh u and the like, and no factors that are positive.
    """
    factors, rest = [], [u]
    while rest:
        t = rest.pop()
        if t.word in SMOOTH and SMOOTH[t.word].rises:
            rest.append(t.arguments[0])
        elif t.head in ("*", "/", "neg") and not t.constant:
            rest += t.arguments[::-1]
            factors += [number(-1)] if t.head == "neg" else []
        else:
            factors.append(t)
    counted = Counter(factors)
    kept = (whole_power(t, 2 - n % 2) for t, n in counted.items() if t.constant or not _positive(t, n))
    return reduce(times, kept, ONE)


def _positive(t: Tree, n: int) -> bool:
    """Return whether t^n is known to be positive but for single points."""
    if t.word in SMOOTH and SMOOTH[t.word].positive:
        return polynomial(t.arguments[0]) is not None
    return n % 2 == 0 and polynomial(t) not in (None, [ZERO])


def replaced(tree: Tree, old: Tree, new: Tree) -> Tree:
    """Return a plain tree with one node in the place of another, simplified: √(max(v, 0)²) is |v| where v > 0."""
    return rebuilt(tree, lambda t: new if t is old else _plain(t))


def stretched(tree: Tree, q: Fraction) -> Tree:
    """Return tree(√q x) of a plain tree, √q as a number where it is rational."""
    if q == 1:
        return tree
    top, bottom = math.isqrt(q.numerator), math.isqrt(q.denominator)
    exact = Fraction(top, bottom) if Fraction(top**2, bottom**2) == q else None
    x = times(node("sqrt", number(q)) if exact is None else number(exact), X)
    return rebuilt(tree, _plain, {"x": x})


@lru_cache(maxsize=256)
def derivative(tree: Tree) -> Tree:
    """Return the derivative with respect to x, of branches that of the one that is taken."""
    return folded(tree, _derivative)


def _derivative(t: Tree, slopes: list[Tree]) -> Tree:
    if t.constant or t is X:
        return ZERO if t.constant else ONE
    a, b = (*t.arguments, ZERO)[:2]
    choice = branch(t)
    if choice is not None:
        above = node("step", choice.decider)  # where it is 0 on an interval, both branches are the same function
        return plus(times(above, derivative(choice.above)), times(minus(ONE, above), derivative(choice.below)))
    if t.head in ("+", "-"):
        return (plus if t.head == "+" else minus)(*slopes)
    if t.head == "neg":
        return negated(slopes[0])
    if t.head == "*":
        return plus(times(slopes[0], b), times(a, slopes[1]))
    if t.head == "/":
        return over(minus(slopes[0], times(t, slopes[1])), b)
    if t.head == "power" and b.number is not None:
        return times(slopes[0], times(b, node("power", a, number(b.number - 1))))  # no |v| for √(v²): it would branch
    return times(slopes[0], outer_derivative(t))


def outer_derivative(t: Tree) -> Tree:
    """Return the derivative of a function at its argument."""
    a = t.arguments[0]
    if t.head == "power":
        return over(times(t.arguments[1], t), a)
    return substituted(_definition(SMOOTH[t.word].derivative), {"x": a})


@cache
def meaning(name: str) -> Tree | None:
    """Return f(x) by fewer functions, where there is such a formula: `Smooth.meaning`."""
    text = SMOOTH[name].meaning if name in SMOOTH else ""
    return parsed(text, _OWN_WORDS) if text else None


def reflected_function(t: Tree) -> Tree | None:
    """Return f(−u) in terms of u and f(u), for the node f(u), where there is such a formula."""
    found = SMOOTH[t.word].reflected if t.word in SMOOTH else _REFLECTED_BRANCHES.get(t.word)
    return substituted(_definition(found), {"x": t.arguments[0], "y": t}) if found else None


Program = Callable[[Any], list[Any]]


def program(trees: Sequence[Tree], field: Any) -> Program:
    """Return x ↦ the values of trees, shared parts and constants computed once.

    The field has a method for every function in them.
    """
    order = list(in_order(*trees))
    place = {t: i for i, t in enumerate(order)}
    known: list[Any] = [None] * len(order)
    steps = []
    for i, t in enumerate(order):
        operation, arguments = _operation(t, field), [place[a] for a in t.arguments]
        if t.constant:
            known[i] = operation(*(known[a] for a in arguments))
        elif t is not X:
            steps.append((i, operation, operator.itemgetter(*arguments), len(arguments) == 1))
    outputs, start = [place[t] for t in trees], place.get(X)

    def run(x: Any) -> list[Any]:
        values = known.copy()
        if start is not None:
            values[start] = x
        for i, operation, arguments, unary in steps:
            values[i] = operation(arguments(values)) if unary else operation(*arguments(values))
        return [values[i] for i in outputs]

    return run


def _operation(t: Tree, field: Any) -> Callable[..., Any]:
    if t.number is not None:
        return lambda value=t.number: field.number(value)
    if not t.arguments:
        return lambda name=str(t.head): field.constant(name)
    head = t.word
    return _ARITHMETIC.get(head) or getattr(field, {"/": "divide"}.get(head, head))


_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "neg": operator.neg,
}


@lru_cache(maxsize=256)
def polynomial(tree: Tree) -> list[Tree] | None:
    """Return the coefficients, constant trees, of a tree that is plainly a polynomial in x, else None."""
    return folded(tree, _polynomial)


def _polynomial(t: Tree, parts: list[list[Tree] | None]) -> list[Tree] | None:
    if t.constant or t is X:
        return [t] if t.constant else [ZERO, ONE]
    a, *rest = parts or [None]
    if a is None or None in rest or t.head not in ("+", "-", "*", "/", "neg"):
        return None
    if t.head == "neg":
        return [negated(c) for c in a]
    b = rest[0] or []
    if t.head == "/":
        return [over(c, b[0]) for c in a] if len(b) == 1 else None
    if t.head == "*":
        product = [ZERO] * (len(a) + len(b) - 1)
        if len(product) > MOST_POWER + 1:
            raise InputError(f"a polynomial has degree {MOST_POWER} at most")
        for i, c in enumerate(a):
            for j, d in () if c is ZERO else enumerate(b):
                product[i + j] = plus(product[i + j], times(c, d))
        return _trimmed(product)
    combine = plus if t.head == "+" else minus
    padded = [row + [ZERO] * (max(len(a), len(b)) - len(row)) for row in (a, b)]
    return _trimmed([combine(c, d) for c, d in zip(*padded, strict=True)])


def _trimmed(row: list[Tree]) -> list[Tree]:
    """Return a row without zeros at its end."""
    while len(row) > 1 and row[-1] is ZERO:
        row = row[:-1]
    return row
