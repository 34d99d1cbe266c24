"""Decay of coefficients and eigenvalues: fitted laws, and what theory says (Lemma 3.2, Corollary 4.7, Theorem 4.8)."""

__all__ = ["fit", "kernel_decay", "results", "theory"]
