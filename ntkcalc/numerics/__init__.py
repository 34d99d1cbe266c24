"""Numbers and truncated power series of them: precision, decimal text, the engines.

An engine multiplies and composes power series with nonnegative coefficients, to a relative error that it states:
`mpmath_engine` to any precision, `numpy_engine` in float64. `tasks` are
independent pieces of work, here or elsewhere; `work` announces what takes long. Nothing here knows what a kernel is.
"""

__all__ = [
    "blas_threads",
    "block_sums",
    "engine",
    "float_roundings",
    "known_digits",
    "krylov",
    "mpfr_series",
    "mpmath_engine",
    "numpy_engine",
    "packed_series",
    "precision",
    "tasks",
    "types",
    "work",
]
