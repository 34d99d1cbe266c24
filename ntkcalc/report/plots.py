"""Pictures, drawn by matplotlib (the extra `plot`)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from ntkcalc.decay.results import Decay
from ntkcalc.networks.results import NetworkSpectrum
from ntkcalc.series.results import KernelValues
from ntkcalc.spectrum.eigenvalue_fit import best_law
from ntkcalc.spectrum.results import MatrixSpectrum, SphereSpectrum

_ASYMPTOTIC = 10  # the index from which on a law of decay is fitted
_FLOOR = 1e-6  # of λ_1: what a picture of networks shows
_LEAST = 1e-20  # of the largest value: what a picture shows of errors that reach zero


def error_plot(results: Sequence[KernelValues], path: str) -> None:
    """Draw |Θ − Θ_T| against ρ on a logarithmic scale: the paper's Figure 2, a panel for each kernel.

    Parameters
    ----------
    results
        Kernels and truncations; those with one kernel share a panel.
    path
        Where to: .png, .svg or .pdf.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    panels: dict[str, list[KernelValues]] = {}
    for r in results:
        panels.setdefault(_heading(r), []).append(r)
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(1.2 + 3.4 * columns, 0.8 + 2.6 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).flat
    for axis, (heading, lines) in zip(axes, panels.items(), strict=False):
        for i, r in enumerate(lines):
            points = sorted((float(v.rho), float(abs(v.error))) for v in r.values if v.error)
            color = f"C{i}"
            axis.semilogy(*zip(*points, strict=True), color=color, label=f"T = {r.truncation}") if points else None
            bounds = sorted((float(v.rho), float(v.bound)) for v in r.values if v.bound)
            if bounds:
                axis.semilogy(*zip(*bounds, strict=True), color=color, linewidth=0.8, linestyle=":")
        axis.set_title(heading, fontsize="medium")
        top = max((y for line in axis.lines for y in line.get_ydata()), default=1.0)
        axis.set_ylim(max(axis.get_ylim()[0], _LEAST * top), 5 * top)
        axis.grid(alpha=0.3)
        if axis.lines:
            axis.legend(fontsize="small")
    for axis in list(axes)[len(panels) :]:
        axis.set_axis_off()
    figure.supxlabel("ρ")
    figure.supylabel("|Θ − Θ_T| (dotted: proven bound)")
    figure.savefig(path, dpi=150)


def sphere_plot(results: Sequence[SphereSpectrum], path: str) -> None:
    """Draw spectra on the sphere: λ_ℓ against ℓ, sampled ones with a fitted law (Figure 4), else λ_k against k.

    Parameters
    ----------
    results
        A panel for each kernel.
    path
        Where to: .png, .svg or .pdf.
    """
    figure, axes = _panels(len(results))
    for axis, r in zip(axes, results, strict=False):
        if r.sample is None:
            rows = [(e.k, e.eigenvalue, e.lower, e.upper) for e in r.eigenvalues if e.k and (e.eigenvalue or e.lower)]
            _curve(axis, [(k, value) for k, value, _, _ in rows], "o", label="λ_k", markersize=3)
            _curve(
                axis, [(k, lower) for k, _, lower, _ in rows], "-", linewidth=0.7, label=f"bounds, T = {r.truncation}"
            )
            _curve(axis, [(k, upper) for k, _, _, upper in rows], "-", linewidth=0.7, color="C1")
            axis.set_xlabel("k")
        else:
            measured = [(e.index, e.eigenvalue) for e in r.sample.eigenvalues]
            theory = [(e.index, e.theory) for e in r.sample.eigenvalues]
            _curve(axis, measured, ".", label=f"matrix of {r.sample.n} points", color="C1", markersize=3)
            _curve(axis, theory, "-", label="theory", color="k", linewidth=0.9)
            known = [(ell, float(value)) for ell, value in theory if value and ell >= _ASYMPTOTIC]
            if len(known) > 3:
                law = best_law(*zip(*known, strict=True))
                places = np.array([ell for ell, _ in known], dtype=np.float64)
                axis.plot(places, law(places), color="C0", linewidth=0.9, linestyle="--", label=law.formula)
            axis.set_xlabel("ℓ")
        axis.set_title(f"{_heading(r)}, S^{r.sphere_dim}", fontsize="medium")
        _finish(axis)
    figure.supylabel("eigenvalue")
    figure.savefig(path, dpi=150)


def matrix_plot(results: Sequence[MatrixSpectrum], path: str) -> None:
    """Draw λ_p/λ_1 of kernel matrices of data, of XXᵀ, and their bounds, on logarithmic scales.

    Parameters
    ----------
    results
        A panel for each kernel.
    path
        Where to: .png, .svg or .pdf.
    """
    figure, axes = _panels(len(results))
    for axis, r in zip(axes, results, strict=False):
        for name, label, style in (
            ("normalized", "K", "."),
            ("gram_normalized", "XXᵀ", "."),
            ("bound_effrank", "eff(K)/p", "-"),
            ("bound_tail", "Lemma C.20", "-"),
        ):
            rows = [(e.index, getattr(e, name)) for e in r.eigenvalues]
            _curve(axis, rows, style, label=label, markersize=3, linewidth=0.8)
        axis.set_title(_heading(r), fontsize="medium")
        axis.set_xlabel("p")
        _finish(axis)
    figure.supylabel("λ_p / λ_1")
    figure.savefig(path, dpi=150)


def network_plot(results: Sequence[NetworkSpectrum], path: str) -> None:
    """Draw mean λ_p/λ_1 of networks with 95 % bands, and of XXᵀ: the paper's Figures 1 and 3.

    Parameters
    ----------
    results
        Those on one data set with one depth share a panel: rows are data sets, columns depths.
    path
        Where to: .png, .svg or .pdf.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    sources, depths = (
        list(dict.fromkeys(names)) for names in zip(*((r.data, r.kernel.depth) for r in results), strict=True)
    )
    figure = Figure(figsize=(1.4 + 3.6 * len(depths), 0.9 + 2.8 * len(sources)), layout="constrained")
    axes = figure.subplots(len(sources), len(depths), squeeze=False, sharex=True, sharey=True)
    for row, data in zip(axes, sources, strict=True):
        for axis, depth in zip(row, depths, strict=True):
            panel = [r for r in results if (r.data, r.kernel.depth) == (data, depth)]
            for i, r in enumerate(panel):
                _band(axis, r, f"C{i}", 2.4 - 1.8 * i / len(panel), _network_name(r, panel))
            gram = [(e.index, float(e.gram_normalized)) for e in panel[0].eigenvalues if e.gram_normalized]
            axis.semilogy(
                *zip(*gram, strict=True), color="k", linestyle="--", linewidth=0.9, label="XXᵀ"
            ) if gram else None
            axis.set_title(f"{data.source.rsplit('/', 1)[-1]}, depth {depth}", fontsize="medium")
            axis.grid(alpha=0.3)
            if axis.lines:
                axis.legend(fontsize="small")
    least = min((float(e.normalized.mean) for r in results for e in r.eigenvalues if e.normalized.mean), default=1.0)
    axes[0, 0].set_ylim(max(0.5 * least, _FLOOR), 2)
    network = results[0].network
    figure.supxlabel("p")
    figure.supylabel("λ_p / λ_1")
    figure.suptitle(
        f"{network.arch}, width {network.width}, {network.parametrization} parametrization: mean of {network.trials}, "
        "95 % intervals",
        fontsize="medium",
    )
    figure.savefig(path, dpi=150)


def _band(axis: Any, r: NetworkSpectrum, color: str, width: float, label: str) -> None:
    """Draw the mean of λ_p/λ_1 and its interval; a wide line shows behind a narrow one."""
    known = [(e.index, e.normalized) for e in r.eigenvalues if e.normalized.mean]
    if not known:
        return
    places, means = [p for p, _ in known], [float(x.mean or 0) for _, x in known]
    axis.semilogy(places, means, color=color, linewidth=width, label=label)
    ends = [(float(x.low), float(x.high)) for _, x in known if x.low is not None and x.high is not None]
    if ends:
        axis.fill_between(places, *zip(*ends, strict=True), color=color, alpha=0.3, linewidth=0)


def _network_name(r: NetworkSpectrum, panel: Sequence[NetworkSpectrum]) -> str:
    """Name a curve by its activation, and by its variances where these differ."""
    k, others = r.kernel, [other.kernel for other in panel]
    parts = [k.activation]
    for field, name in (("sigma_w2", "σ_w²"), ("gamma_b2", "γ_b²")):
        mine = {getattr(other, field) for other in others if other.activation == k.activation}
        if len(mine) > 1:
            parts.append(f"{name} = {float(getattr(k, field)):.4g}")
    return ", ".join(parts)


def decay_plot(results: Sequence[Decay], path: str) -> None:
    """Draw log c_p against the abscissa on which its law is a line (log p, √p or p), with the fit and theory's law.

    Parameters
    ----------
    results
        A panel for each series.
    path
        Where to: .png, .svg or .pdf.
    """
    figure, axes = _panels(len(results))
    for axis, r in zip(axes, results, strict=False):
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
        axis.set_title(_heading(r), fontsize="medium")
        _finish(axis)
    figure.supylabel("log10 κ_p")
    figure.savefig(path, dpi=150)


def _panels(count: int) -> tuple[Any, list[Any]]:
    """Return a figure and its panels, three in a row at most."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    columns = min(3, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(1.2 + 3.4 * columns, 0.9 + 2.8 * rows), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis in axes[count:]:
        axis.set_axis_off()
    return figure, axes


def _curve(axis: Any, points: Sequence[tuple[int, Decimal | None]], style: str, **options: Any) -> None:
    """Draw what is positive and in the range of a double, on logarithmic scales."""
    known = [(x, float(y)) for x, y in points if y and float(y) > 0]
    if known:
        axis.loglog(*zip(*known, strict=True), style, **options)


def _finish(axis: Any) -> None:
    axis.grid(alpha=0.3)
    if axis.lines:
        axis.legend(fontsize="small")


def _heading(r: KernelValues | SphereSpectrum | MatrixSpectrum | Decay) -> str:
    if r.kernel is None:
        return "series"
    k = r.kernel
    return f"{k.activation}, depth {k.depth}, σ_w² = {float(k.sigma_w2):.4g}, γ_b² = {float(k.gamma_b2):g}"
