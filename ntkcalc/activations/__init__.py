"""Activations φ: what the theory needs to know of each, its dual D(t) = E[φ(U)φ(V)] and its Hermite coefficients.

`catalogue.activation` turns a name or a formula into an `activation.Activation`. Families of named activations stand in
one module each, φ in high precision and on arrays beside its dual: `piecewise_linear`, `exponential_linear`,
`normal_distribution`, `sigmoidal`, `trigonometric`. To add one, write a `Family` there and list it in `catalogue`.
Duals (`dual.Dual`) are closed forms (`closed_form_dual`) or come by quadrature (`formula.smooth`), also for named
functions whose poles are known. Formulas are the part `formula`, behind its function `parse`.
"""

__all__ = [
    "activation",
    "catalogue",
    "dual",
]
