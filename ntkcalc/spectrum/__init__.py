"""Spectra: on the sphere (Theorem 4.6), of the kernel matrix of data (Lemma C.20), effective ranks (4.1, 4.3)."""

__all__ = ["effective_rank", "eigenvalue_fit", "matrix_spectrum", "rank_bounds", "results", "sphere", "sphere_sample"]
