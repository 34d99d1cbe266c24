"""Decay laws: the fits with their errors, and the statements of theory below."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import floor, log10
from typing import Any

from ntkcalc.decay.results import LAW, ClassFit, Decay, Parameter
from ntkcalc.report.formats import Report, Screen
from ntkcalc.report.tables import Column, captions, names, phase, shared, table

_LAWS = {
    "power": "C p^e",
    "stretched-exponential": "C p^e exp(−a √p)",
    "exponential": "C p^e r^(−p)",
    "entire": "faster than any r^(−p)",
    "undecided": "undecided",
}


class DecayReport(Report[Decay]):
    """Results of ``decay``."""

    command = "decay"

    def fields(self, r: Decay) -> dict[str, Any]:
        """Return the JSON fields, numbers rounded to the digits that their errors leave."""
        classes = tuple(_rounded_class(c) for c in r.fit.classes)
        fit = replace(r.fit, classes=classes, parameters=_rounded(r.fit.parameters))
        return super().fields(replace(r, fit=fit))

    def records(self, r: Decay) -> list[dict[str, object]]:
        """Return one record for each parity class."""
        whole = ClassFit(r.fit.parity, r.fit.model, {}, 0.0)
        found = []
        for c in map(_rounded_class, r.fit.classes or (whole,)):
            record: dict[str, object] = {"parity": c.parity, "model": c.model, "oscillating": r.fit.oscillating}
            for name in LAW:
                for part, end in (("value", ""), ("stderr", "_stderr"), ("systematic", "_systematic")):
                    record[name + end] = getattr(c.parameters.get(name), part, None)
            found.append(record | {"spread": c.spread if r.fit.classes else None})
        return found

    def lines(self, r: Decay) -> Iterable[str]:
        """Return a name and a value a line."""
        fit = r.fit
        yield from (f"model {fit.model}", f"parity {fit.parity}", f"oscillating {str(fit.oscillating).lower()}")
        yield from (f"{name} {_digits(fit.parameters[name])}" for name in LAW if name in fit.parameters)
        yield from [] if fit.degree is None else [f"degree {fit.degree}"]

    def table(self, results: Sequence[Decay], screen: Screen) -> str:
        """Return a table of fits, the theory under it, and where they are known a table of all models tried."""
        named = list(zip(names(results), results, strict=True))
        rows = [(name * (i == 0), *cells) for name, r in named for i, cells in enumerate(_rows(r))]
        headers = ("kernel", "p", "law", "exponent", "rate a or ratio r")
        cells = zip(headers, zip(*rows, strict=True), strict=True)
        columns = [Column(header, column, words=i < 3) for i, (header, column) in enumerate(cells)]
        text = table("decay laws of κ_p, fitted", columns, screen, keys=2)
        tried = [(n, c) for n, r in named for c in r.fit.classes if c.candidates]
        return text + captions(_captions(results), screen) + (_tried(tried, screen) if tried else "")


def _short(x: float) -> float:
    return float(f"{x:.2g}")


def _rounded(parameters: dict[str, Parameter]) -> dict[str, Parameter]:
    return {n: Parameter(float(_digits(p)), _short(p.stderr), _short(p.systematic)) for n, p in parameters.items()}


def _rounded_class(c: ClassFit) -> ClassFit:
    """Return a fit with the digits that JSON and CSV show."""
    models = (replace(m, spread=_short(m.spread), criterion=round(m.criterion, 2)) for m in c.candidates or ())
    tried = c.candidates and tuple(models)
    return replace(c, parameters=_rounded(c.parameters), spread=_short(c.spread), candidates=tried)


def _digits(p: Parameter) -> str:
    """Return the value with the digits that its error leaves."""
    error = max(p.stderr + p.systematic, 1e-12 * abs(p.value))
    places = -floor(log10(error)) if error else 12
    return f"{p.value:.{min(places, 15)}f}" if places > 0 else f"{p.value:.3g}"


def _rows(r: Decay) -> list[tuple[str, str, str, str]]:
    """Return parity, law, exponent and rate or ratio of each class."""
    if not r.fit.classes:
        finite = r.fit.model == "finite"
        return [("", f"none beyond p = {r.fit.degree}", "", "") if finite else (r.fit.parity, r.fit.model, "", "")]
    swings = ", oscillating" if r.fit.oscillating else ""
    rows = []
    for c in r.fit.classes:
        exponent, rate = c.parameters.get("exponent"), c.parameters.get("rate") or c.parameters.get("ratio")
        rows.append((c.parity, _LAWS[c.model] + swings, _with_error(exponent), _with_error(rate)))
    return rows


def _with_error(p: Parameter | None) -> str:
    if p is None:
        return ""
    error = max(p.stderr + p.systematic, 1e-15)
    shown = min(max(0, -floor(log10(error))), 10)
    return f"{p.value:.{shown}f} ± {error:.0e}".replace("-", "−").replace("e−0", "e−")


def _captions(results: Sequence[Decay]) -> list[str]:
    """Return what the errors mean, and the statements of theory, one a line."""
    first, several = results[0].fit.window, len(results) > 1
    same = all(r.fit.window == first for r in results)
    window = f"; p = {first[0]} … {first[1]}" if same else ""
    lines = [f"p: the degrees; exponent e; ± noise, and five times what half the window changes{window}"]
    for name, r in zip(names(results), results, strict=True):
        lines += [name] if several and r.kernel is not None else []
        for where, statements in (
            ("", r.theory.coefficients),
            ("sphere: ", r.theory.sphere_eigenvalues),
            ("data: ", r.theory.data_eigenvalues),
        ):
            lines += [f"{'  ' * several}{where}{s.law} ({s.status}: {s.source})" for s in statements]
    return [*lines, shared(results), *(phase(results[0].kernel) if len(results) == 1 else [])]


def _tried(fits: Sequence[tuple[str, ClassFit]], screen: Screen) -> str:
    rows = [(name, c.parity, m) for name, c in fits for m in c.candidates or ()]
    columns = [
        Column("kernel", [name for name, _, _ in rows], True),
        Column("p", [parity for _, parity, _ in rows], True),
        Column("model", [m.model for _, _, m in rows], True),
        Column("residual", [f"{m.spread:.1e}" for _, _, m in rows]),
        Column("criterion", [f"{m.criterion:.1f}" for _, _, m in rows]),
        Column("candidate", ["yes" if m.candidate else "no" for _, _, m in rows]),
    ]
    title = "all models: residuals of log κ_p, and the information criterion"
    lines = [
        "residual: root mean square of log κ_p less the fit; criterion: Bayesian information, the less the better",
        "candidate: whether the leading term decreases, and both halves of the window agree on it",
    ]
    return "\n" + table(title, columns, screen, keys=3) + captions(lines, screen)
