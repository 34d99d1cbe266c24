"""The kernel's power series: the recurrence of Theorem 3.1, its coefficients and tails, values beside them."""

__all__ = ["coefficients", "given_series", "recurrence", "results", "values"]
