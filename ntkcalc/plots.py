"""Pictures, drawn by matplotlib (the extra `plot`)."""

from __future__ import annotations

from collections.abc import Sequence

from ntkcalc.results import KernelValues

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


def _heading(r: KernelValues) -> str:
    if r.kernel is None:
        return "series"
    k = r.kernel
    return f"{k.activation}, depth {k.depth}, σ_w² = {float(k.sigma_w2):.4g}, γ_b² = {float(k.gamma_b2):g}"
