r"""What the functions in formulas are: their values on any kind of number, their derivatives, and where they bend.

A smooth function is one line of `SMOOTH`, with what is known of it; its values are methods of every `Field`.
Functions that bend or jump are branches of smooth ones (`_BRANCHES`), and all others are abbreviations (`_SHORT`).
Derivatives of every order follow from the first, for if f' = g then the coefficients of f(u(t)) = Σ f_k t^k obey

.. math::  k f_k = \sum_{i=1}^k i u_i g_{k−i}, \qquad g = g_0 + g_1 t + … \text{ at } u(t).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache, reduce
from typing import Any, Protocol

from ntkcalc.activations.formula.grammar import Signature, Vocabulary, parsed
from ntkcalc.activations.formula.trees import (
    ONE,
    VARIABLES,
    ZERO,
    Tree,
    X,
    in_order,
    minus,
    negated,
    node,
    number,
    over,
    plus,
    rebuilt,
    substituted,
    text_of,
    times,
    whole_power,
)
from ntkcalc.errors import InputError
from ntkcalc.numerics.precision import Context, Real, real


class DomainError(InputError):
    """A function has no real value somewhere on the line."""


class Field(Protocol):
    """A kind of number, with the elementary functions that formulas are made of."""

    def constant(self, name: str) -> Any:
        """Return pi or e."""

    def number(self, value: Fraction) -> Any:
        """Return an exact number, rounded once."""

    def __getattr__(self, function: str) -> Callable[..., Any]:
        """The functions of `SMOOTH`, divide and power."""


_HUGE = 1e12  # argument of an exponential beyond which it is 0, or refused

_EDGE = 1 << 13  # bits that an argument of a periodic function may have


class RealField:
    """The real numbers of an mpmath context; what is infinite or not real is refused."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx

    def constant(self, name: str) -> Real:
        """See `Field`."""
        return +self.ctx.pi if name == "pi" else self.ctx.exp(1)

    def number(self, value: Fraction) -> Real:
        """See `Field`."""
        return real(self.ctx, value)

    def divide(self, a: Real, b: Real) -> Real:
        """Return a/b."""
        if not b:
            raise DomainError("division by zero")
        return a / b

    def power(self, a: Real, r: Real) -> Real:
        """Return a^r, a ≥ 0."""
        if a < 0 or (not a and r <= 0):
            raise DomainError(f"a power of {_near(a)} that is no whole number is not real")
        return self.exp(r * self.ctx.log(a)) if a else self.ctx.zero

    def exp(self, u: Real) -> Real:
        """Return e^u, 0 below e^−1e12."""
        if u > _HUGE:
            raise DomainError(f"exp of {_near(u)} is too large")
        return self.ctx.exp(u) if u > -_HUGE else self.ctx.zero

    def expm1(self, u: Real) -> Real:
        """Return e^u − 1."""
        return self.ctx.expm1(u) if abs(u) < 1 else self.exp(u) - 1

    def log(self, u: Real) -> Real:
        """Return ln u."""
        if u <= 0:
            raise DomainError(f"log of {_near(u)} is not finite and real")
        return self.ctx.log(u)

    def log1p(self, u: Real) -> Real:
        """Return ln(1 + u)."""
        if u <= -1:
            raise DomainError(f"log of {_near(1 + u)} is not finite and real")
        return self.ctx.log1p(u)

    def sqrt(self, u: Real) -> Real:
        """Return √u."""
        if u < 0:
            raise DomainError(f"sqrt of {_near(u)} is not real")
        return self.ctx.sqrt(u)

    def sin(self, u: Real) -> Real:
        """Return sin u."""
        return self.ctx.sin(self._bounded(u))

    def cos(self, u: Real) -> Real:
        """Return cos u."""
        return self.ctx.cos(self._bounded(u))

    def sinc(self, u: Real) -> Real:
        """Return sin(u)/u."""
        return self.sin(u) / u if u else self.ctx.one

    def sinh(self, u: Real) -> Real:
        """Return sinh u."""
        return self.ctx.sinh(u) if abs(u) < 1 else (self.exp(u) - self.exp(-u)) / 2

    def cosh(self, u: Real) -> Real:
        """Return cosh u."""
        return (self.exp(u) + self.exp(-u)) / 2

    def tanh(self, u: Real) -> Real:
        """Return tanh u."""
        return self.ctx.tanh(u) if abs(u) < _HUGE else self.ctx.sign(u)

    def asinh(self, u: Real) -> Real:
        """Return asinh u."""
        return self.ctx.asinh(u)

    def atan(self, u: Real) -> Real:
        """Return atan u."""
        return self.ctx.atan(u)

    def erf(self, u: Real) -> Real:
        """Return erf u."""
        return self.ctx.erf(u) if abs(u) < _HUGE else self.ctx.sign(u)

    def erfc(self, u: Real) -> Real:
        """Return erfc u."""
        return self.ctx.erfc(u) if abs(u) < 1e6 else self.ctx.one - self.ctx.sign(u)

    def sigmoid(self, u: Real) -> Real:
        """Return 1/(1 + e^−u)."""
        e = self.exp(-abs(u))
        return (1 if u >= 0 else e) / (1 + e)

    def softplus(self, u: Real) -> Real:
        """Return ln(1 + e^u)."""
        return max(u, self.ctx.zero) + self.ctx.log1p(self.exp(-abs(u)))

    def relu(self, u: Real) -> Real:
        """Return max(u, 0)."""
        return u if u > 0 else self.ctx.zero

    def abs(self, u: Real) -> Real:
        """Return |u|."""
        return abs(u)

    def sign(self, u: Real) -> Real:
        """Return the sign of u."""
        return self.ctx.one * ((u > 0) - (u < 0))

    def step(self, u: Real) -> Real:
        """Return 1 for u > 0, else 0."""
        return self.ctx.one if u > 0 else self.ctx.zero

    def max(self, u: Real, v: Real) -> Real:
        """Return the larger one."""
        return max(u, v)

    def min(self, u: Real, v: Real) -> Real:
        """Return the smaller one."""
        return min(u, v)

    def _bounded(self, u: Real) -> Real:
        if abs(u) > self.ctx.ldexp(1, _EDGE):
            raise DomainError(f"sin and cos of {_near(u)} have no digits")
        return u


def _near(u: Real) -> str:
    return f"{u.context.nstr(u, 4)}" if hasattr(u, "context") else f"{u:.4g}"


@dataclass(frozen=True)
class Smooth:
    """What is known of a smooth function f.

    Parameters
    ----------
    derivative
        f'(x), as a formula.
    reflected
        f(−x) in terms of x and of y = f(x), if that is another way to write it.
    positive
        Whether f > 0 on the line.
    vanishes
        Whether f(0) = 0 with f analytic there, so that f(x)/x is a function too.
    """

    derivative: str
    reflected: str = ""
    positive: bool = False
    vanishes: bool = False


SMOOTH = {
    "exp": Smooth("exp(x)", "1/y", positive=True),
    "expm1": Smooth("exp(x)", "-y/(1 + y)", vanishes=True),
    "log": Smooth("1/x"),
    "log1p": Smooth("1/(1 + x)", vanishes=True),
    "sqrt": Smooth("sqrt(x)/(2*x)"),
    "sin": Smooth("cos(x)", "-y", vanishes=True),
    "cos": Smooth("-sin(x)", "y"),
    "sinc": Smooth("(cos(x) - sinc(x))/x", "y"),
    "sinh": Smooth("cosh(x)", "-y", vanishes=True),
    "cosh": Smooth("sinh(x)", "y", positive=True),
    "tanh": Smooth("1 - tanh(x)*tanh(x)", "-y", vanishes=True),
    "asinh": Smooth("1/sqrt(1 + x*x)", "-y", vanishes=True),
    "atan": Smooth("1/(1 + x*x)", "-y", vanishes=True),
    "erf": Smooth("2/sqrt(pi)*exp(-(x*x))", "-y", vanishes=True),
    "erfc": Smooth("-2/sqrt(pi)*exp(-(x*x))", "2 - y", positive=True),
    "sigmoid": Smooth("sigmoid(x)*sigmoid(-x)", "1 - y", positive=True),
    "softplus": Smooth("sigmoid(x)", "y - x", positive=True),
}
"""The smooth functions; each has a method in every `Field`, and a bound far out in `growth`."""

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

_SHORT = {
    "tan": "sin(x)/cos(x)",
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
    "softplus": (("beta", Fraction(1)),),
    "leaky_relu": (("slope", Fraction(1, 100)),),
    "elu": (("alpha", Fraction(1)),),
    "gaussian": (("sigma", Fraction(1)),),
}

_ARITY = {"max": 2, "min": 2, "clip": 3}


def _signature(name: str) -> Signature:
    keywords, n = _KEYWORDS.get(name, ()), _ARITY.get(name, 1)
    return Signature(n, n + len(keywords), keywords)


WORDS = Vocabulary(
    {name: _signature(name) for name in (*SMOOTH, *_BRANCHES, *_SHORT)},
    ("pi", "e"),
    ("x",),
    {"swish": "silu", "ln": "log"},
)
"""The words of users' formulas."""

_OWN_WORDS = Vocabulary(
    {name: Signature(n.least, n.least) if name in SMOOTH else n for name, n in WORDS.functions.items()},
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
        _check_clip(*(a.number for a in t.arguments[1:]))
    if t.head in ("softplus", "gaussian") and (size := t.arguments[1].number) is not None and size <= 0:
        raise InputError(f"{t.head}: {_KEYWORDS[str(t.head)][0][0]} must be positive, got {text_of(t.arguments[1])}")
    return substituted(_definition(short), dict(zip(VARIABLES, t.arguments, strict=False)))


def _check_clip(low: Fraction | None, high: Fraction | None) -> None:
    if low is not None and high is not None and low > high:
        raise InputError(
            f"clip(x, low, high) needs low <= high, got {text_of(number(low))} and {text_of(number(high))}"
        )


def _plain(t: Tree) -> Tree:
    """Simplify one node whose arguments are plain."""
    if t.head == "^":
        return _power(*t.arguments)
    if t.head in ("power", "sqrt") and t.arguments[0] is ZERO and (t.arguments[-1].number or 1) > 0:
        return ZERO  # as on one side of the kink of relu(x)^1.5
    if t.word in _BRANCHES and t.arguments and _decided_by_zero(t):
        return ZERO if len(t.arguments) == 1 else t.arguments[0]
    if t.constant and (chosen := branch(t)) is not None and (sign := chosen.decider.number):
        return chosen.above if sign > 0 else chosen.below
    if t.head in ("+", "-") and t.arguments:
        return _exponential_minus_one(t)
    if t.head == "log":
        return _logarithm(t.arguments[0])
    if t.head == "log1p":
        return _logarithm_of_one_and(t.arguments[0])
    if t.head == "sqrt":
        return _root(t.arguments[0])
    return t


def _power(base: Tree, exponent: Tree) -> Tree:
    """Return base^exponent: products for whole exponents, else a power of something positive."""
    n = exponent.number
    if n is not None and n.denominator == 1:
        if abs(n) > MOST_POWER:
            raise InputError(f"a whole exponent is at most {MOST_POWER}, got {text_of(exponent)}")
        power = whole_power(base, abs(int(n)))
        return power if n >= 0 else over(ONE, power)
    if base is ZERO and n is not None and n > 0:
        return ZERO
    if n == Fraction(1, 2):
        return _root(base)
    if exponent.constant and not base.constant:
        return node("power", base, exponent)
    return node("exp", times(exponent, ONE if base.head == "e" else node("log", base)))


MOST_POWER = 200
"""Largest whole exponent."""


def _exponential_minus_one(t: Tree) -> Tree:
    """Return e^u − 1 in one piece."""
    a, b = t.arguments
    if t.head == "-" and a.head == "exp" and b is ONE:
        return node("expm1", *a.arguments)
    if t.head == "+" and a.head == "exp" and b is number(-1):
        return node("expm1", *a.arguments)
    return t


def _root(u: Tree) -> Tree:
    """Return √u, |v| where u = v²."""
    square = u.head == "*" and u.arguments[0] is u.arguments[1]
    return node("abs", u.arguments[0]) if square else node("sqrt", u)


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
    if u.head == "/" and u.arguments[0] is ONE:
        return negated(_logarithm(u.arguments[1]))
    return node("log", u)


def _logarithm_of_one_and(v: Tree) -> Tree:
    """Return ln(1 + v)."""
    return node("softplus", *v.arguments) if v.head == "exp" else node("log1p", v)


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
    decider, above, below = (rebuilt(substituted(_definition(text), values), _plain) for text in texts)
    return Branch(_of_same_sign(decider), above, below)


def _decided_by_zero(t: Tree) -> bool:
    """Return whether what decides a branch is plainly 0 everywhere, as in max(u, u); sign and step are 0 at 0."""
    return polynomial(_of_same_sign(reduce(minus, t.arguments))) == [ZERO]


def _of_same_sign(u: Tree) -> Tree:
    """Return a tree with u's sign, but for single points: products for quotients, without factors that are positive."""
    factors, rest = [], [u]
    while rest:
        t = rest.pop()
        if t.head in ("*", "/", "neg") and not t.constant:
            rest += t.arguments[::-1]
            factors += [number(-1)] if t.head == "neg" else []
        else:
            factors.append(t)
    counted = Counter(factors)
    return reduce(times, (t for t, n in counted.items() if t.constant or not _positive(t, n)), ONE)


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
    return rebuilt(tree, lambda t: x if t is X else _plain(t))


def derivative(tree: Tree) -> Tree:
    """Return the derivative with respect to x, of branches that of the one that is taken."""
    known: dict[Tree, Tree] = {}
    for t in in_order(tree):
        known[t] = ZERO if t.constant else _derivative(t, [known[a] for a in t.arguments])
    return known[tree]


def _derivative(t: Tree, slopes: list[Tree]) -> Tree:
    if t is X:
        return ONE
    a, b = (*t.arguments, ZERO)[:2]
    choice = branch(t)
    if choice is not None:
        above = times(node("step", choice.decider), derivative(choice.above))
        return plus(above, times(node("step", negated(choice.decider)), derivative(choice.below)))
    if t.head in ("+", "-"):
        return (plus if t.head == "+" else minus)(*slopes)
    if t.head == "neg":
        return negated(slopes[0])
    if t.head == "*":
        return plus(times(slopes[0], b), times(a, slopes[1]))
    if t.head == "/":
        return over(minus(slopes[0], times(t, slopes[1])), b)
    if t.head == "power" and b.number is not None:
        return times(slopes[0], times(b, _power(a, number(b.number - 1))))
    return times(slopes[0], outer_derivative(t))


def outer_derivative(t: Tree) -> Tree:
    """Return the derivative of a function at its argument."""
    a = t.arguments[0]
    if t.head == "power":
        return over(times(t.arguments[1], t), a)
    return substituted(_definition(SMOOTH[t.word].derivative), {"x": a})


def reflected_function(t: Tree) -> Tree | None:
    """Return f(−u) in terms of u and f(u), for the node f(u), where there is such a formula."""
    known = SMOOTH.get(t.word)
    if known is None or not known.reflected:
        return None
    return substituted(_definition(known.reflected), {"x": t.arguments[0], "y": t})


Program = Callable[[Any], list[Any]]


def program(trees: Sequence[Tree], field: Any) -> Program:
    """Return x ↦ the values of trees without branches, shared parts and constants computed once."""
    order = list(in_order(*trees))
    place = {t: i for i, t in enumerate(order)}
    known: list[Any] = [None] * len(order)
    steps = []
    for i, t in enumerate(order):
        operation, arguments = _operation(t, field), tuple(place[a] for a in t.arguments)
        if t.constant:
            known[i] = operation(*(known[a] for a in arguments))
        elif t is not X:
            steps.append((i, operation, arguments))
    outputs, start = [place[t] for t in trees], place.get(X)

    def run(x: Any) -> list[Any]:
        values = known.copy()
        if start is not None:
            values[start] = x
        for i, operation, arguments in steps:
            values[i] = operation(*[values[a] for a in arguments])
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
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "neg": lambda a: -a,
}


@lru_cache(maxsize=256)
def polynomial(tree: Tree) -> list[Tree] | None:
    """Return the coefficients, constant trees, of a tree that is plainly a polynomial in x, else None."""
    known: dict[Tree, list[Tree] | None] = {}
    for t in in_order(tree):
        known[t] = [t] if t.constant else _polynomial(t, [known[a] for a in t.arguments])
        if len(known[t] or []) > MOST_POWER + 1:
            raise InputError(f"a polynomial has degree {MOST_POWER} at most")
    return known[tree]


def _polynomial(t: Tree, parts: list[list[Tree] | None]) -> list[Tree] | None:
    if t is X:
        return [ZERO, ONE]
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
