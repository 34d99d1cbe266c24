"""Activations φ: what the theory needs to know of each, its dual D(t) = E[φ(U)φ(V)] and its Hermite coefficients.

`catalogue.activation` turns a name or a formula into an `Activation`. Formulas are read by `activations.formula`.
"""

__all__ = [
    "catalogue",
    "duals",
    "numpy_activations",
    "work_budget",
]
