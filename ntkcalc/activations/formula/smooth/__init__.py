"""Duals of formulas without kinks, from bounds on φ in a strip about the real line.

`strip` finds the strip and its bounds, `trapezoid` sums over the line with a proven error, and `quadrature_dual`
chooses between Hermite coefficients, local ones (`local_hermite`) and derivatives at ±1 (`expansion_at_one`).
"""
