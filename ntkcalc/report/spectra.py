"""Spectra on the sphere, of samples of it, and of kernel matrices of data."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from ntkcalc.kernel.results import named_fields
from ntkcalc.report.formats import Report, Screen, about, cell, digits_of, percent, rounded, scientific
from ntkcalc.report.tables import (
    MOST_ROWS,
    Column,
    captions,
    counted,
    data_line,
    heading,
    kernel_lines,
    left_out,
    numbers,
    table,
)
from ntkcalc.spectrum.results import MatrixSpectrum, SphereSpectrum

_FEW = 5  # digits of what stands beside an eigenvalue in a table


class SphereReport(Report[SphereSpectrum]):
    """Results of ``eigs --sphere-dim``."""

    command = "eigs"

    def records(self, r: SphereSpectrum) -> list[dict[str, object]]:
        """Return the eigenvalues; of samples the measured ones."""
        return [named_fields(e) for e in (r.eigenvalues if r.sample is None else r.sample.eigenvalues)]

    def lines(self, r: SphereSpectrum) -> Iterable[str]:
        """Return k, λ_k and its multiplicity; of samples index and eigenvalue."""
        for e in self.records(r):
            shown = ("k", "eigenvalue", "multiplicity") if r.sample is None else ("index", "eigenvalue")
            yield " ".join(cell(e[name], "null") for name in shown)

    def table(self, results: Sequence[SphereSpectrum], screen: Screen) -> str:
        """Return a table for each kernel."""
        return "\n".join(_sphere(r, screen) + _sample(r, screen) for r in results)


def _sphere(r: SphereSpectrum, screen: Screen) -> str:
    digits, rows, last = screen.digits or 10, r.eigenvalues, r.eigenvalues[-1]
    small = any(e.lower and e.lower.adjusted() < -5 for e in rows)
    columns = [
        Column("k", [str(e.k) for e in rows]),
        numbers("λ_k", [e.eigenvalue for e in rows], digits, small=small),
        numbers("lower", [e.lower for e in rows], _FEW, ROUND_FLOOR, small=small),
        numbers("upper", [e.upper for e in rows], _FEW, ROUND_CEILING, small=small),
        Column("N(d,k)", [_multiplicity(e.multiplicity) for e in rows]),
        Column("share %", ["?" if e.trace_share is None else percent(e.trace_share) for e in rows]),
    ]
    lines = kernel_lines(r.kernel, digits)
    mass = "the uniform probability measure" if r.measure == "uniform" else f"the surface measure of S^{r.sphere_dim}"
    lines.append(f"{mass}; lower ≤ λ_k ≤ upper from T = {r.truncation} (Theorem 4.6)")
    lines.append("N(d,k): multiplicity; share: that of N(d,k) λ_k in Σ_k N(d,k) λ_k")
    if r.trace is None:
        lines.append("what the series leaves out is unknown: no upper bounds")
    elif last.cumulative is not None:
        share = percent(last.cumulative)
        lines.append(f"Σ_k N(d,k) λ_k = {digits_of(r.trace, digits)}, {share} % of it up to k = {last.k}")
    return table(f"{heading(r.kernel)} on S^{r.sphere_dim}", columns, screen) + captions(lines, screen)


def _multiplicity(n: int) -> str:
    """Return a multiplicity, in scientific notation where it is long."""
    return str(n) if n < 10**9 else scientific(rounded(Decimal(n), 3))


def _sample(r: SphereSpectrum, screen: Screen) -> str:
    if r.sample is None:
        return ""
    rows = r.sample.eigenvalues[: screen.rows or MOST_ROWS]
    columns = [
        Column("ℓ", [str(e.index) for e in rows]),
        numbers("measured", [e.eigenvalue for e in rows], 6),
        numbers("theory", [e.theory for e in rows], 6),
        Column("ratio", [f"{e.eigenvalue / e.theory:.3f}" if e.eigenvalue and e.theory else "" for e in rows]),
    ]
    title = f"K = Θ(XXᵀ)/n of n = {r.sample.n} random points (seed {r.sample.seed})"
    lines = ["ℓ counts eigenvalues; theory: the λ_k of the sphere, each N(d,k) times; ratio = measured/theory"]
    text = "\n" + table(title, columns, screen) + left_out(len(r.sample.eigenvalues) - len(rows), screen)
    return text + captions(lines, screen)


class MatrixReport(Report[MatrixSpectrum]):
    """Results of ``eigs --data``."""

    command = "eigs"
    plain_fields = ("index", "eigenvalue")

    def table(self, results: Sequence[MatrixSpectrum], screen: Screen) -> str:
        """Return a table for each kernel."""
        return "\n".join(_matrix(r, screen) for r in results)


def _matrix(r: MatrixSpectrum, screen: Screen) -> str:
    rows = r.eigenvalues[: screen.rows or MOST_ROWS]
    columns = [
        Column("p", [str(e.index) for e in rows]),
        numbers("λ_p", [e.eigenvalue for e in rows], screen.digits or 10),
        numbers("λ_p/λ_1", [e.normalized for e in rows], _FEW),
        numbers("eff/p", [e.bound_effrank for e in rows], _FEW, ROUND_CEILING),
        *([numbers("C.20", [e.bound_tail for e in rows], _FEW, ROUND_CEILING)] if r.silent is None else []),
        numbers("of XXᵀ", [e.gram_normalized for e in rows], _FEW),
    ]
    unseen = sum(not e.resolved for e in r.eigenvalues)
    lines = [
        f"{data_line(r.data)}; eff(K) = {digits_of(r.kernel_effrank, 6)}, eff(XXᵀ) = {digits_of(r.gram_effrank, 6)}",
        *kernel_lines(r.kernel, 10),
        "λ_p/λ_1 ≤ eff(K)/p and ≤ the bound of Lemma C.20; of XXᵀ: the same ratio of its eigenvalues"
        if r.silent is None
        else f"λ_p/λ_1 ≤ eff(K)/p; {r.silent}; of XXᵀ: the same ratio of its eigenvalues",
        f"errors below {about(r.accuracy)} of λ_1"
        + (f"; {counted(unseen, 'eigenvalue')} below that: ?" if unseen else ""),
    ]
    text = table(f"{heading(r.kernel)}: eigenvalues of K = Θ(XXᵀ)/n", columns, screen)
    return text + left_out(len(r.eigenvalues) - len(rows), screen) + captions(lines, screen)
