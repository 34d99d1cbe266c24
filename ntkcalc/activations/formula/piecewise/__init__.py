"""Duals of formulas with kinks or singular points, from Gauss rules between them.

`kinks` and `slivers` are the ends of the `cells` of `panels`; `matched_spline` takes the kinks out of φ, and
`piecewise_dual` adds both parts. Pieces with rational ends (`rational_pieces`) may have closed forms (`power_dual`).
"""
