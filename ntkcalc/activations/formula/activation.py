"""From the text of a formula to an `Activation`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

from ntkcalc.activations.activation import Activation, ArrayPair
from ntkcalc.activations.formula.cutting import cut
from ntkcalc.activations.formula.formula_dual import FormulaDual
from ntkcalc.activations.formula.formulas import formula_dual
from ntkcalc.activations.formula.functions import WORDS, plain
from ntkcalc.activations.formula.grammar import SIGNS, parsed
from ntkcalc.activations.formula.quadrature_dual import QuadratureDual, quadrature_dual
from ntkcalc.activations.formula.strip import Analytic
from ntkcalc.activations.formula.symmetry import same_function
from ntkcalc.activations.formula.trees import Tree, X, text_of
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
    if isinstance(dual, QuadratureDual):
        for name in _CLOSED_FORMS:
            call = parsed(f"{name}(x)", WORDS)
            if same_function(plain(tree), plain(call)):
                named = named_call(name, [a.number for a in call.arguments[1:] if a.number is not None])
                if named is not None:
                    return replace(_activation(dual), dual=named.dual, hermite=named.hermite, parity=dual.parity)
    jumps, roughness = dual.jumps()
    return replace(_activation(dual), parity=dual.parity, jumps=jumps, roughness=roughness)


_CLOSED_FORMS = ("erf", "gelu", "gaussian", "sin", "cos")
"""Smooth functions whose duals have closed forms; formulas proven to be one of them take its dual."""


def with_poles(text: str, name: str, distance: float) -> Activation:
    """Return a smooth activation: see `ntkcalc.activations.formula.with_poles`."""
    dual = QuadratureDual(Analytic.of(plain(parsed(text, WORDS)), distance), name)
    return replace(_activation(dual), parity=dual.parity, pole_distance=lambda: distance)


def is_formula(text: str) -> bool:
    """Return whether text is no single word, or is one with x in it such as x-1, or with a sign such as ²."""
    if not re.fullmatch(r"\s*[A-Za-z_][\w-]*\s*|\s*", text) or any(sign in text for sign in SIGNS):
        return True
    return "x" in re.split(r"[\s-]", text.lower())


def _dual(tree: Tree, name: str) -> FormulaDual | QuadratureDual:
    """Return the proven dual of a smooth φ, else that of its pieces."""
    found = plain(tree)
    return quadrature_dual(found, name) or formula_dual(cut(found, name))


def _activation(dual: FormulaDual | QuadratureDual) -> Activation:
    """Return the activation with this dual; parity, jumps and roughness are left out."""

    def phi(ctx: Context, x: Real) -> Real:
        return dual.phi.evaluator(ctx)(ctx.convert(x))[0]

    def on_arrays() -> ArrayPair:
        from ntkcalc.activations.formula.array_field import on_arrays

        return on_arrays(dual.phi)

    return Activation(dual.name, phi, on_arrays, dual, dual.hermite)
