"""Effective ranks as text: table, json, csv, plain."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal

from ntkcalc.report.common import (
    Screen,
    add_columns,
    add_rows,
    captions,
    data_fields,
    data_line,
    drawn,
    envelope,
    kernel_cells,
    lines_json,
    maybe,
    new_table,
    title_of,
)
from ntkcalc.report.networks import finite_fields, finite_table, finite_values
from ntkcalc.report.text import (
    about,
    csv_lines,
    digits_of,
    number,
    rounded,
)
from ntkcalc.spectrum.results import EffectiveRanks, EigenvalueCount, RankBounds

Result = RankBounds | EffectiveRanks
"""Bounds alone, or with measurements."""


def ranks_json(results: Sequence[Result]) -> str:
    """Return JSON Lines, one object a kernel."""
    return lines_json([_fields(r) for r in results])


def _fields(r: Result) -> dict[str, object]:
    b = _bounds(r)
    named: dict[str, object] = {
        name: maybe(value, b.digits) if isinstance(value, Decimal) else value for name, value in _values(r).items()
    }
    fields = envelope("effrank", b.kernel, b.digits, "mpmath" if isinstance(r, RankBounds) else "numpy")
    if isinstance(r, RankBounds):
        return fields | named
    counts = [
        {"epsilon": number(c.epsilon, 15), "count": c.count, "bound": number(c.bound, b.digits)} for c in r.counts
    ]
    fields |= named | {"data": data_fields(r.data), "counts": counts}
    return fields if r.finite_width is None else fields | {"finite_width": finite_fields(r.finite_width, b.digits)}


def _bounds(r: Result) -> RankBounds:
    return r if isinstance(r, RankBounds) else r.bounds


def _flat(r: Result) -> dict[str, Decimal | int | float | None]:
    """Return the same with the effective ranks of networks, for csv and plain."""
    finite = None if isinstance(r, RankBounds) else r.finite_width
    return _values(r) if finite is None else _values(r) | finite_values(finite)


def _values(r: Result) -> dict[str, Decimal | int | float | None]:
    """Return what there is to say of a kernel, by its name in JSON."""
    b = _bounds(r)
    found: dict[str, Decimal | int | float | None] = {
        "bound": b.bound,
        "centered_ratio": b.centered_ratio,
        "leading": b.leading,
        "leading_ratio": b.leading_ratio,
    }
    if isinstance(r, RankBounds):
        return found
    return found | {
        "gram_effrank": r.gram,
        "kernel_effrank": r.kernel,
        "centered_effrank": r.centered,
        "centered_bound": r.centered_bound,
        "accuracy": r.accuracy,
    }


def _counts(r: Result) -> tuple[EigenvalueCount, ...]:
    return () if isinstance(r, RankBounds) else r.counts


def ranks_csv(results: Sequence[Result]) -> str:
    """Return CSV; what is unknown is empty. Counts have columns of their own, count_ε and count_bound_ε."""
    header = ["activation", "depth", "sigma_w2", "gamma_b2", *_flat(results[0])]
    header += [f"{what}_{digits_of(c.epsilon)}" for c in _counts(results[0]) for what in ("count", "count_bound")]
    records = [
        [*kernel_cells(_bounds(r).kernel)]
        + [_cell(value) for value in _flat(r).values()]
        + [_cell(value) for c in _counts(r) for value in (c.count, c.bound)]
        for r in results
    ]
    return csv_lines(header, records)


def _cell(value: Decimal | float | int | None) -> object:
    return "" if value is None else digits_of(value) if isinstance(value, Decimal) else value


def ranks_plain(results: Sequence[Result]) -> str:
    """Return a name and a value a line, without what is unknown; an empty line between kernels."""
    blocks = []
    for r in results:
        named = list(_flat(r).items())
        for c in _counts(r):
            name = digits_of(c.epsilon)
            named += [(f"count_{name}", c.count), (f"count_bound_{name}", c.bound)]
        blocks.append("".join(f"{name} {_cell(value)}\n" for name, value in named if value is not None))
    return "\n".join(blocks)


def bounds_table(bounds: Sequence[RankBounds], screen: Screen) -> str:
    """Return a table of bounds, with what to do where a theorem does not apply."""
    table = new_table("bounds on effective ranks, whatever the data on the sphere", screen)
    add_columns(table, ("kernel", "eff(K)", "eff(K̃)/eff(XXᵀ)", "q", "eff(K̃)/eff(G^∘q)"), screen)
    kernels = [b.kernel for b in bounds if b.kernel is not None]
    rows = [
        ["series" if b.kernel is None else title_of(b.kernel, kernels)]
        + ["-" if x is None else digits_of(x) for x in (b.bound, b.centered_ratio)]
        + ["-" if b.leading is None else str(b.leading)]
        + ["-" if b.leading_ratio is None else digits_of(b.leading_ratio)]
        for b in bounds
    ]
    add_rows(table, rows, (1, 2, 4), screen)
    notes = ["K = Θ(XXᵀ)/n for any n rows of unit norm, G = XXᵀ, K̃ = K − (c_0/n) 11ᵀ; eff(A) = Tr A/λ_1(A)"]
    notes += ["Theorem 4.1: eff(K) ≤ S/c_0; Theorem 4.3: eff(K̃)/eff(XXᵀ) ≤ (S − c_0)/c_1; bounds are rounded up"]
    notes += ["c_q is the first coefficient after c_0: Σ_{p≥q} c_p/c_q is what the proof of Theorem 4.3 gives for it"]
    notes += _silences(bounds)
    return drawn(table, screen) + captions(notes, kernels, screen)


def _silences(bounds: Sequence[RankBounds]) -> list[str]:
    """Say where a theorem does not apply, why, and what would make it apply."""
    said = []
    for b in bounds:
        name = "the series" if b.kernel is None else f"{b.kernel.activation}, depth {b.kernel.depth}"
        if b.leading is None and b.bound is None:
            said.append(f"{name}: nothing is known of what the series leaves out, so that no bound follows")
            continue
        if b.bound is None:
            smaller = "" if b.kernel is not None and b.kernel.depth == 1 else " or a smaller --sigma-w2"
            said.append(f"{name}: c_0 = 0, Theorem 4.1 is silent; --gamma-b2 > 0{smaller} makes c_0 > 0")
        if b.centered_ratio is None and b.leading is not None:
            said.append(f"{name}: c_1 = 0 (an even kernel), Theorem 4.3 is silent; --gamma-b2 > 0 makes c_1 > 0")
        if b.leading is None:
            said.append(f"{name}: the kernel is constant, K̃ = 0")
    return list(dict.fromkeys(said))


def ranks_table(ranks: Sequence[EffectiveRanks], screen: Screen) -> str:
    """Return a table of measured effective ranks beside their bounds."""
    table = new_table("effective ranks of the kernel matrix", screen)
    add_columns(table, ("kernel", "eff(K)", "bound", "ratio", "eff(K̃)", "bound", "ratio"), screen)
    kernels = [r.bounds.kernel for r in ranks if r.bounds.kernel is not None]
    names = ["" if r.bounds.kernel is None else title_of(r.bounds.kernel, kernels) for r in ranks]
    rows = [
        [name, *_beside(r.kernel, r.bounds.bound), *_beside(r.centered, r.centered_bound)]
        for name, r in zip(names, ranks, strict=True)
    ]
    add_rows(table, rows, range(1, 7), screen)
    text = drawn(table, screen)
    if ranks[0].counts:
        counts = new_table("eigenvalues of K that are at least ε λ_1, and the bound eff(K)/ε", screen, keys=2)
        add_columns(counts, ("kernel", "ε", "count", "bound"), screen)
        rows = [
            [name, digits_of(c.epsilon), "?" if c.count is None else str(c.count), digits_of(bound)]
            for name, r in zip(names, ranks, strict=True)
            for c in r.counts
            for bound in [rounded(c.bound, 6, ROUND_CEILING)]
        ]
        add_rows(counts, rows, (1, 3), screen)
        text += drawn(counts, screen)
    lines = [f"{data_line(ranks[0].data)}; eff(XXᵀ) = {digits_of(ranks[0].gram)}"]
    passes = sum(r.passes for r in ranks)
    lines.append("K̃ = K − (c_0/n) 11ᵀ; bounds: Theorem 4.1 and Theorem 4.3; ratio = measured/bound")
    lines.append(
        f"{passes} product{'s' * (passes != 1)} with K, {sum(r.seconds for r in ranks):.2f} s, "
        f"relative errors below {about(max(r.accuracy for r in ranks))}"
    )
    lines += _silences([r.bounds for r in ranks])
    if any(r.centered is None and r.bounds.leading is not None for r in ranks):
        lines.append("where eff(K̃) is -, K̃ is too small beside K for double precision")
    text += captions(lines, kernels, screen)
    for r in ranks:
        if r.finite_width is not None and r.bounds.kernel is not None:
            text += "\n" + finite_table(r.finite_width, r.gram, r.bounds.kernel.activation, screen)
    return text


def _beside(measured: Decimal | None, bound: Decimal | None) -> list[str]:
    """Return a measured value, its bound and their ratio."""
    ratio = "-" if measured is None or bound is None else f"{measured / bound:.3f}"
    known = None if bound is None else rounded(bound, 6, ROUND_CEILING)
    return ["-" if x is None else digits_of(x) for x in (measured, known)] + [ratio]


FORMATS = {"json": ranks_json, "csv": ranks_csv, "plain": ranks_plain}
"""Text of each format but the table."""
