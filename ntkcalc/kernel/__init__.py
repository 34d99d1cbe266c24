"""The kernel: its variances and layers, Θ_l(ρ) by the recursion (11)-(12), on arrays, and as a matrix of data."""

__all__ = [
    "arrays",
    "hyperparameters",
    "kernel_lookup",
    "kernel_matrix",
    "matrix_summary",
    "points",
    "recursion",
    "results",
    "variances",
]
