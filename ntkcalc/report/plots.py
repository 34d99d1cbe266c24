"""Pictures, drawn by matplotlib (the extra `plot`)."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ntkcalc.decay.results import Decay
from ntkcalc.networks.results import NetworkSpectrum
from ntkcalc.report.tables import heading
from ntkcalc.series.results import KernelValues
from ntkcalc.spectrum.eigenvalue_fit import best_law
from ntkcalc.spectrum.results import MatrixSpectrum, SphereSpectrum

_ASYMPTOTIC = 10  # the index from which on a law of decay is fitted
_FLOOR = 1e-6  # of λ_1: what a picture of networks shows
_LEAST = 1e-20  # of the largest value: what a picture shows of errors that reach zero


def error_plot(results: Sequence[KernelValues]) -> Figure:
    """Draw |Θ − Θ_T| against ρ on a logarithmic scale: the paper's Figure 2, a panel for each kernel."""
    panels: dict[str, list[KernelValues]] = {}
    for r in results:
        panels.setdefault(_heading(r), []).append(r)
    figure, axes = _panels(len(panels), 0.8, 2.6, share=True)
    for axis, (title, lines) in zip(axes, panels.items(), strict=False):
        for i, r in enumerate(lines):
            errors = sorted((float(v.rho), float(abs(v.error))) for v in r.values if v.error)
            bounds = sorted((float(v.rho), float(v.bound)) for v in r.values if v.bound)
            _curve(axis.semilogy, errors, color=f"C{i}", label=f"T = {r.truncation}")
            _curve(axis.semilogy, bounds, color=f"C{i}", linewidth=0.8, linestyle=":")
        top = max((y for line in axis.lines for y in line.get_ydata()), default=1.0)
        axis.set_ylim(max(axis.get_ylim()[0], _LEAST * top), 5 * top)
        _finish(axis, title)
    figure.supxlabel("ρ")
    figure.supylabel("|Θ − Θ_T| (dotted: proven bound)")
    return figure


def sphere_plot(results: Sequence[SphereSpectrum]) -> Figure:
    """Draw spectra on the sphere: λ_ℓ against ℓ, sampled ones with a fitted law (Figure 4), else λ_k against k."""
    figure, axes = _panels(len(results))
    for axis, r in zip(axes, results, strict=False):
        if r.sample is None:
            rows = [e for e in r.eigenvalues if e.k and (e.eigenvalue or e.lower)]
            bounds = f"bounds, T = {r.truncation}"
            _curve(axis.loglog, ((e.k, e.eigenvalue) for e in rows), "o", label="λ_k", markersize=3)
            _curve(axis.loglog, ((e.k, e.lower) for e in rows), "-", linewidth=0.7, label=bounds)
            _curve(axis.loglog, ((e.k, e.upper) for e in rows), "-", linewidth=0.7, color="C1")
        else:
            measured = [(e.index, e.eigenvalue) for e in r.sample.eigenvalues]
            theory = [(e.index, e.theory) for e in r.sample.eigenvalues]
            _curve(axis.loglog, measured, ".", label=f"matrix of {r.sample.n} points", color="C1", markersize=3)
            _curve(axis.loglog, theory, "-", label="theory", color="k", linewidth=0.9)
            known = [(ell, float(value)) for ell, value in theory if value and ell >= _ASYMPTOTIC]
            if len(known) > 3:
                law = best_law(*zip(*known, strict=True))
                places = np.array([ell for ell, _ in known], dtype=np.float64)
                axis.plot(places, law(places), color="C0", linewidth=0.9, linestyle="--", label=law.formula)
        axis.set_xlabel("k" if r.sample is None else "ℓ")
        _finish(axis, f"{_heading(r)}, S^{r.sphere_dim}")
    figure.supylabel("eigenvalue")
    return figure


def matrix_plot(results: Sequence[MatrixSpectrum]) -> Figure:
    """Draw λ_p/λ_1 of kernel matrices of data, of XXᵀ, and their bounds, on logarithmic scales."""
    figure, axes = _panels(len(results))
    for axis, r in zip(axes, results, strict=False):
        for name, label, style in (
            ("normalized", "K", "."),
            ("gram_normalized", "XXᵀ", "."),
            ("bound_effrank", "eff(K)/p", "-"),
            ("bound_tail", "Lemma C.20", "-"),
        ):
            points = ((e.index, getattr(e, name)) for e in r.eigenvalues)
            _curve(axis.loglog, points, style, label=label, markersize=3, linewidth=0.8)
        axis.set_xlabel("p")
        _finish(axis, _heading(r))
    figure.supylabel("λ_p / λ_1")
    return figure


def network_plot(results: Sequence[NetworkSpectrum]) -> Figure:
    """Draw mean λ_p/λ_1 of networks with 95 % bands, and of XXᵀ: the paper's Figures 1 and 3.

    Results on one data set with one depth share a panel: rows are data sets, columns depths.
    """
    sources = list(dict.fromkeys(r.data for r in results))
    depths = list(dict.fromkeys(r.kernel.depth for r in results))
    figure, axes = _grid(len(sources), len(depths), (1.4, 3.6), (0.9, 2.8), share=True)
    for axis, (data, depth) in zip(axes, ((s, d) for s in sources for d in depths), strict=True):
        panel = [r for r in results if (r.data, r.kernel.depth) == (data, depth)]
        for i, r in enumerate(panel):
            _band(axis, r, f"C{i}", 2.4 - 1.8 * i / len(panel), _network_name(r, panel))
        gram = ((e.index, e.gram_normalized) for e in panel[0].eigenvalues if e.gram_normalized)
        _curve(axis.semilogy, gram, color="k", linestyle="--", linewidth=0.9, label="XXᵀ")
        _finish(axis, f"{data.source.rsplit('/', 1)[-1]}, depth {depth}")
    least = min((float(e.normalized.mean) for r in results for e in r.eigenvalues if e.normalized.mean), default=1.0)
    axes[0].set_ylim(max(0.5 * least, _FLOOR), 2)
    network, trials = results[0].network, results[0].trials
    figure.supxlabel("p")
    figure.supylabel("λ_p / λ_1")
    title = f"{network.arch}, width {network.width}, {network.parametrization} parametrization: mean of {trials}, "
    figure.suptitle(title + "95 % intervals", fontsize="medium")
    return figure


def _band(axis: Any, r: NetworkSpectrum, color: str, width: float, label: str) -> None:
    """Draw the mean of λ_p/λ_1 and its interval; a wide line shows behind a narrow one."""
    known = [(e.index, e.normalized) for e in r.eigenvalues if e.normalized.mean]
    _curve(axis.semilogy, ((p, x.mean) for p, x in known), color=color, linewidth=width, label=label)
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
    figure, axes = _panels(len(results))
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
    if law is not None and len(p):  # its slope, through the last coefficient
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
    _finish(axis, _heading(r))


def _panels(count: int, margin: float = 0.9, height: float = 2.8, share: bool = False) -> tuple[Figure, list[Any]]:
    """Return a figure and its panels, three in a row at most."""
    columns = min(3, count)
    figure, axes = _grid(-(-count // columns), columns, (1.2, 3.4), (margin, height), share)
    for axis in axes[count:]:
        axis.set_axis_off()
    return figure, axes


def _grid(
    rows: int, columns: int, widths: tuple[float, float], heights: tuple[float, float], share: bool = False
) -> tuple[Figure, list[Any]]:
    """Return a figure and its axes; widths and heights in inches are those of the margin and of a panel."""
    size = widths[0] + widths[1] * columns, heights[0] + heights[1] * rows
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(rows, columns, squeeze=False, sharex=share, sharey=share).flat)


def _curve(draw: Any, points: Iterable[tuple[Any, Any]], *style: str, **options: Any) -> None:
    """Draw what is positive and in the range of a double, on logarithmic scales."""
    known = [(x, float(y)) for x, y in points if y and float(y) > 0]
    if known:
        draw(*zip(*known, strict=True), *style, **options)


def _finish(axis: Any, title: str) -> None:
    axis.set_title(title, fontsize="medium")
    axis.grid(alpha=0.3)
    if axis.lines:
        axis.legend(fontsize="small")


def _heading(r: KernelValues | SphereSpectrum | MatrixSpectrum | Decay) -> str:
    k = r.kernel
    if k is None:
        return heading(k)
    return f"{heading(k)}, σ_w² = {float(k.sigma_w2 or 0):.4g}, γ_b² = {float(k.gamma_b2 or 0):g}"


PLOTS: dict[str, Callable[[Any], Figure]] = {
    "KernelValues": error_plot,
    "SphereSpectrum": sphere_plot,
    "MatrixSpectrum": matrix_plot,
    "NetworkSpectrum": network_plot,
    "Decay": decay_plot,
}
"""The plot of each type of result."""
