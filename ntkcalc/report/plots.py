"""Pictures, drawn by matplotlib (the extra `plot`)."""

import math
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ntkcalc.decay.results import Decay
from ntkcalc.networks.results import NetworkSpectrum
from ntkcalc.report.axes import (
    MOST_COLUMNS,
    curve,
    decade_axis,
    decades,
    finish,
    grid,
    index_axis,
    label_decades,
    legend_beside,
    linear_axis,
    panel_title,
    panels,
    size_of,
)
from ntkcalc.report.tables import names
from ntkcalc.series.results import Coefficients, KernelValues
from ntkcalc.spectrum.eigenvalue_fit import best_law
from ntkcalc.spectrum.results import MatrixSpectrum, SampledSpectrum, SphereSpectrum

_ASYMPTOTIC = 10  # the index from which on a law of decay is fitted
_FLOOR = 1e-6  # of λ_1: what a picture of networks shows
_LEAST = 1e-20  # of the largest value: what a picture shows of errors that reach zero
_SOME = 1e-4  # of the peak of each curve that it shows at least
_INSIDE = 6  # kernels whose legend finds room between their coefficients
_MARKED = 60  # degrees up to which coefficients have large marks
_MARKERS = "o^s"  # for every ten colours another


def values_plot(results: Sequence[KernelValues]) -> Figure:
    """Draw Θ and Θ_T against ρ, and below them |Θ − Θ_T| on a logarithmic scale: the paper's Figure 2."""
    kernels: dict[str, list[KernelValues]] = {}
    for r in results:
        kernels.setdefault(panel_title(r.kernel), []).append(r)
    columns = min(MOST_COLUMNS, len(kernels))
    figure, axes = grid(2 * -(-len(kernels) // columns), columns, (1.2, 3.4), (0.8, 2.3))
    for axis in axes[-2 * columns :]:
        axis.set_axis_off()
    ends = _error_limits(results)
    for i, (title, lines) in enumerate(kernels.items()):
        place = 2 * columns * (i // columns) + i % columns
        upper, lower = axes[place], axes[place + columns]
        _theta_panel(upper, lines)
        _error_panel(lower, lines, ends)
        upper.set_axis_on()
        lower.set_axis_on()
        lower.set_xlim(upper.get_xlim())
        linear_axis(upper)
        linear_axis(lower)
        lower.set_xlabel("ρ")
        if i % columns == 0:
            upper.set_ylabel("Θ")
            lower.set_ylabel("|Θ − Θ_T|, dotted: bound")
        finish(upper, title)
        finish(lower, "")
    return figure


def _theta_panel(axis: Any, lines: Sequence[KernelValues]) -> None:
    """Draw Θ, where it is known, and its truncated series."""
    exact = sorted((float(v.rho), float(v.theta)) for v in lines[0].points if v.theta is not None)
    mark = "o" if len(lines[0].points) == 1 else ""
    if exact:
        axis.plot(*zip(*exact, strict=True), color="k", linewidth=2.4, alpha=0.35, marker=mark, label="Θ")
    for i, r in enumerate(lines):
        series = sorted((float(v.rho), float(v.series)) for v in r.points)
        axis.plot(*zip(*series, strict=True), color=f"C{i}", linewidth=1, marker=mark, label=f"Θ_T, T = {r.truncation}")


def _error_panel(axis: Any, lines: Sequence[KernelValues], ends: tuple[float, float]) -> None:
    """Draw the error and its bound, in the colours of Θ_T; where one of them is zero, its curve has a gap."""
    for i, r in enumerate(lines):
        for name, style, mark in (("error", "-", "o"), ("bound", ":", "x")):
            points = sorted((float(v.rho), size_of(getattr(v, name))) for v in r.points)
            if any(y == y for _, y in points):
                look: dict[str, Any] = {"color": f"C{i}", "linestyle": style}
                look |= {"linewidth": 1.5 if name == "error" else 0.8, "marker": mark if len(points) == 1 else ""}
                axis.semilogy(*zip(*points, strict=True), **look)
    if not axis.lines:
        unknown = all(v.error is None for r in lines for v in r.points)
        said = "the error is unknown" if unknown else "the error is 0"
        axis.text(0.5, 0.5, said, transform=axis.transAxes, ha="center")
    label_decades(axis)
    axis.set_ylim(*ends)


def _error_limits(results: Sequence[KernelValues]) -> tuple[float, float]:
    """Return ends of the axis on which all curves show: a few decades of each, and 20 of the highest."""
    peaks, least = [], math.inf
    for r in results:
        sizes = [y for v in r.points for y in (size_of(v.error), size_of(v.bound)) if y == y]
        if sizes:
            peaks.append(max(sizes))
            least = min(least, *sizes)
    if not peaks:
        return 1e-16, 1.0
    low = max(least, min(_LEAST * max(peaks), _SOME * min(peaks)))
    return decades(low, max(peaks))


def coefficients_plot(results: Sequence[Coefficients]) -> Figure:
    """Draw coefficients against p on a logarithmic scale, and beside them the share that all later ones have."""
    labels = names(results) if len(results) > 1 else [panel_title(results[0].kernel)]
    figure, (left, right) = grid(1, 2, (1.2, 4.2), (0.9, 3.2))
    symbol = {"kappa": "κ_p", "alpha": "α_p", "beta": "β_p", "mu": "|µ_k|"}[results[0].which]
    size = 4 if results[0].truncation <= _MARKED else 2
    for i, (name, r) in enumerate(zip(labels, results, strict=True)):
        look = {"color": f"C{i}", "markersize": size, "linewidth": 0.7, "label": name}
        marker = _MARKERS[i // 10 % 3]
        values = [(c.p, abs(c.value)) for c in r.coefficients]
        curve(left.semilogy, values, f"{marker}-", **look)
        parts = [x * x if r.which == "mu" else x for x in r.values]
        beyond = [*accumulate(reversed(parts), initial=r.tail)][::-1]
        if beyond[0]:
            curve(
                right.semilogy,
                ((p, x / beyond[0]) for p, x in enumerate(beyond[1:])),
                f"{marker}-",
                **look | {"label": "_"},
            )
    for axis, said in ((left, symbol), (right, "share of the total beyond p")):
        axis.set_xlabel("k" if results[0].which == "mu" else "p")
        axis.set_ylabel(said)
        linear_axis(axis, whole=True)
        decade_axis(axis)
        finish(axis, "")
    if len(results) > _INSIDE:
        legend_beside(figure, left)
    return figure


def sphere_plot(results: Sequence[SphereSpectrum]) -> Figure:
    """Draw spectra on the sphere: λ_ℓ against ℓ, sampled ones with a fitted law (Figure 4), else λ_k against k."""
    figure, axes = panels(len(results))
    for axis, r in zip(axes, results, strict=False):
        if r.sample is None:
            rows = [e for e in r.eigenvalues if e.eigenvalue or e.lower]
            bounds = f"bounds, T = {r.truncation}"
            curve(axis.semilogy, ((e.k, e.lower) for e in rows), "-", linewidth=0.7, color="C1", label=bounds)
            curve(axis.semilogy, ((e.k, e.upper) for e in rows), "-", linewidth=0.7, color="C1")
            curve(axis.semilogy, ((e.k, e.eigenvalue) for e in rows), "o", color="C0", label="λ_k", markersize=3)
            index_axis(axis, r.eigenvalues[-1].k, 0)
            decade_axis(axis)
        else:
            _sampled(axis, r.sample)
        axis.set_xlabel("k" if r.sample is None else "ℓ")
        finish(axis, f"{panel_title(r.kernel)}, S^{r.sphere_dim}")
    figure.supylabel("eigenvalue")
    return figure


def _sampled(axis: Any, sample: SampledSpectrum) -> None:
    """Draw measured eigenvalues, those of theory, and the law that is fitted to these."""
    measured = [(e.index, e.eigenvalue) for e in sample.eigenvalues]
    theory = [(e.index, e.theory) for e in sample.eigenvalues]
    curve(axis.loglog, measured, ".", label=f"matrix of {sample.n} points", color="C1", markersize=3)
    curve(axis.loglog, theory, "-", label="theory", color="k", linewidth=0.9)
    known = [(ell, float(value)) for ell, value in theory if value and ell >= _ASYMPTOTIC]
    if len(known) > 3:
        law = best_law(*zip(*known, strict=True))
        places = np.array([ell for ell, _ in known], dtype=np.float64)
        axis.plot(places, law(places), color="C0", linewidth=0.9, linestyle="--", label=law.formula)
    index_axis(axis, len(sample.eigenvalues))
    decade_axis(axis)


def matrix_plot(results: Sequence[MatrixSpectrum]) -> Figure:
    """Draw λ_p/λ_1 of kernel matrices of data, of XXᵀ, and their bounds, on logarithmic scales."""
    figure, axes = panels(len(results))
    for axis, r in zip(axes, results, strict=False):
        for name, label, style in (
            ("normalized", "K", "."),
            ("gram_normalized", "XXᵀ", "."),
            ("bound_effrank", "eff(K)/p", "-"),
            ("bound_tail", "Lemma C.20", "-"),
        ):
            points = ((e.index, getattr(e, name)) for e in r.eigenvalues)
            curve(axis.loglog, points, style, label=label, markersize=3, linewidth=0.8)
        index_axis(axis, len(r.eigenvalues))
        decade_axis(axis)
        axis.set_xlabel("p")
        finish(axis, panel_title(r.kernel))
    figure.supylabel("λ_p / λ_1")
    return figure


def network_plot(results: Sequence[NetworkSpectrum]) -> Figure:
    """Draw mean λ_p/λ_1 of networks with 95 % bands, and of XXᵀ: the paper's Figures 1 and 3.

    Results on one data set with one depth share a panel: rows are data sets, columns depths.
    """
    sources = list(dict.fromkeys(r.data for r in results))
    depths = list(dict.fromkeys(r.kernel.depth for r in results))
    figure, axes = grid(len(sources), len(depths), (1.4, 3.6), (0.9, 2.8), share=True)
    for axis, (data, depth) in zip(axes, ((s, d) for s in sources for d in depths), strict=True):
        panel = [r for r in results if (r.data, r.kernel.depth) == (data, depth)]
        for i, r in enumerate(panel):
            _band(axis, r, f"C{i}", 2.4 - 1.8 * i / len(panel), _network_name(r, panel))
        gram = ((e.index, e.gram_normalized) for e in panel[0].eigenvalues if e.gram_normalized)
        curve(axis.semilogy, gram, color="k", linestyle="--", linewidth=0.9, label="XXᵀ")
        finish(axis, f"{data.source.rsplit('/', 1)[-1]}, depth {depth}")
    least = min((float(e.normalized.mean) for r in results for e in r.eigenvalues if e.normalized.mean), default=1.0)
    axes[0].set_ylim(max(0.5 * least, _FLOOR), 2)
    label_decades(axes[0])
    network, trials = results[0].network, results[0].trials
    figure.supxlabel("p")
    figure.supylabel("λ_p / λ_1")
    title = f"{network.arch}, width {network.width}, {network.parametrization} parametrization: mean of {trials}, "
    figure.suptitle(title + "95 % intervals", fontsize="medium")
    return figure


def _band(axis: Any, r: NetworkSpectrum, color: str, width: float, label: str) -> None:
    """Draw the mean of λ_p/λ_1 and its interval; a wide line shows behind a narrow one."""
    known = [(e.index, e.normalized) for e in r.eigenvalues if e.normalized.mean]
    curve(axis.semilogy, ((p, x.mean) for p, x in known), color=color, linewidth=width, label=label)
    ends = [(float(x.low), float(x.high)) for _, x in known if x.low is not None and x.high is not None]
    if ends:
        axis.fill_between([p for p, _ in known], *zip(*ends, strict=True), color=color, alpha=0.3, linewidth=0)


def _network_name(r: NetworkSpectrum, panel: Sequence[NetworkSpectrum]) -> str:
    """Name a curve by its activation, and by its variances where these differ."""
    parts = [r.kernel.activation]
    same = [other.kernel for other in panel if other.kernel.activation == r.kernel.activation]
    for field, name in (("sigma_w2", "σ_w²"), ("gamma_b2", "γ_b²")):
        if len({getattr(k, field) for k in same}) > 1:
            parts.append(f"{name} = {float(getattr(r.kernel, field)):.4g}")
    return ", ".join(parts)


def decay_plot(results: Sequence[Decay]) -> Figure:
    """Draw log c_p against the abscissa on which its law is a line (log p, √p or p), with the fit and theory's law."""
    figure, axes = panels(len(results))
    for axis, r in zip(axes, results, strict=False):
        _decay_panel(axis, r)
    figure.supylabel("log10 κ_p")
    return figure


def _decay_panel(axis: Any, r: Decay) -> None:
    p = np.array([i for i, y in enumerate(r.logs) if y is not None and i > 0], dtype=np.float64)
    y = np.array([r.logs[int(i)] for i in p], dtype=np.float64) / np.log(10)
    scale = {"power": np.log10, "stretched-exponential": np.sqrt}.get(r.fit.model, np.asarray)
    axis.plot(scale(p), y, ".", markersize=2, label="log10 κ_p")
    law = next((s for s in r.theory.coefficients[::-1] if s.model == r.fit.model), None)
    if law is not None and (law.exponent or law.rate or law.ratio) and len(p):  # its slope, through the last one
        course = (law.exponent or 0.0) * np.log(p) - (law.rate or 0.0) * np.sqrt(p) - np.log(law.ratio or 1.0) * p
        course = (course - course[-1]) / np.log(10) + y[-1]
        axis.plot(scale(p), course, "--", color="k", linewidth=0.8, label="theory's slope")
    inside = p[(p >= r.fit.window[0]) & (p <= r.fit.window[1])]
    for c in r.fit.classes:
        at = {name: parameter.value for name, parameter in c.parameters.items()}
        if "exponent" in at:
            own = inside[inside % 2 == (c.parity == "odd")]
            line = np.log(at["constant"]) + at["exponent"] * np.log(own) - at.get("rate", 0.0) * np.sqrt(own)
            line = line - np.log(at.get("ratio", 1.0)) * own
            axis.plot(scale(own), line / np.log(10), "-", linewidth=0.9, label=f"fit, {c.parity} p")
    axis.set_xlabel({"power": "log10 p", "stretched-exponential": "√p"}.get(r.fit.model, "p"))
    if r.fit.model == "finite":
        linear_axis(axis, whole=True)
        axis.set_xlim(0, p.max(initial=1) + 1)
    finish(axis, panel_title(r.kernel))


PLOTS: dict[str, Callable[[Any], Figure]] = {
    "Coefficients": coefficients_plot,
    "KernelValues": values_plot,
    "SphereSpectrum": sphere_plot,
    "MatrixSpectrum": matrix_plot,
    "NetworkSpectrum": network_plot,
    "Decay": decay_plot,
}
"""The plot of each type of result."""
