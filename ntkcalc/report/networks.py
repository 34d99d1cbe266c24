"""Networks of finite width: spectra, and effective ranks beside the theorems of section C.2."""

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from ntkcalc.kernel.results import named_fields
from ntkcalc.networks.results import NetworkSpectrum
from ntkcalc.report.formats import Report, Screen, about, digits_of, rounded
from ntkcalc.report.tables import (
    MOST_ROWS,
    Column,
    captions,
    counted,
    data_line,
    heading,
    left_out,
    numbers,
    phase,
    table,
    variances,
)
from ntkcalc.spectrum.results import FiniteWidth, Interval

_FEW = 5  # digits of a share in a table
_SIX = 6  # digits of a mean in a table, unless told how many
_NOT_IN_CSV = ("bound_effrank", "bound_tail", "resolved")


class NetworkReport(Report[NetworkSpectrum]):
    """Results of ``eigs --width``."""

    command = "eigs"
    plain_fields = ("index", "eigenvalue")

    def records(self, r: NetworkSpectrum) -> list[dict[str, object]]:
        """Return one record for each eigenvalue."""
        f, rows = r.network, [named_fields(e) for e in r.eigenvalues]
        start = {"source": r.data.source, "arch": f.arch, "width": f.width, "parametrization": f.parametrization}
        return [start | {name: value for name, value in row.items() if name not in _NOT_IN_CSV} for row in rows]

    def table(self, results: Sequence[NetworkSpectrum], screen: Screen) -> str:
        """Return a table for each kernel and data set."""
        return "".join(_spectrum(r, screen) for r in results)


def _spectrum(r: NetworkSpectrum, screen: Screen) -> str:
    rows = r.eigenvalues[: screen.rows or MOST_ROWS]
    few = min(_FEW, screen.digits or _FEW)
    columns = [
        Column("p", [str(e.index) for e in rows]),
        numbers("λ_p", [e.eigenvalue for e in rows], screen.digits or _SIX),
        *_interval_columns("λ_p/λ_1", [e.normalized for e in rows], few, r.trials),
        *([numbers("width ∞", [e.infinite_normalized for e in rows], few)] if r.distance is not None else []),
        numbers("of XXᵀ", [e.gram_normalized for e in rows], few),
    ]
    k, networks = r.kernel, counted(r.trials, "network")
    title = f"{heading(k)}, width {r.network.width}: eigenvalues of K, mean of {networks}"
    text = table(title, columns, screen) + left_out(len(r.eigenvalues) - len(rows), screen)
    return text + captions(_captions(r), screen)


def _interval_columns(header: str, intervals: Sequence[Interval], digits: int, trials: int) -> list[Column]:
    """Return columns of means and, of several trials, the ends of their intervals."""
    means = numbers(header, [x.mean for x in intervals], digits)
    low = numbers("95 %, from", [x.low for x in intervals], digits, ROUND_FLOOR)
    high = numbers("to", [x.high for x in intervals], digits, ROUND_CEILING)
    return [means, low, high] if trials > 1 else [means]


def _captions(r: NetworkSpectrum) -> list[str]:
    f, unseen = r.network, sum(not e.resolved for e in r.eigenvalues)
    images = f" on images {','.join(map(str, f.image_shape))}, {f.padding} padding" if f.image_shape else ""
    standard = f.parametrization == "standard"
    lines = [
        f"{data_line(r.data)}; eff(K) = {_interval(r.kernel_effrank)}, eff(XXᵀ) = {digits_of(r.gram_effrank, 6)}",
        f"{f.arch}{images}, {f.parametrization} parametrization"
        + (", weights and biases uniform in ±1/√fan_in" if standard else f", {variances(r.kernel, 6)}"),
        *([] if standard else phase(r.kernel)),
        f"seed {f.seed}; " + ("95 % confidence intervals of means" if r.trials > 1 else "one network has no interval"),
    ]
    lines.append("width ∞, of XXᵀ: λ_p/λ_1 of the kernel of infinite width, and of XXᵀ")
    if r.distance is not None:
        lines.append(f"‖K − Θ‖/‖Θ‖ = {digits_of(r.distance, 3)} (root mean square), Θ the kernel of infinite width")
    if dead := r.trials - r.eigenvalues[0].normalized.trials:
        lines.append(f"{counted(dead, 'network')} with K = 0: λ_p/λ_1 is the mean of the others")
    errors = f"errors below {about(r.accuracy)} of λ_1" if r.accuracy else ""
    return [*lines, errors + (f"; {counted(unseen, 'eigenvalue')} below that: ?" if unseen else "")]


def _interval(found: Interval) -> str:
    if found.mean is None:
        return "?"
    if found.low is None or found.high is None:
        return digits_of(found.mean, _SIX)
    low, high = rounded(found.low, _SIX, ROUND_FLOOR), rounded(found.high, _SIX, ROUND_CEILING)
    return f"{digits_of(found.mean, _SIX)} ({digits_of(low)} … {digits_of(high)})"


def finite_width_table(r: FiniteWidth, gram: Decimal, activation: str, screen: Screen) -> str:
    """Return tables of the effective ranks of networks of one hidden layer and of the theorems on them."""
    parts = {"K_inner": r.inner, "K_outer": r.outer, "K": r.full}
    columns = [
        Column("kernel", [*parts], True),
        *_interval_columns("mean", [*parts.values()], screen.digits or _SIX, r.trials),
        Column("/eff(XXᵀ)", ["?" if x.mean is None else f"{x.mean / gram:.3f}" for x in parts.values()]),
    ]
    networks = counted(r.trials, "network")
    title = f"{activation}, width {r.width}: effective ranks of {networks} f(x) = Σ_j a_j φ(⟨w_j, x⟩)"
    text = table(title, columns, screen)
    applied = [t for t in r.theorems if t.applies]
    if applied:
        columns = [
            Column("theorem", [t.name for t in applied], True),
            Column("of", [t.about for t in applied], True),
            numbers("lower", [t.lower for t in applied], _FEW, ROUND_FLOOR, "-"),
            numbers("measured", [t.measured for t in applied], _FEW, unknown="-"),
            numbers("upper", [t.upper for t in applied], _FEW, ROUND_CEILING, "-"),
            Column("held", [f"{round((t.holds_fraction or 0) * t.trials)} of {t.trials}" for t in applied]),
        ]
        text += table("what section C.2 says of them", columns, screen)
    a = "N(0, 1)" if r.outer_weights == "gaussian" else "±1"
    intervals = "95 % intervals of means" if r.trials > 1 else "one network has no interval"
    lines = [
        f"K = K_inner + K_outer of w_j ~ N(0, I) and a_j ~ {a}; no biases; seed {r.seed}; {intervals}",
        "measured: mean of the effective rank; held: networks that respect the bounds" if applied else "",
        *(f"{t.name}: {t.note}" for t in applied if t.note),
        *(f"{t.name} is silent: {t.note}" for t in r.theorems if not t.applies),
    ]
    for name, part in list(parts.items())[:2]:
        if dead := r.trials - part.trials:
            lines.append(f"{counted(dead, 'network')} with {name} = 0 left out")
    return text + captions(lines, screen)
