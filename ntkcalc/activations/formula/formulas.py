r"""The dual of a formula φ, from its pieces.

* Pieces that are polynomials: Hermite coefficients and dual of a spline (`splines`), exact for all k and t.
* One smooth piece: quadrature on the line. The coefficients fall fast, and the Hermite series is short.
* Kinks: near the k where the asymptotic series of the jumps reaches the precision asked for, the coefficients of φ
  and those of the spline S with the same jumps become equal. Below it quadrature gives µ_k, beyond it S does, and

  .. math::  D(t) = D_S(t) + \sum_{k ≤ K} (µ_k(φ)² − µ_k(S)²) t^k

  holds up to ±1, where D's own series converges slowly. The two must agree where they meet.
* Kinks whose jumps grow too fast for that, as those of x/(1 + |x|): D next to ±1 is an integral over the plane.
* Kinks with powers such as |x|^{3/2} have no such spline: quadrature alone, for as many k as it reaches.
"""

from __future__ import annotations

from ntkcalc.activations.formula.formula_dual import FormulaDual
from ntkcalc.activations.formula.kinked_dual import KinkedDual
from ntkcalc.activations.formula.pieces import Pieces
from ntkcalc.activations.formula.spline_dual import SplineDual
from ntkcalc.errors import InputError


def formula_dual(phi: Pieces) -> FormulaDual:
    """Return the dual of φ.

    Raises
    ------
    InputError
        For a constant in disguise, such as x/x.
    """
    kind = SplineDual if phi.polynomials is not None else KinkedDual if phi.kinked else FormulaDual
    dual = kind(phi)
    even, odd = dual.polynomial_parts
    if even is not None and odd is not None:
        if max(even, odd) < 1:
            raise InputError(f"{phi.text} is constant: a network of it computes nothing")
        dual.degree = max(even, odd)
    return dual
