"""Results as text and pictures: tables, JSON, CSV, plain values, plots. No mathematics here."""

__all__ = [
    "coeffs",
    "common",
    "decay",
    "effrank",
    "eigs",
    "evaluate",
    "formats",
    "networks",
    "plots",
    "schema",
    "text",
]
