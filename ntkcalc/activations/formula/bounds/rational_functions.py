"""Quotients of polynomials in x and in atoms, which are functions of x: exact arithmetic that tells what is 0.

Atoms are independent variables here, but (√n)² is n for a number n, and e^{2u} is the square of e^u.
"""

from __future__ import annotations

from fractions import Fraction
from functools import reduce
from typing import Any, TypeAlias

import flint

from ntkcalc.activations.formula.expressions.ball_functions import real_program
from ntkcalc.activations.formula.expressions.balls import rational, working_precision
from ntkcalc.activations.formula.expressions.plain_form import branch
from ntkcalc.activations.formula.expressions.trees import (
    Tree,
    X,
    folded,
    in_order,
    node,
    number,
    times,
    total,
    whole_power,
)

_ARITHMETIC = ("+", "-", "*", "/", "neg")
_MOST_TERMS = 400
_MOST_ATOMS = 12
_PLACES, _MANY_BITS = (Fraction(731, 1000), Fraction(-457, 300)), 320  # where what is no zero is told from 0
_LARGEST_POWER = 8  # of an exponential that is written as a power of another


class UnknownError(Exception):
    """Nothing is proven."""


Quotient: TypeAlias = tuple[Any, Any]
"""A numerator and a denominator, polynomials in x and in atoms."""


def fraction(c: Any) -> Fraction:
    """Return a rational number of FLINT."""
    return Fraction(int(c.p), int(c.q))


def _rational(c: Fraction) -> Any:
    return flint.fmpq(c.numerator, c.denominator)


class RationalFunctions:
    """Quotients of polynomials in x, constants and atoms."""

    def __init__(self, *trees: Tree) -> None:
        atoms = dict.fromkeys(_atom(t) for tree in trees for t in outermost(tree))
        atoms.pop(X, None)
        if len(atoms) > _MOST_ATOMS:
            raise UnknownError
        names = ["x", *(f"a{i}" for i in range(len(atoms)))]
        context = flint.fmpq_mpoly_ctx.get(tuple(names), "lex")
        self.generators = dict(zip((X, *atoms), context.gens(), strict=True))
        self.one = context.constant(1)
        roots = ((t.arguments[0].number, g) for t, g in self.generators.items() if t.word == "sqrt")
        self.zeros = [g * g - _rational(n) * self.one for n, g in roots if n is not None]  # (√n)² − n

    def quotient(self, tree: Tree) -> Quotient:
        """Return a tree as a quotient."""
        found = folded(tree, self._quotient)
        if found is None:
            raise UnknownError
        return found

    def _quotient(self, t: Tree, parts: list[Quotient | None]) -> Quotient | None:
        """Return a node as a quotient, None for a node inside a function."""
        generator = self.generators.get(_atom(t))
        if generator is not None:
            return _exponential(t, generator, self.one)
        if t.number is not None:
            return _rational(t.number) * self.one, self.one
        known = [part for part in parts if part is not None]
        if t.word not in _ARITHMETIC or len(known) < len(parts):
            return None
        (top, bottom), (other, under) = (*known, (self.one, self.one))[:2]
        if t.word == "/":
            if other == 0:
                raise UnknownError
            other, under = under, other
        if t.word in ("+", "-"):
            other = other * bottom if t.word == "+" else -other * bottom
            found = top * under + other, bottom * under
        else:
            found = (-top if t.word == "neg" else top) * other, bottom * under
        found = self.reduced(found[0]), self.reduced(found[1])
        if max(map(len, found)) > _MOST_TERMS:
            raise UnknownError
        return found

    def reduced(self, polynomial: Any) -> Any:
        """Return a polynomial in the generators with n for (√n)²."""
        return reduce(lambda rest, zero: rest % zero, self.zeros, polynomial)

    def functions_in(self, polynomial: Any) -> bool:
        """Return whether functions of x are in a polynomial in the generators."""
        degrees = zip(self.generators, polynomial.degrees(), strict=True)
        return any(n and not (atom is X or atom.constant) for atom, n in degrees)

    def may_vanish(self, polynomial: Any) -> bool:
        """Return whether a polynomial in the generators may be 0 on an interval: √2·√2 − 2, or |x| − x."""
        tree = self.tree(polynomial)
        if any(branch(t) is not None for t in in_order(tree)):
            return True
        with working_precision(_MANY_BITS):
            run = real_program(tree)
            return all(run(rational(x))[0].contains(0) for x in _PLACES)

    def factored(self, polynomial: Any) -> Tree:
        """Return a polynomial in the generators as a product, of which balls next to zeros are narrower."""
        c, factors = polynomial.factor()
        return reduce(times, (whole_power(self.tree(f), int(n)) for f, n in factors), number(fraction(c)))

    def tree(self, polynomial: Any) -> Tree:
        """Return a polynomial in the generators as a tree."""
        terms = []
        for powers, c in polynomial.to_dict().items():
            factors = [whole_power(a, n) for a, n in zip(self.generators, powers, strict=True) if n]
            terms.append(reduce(times, factors, number(fraction(c))))
        return total(terms)


def _exponential(t: Tree, generator: Any, one: Any) -> Quotient:
    """Return e^{nu} as a power of the atom e^u, e^{nu} − 1 likewise, and other atoms as they are."""
    times = whole_multiple(t.arguments[0])[0] if t.word in ("exp", "expm1") else 1
    power = generator ** abs(times)
    top, bottom = (power, one) if times > 0 else (one, power)
    return top - bottom if t.word == "expm1" else top, bottom


def whole_multiple(u: Tree) -> tuple[int, Tree]:
    """Return n and v with u = n v, for a small whole n."""
    if u.word == "neg":
        n, v = whole_multiple(u.arguments[0])
        return -n, v
    if u.word == "*":
        for factor, rest in (u.arguments, u.arguments[::-1]):
            times = factor.number
            if times is not None and times.denominator == 1 and 0 < abs(times) <= _LARGEST_POWER:
                return int(times), rest
    return 1, u


def _atom(t: Tree) -> Tree:
    """Return what a node is a function of, such as e^u for e^−u, e^{2u} and e^u − 1."""
    return node("exp", whole_multiple(t.arguments[0])[1]) if t.word in ("exp", "expm1") else t


def outermost(tree: Tree) -> list[Tree]:
    """Return the nodes that are no arithmetic and are not inside others of them."""
    found, seen, stack = [], {tree}, [tree]
    while stack:
        t = stack.pop()
        if t.arguments and t.word in _ARITHMETIC:
            new = [a for a in dict.fromkeys(t.arguments) if a not in seen]
            seen.update(new)
            stack.extend(new)
        elif t.number is None:
            found.append(t)
    return found
