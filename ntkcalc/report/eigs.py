"""Spectra as text: table, json, csv, plain."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from ntkcalc.kernel.results import KernelFacts
from ntkcalc.report.common import (
    Screen,
    add_columns,
    bars,
    captions,
    column_of,
    data_fields,
    data_line,
    drawn,
    envelope,
    kernel_cells,
    left_out,
    lines_json,
    maybe,
    new_table,
    said,
    variances,
)
from ntkcalc.report.text import about, counted, csv_lines, digits_of, number, percent, rounded, scientific
from ntkcalc.spectrum.results import MatrixSpectrum, SphereSpectrum

_ROWS = 24  # of a matrix's spectrum that a table shows unless told how many
_FEW = 5  # digits of what stands beside an eigenvalue in a table


def sphere_json(results: Sequence[SphereSpectrum]) -> str:
    """Return JSON Lines, one object a kernel."""
    return lines_json([_sphere_fields(r) for r in results])


def _sphere_fields(r: SphereSpectrum) -> dict[str, object]:
    rows = [
        {
            "k": e.k,
            "eigenvalue": maybe(e.eigenvalue, r.digits),
            "lower": number(e.lower, r.digits),
            "upper": maybe(e.upper, r.digits),
            "multiplicity": e.multiplicity if e.multiplicity <= 1 << 53 else str(e.multiplicity),
            "trace_share": maybe(e.trace_share, r.digits),
            "cumulative": maybe(e.cumulative, r.digits),
        }
        for e in r.eigenvalues
    ]
    fields = envelope("eigs", r.kernel, r.digits, "mpmath") | {
        "sphere_dim": r.sphere_dim,
        "measure": r.measure,
        "truncation": r.truncation,
        "eigenvalues": rows,
        "trace": maybe(r.trace, r.digits),
    }
    if r.sample is not None:
        measured = [
            {"index": e.index, "eigenvalue": maybe(e.eigenvalue, r.digits), "theory": maybe(e.theory, r.digits)}
            for e in r.sample.eigenvalues
        ]
        fields["sample"] = {"n": r.sample.n, "seed": r.sample.seed, "eigenvalues": measured}
        fields["accuracy"] = r.sample.accuracy
    return fields


def matrix_json(results: Sequence[MatrixSpectrum]) -> str:
    """Return JSON Lines, one object a kernel."""
    return lines_json([_matrix_fields(r) for r in results])


def _matrix_fields(r: MatrixSpectrum) -> dict[str, object]:
    rows = [
        {"index": e.index, "eigenvalue": maybe(e.eigenvalue, r.digits), "normalized": maybe(e.normalized, r.digits)}
        | {"gram_normalized": maybe(e.gram_normalized, r.digits), "bound_effrank": number(e.bound_effrank, r.digits)}
        | {"bound_tail": number(e.bound_tail, r.digits), "resolved": e.resolved}
        for e in r.eigenvalues
    ]
    return envelope("eigs", r.kernel, r.digits, "numpy") | {
        "data": data_fields(r.data),
        "eigenvalues": rows,
        "kernel_effrank": number(r.kernel_effrank, r.digits),
        "gram_effrank": number(r.gram_effrank, r.digits),
        "accuracy": r.accuracy,
    }


_KERNEL = ("activation", "depth", "sigma_w2", "gamma_b2")
_SPHERE = ("k", "eigenvalue", "lower", "upper", "multiplicity", "trace_share", "cumulative")
_MATRIX = ("index", "eigenvalue", "normalized", "gram_normalized", "bound_effrank", "bound_tail", "resolved")


def sphere_csv(results: Sequence[SphereSpectrum]) -> str:
    """Return CSV, an eigenvalue a line; of samples the measured ones."""
    if results[0].sample is not None:
        header = [*_KERNEL, "index", "eigenvalue", "theory"]
        return csv_lines(
            header,
            (
                [*kernel_cells(r.kernel), e.index, _cell(e.eigenvalue), _cell(e.theory)]
                for r in results
                for e in (r.sample.eigenvalues if r.sample else ())
            ),
        )
    records = ([*kernel_cells(r.kernel), *_cells(e, _SPHERE)] for r in results for e in r.eigenvalues)
    return csv_lines([*_KERNEL, *_SPHERE], records)


def matrix_csv(results: Sequence[MatrixSpectrum]) -> str:
    """Return CSV, an eigenvalue a line."""
    records = ([*kernel_cells(r.kernel), *_cells(e, _MATRIX)] for r in results for e in r.eigenvalues)
    return csv_lines([*_KERNEL, *_MATRIX], records)


def _cells(row: object, names: Sequence[str]) -> list[object]:
    return [_cell(getattr(row, name)) for name in names]


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else digits_of(value) if isinstance(value, Decimal) else value


def sphere_plain(results: Sequence[SphereSpectrum]) -> str:
    """Return k, λ_k and its multiplicity a line (of samples index and eigenvalue); an empty line between kernels."""
    blocks = []
    for r in results:
        if r.sample is not None:
            blocks.append("".join(f"{e.index} {_bare(e.eigenvalue)}\n" for e in r.sample.eigenvalues))
        else:
            blocks.append("".join(f"{e.k} {_bare(e.eigenvalue)} {e.multiplicity}\n" for e in r.eigenvalues))
    return "\n".join(blocks)


def matrix_plain(results: Sequence[MatrixSpectrum]) -> str:
    """Return index and eigenvalue a line; an empty line between kernels."""
    return "\n".join("".join(f"{e.index} {_bare(e.eigenvalue)}\n" for e in r.eigenvalues) for r in results)


def _bare(value: Decimal | None) -> str:
    return "null" if value is None else digits_of(value)


def sphere_table(results: Sequence[SphereSpectrum], screen: Screen) -> str:
    """Return a table for each kernel."""
    return "\n".join(_one_sphere(r, screen) for r in results)


def _one_sphere(r: SphereSpectrum, screen: Screen) -> str:
    digits = screen.digits or 10
    table = new_table(f"{_name(r.kernel)} on S^{r.sphere_dim}", screen)
    add_columns(table, ("k", "λ_k", "lower", "upper", "N(d,k)", "share %", ""), screen)
    lower = [rounded(e.lower, _FEW, ROUND_FLOOR) for e in r.eigenvalues]
    upper = [None if e.upper is None else rounded(e.upper, _FEW, ROUND_CEILING) for e in r.eigenvalues]
    small = any(x and x.adjusted() < -5 for x in lower)
    columns = [
        [str(e.k) for e in r.eigenvalues],
        column_of([e.eigenvalue for e in r.eigenvalues], digits, small),
        column_of(lower, _FEW, small),
        column_of(upper, _FEW, small),
        [_count(e.multiplicity) for e in r.eigenvalues],
        ["?" if e.trace_share is None else percent(e.trace_share, None) for e in r.eigenvalues],
        bars([e.eigenvalue for e in r.eigenvalues], screen),
    ]
    for row in zip(*columns, strict=True):
        table.add_row(*row)
    text = drawn(table, screen)
    last = r.eigenvalues[-1]
    lines = [] if r.kernel is None else [variances(r.kernel, digits)]
    mass = "the uniform probability measure" if r.measure == "uniform" else f"the surface measure of S^{r.sphere_dim}"
    lines.append(f"{mass}; lower ≤ λ_k ≤ upper from T = {r.truncation} (Theorem 4.6)")
    if r.trace is not None and last.cumulative is not None:
        share = percent(last.cumulative, None)
        lines.append(f"Σ_k N(d,k) λ_k = {digits_of(r.trace, digits)}, {share} % of it up to k = {last.k}")
    elif r.trace is None:
        lines.append("what the series leaves out is unknown: no upper bounds")
    text += captions(lines, [], screen)
    return text + ("\n" + _sample(r, screen) if r.sample is not None else "")


def _sample(r: SphereSpectrum, screen: Screen) -> str:
    """Return the table of the sampled matrix beside theory."""
    assert r.sample is not None
    table = new_table(f"K/n of n = {r.sample.n} random points (seed {r.sample.seed})", screen)
    add_columns(table, ("ℓ", "measured", "theory", "ratio", ""), screen)
    rows = r.sample.eigenvalues[: screen.rows or _ROWS]
    ratios = ["" if not (e.eigenvalue and e.theory) else f"{e.eigenvalue / e.theory:.3f}" for e in rows]
    columns = [
        [str(e.index) for e in rows],
        *(column_of([getattr(e, name) for e in rows], 6) for name in ("eigenvalue", "theory")),
        ratios,
        bars([e.eigenvalue for e in rows], screen),
    ]
    for row in zip(*columns, strict=True):
        table.add_row(*row)
    return drawn(table, screen) + said(left_out(len(r.sample.eigenvalues) - len(rows)), screen)


def matrix_table(results: Sequence[MatrixSpectrum], screen: Screen) -> str:
    """Return a table for each kernel."""
    return "\n".join(_one_matrix(r, screen) for r in results)


def _one_matrix(r: MatrixSpectrum, screen: Screen) -> str:
    table = new_table(f"{_name(r.kernel)}: eigenvalues of K = Θ(XXᵀ)/n", screen)
    add_columns(table, ("p", "λ_p", "λ_p/λ_1", "eff/p", "C.20", "of XXᵀ", ""), screen)
    rows = r.eigenvalues[: screen.rows or _ROWS]
    columns = [
        [str(e.index) for e in rows],
        column_of([e.eigenvalue for e in rows], screen.digits or 10),
        column_of([e.normalized for e in rows], _FEW),
        *(column_of([rounded(getattr(e, n), _FEW, ROUND_CEILING) for e in rows], _FEW) for n in _MATRIX[4:6]),
        column_of([e.gram_normalized for e in rows], _FEW),
        bars([e.normalized for e in rows], screen),
    ]
    for row in zip(*columns, strict=True):
        table.add_row(*row)
    unseen = sum(not e.resolved for e in r.eigenvalues)
    lines = [
        f"{data_line(r.data)}; eff(K) = {digits_of(r.kernel_effrank, 6)}, eff(XXᵀ) = {digits_of(r.gram_effrank, 6)}",
        variances(r.kernel, 10),
        "λ_p/λ_1 ≤ eff(K)/p and ≤ the bound of Lemma C.20",
        f"errors below {about(r.accuracy)} of λ_1"
        + (f"; {counted(unseen, 'eigenvalue')} below that: ?" if unseen else ""),
    ]
    text = drawn(table, screen) + left_out(len(r.eigenvalues) - len(rows))
    return said(text, screen) + captions(lines, [], screen)


def _name(kernel: KernelFacts | None) -> str:
    return "series" if kernel is None else f"{kernel.activation}, depth {kernel.depth}"


def _count(n: int) -> str:
    """Return a multiplicity, in scientific notation where it is long."""
    return str(n) if n < 10**9 else scientific(rounded(Decimal(n), 3))


SPHERE_FORMATS = {"json": sphere_json, "csv": sphere_csv, "plain": sphere_plain}
MATRIX_FORMATS = {"json": matrix_json, "csv": matrix_csv, "plain": matrix_plain}


def sphere_text(results: Sequence[SphereSpectrum], style: str, screen: Screen) -> str:
    """Return spectra on the sphere in a format."""
    write = SPHERE_FORMATS.get(style)
    return sphere_table(results, screen) if write is None else write(results)


def matrix_text(results: Sequence[MatrixSpectrum], style: str, screen: Screen) -> str:
    """Return spectra of data in a format."""
    write = MATRIX_FORMATS.get(style)
    return matrix_table(results, screen) if write is None else write(results)
