"""Networks of finite width as text: spectra (table, json, csv, plain), and what effective ranks say of them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from ntkcalc.networks.results import NetworkEigenvalue, NetworkFacts, NetworkSpectrum
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
from ntkcalc.report.text import about, counted, csv_lines, digits_of, number, rounded
from ntkcalc.spectrum.results import FiniteWidth, Interval, TheoremCheck

_ROWS = 24  # of a spectrum that a table shows unless told how many
_FEW = 5  # digits of a share in a table
_SIX = 6  # digits of a mean in a table, unless told how many
_UNSET = ("sigma_w2", "sigma_b2", "gamma_w2", "gamma_b2", "chi", "total")  # what standard networks have not


def spectra_json(results: Sequence[NetworkSpectrum]) -> str:
    """Return JSON Lines, one object a kernel and data set."""
    return lines_json([_fields(r) for r in results])


def _fields(r: NetworkSpectrum) -> dict[str, object]:
    fields = envelope("eigs", r.kernel, r.digits, "numpy")
    if r.network.parametrization == "standard":
        fields["kernel"] = {"activation": r.kernel.activation, "depth": r.kernel.depth} | dict.fromkeys(_UNSET)
    rows = [
        {
            "index": e.index,
            "eigenvalue": maybe(e.eigenvalue, r.digits),
            "normalized": maybe(e.normalized.mean, r.digits),
            "normalized_low": maybe(e.normalized.low, r.digits),
            "normalized_high": maybe(e.normalized.high, r.digits),
            "infinite_normalized": maybe(e.infinite, r.digits),
            "gram_normalized": maybe(e.gram_normalized, r.digits),
            "bound_effrank": number(e.bound_effrank, r.digits),
            "bound_tail": None,
            "resolved": e.resolved,
        }
        for e in r.eigenvalues
    ]
    return fields | {
        "data": data_fields(r.data),
        "network": _network_fields(r.network),
        "trials": r.network.trials,
        "eigenvalues": rows,
        "kernel_effrank": maybe(r.kernel_effrank.mean, r.digits),
        "kernel_effrank_low": maybe(r.kernel_effrank.low, r.digits),
        "kernel_effrank_high": maybe(r.kernel_effrank.high, r.digits),
        "gram_effrank": number(r.gram_effrank, r.digits),
        "distance": maybe(r.distance, r.digits),
        "accuracy": r.accuracy,
    }


def _network_fields(f: NetworkFacts) -> dict[str, object]:
    return {
        "arch": f.arch,
        "width": f.width,
        "parametrization": f.parametrization,
        "padding": f.padding,
        "image_shape": None if f.image is None else list(f.image),
        "seed": f.seed,
    }


def _interval_fields(found: Interval, digits: int) -> dict[str, object]:
    named: dict[str, object] = {name: maybe(getattr(found, name), digits) for name in ("mean", "low", "high")}
    return named | {"trials": found.trials}


_HEADER = ("activation", "depth", "sigma_w2", "gamma_b2", "source", "arch", "width", "parametrization", "index")
_VALUES = ("eigenvalue", "normalized", "normalized_low", "normalized_high", "infinite_normalized", "gram_normalized")


def spectra_csv(results: Sequence[NetworkSpectrum]) -> str:
    """Return CSV, an eigenvalue a line."""
    records = ([*_named(r), e.index, *map(_cell, _values(e))] for r in results for e in r.eigenvalues)
    return csv_lines([*_HEADER, *_VALUES], records)


def _named(r: NetworkSpectrum) -> list[object]:
    """Return what a network is; the standard parametrisation has no variances."""
    cells = kernel_cells(r.kernel)
    if r.network.parametrization == "standard":
        cells[2:] = ["", ""]
    return [*cells, r.data.source, r.network.arch, r.network.width, r.network.parametrization]


def _values(e: NetworkEigenvalue) -> list[Decimal | None]:
    n = e.normalized
    return [e.eigenvalue, n.mean, n.low, n.high, e.infinite, e.gram_normalized]


def _cell(value: Decimal | None) -> str:
    return "" if value is None else digits_of(value)


def spectra_plain(results: Sequence[NetworkSpectrum]) -> str:
    """Return index and mean eigenvalue a line; an empty line between kernels."""
    blocks = (((e.index, e.eigenvalue) for e in r.eigenvalues) for r in results)
    return "\n".join("".join(f"{p} {'null' if x is None else digits_of(x)}\n" for p, x in rows) for rows in blocks)


def spectra_table(results: Sequence[NetworkSpectrum], screen: Screen) -> str:
    """Return a table for each kernel and data set."""
    return "".join(_one_spectrum(r, screen) for r in results)


def _one_spectrum(r: NetworkSpectrum, screen: Screen) -> str:
    name = f"{r.kernel.activation}, depth {r.kernel.depth}, width {r.network.width}"
    table = new_table(f"{name}: eigenvalues of K/n, mean of {counted(r.network.trials, 'network')}", screen)
    rows = r.eigenvalues[: screen.rows or _ROWS]
    few = min(_FEW, screen.digits or _FEW)
    columns = {
        "p": [str(e.index) for e in rows],
        "λ_p": column_of([e.eigenvalue for e in rows], screen.digits or _SIX),
        "λ_p/λ_1": column_of([e.normalized.mean for e in rows], few),
        "95 %, from": column_of([_few(e.normalized.low, few, ROUND_FLOOR) for e in rows], few),
        "to": column_of([_few(e.normalized.high, few, ROUND_CEILING) for e in rows], few),
        "width ∞": column_of([e.infinite for e in rows], few),
        "of XXᵀ": column_of([e.gram_normalized for e in rows], few),
        "": bars([e.normalized.mean for e in rows], screen),
    }
    if r.distance is None:
        del columns["width ∞"]
    if r.network.trials == 1:
        del columns["95 %, from"], columns["to"]
    add_columns(table, [*columns], screen)
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    text = drawn(table, screen) + left_out(len(r.eigenvalues) - len(rows))
    return said(text, screen) + captions(_captions(r), [], screen)


def _captions(r: NetworkSpectrum) -> list[str]:
    """Return what stands under a table."""
    f, unseen = r.network, sum(not e.resolved for e in r.eigenvalues)
    images = "" if f.image is None else f" on images {','.join(map(str, f.image))}, {f.padding} padding"
    standard = f.parametrization == "standard"
    lines = [
        f"{data_line(r.data)}; eff(K) = {_interval(r.kernel_effrank)}, eff(XXᵀ) = {digits_of(r.gram_effrank, 6)}",
        f"{f.arch}{images}, {f.parametrization} parametrization"
        + (", weights and biases uniform in ±1/√fan_in" if standard else f", {variances(r.kernel, 6)}"),
        f"seed {f.seed}; " + ("95 % confidence intervals of means" if f.trials > 1 else "one network has no interval"),
    ]
    if r.distance is not None:
        lines.append(f"‖K − Θ‖/‖Θ‖ = {digits_of(r.distance, 3)} (root mean square), Θ the kernel of infinite width")
    if r.eigenvalues[0].normalized.trials < f.trials:
        dead = f.trials - r.eigenvalues[0].normalized.trials
        lines.append(f"{counted(dead, 'network')} with K = 0: λ_p/λ_1 is the mean of the others")
    errors = f"errors below {about(r.accuracy)} of λ_1" if r.accuracy else ""
    return [*lines, errors + (f"; {counted(unseen, 'eigenvalue')} below that: ?" if unseen else "")]


def _few(value: Decimal | None, digits: int, rounding: str = ROUND_HALF_EVEN) -> Decimal | None:
    return None if value is None else rounded(value, digits, rounding)


def _interval(found: Interval, digits: int = _SIX) -> str:
    """Return a mean and its interval."""
    if found.mean is None:
        return "?"
    if found.low is None or found.high is None:
        return digits_of(found.mean, digits)
    ends = rounded(found.low, digits, ROUND_FLOOR), rounded(found.high, digits, ROUND_CEILING)
    return f"{digits_of(found.mean, digits)} ({digits_of(ends[0])} … {digits_of(ends[1])})"


FORMATS = {"json": spectra_json, "csv": spectra_csv, "plain": spectra_plain}


def spectra_text(results: Sequence[NetworkSpectrum], style: str, screen: Screen) -> str:
    """Return spectra of networks in a format."""
    write = FORMATS.get(style)
    return spectra_table(results, screen) if write is None else write(results)


def finite_fields(r: FiniteWidth, digits: int) -> dict[str, object]:
    """Return the JSON of effective ranks of networks."""
    theorems = [
        {
            "name": t.name,
            "about": t.about,
            "applies": t.applies,
            "measured": maybe(t.measured, digits),
            "lower": maybe(t.lower, digits),
            "upper": maybe(t.upper, digits),
            "holds_fraction": t.holds_fraction,
            "trials": t.trials,
            "note": t.note,
        }
        for t in r.theorems
    ]
    ranks = {name: _interval_fields(getattr(r, name), digits) for name in ("inner", "outer", "full")}
    return {
        "width": r.width,
        "trials": r.trials,
        "seed": r.seed,
        "outer_weights": r.weights,
        **ranks,
        "theorems": theorems,
        "accuracy": r.accuracy,
    }


def finite_values(r: FiniteWidth) -> dict[str, Decimal | int | float | None]:
    """Return the measured effective ranks by the names that csv and plain give them."""
    ranks = {"inner": r.inner, "outer": r.outer, "full": r.full}
    return {
        f"{name}_effrank{suffix}": getattr(found, end)
        for name, found in ranks.items()
        for end, suffix in (("mean", ""), ("low", "_low"), ("high", "_high"))
    }


def finite_table(r: FiniteWidth, gram: Decimal, activation: str, screen: Screen) -> str:
    """Return the effective ranks of networks and a table of theorems."""
    title = (
        f"{activation}, width {r.width}: effective ranks of {counted(r.trials, 'network')} f(x) = Σ_j a_j φ(⟨w_j, x⟩)"
    )
    table = new_table(title, screen)
    between = ("95 %, from", "to") if r.trials > 1 else ()
    add_columns(table, ("kernel", "mean", *between, "/eff(XXᵀ)"), screen)
    for name, found in (("K_inner", r.inner), ("K_outer", r.outer), ("K", r.full)):
        digits = screen.digits or _SIX
        ends = ((found.low, ROUND_FLOOR), (found.high, ROUND_CEILING)) if between else ()
        numbers = ((found.mean, ROUND_HALF_EVEN), *ends)
        cells = ["?" if x is None else digits_of(rounded(x, digits, way)) for x, way in numbers]
        table.add_row(name, *cells, "?" if found.mean is None else f"{found.mean / gram:.3f}")
    checks = new_table("what section C.2 says of them", screen)
    add_columns(checks, ("theorem", "of", "lower", "measured", "upper", "held"), screen)
    applied = [t for t in r.theorems if t.applies]
    for t in applied:
        bounds = _few(t.lower, _FEW, ROUND_FLOOR), _few(t.measured, _FEW), _few(t.upper, _FEW, ROUND_CEILING)
        cells = ["-" if x is None else digits_of(x) for x in bounds]
        checks.add_row(said(t.name, screen), said(t.about, screen), *cells, _held(t))
    a = "N(0, 1)" if r.weights == "gaussian" else "±1"
    intervals = "95 % intervals of means" if between else "one network has no interval"
    lines = [
        f"K = K_inner + K_outer of w_j ~ N(0, I) and a_j ~ {a}; no biases; seed {r.seed}; {intervals}",
        *(f"{t.name}: {t.note}" for t in applied if t.note),
        *(f"{t.name} is silent: {t.note}" for t in r.theorems if not t.applies),
        *(
            f"{counted(r.trials - found.trials, 'network')} with {name} = 0 left out"
            for name, found in (("K_inner", r.inner), ("K_outer", r.outer))
            if found.trials < r.trials
        ),
    ]
    return drawn(table, screen) + (drawn(checks, screen) if applied else "") + captions(lines, [], screen)


def _held(t: TheoremCheck) -> str:
    """Return in how many of its trials a theorem held."""
    return f"{round((t.holds_fraction or 0) * t.trials)} of {t.trials}"
