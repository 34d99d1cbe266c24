"""From the text of a formula to an `Activation`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

from ntkcalc.activations.activation import Activation, ArrayPair, HermiteFunction
from ntkcalc.activations.formula.cutting import cut
from ntkcalc.activations.formula.formula_dual import FormulaDual
from ntkcalc.activations.formula.formulas import formula_dual
from ntkcalc.activations.formula.functions import WORDS, plain
from ntkcalc.activations.formula.grammar import SIGNS, parsed
from ntkcalc.activations.formula.trees import Tree, X, node, number, rebuilt, text_of, times
from ntkcalc.numerics.precision import Context, Real


def parse(text: str, named_call: Callable[[str, Sequence[Fraction]], Activation | None]) -> Activation:
    """Return the activation that a formula describes: see `ntkcalc.activations.formula.parse`."""
    tree = parsed(text, WORDS)
    if tree.arguments[:1] == (X,):
        values = [a.number for a in tree.arguments[1:]]
        numbers = [v for v in values if v is not None]
        if numbers == values and (named := named_call(str(tree.head), numbers)) is not None:
            return named
    dual = _dual(tree, text_of(tree))
    jumps, roughness = dual.jumps()
    return replace(_activation(tree, dual), parity=dual.parity, jumps=jumps, roughness=roughness)


def softplus(beta: Fraction, name: str) -> Activation:
    """Return softplus: see `ntkcalc.activations.formula.softplus`."""
    tree = node("softplus", X, number(beta))
    return _activation(tree, _dual(tree, name))


def is_formula(text: str) -> bool:
    """Return whether text is no single word, or is one with x in it such as x-1, or with a sign such as ²."""
    if not re.fullmatch(r"\s*[A-Za-z_][\w-]*\s*|\s*", text) or any(sign in text for sign in SIGNS):
        return True
    return "x" in re.split(r"[\s-]", text.lower())


def _dual(tree: Tree, name: str) -> FormulaDual:
    return formula_dual(cut(plain(tree), name))


def _activation(tree: Tree, dual: FormulaDual) -> Activation:
    """Return the activation of a formula with this dual; parity, jumps and roughness are left out."""

    def phi(ctx: Context, x: Real) -> Real:
        return dual.phi.evaluator(ctx)(ctx.convert(x))[0]

    def on_arrays() -> ArrayPair:
        from ntkcalc.activations.formula.array_field import on_arrays

        return on_arrays(dual.phi)

    def dilation(q: Fraction) -> tuple[FormulaDual, HermiteFunction]:
        stretched = times(node("sqrt", number(q)), X)
        scaled = _dual(rebuilt(tree, lambda t: stretched if t is X else t), dual.name)
        return scaled, scaled.hermite

    return Activation(dual.name, phi, on_arrays, dual, dual.hermite, dilation)
