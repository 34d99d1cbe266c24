"""Effective ranks: bounds from coefficients, and measured ranks beside them."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, Decimal

from ntkcalc.kernel.results import named_fields
from ntkcalc.report.formats import Report, Result, Screen, about, cell, digits_of
from ntkcalc.report.tables import Column, captions, counted, data_line, heading, names, numbers, phase, shared, table
from ntkcalc.spectrum.results import EffectiveRanks, RankBounds

_FEW = 6  # digits of a bound in a table


class _NamedValues(Report[Result]):
    """Reports whose plain values are names and values."""

    command = "effrank"

    def lines(self, r: Result) -> Iterable[str]:
        """Return a name and a value a line, without what is unknown."""
        found = self.records(r)[0]
        return (f"{name} {cell(value)}" for name, value in found.items() if value is not None)


class BoundsReport(_NamedValues[RankBounds]):
    """Results of ``effrank`` without data."""

    def records(self, r: RankBounds) -> list[dict[str, object]]:
        """Return the one record of a kernel."""
        return [named_fields(r)]

    def table(self, results: Sequence[RankBounds], screen: Screen) -> str:
        """Return a table of bounds, with what to do where a theorem does not apply."""
        columns = [
            Column("kernel", names(results), True),
            Column("eff(K)", [cell(b.bound, "-") for b in results]),
            Column("eff(K̃)/eff(XXᵀ)", [cell(b.centered_ratio, "-") for b in results]),
            Column("q", [cell(b.leading, "-") for b in results]),
            Column("eff(K̃)/eff(G^∘q)", [cell(b.leading_ratio, "-") for b in results]),
        ]
        lines = [
            "K = Θ(XXᵀ)/n for any n rows of unit norm, G = XXᵀ, K̃ = K − (c_0/n) 11ᵀ; eff(A) = Tr A/λ_1(A)",
            "Theorem 4.1: eff(K) ≤ S/c_0; Theorem 4.3: eff(K̃)/eff(XXᵀ) ≤ (S − c_0)/c_1; bounds are rounded up",
            "c_q is the first coefficient after c_0: Σ_{p≥q} c_p/c_q is what the proof of Theorem 4.3 gives for it",
            *_silences(results),
            shared(results),
            *(phase(results[0].kernel) if len(results) == 1 else []),
        ]
        title = "bounds on effective ranks, whatever the data on the sphere"
        return table(title, columns, screen) + captions(lines, screen)


def _silences(bounds: Sequence[RankBounds]) -> list[str]:
    """Say where a theorem does not apply, why, and what would make it apply."""
    said = []
    for b in bounds:
        name = "the series" if b.kernel is None else heading(b.kernel)
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


class RanksReport(_NamedValues[EffectiveRanks]):
    """Results of ``effrank --data``."""

    def records(self, r: EffectiveRanks) -> list[dict[str, object]]:
        """Return the one record of a kernel; counts have columns of their own, count_ε and count_bound_ε."""
        found = {name: value for name, value in named_fields(r).items() if name not in ("data", "counts")}
        if networks := found.pop("finite_width", None):
            for part in ("inner", "outer", "full"):
                for name, end in (("mean", ""), ("low", "_low"), ("high", "_high")):
                    found[f"{part}_effrank{end}"] = getattr(getattr(networks, part), name)
        for c in r.counts:
            epsilon = digits_of(c.epsilon)
            found |= {f"count_{epsilon}": c.count, f"count_bound_{epsilon}": c.bound}
        return [found]

    def table(self, results: Sequence[EffectiveRanks], screen: Screen) -> str:
        """Return a table of measured effective ranks beside their bounds."""
        columns = [
            Column("kernel", names(results), True),
            *_beside("eff(K)", [(r.kernel_effrank, r.bounds.bound) for r in results]),
            *_beside("eff(K̃)", [(r.centered_effrank, r.centered_bound) for r in results]),
        ]
        text = table("effective ranks of the kernel matrix", columns, screen)
        if results[0].counts:
            text += _counts(results, screen)
        passes, seconds = sum(r.passes for r in results), sum(r.seconds for r in results)
        accuracy, bounds = max(r.accuracy for r in results), [r.bounds for r in results]
        unseen = any(r.centered_effrank is None and r.bounds.leading is not None for r in results)
        lines = [
            f"{data_line(results[0].data)}; eff(XXᵀ) = {digits_of(results[0].gram_effrank)}",
            "eff(A) = Tr A/λ_1(A), K̃ = K − (c_0/n) 11ᵀ; bounds: Theorem 4.1 and Theorem 4.3; ratio = measured/bound",
            f"{counted(passes, 'product')} with K, {seconds:.2f} s, relative errors below {about(accuracy)}",
            *(_silences(bounds) if results[0].silent is None else [results[0].silent]),
            "where eff(K̃) is -, K̃ is too small beside K for double precision" if unseen else "",
            shared(results),
            *(phase(results[0].kernel) if len(results) == 1 else []),
        ]
        text += captions(lines, screen)
        for r in results:
            if r.finite_width is not None and r.kernel is not None:
                from ntkcalc.report.networks import finite_width_table

                text += "\n" + finite_width_table(r.finite_width, r.gram_effrank, r.kernel.activation, screen)
        return text


def _beside(header: str, pairs: Sequence[tuple[Decimal | None, Decimal | None]]) -> list[Column]:
    """Return measured values, their bounds and the ratios of both."""
    ratios = ["-" if x is None or bound is None else f"{x / bound:.3f}" for x, bound in pairs]
    bounds = numbers("bound", [bound for _, bound in pairs], _FEW, ROUND_CEILING, "-")
    return [Column(header, [cell(x, "-") for x, _ in pairs]), bounds, Column("ratio", ratios)]


def _counts(results: Sequence[EffectiveRanks], screen: Screen) -> str:
    rows = [(name, c) for name, r in zip(names(results), results, strict=True) for c in r.counts]
    columns = [
        Column("kernel", [name for name, _ in rows], True),
        Column("ε", [digits_of(c.epsilon) for _, c in rows]),
        Column("count", [cell(c.count, "?") for _, c in rows]),
        numbers("bound", [c.bound for _, c in rows], _FEW, ROUND_CEILING),
    ]
    return table("eigenvalues of K that are at least ε λ_1, and the bound eff(K)/ε", columns, screen, keys=2)
