"""Effective ranks as text: table, json, csv, plain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING

from ntkcalc.frame import (
    Screen,
    add_columns,
    data_fields,
    data_line,
    drawn,
    envelope,
    lines_json,
    maybe,
    new_table,
    said,
    shared,
    title_of,
)
from ntkcalc.results import (
    EffectiveRanks,
    RankBounds,
)
from ntkcalc.text import (
    csv_lines,
    digits_of,
    number,
    rounded,
)

if TYPE_CHECKING:
    pass


def bounds_fields(b: RankBounds) -> dict[str, object]:
    """Return the JSON of the bounds of one kernel."""
    return envelope("effrank", b.kernel, b.digits, "mpmath") | {
        "bound": maybe(b.bound, b.digits),
        "centered_ratio": maybe(b.centered_ratio, b.digits),
        "leading": b.leading,
        "leading_ratio": maybe(b.leading_ratio, b.digits),
    }


def ranks_fields(r: EffectiveRanks) -> dict[str, object]:
    """Return the JSON of the ranks of one kernel on data."""
    digits = r.bounds.digits
    return bounds_fields(r.bounds) | {
        "engine": "numpy",
        "data": data_fields(r.data),
        "gram_effrank": number(r.gram, digits),
        "kernel_effrank": number(r.kernel, digits),
        "centered_effrank": maybe(r.centered, digits),
        "centered_bound": maybe(r.centered_bound, digits),
        "counts": [
            {"epsilon": number(c.epsilon, 15), "count": c.count, "bound": number(c.bound, digits)} for c in r.counts
        ],
        "accuracy": r.accuracy,
    }


_RANKS = (
    *("bound", "centered_ratio", "leading", "leading_ratio", "gram_effrank", "kernel_effrank"),
    *("centered_effrank", "centered_bound", "accuracy"),
)


def ranks_csv(rows: Sequence[Mapping[str, object]]) -> str:
    """Return CSV; what is unknown is empty. Counts have columns of their own, count_ε and count_bound_ε."""
    names = [name for name in _RANKS if name in rows[0]]
    counts = _counts_of(rows[0])
    header = ["activation", "depth", "sigma_w2", "gamma_b2", *names]
    header += [f"{what}_{c['epsilon']}" for c in counts for what in ("count", "count_bound")]
    records = []
    for row in rows:
        kernel = row["kernel"] if isinstance(row["kernel"], Mapping) else {}
        cells = [kernel.get(name, "") for name in ("activation", "depth", "sigma_w2", "gamma_b2")]
        cells += [_cell(row[name]) for name in names]
        cells += [_cell(c[what]) for c in _counts_of(row) for what in ("count", "bound")]
        records.append(cells)
    return csv_lines(header, records)


def _counts_of(row: Mapping[str, object]) -> list[dict[str, object]]:
    counts = row.get("counts", [])
    return counts if isinstance(counts, list) else []


def _cell(value: object) -> object:
    return "" if value is None else value


def named_plain(rows: Sequence[Mapping[str, object]]) -> str:
    """Return a name and a value a line, without what is unknown; an empty line between kernels."""
    blocks = []
    for row in rows:
        lines = [f"{name} {row[name]}" for name in _RANKS if row.get(name) is not None]
        lines += [f"count_{c['epsilon']} {c['count']}" for c in _counts_of(row) if c["count"] is not None]
        blocks.append("".join(f"{line}\n" for line in lines))
    return "\n".join(blocks)


def bounds_table(bounds: Sequence[RankBounds], screen: Screen) -> str:
    """Return a table of bounds, with what to do where a theorem does not apply."""
    table = new_table("bounds on effective ranks, whatever the data on the sphere", screen)
    add_columns(table, ("kernel", "eff(K)", "eff(K̃)/eff(XXᵀ)", "q", "eff(K̃)/eff(G^∘q)"), screen)
    kernels = [b.kernel for b in bounds if b.kernel is not None]
    for b in bounds:
        name = "series" if b.kernel is None else title_of(b.kernel, kernels)
        cells = ["-" if x is None else digits_of(x) for x in (b.bound, b.centered_ratio)]
        leading = ["-" if b.leading is None else str(b.leading)]
        leading.append("-" if b.leading_ratio is None else digits_of(b.leading_ratio))
        table.add_row(said(name, screen), *cells, *leading)
    notes = ["eff(A) = Tr A/λ_1(A); K̃ = K − (c_0/n) 11ᵀ; Theorem 4.1: eff(K) ≤ S/c_0; Theorem 4.3: (S − c_0)/c_1"]
    notes += ["c_q is the first coefficient after c_0: Σ_{p≥q} c_p/c_q is what the proof of Theorem 4.3 gives for it"]
    notes += _silences(bounds)
    return drawn(table, screen) + said(
        "".join(f"  {n}\n" for n in notes) + (shared(kernels) if kernels else ""), screen
    )


def _silences(bounds: Sequence[RankBounds]) -> list[str]:
    """Say where a theorem does not apply, why, and what would make it apply."""
    said = []
    for b in bounds:
        name = "the series" if b.kernel is None else f"{b.kernel.activation}, depth {b.kernel.depth}"
        if b.leading is None and b.bound is None:
            said.append(f"{name}: nothing is known of what the series leaves out, so that no bound follows")
            continue
        if b.bound is None:
            said.append(f"{name}: c_0 = 0, Theorem 4.1 is silent; --gamma-b2 > 0 or a smaller --sigma-w2 makes c_0 > 0")
        if b.centered_ratio is None and b.leading is not None:
            said.append(f"{name}: c_1 = 0 (an even kernel), Theorem 4.3 is silent; --gamma-b2 > 0 makes c_1 > 0")
        if b.leading is None:
            said.append(f"{name}: the kernel is constant, K̃ = 0")
    return list(dict.fromkeys(said))


def ranks_table(ranks: Sequence[EffectiveRanks], screen: Screen) -> str:
    """Return a table of measured effective ranks beside their bounds."""
    table = new_table("", screen)
    add_columns(table, ("kernel", "eff(K)", "bound", "ratio", "eff(K̃)", "bound", "ratio"), screen)
    kernels = [r.bounds.kernel for r in ranks if r.bounds.kernel is not None]
    for r in ranks:
        name = "" if r.bounds.kernel is None else title_of(r.bounds.kernel, kernels)
        pairs = ((r.kernel, r.bounds.bound), (r.centered, r.centered_bound))
        cells = [cell for measured, bound in pairs for cell in _beside(measured, bound)]
        table.add_row(said(name, screen), *cells)
    text = drawn(table, screen)
    if ranks[0].counts:
        counts = new_table("eigenvalues of K that are at least ε λ_1, and the bound eff(K)/ε", screen)
        add_columns(counts, ("kernel", "ε", "count", "bound"), screen)
        for r in ranks:
            name = "" if r.bounds.kernel is None else title_of(r.bounds.kernel, kernels)
            for c in r.counts:
                known = "?" if c.count is None else str(c.count)
                counts.add_row(
                    said(name, screen), digits_of(c.epsilon), known, digits_of(rounded(c.bound, 6, ROUND_CEILING))
                )
        text += drawn(counts, screen)
    lines = [f"{data_line(ranks[0].data)}; eff(XXᵀ) = {digits_of(ranks[0].gram)}"]
    lines.append("K̃ = K − (c_0/n) 11ᵀ; bounds: Theorem 4.1 and Theorem 4.3; ratio = measured/bound")
    lines.append(
        f"{sum(r.passes for r in ranks)} products with K, {sum(r.seconds for r in ranks):.2f} s, "
        f"relative errors below {max(r.accuracy for r in ranks):.0e}"
    )
    lines += _silences([r.bounds for r in ranks])
    return text + said("".join(f"  {line}\n" for line in lines) + shared(kernels), screen)


def _beside(measured: Decimal | None, bound: Decimal | None) -> list[str]:
    """Return a measured value, its bound and their ratio."""
    ratio = "-" if measured is None or bound is None else f"{measured / bound:.3f}"
    return ["-" if x is None else digits_of(x) for x in (measured, bound)] + [ratio]


FORMATS = {"json": lines_json, "csv": ranks_csv, "plain": named_plain}
"""Text of each format but the table."""
