"""The plain form of formulas: smooth functions and branches alone, sums, powers and logarithms simplified.

The cases of a branching node (`branch`) are here, too, for they are brought into plain form.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache, reduce

from ntkcalc.activations.formula.expressions.functions import BRANCHES, OWN_WORDS, ROOTED, SHORT, SMOOTH, signature
from ntkcalc.activations.formula.expressions.grammar import parsed
from ntkcalc.activations.formula.expressions.polynomials import MOST_POWER, polynomial
from ntkcalc.activations.formula.expressions.trees import (
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
    text_of,
    times,
    whole_power,
)
from ntkcalc.errors import InputError


@cache
def definition(text: str) -> Tree:
    """Return a formula of the tables, ready to be used."""
    return rebuilt(parsed(text, OWN_WORDS), _in_plain_words)


def plain(tree: Tree) -> Tree:
    """Return a user's formula in smooth functions and branches alone, simplified, powers as products.

    Raises
    ------
    InputError
        For powers or numbers that are too large.
    """
    found = rebuilt(tree, _in_plain_words)
    if sum(1 for _ in in_order(found)) > _MOST_NODES:
        raise InputError(f"the formula has more than {_MOST_NODES} steps; write a shorter one")
    return found


_MOST_NODES = 600


def _in_plain_words(t: Tree) -> Tree:
    """Simplify one node whose arguments are plain, an abbreviation or not."""
    return _plain(_abbreviated(t))


def _abbreviated(t: Tree) -> Tree:
    """Replace a user's abbreviation by what it stands for."""
    short = SHORT.get(t.word)
    if short is None or len(t.arguments) < signature(str(t.head)).most:  # or plain already
        return t
    if t.head == "softplus" and t.arguments[1] is ONE:
        return node("softplus", t.arguments[0])
    if t.head == "clip":
        low, high = (a.number for a in t.arguments[1:])
        if low is not None and high is not None and low > high:
            said = " and ".join(map(text_of, t.arguments[1:]))
            raise InputError(f"clip(x, low, high) needs low <= high, got {said}")
    if t.head in ("softplus", "gaussian", "celu") and (size := t.arguments[1].number) is not None and size <= 0:
        raise InputError(f"{t.head}: {short.keyword} must be positive, got {text_of(t.arguments[1])}")
    return rebuilt(definition(short.formula), _plain, dict(zip(VARIABLES, t.arguments, strict=False)))


def _plain(t: Tree) -> Tree:
    """Simplify one node whose arguments are plain."""
    if t.word in ("^", "power"):
        return _power(*t.arguments)
    if not t.arguments:
        return t
    u = t.arguments[0]
    if t.arguments == (ZERO,) and t.word in SMOOTH:
        return ZERO if SMOOTH[t.word].vanishes or t.head == "sqrt" else ONE if t.word in ("exp", "cos") else t
    if t.word in BRANCHES:
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
    """Return the argument or number that a branching node always is, if one is plain; |u| for max(u, −u)."""
    if _decided_by_zero(t):
        return ZERO if len(t.arguments) == 1 else t.arguments[0]
    if len(t.arguments) == 2 and t.arguments[1] is negated(t.arguments[0]):
        found = _plain(node("abs", t.arguments[0]))
        return found if t.head == "max" else negated(found)
    if (chosen := branch(t)) is not None and (sign := chosen.decider.number):
        return chosen.above if sign > 0 else chosen.below
    return t


def _wave(t: Tree) -> Tree:
    """Return sin or cos of nπ/2 as a number, of atan u without either."""
    u = t.arguments[0]
    if u.head == "atan":
        return rebuilt(definition(_OF_ATAN[t.word]), _plain, {"x": u.arguments[0]})
    c, unit = _multiple(u)
    quarters = 2 * c + (t.head == "cos")
    return number((0, 1, 0, -1)[int(quarters) % 4]) if unit.head == "pi" and quarters.denominator == 1 else t


_OF_ATAN = {"sin": "x/sqrt(1 + x*x)", "cos": "1/sqrt(1 + x*x)"}
"""Functions of atan x."""


def _product(t: Tree) -> Tree:
    """Return √n √n as n, exponentials as one, and a multiple of a multiple as one."""
    a, b = t.arguments
    if a.head == b.head == "exp":
        return _plain(node("exp", _plain(plus(*a.arguments, *b.arguments))))
    if a is b and a.head == "sqrt" and (a.arguments[0].number or 0) > 0:
        return a.arguments[0]
    return _once(t) if a.number or b.number else t


def _quotient(t: Tree) -> Tree:
    """Return u/(v/w) as uw/v, u/e^v as u e^−v, parts of multiples as one, and 0 over a positive tree as 0."""
    a, b = t.arguments
    if b.head == "/" and not (b.constant or any(s.word in BRANCHES for s in in_order(b))):  # w may be 0 on an interval
        return _plain(over(_plain(times(a, b.arguments[1])), b.arguments[0]))
    if a is ZERO and _is_plainly_positive(b):
        return ZERO
    if b.head == "exp":
        return _plain(times(a, _plain(node("exp", negated(*b.arguments)))))
    return _once(t) if b.number else t


def _once(t: Tree) -> Tree:
    """Return a multiple of a multiple as one."""
    c, u = _multiple(t)
    return t if u in t.arguments else _times(c, u)


def _times(c: Fraction, u: Tree) -> Tree:
    """Return c u, as u/n for c = 1/n."""
    if abs(c.numerator) != 1:
        return times(number(c), u)
    return over(u, number(1 / c)) if c > 0 else negated(over(u, number(-1 / c)))


def _exponential(t: Tree) -> Tree:
    """Return e^{c ln u} as u^c, u itself only where u is plainly nowhere negative, e^1 as e."""
    u = t.arguments[0]
    if u is ONE:
        return node("e")
    c, logarithm = _multiple(u)
    if logarithm.head != "log" or logarithm.constant or not (c != 1 or _is_no_negative(logarithm.arguments[0])):
        return t
    return _power(logarithm.arguments[0], number(c))


_INVERSES = {"log": "exp", "log1p": "expm1", "asinh": "sinh", "sinh": "asinh"}
"""Functions f and g with f(g(v)) = v for all real v."""


def _power(base: Tree, exponent: Tree) -> Tree:
    """Return base^exponent: products for whole exponents, else a power of something positive."""
    n = exponent.number
    if base.head == "exp":
        return _plain(node("exp", _plain(times(exponent, base.arguments[0]))))
    inner = Fraction(1, 2) if base.head == "sqrt" else base.arguments[1].number if base.head == "power" else None
    if n is not None and inner is not None:
        return _power(base.arguments[0], number(n * inner))
    if n is not None and n.denominator == 1:
        if abs(n) > MOST_POWER:
            raise InputError(f"a whole exponent is at most {MOST_POWER}, got {text_of(exponent)}")
        power = whole_power(base, abs(int(n)))
        return power if n >= 0 else over(ONE, power)
    if base is ZERO and ((n or 0) > 0 or (exponent.word in SMOOTH and SMOOTH[exponent.word].positive)):
        return ZERO
    if n == Fraction(1, 2):
        return _root(base)
    if n is not None and _is_square(base):
        return _power(node("abs", base.arguments[0]), number(2 * n))
    if exponent.constant and not base.constant:
        return node("power", base, exponent)
    return node("exp", times(exponent, ONE if base.head == "e" else node("log", base)))


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
        x = _times(c, X)
        return minus(x, number(-d)) if d < 0 else plus(x, number(d))
    (p, f), (q, g) = map(_multiple, t.arguments)
    q = q if t.head == "+" else -q
    found = _from_one(q, p, f) if g is ONE else _from_one(p, q, g) if f is ONE else None
    return t if found is None else found


def _from_one(c: Fraction, factor: Fraction, f: Tree) -> Tree | None:
    """Return c + factor · f(u) by the complement of f, if that has one: for −c, and of an odd f for c, too.

    c − c f(u)² is c (1 − f(u))(1 + f(u)), c + c cos u is 2c cos²(u/2), and 2 − erfc u is erfc(−u).
    """
    if _is_square(f) and factor == -c:
        f = f.arguments[0]
        if f.word in _BESIDE:
            return times(number(c), whole_power(rebuilt(definition(_BESIDE[f.word]), _plain, {"x": f.arguments[0]}), 2))
        parts = [_from_one(Fraction(1), Fraction(sign), f) for sign in (-1, 1)]
        return None if parts[0] is None or parts[1] is None else times(number(c), times(parts[0], parts[1]))
    if f.word == "cos" and factor == c:
        return times(number(2 * c), whole_power(_plain(node("cos", _once(over(f.arguments[0], number(2))))), 2))
    if f.word == "erfc" and factor == -c / 2:
        opposite = _negative(f.arguments[0])
        return _times(-factor, node("erfc", negated(f.arguments[0]) if opposite is None else opposite))
    known = SMOOTH.get(f.word)
    signs = (-1, 1) if known is not None and known.reflected == "-y" else (-1,)
    if known is None or not known.complement or factor not in [sign * c for sign in signs]:
        return None
    u = f.arguments[0] if factor == -c else negated(f.arguments[0])
    found = times(number(c), rebuilt(definition(known.complement), _plain, {"x": u}))
    return _product(found) if found.head == "*" else found


_BESIDE = {"sin": "cos(x)", "cos": "sin(x)", "tanh": "2/(exp(x) + exp(-x))"}
"""g with f² + g² = 1, by f."""


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
    c, v = _multiple(u)
    if v is ONE and c >= 0:
        root = _rational_root(c)
        return node("sqrt", u) if root is None else number(root)
    if c > 0 and _is_square(v):
        return times(_root(number(c)), _root(v))
    if u.word in ("*", "/") and any(a.head == "exp" for a in u.arguments):
        return (times if u.word == "*" else over)(*map(_root, u.arguments))
    row = None if u.constant else polynomial(u)
    if row is not None and all(lower is ZERO for lower in row[:-1]):
        n = row[-1].number
        if n == 0:
            return ZERO
        if n and n > 0 and len(row) % 2:
            return times(_root(number(n)), whole_power(node("abs", X), len(row) // 2))
    return node("sqrt", u)


def _rational_root(c: Fraction) -> Fraction | None:
    """Return √c, None where it is no rational number."""
    found = Fraction(math.isqrt(c.numerator), math.isqrt(c.denominator))
    return found if found * found == c else None


def _logarithm(u: Tree) -> Tree:
    """Return ln u, of 1 + v without the sum, of 1 + e^v as softplus, of u + √(d + u²) as ln √d + asinh(u/√d)."""
    if u.head == "+" and ONE in u.arguments:
        return _logarithm_of_one_and(u.arguments[1] if u.arguments[0] is ONE else u.arguments[0])
    c, v = _multiple(u)
    beside = beside_root(v)
    if beside is not None and min(beside.rest, beside.factor, c) > 0:
        scale = _root(number(beside.rest))
        return plus(_plain(node("asinh", over(beside.u, scale))), _plain(node("log", times(number(c), scale))))
    if u is ONE:
        return ZERO
    if _is_square(u) and not u.constant:
        return times(number(2), _logarithm(_plain(node("abs", u.arguments[0]))))
    if u.head == "sigmoid":
        return negated(node("softplus", negated(u.arguments[0])))
    if u.word in ("*", "/") and any(a is ONE or (not a.constant and _is_plainly_positive(a)) for a in u.arguments):
        return (plus if u.head == "*" else minus)(*map(_logarithm, u.arguments))
    return u.arguments[0] if u.head == "exp" else node("log", u)


@lru_cache(maxsize=256)
def _is_plainly_positive(t: Tree) -> bool:
    """Return whether a tree is a product or quotient of positive parts: exponentials, constants, x + √(x² + 1)."""
    if not t.constant:
        made = t.word in ("*", "/") and all(map(_is_plainly_positive, t.arguments))
        return made or t.head in ("exp", "sigmoid") or _is_beside_root(t)
    from ntkcalc.activations.formula.expressions.ball_functions import real_program
    from ntkcalc.activations.formula.expressions.balls import working_precision

    with working_precision(64):
        return bool(real_program(t)(None)[0] > 2.0**-32)


def _is_beside_root(t: Tree) -> bool:
    """Return whether a tree is u + c√w with c > 0 and c²w > u²."""
    beside = beside_root(t)
    return beside is not None and min(beside.rest, beside.factor) > 0


def _logarithm_of_one_and(v: Tree) -> Tree:
    """Return ln(1 + v)."""
    if v.number is not None and v.number >= 1:
        return _logarithm(number(1 + v.number))
    return node("softplus", *v.arguments) if v.head == "exp" else node("log1p", v)


_RULES: dict[str, Callable[[Tree], Tree]] = {
    "+": _sum,
    "-": _sum,
    "*": _product,
    "/": _quotient,
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
    texts = BRANCHES.get(t.word)
    if texts is None or not t.arguments:
        return None
    values = dict(zip(VARIABLES, t.arguments, strict=False))
    decider, above, below = (rebuilt(definition(text), _plain, values) for text in texts)
    return Branch(of_same_sign(decider), above, below)


def _decided_by_zero(t: Tree) -> bool:
    """Return whether what decides a branch is plainly 0 everywhere, as in max(u, u); sign and step are 0 at 0."""
    return polynomial(of_same_sign(reduce(minus, t.arguments))) == [ZERO]


def of_same_sign(u: Tree) -> Tree:
    """Return a tree with u's sign, but for single points.

    It has products for quotients, u for tanh u and the like, u − v for f(u) − f(v) where f rises, and no factors that
    are positive.
    """
    factors, rest = [], [u]
    while rest:
        t = rest.pop()
        if t.word in SMOOTH and SMOOTH[t.word].rises:
            rest.append(t.arguments[0])
        elif t.head in ("*", "/", "neg") and not t.constant:
            rest += t.arguments[::-1]
            factors += [number(-1)] if t.head == "neg" else []
        elif (apart := _apart(t)) is not None:
            rest.append(apart)
        elif (beside := beside_root(t)) is not None and beside.rest > 0:
            factors.append(number(beside.factor))
        else:
            factors.append(t)
    counted = Counter(factors)
    kept = (whole_power(t, 2 - n % 2) for t, n in counted.items() if t.constant or not _positive(t, n))
    return reduce(times, kept, ONE)


def _apart(t: Tree) -> Tree | None:
    """Return u − v for f(u) − f(v) if f rises, u + v for f(u) + f(v) if it is odd as well; None of anything else."""
    if t.word not in ("+", "-") or t.constant or t.arguments[0].head != t.arguments[1].head:
        return None
    a, b = t.arguments
    known = SMOOTH.get(a.word)
    if known is None or known.ends is None or not (t.head == "-" or known.reflected == "-y"):
        return None
    u, v = a.arguments[0], b.arguments[0]
    if t.head == "+":
        return plus(u, v)
    return minus(u, v) if known.ends[0] < known.ends[1] else minus(v, u)


@dataclass(frozen=True)
class BesideRoot:
    """A sum t = u + c√w with a rest d = c²w − u² that is a number: t is d/(c√w − u), also where u is nearly −c√w."""

    u: Tree
    root: Tree  # c√w
    factor: Fraction  # c
    rest: Fraction  # d, not 0


def beside_root(t: Tree) -> BesideRoot | None:
    """Return the parts of such a sum."""
    if t.word in ("+", "-") and not t.constant:
        a, b = t.arguments[0], t.arguments[1] if t.head == "+" else negated(t.arguments[1])
        for u, root in ((a, b), (b, a)):
            c, r = _multiple(root)
            if r.head == "sqrt":
                row = polynomial(minus(times(number(c * c), r.arguments[0]), times(u, u))) or []
                if len(row) == 1 and row[0].number:
                    return BesideRoot(u, root, c, row[0].number)
    return None


def _positive(t: Tree, n: int) -> bool:
    """Return whether t^n is known to be positive but for single points."""
    return _is_positive(t) or (n % 2 == 0 and polynomial(t) not in (None, [ZERO]))


def _is_positive(t: Tree) -> bool:
    """Return whether a tree is made of positive numbers and positive functions of polynomials by + and *."""
    if t.head in ("+", "*"):
        return all(map(_is_positive, t.arguments))
    smooth = SMOOTH.get(t.word)
    return bool(smooth and smooth.positive and polynomial(t.arguments[0]) is not None) or (t.number or 0) > 0


def singular_nodes(tree: Tree) -> Iterator[tuple[Tree, Tree]]:
    """Yield nodes of a plain tree that may be singular where something vanishes, with that: divisors and radicands."""
    for t in in_order(tree):
        if t.word == "/" and not t.arguments[1].constant:
            yield t, t.arguments[1]
        elif t.word in ROOTED and t.arguments and not t.arguments[0].constant:
            yield t, plus(ONE, t.arguments[0]) if t.word == "log1p" else t.arguments[0]


def radicands(tree: Tree) -> list[Tree]:
    """Return what a plain tree takes roots, powers and logarithms of: it is real where none of these is negative."""
    return [u for t, u in singular_nodes(tree) if t.word in ROOTED]


def replaced(tree: Tree, old: Tree, new: Tree) -> Tree:
    """Return a plain tree with one node in the place of another, simplified: √(max(v, 0)²) is |v| where v > 0."""
    return rebuilt(tree, lambda t: new if t is old else _plain(t))


def stretched(tree: Tree, q: Fraction) -> Tree:
    """Return tree(√q x) of a plain tree, √q as a number where it is rational."""
    if q == 1:
        return tree
    return rebuilt(tree, _plain, {"x": times(_root(number(q)), X)})
