"""Results in any format: one function chooses the text, one draws the picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ntkcalc.report.common import Screen


def text_of(results: Sequence[Any], style: str, screen: Screen, every: bool = False) -> str:
    """Return results of one kind as text: "table", "json", "csv" or "plain".

    Parameters
    ----------
    results
        Results of one type, such as `Coefficients`.
    style
        The format.
    screen
        What a table is drawn on.
    every
        Of decay laws, whether all models that were tried are shown.
    """
    from ntkcalc.report import coeffs, decay, effrank, eigs, evaluate, networks

    kind = type(results[0]).__name__
    table, others = {
        "Coefficients": (coeffs.table, coeffs.FORMATS),
        "KernelValues": (evaluate.values_table, evaluate.VALUE_FORMATS),
        "MatrixSummary": (evaluate.matrix_table, evaluate.MATRIX_FORMATS),
        "RankBounds": (effrank.bounds_table, effrank.FORMATS),
        "EffectiveRanks": (effrank.ranks_table, effrank.FORMATS),
        "SphereSpectrum": (eigs.sphere_table, eigs.SPHERE_FORMATS),
        "MatrixSpectrum": (eigs.matrix_table, eigs.MATRIX_FORMATS),
        "NetworkSpectrum": (networks.spectra_table, networks.FORMATS),
        "Decay": (decay.decay_table, decay.FORMATS),
    }[kind]
    more = (every,) if kind == "Decay" else ()
    return table(results, screen, *more) if style == "table" else others[style](results, *more)


def draw(results: Sequence[Any], path: str) -> None:
    """Draw results of one kind to a .png, .svg or .pdf file."""
    from ntkcalc.report import plots

    painter = {
        "KernelValues": plots.error_plot,
        "SphereSpectrum": plots.sphere_plot,
        "MatrixSpectrum": plots.matrix_plot,
        "NetworkSpectrum": plots.network_plot,
        "Decay": plots.decay_plot,
    }
    painter[type(results[0]).__name__](results, path)
