"""Formulas in x as activations: parsed, cut at their kinks, their Hermite coefficients by quadrature."""
