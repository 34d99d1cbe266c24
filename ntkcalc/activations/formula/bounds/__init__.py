"""What is proven of a formula on intervals, and from some x on: signs, limits, symmetries and sizes.

`ranges` bounds values on intervals, `growth` far out (by `asymptotic_forms`); `branches` tells which case of a formula
holds where; `singularities` finds places where there may be no value, `removable` those where there is a limit instead;
`symmetry` proves that formulas are even, odd, equal or polynomials, by exact arithmetic (`rational_functions`).
"""
