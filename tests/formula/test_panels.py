"""Laws of panels: proven Hermite coefficients of a φ with kinks, narrow features or singular slopes."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import product
from typing import Any

import mpmath
import pytest
from flint import arb
from hypothesis import given
from hypothesis import strategies as st

from ntkcalc import ntk_coefficients
from ntkcalc.activations.catalogue import activation
from ntkcalc.activations.dual import Correlation, ExpansionPoint
from ntkcalc.activations.formula.bounds.branches import segments, sign_on
from ntkcalc.activations.formula.bounds.symmetry import as_polynomial
from ntkcalc.activations.formula.expressions.ball_functions import RealBalls
from ntkcalc.activations.formula.expressions.balls import log2_upper, rational, to_ball, widened, working_precision
from ntkcalc.activations.formula.expressions.functions import WORDS
from ntkcalc.activations.formula.expressions.grammar import parsed
from ntkcalc.activations.formula.expressions.plain_form import plain
from ntkcalc.activations.formula.expressions.polynomials import polynomial
from ntkcalc.activations.formula.expressions.programs import program
from ntkcalc.activations.formula.expressions.trees import ZERO, Tree, X
from ntkcalc.activations.formula.piecewise.cells import block_of, grouped_cells
from ntkcalc.activations.formula.piecewise.kinks import kinks_of, rational_kinks
from ntkcalc.activations.formula.piecewise.matched_spline import Matching, Split
from ntkcalc.activations.formula.piecewise.panels import Panels
from ntkcalc.activations.formula.piecewise.piecewise_dual import PiecewiseDual
from ntkcalc.activations.formula.piecewise.rational_pieces import polynomial_parts_of, rational_pieces
from ntkcalc.activations.formula.piecewise.slivers import Sliver
from ntkcalc.activations.formula.piecewise.splines import Spline
from ntkcalc.activations.formula.smooth.hermite_sums import hermite_sums
from ntkcalc.activations.formula.smooth.polynomial_dual import PolynomialDual
from ntkcalc.errors import AccuracyError, InputError, NtkcalcError
from ntkcalc.numerics.precision import context, real


def tree(text: str) -> Tree:
    return plain(parsed(text, WORDS))


KINKED = (
    *("max(x,sin(x))", "x/(1+abs(x))", "x*clip(x/6+0.5,0,1)", "abs(x)^1.5", "relu(sin(3*x))", "elu(x)"),
    *("abs(x^2-0.3)", "relu(x-0.3)+relu(x-0.3-1e-25)", "tanh(x)+exp(-1e10*(x-0.7)^2)", "sqrt(x^2+1e-20)"),
    *("relu(x)+sin(x)/x", "x/tanh(x)", "exp(x^2/5)", "max(x,-1/3)"),
    *(pytest.param(text, marks=pytest.mark.thorough) for text in ("x+1e-9*cos(400*x)", "abs(x)^0.75")),
)


@pytest.mark.quick(6)
@pytest.mark.parametrize("text", KINKED)
def test_balls_hold_the_coefficients_at_a_higher_precision(text: str) -> None:
    panels = Panels(tree(text), text)
    low, high = panels.hermite(24, 70.0), panels.hermite(24, 150.0)
    assert all(a.contains(b) for a, b in zip(low, high, strict=True))
    assert max(log2_upper(a.rad()) for a in low) <= -70
    for order in (0, 1):
        a, b = panels.square(order, 70.0), Panels(tree(text), text).square(order, 150.0)
        assert a.overlaps(b)


@pytest.mark.parametrize(("parity", "most"), [(0, 1e9), (-1, 1e9), (0, 20), (-1, 8)])
def test_sums_over_panels_are_those_of_the_recurrence(parity: int, most: float) -> None:
    """He_{k+1} = x He_k − k He_{k−1} at every node, with 1500 bits more; blocks may have few nodes."""
    text, degree, need = "x/(1+abs(x))", 150, 80.0
    kind = 1 if parity else None
    groups = grouped_cells([(cell, 8) for cell in Panels(tree(text), text, parity).line(need).cells], most)
    blocks = [block_of(group, kind) for group in groups]
    counts = [len(block.nodes()[0]) for block in blocks]
    assert max(counts) <= max(most, 8)
    assert most > 20 or counts.count(int(most) // 8 * 8) > len(counts) // 2  # and not smaller than that
    found = hermite_sums(blocks, degree, need)
    assert max(log2_upper(a.rad()) for a in found) < -need
    with working_precision(1600):
        expected = [arb(0)] * (degree + 1)
        for block in blocks:
            offsets, columns = block.nodes()
            for side, row in zip((1, -1), columns[kind], strict=True):
                for u, here in zip(offsets, row, strict=True):
                    x, before = block.middle + side * u, arb(0)
                    for k in range(degree + 1):
                        expected[k] += here
                        before, here = here, x * here - k * before
        for k in range(degree + 1):
            value = expected[k] * arb(k).fac().rsqrt() if kind is None or k % 2 else arb(0)
            assert found[k].overlaps(value)


def mean(text: str, k: int, ends: list[str]) -> mpmath.mpf:
    """E[φ h_k] by mpmath's quadrature between places where φ bends, with about 24 digits."""
    from ntkcalc.activations.formula.phi import Phi
    from ntkcalc.numerics.precision import context

    ctx = context(80)
    phi = Phi(tree(text), text)
    norm = ctx.sqrt(2 * ctx.pi * ctx.factorial(k))

    def f(x: mpmath.mpf) -> mpmath.mpf:
        he = [ctx.one, x]
        for n in range(1, k):
            he.append(x * he[n] - n * he[n - 1])
        return phi(ctx, x) * he[k] * ctx.exp(-x * x / 2) / norm

    places = [ctx.mpf(e) for e in ["-14", "-7", "-3", *ends, "3", "7", "14"]]
    return ctx.quad(f, places, method="gauss-legendre")


@pytest.mark.quick
@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("max(x,sin(x))", ["0"]),
        ("x/(1+abs(x))", ["0"]),
        ("relu(x-0.5)*tanh(x)", ["0.5"]),
        ("clip(x,-1,exp(x/2))", ["-1", "0"]),
        ("x/tanh(x)", ["-1", "1"]),
        ("max(sin(x)/x,x)", ["0", "0.87672621539506244597211864314193"]),  # what decides has a removable singularity
        ("relu((cosh(x)-1)/x)", ["0"]),
        ("max(x,x*tanh(x))", ["0"]),  # which differ by 1e-31 at 36
        ("max(erf(x),tanh(x))", ["0"]),
    ],
)
@pytest.mark.parametrize("k", [0, 1, 5])
def test_coefficients_are_those_of_quadrature(text: str, ends: list[str], k: int) -> None:
    ball = Panels(tree(text), text).hermite(5, 90.0)[k]
    expected = mean(text, k, ends)
    with working_precision(120):
        assert abs(ball - arb(mpmath.nstr(expected, 24))) < arb("1e-20")


def matched(panels: Panels) -> tuple[Matching, Split]:
    """Return the splines with the jumps of a φ, and the best one."""
    matching = Matching(panels, kinks_of(panels, 160.0), 60.0)
    assert matching.best is not None
    return matching, matching.best


@pytest.mark.parametrize("text", ["max(x,sin(x))", "elu(x)", "relu(sin(3*x))", "x*clip(x/6+0.5,0,1)", "max(x,-1/3)"])
def test_late_coefficients_follow_from_jumps(text: str) -> None:
    panels = Panels(tree(text), text)
    matching, series = matched(panels)
    k, error = series.last, matching.log_beyond(series.degree + 1, series.last - 1, 0)
    late, whole = series.moments(k + 8, 58.0)[k:], panels.hermite(k + 8, 90.0)[k:]
    assert all(widened(a, error).overlaps(b) for a, b in zip(late, whole, strict=True))


@pytest.mark.parametrize("text", ["max(x,sin(x))", "elu(x)", "x/(1+abs(x))"])
def test_early_coefficients_are_as_far_from_those_of_jumps_as_is_said(text: str) -> None:
    """One by one, and as Σ_{k>K} and Σ_{k>K} k (µ_k(φ) − µ_k(S))²."""
    panels = Panels(tree(text), text)
    matching, series = matched(panels)
    m, first = series.degree + 1, series.degree + 3
    errors = [matching.log_beyond(m, first - 1, slope) for slope in (0, 1)]
    early, whole = series.moments(300, 58.0)[first:], panels.hermite(300, 120.0)[first:]
    assert all(widened(a, errors[0]).overlaps(b) for a, b in zip(early, whole, strict=True))
    assert errors[0] > -58  # the first ones are not known from jumps
    with working_precision(200):
        apart = [a - b for a, b in zip(whole, series.spline(600).hermite(300)[first:], strict=True)]
        for slope in (0, 1):
            norm = sum((k**slope * c * c for k, c in enumerate(apart, first)), arb(0)).sqrt()
            assert log2_upper(norm) <= errors[slope]


def test_where_what_is_beside_the_base_is_large_cells_are_made_finer() -> None:
    """x² outside of two kinks at which what differs from it has slivers: more digits of rounding alone never end."""
    text = "clip(cosh(3),x,x^2)"
    panels = Panels(tree(text), text)
    panels.line(170.0)
    found = panels.hermite(7, 192.0)
    assert max(log2_upper(c.rad()) for c in found) <= -192
    assert all(a.overlaps(b) for a, b in zip(found, Panels(tree(text), text).hermite(7, 300.0), strict=True))


@pytest.mark.parametrize("text", ["max(x,x*tanh(x))", "max(erf(x),tanh(x))"])
def test_far_out_a_branch_is_told_though_its_arguments_differ_by_little(text: str) -> None:
    """By 2^−63 and 2^−68 at 24, less than balls of 64 bits tell."""
    found = list(segments(tree(text), arb(24), arb(24.5), -16.0))
    assert [len(segment.trees) for segment in found] == [1]
    assert program([found[0].trees[0]], RealBalls())(arb(24))[0].overlaps(
        arb(24) if text.startswith("max(x") else arb(24).erf()
    )


def test_more_bits_than_estimated_are_taken_where_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Far knots and late coefficients: with an estimate that is much too low the same moments, not none."""
    text = "abs(sin(x))"
    panels = Panels(tree(text), text)
    moments = []
    for wrong in (False, True):
        _, series = matched(panels)
        if wrong:
            monkeypatch.setattr(
                "ntkcalc.activations.formula.piecewise.splines.hermite_guard", lambda degree, reach: 0.0
            )
            monkeypatch.setattr(
                "ntkcalc.activations.formula.piecewise.matched_spline.hermite_guard", lambda degree, reach: 0.0
            )
        moments.append(series.moments(2000, 80.0)[1990:])
    assert all(log2_upper(c.rad()) <= -80 for row in moments for c in row)
    assert all(a.overlaps(b) for a, b in zip(*moments, strict=True))


def test_knots_that_add_too_little_to_be_seen_are_left_out_and_counted() -> None:
    """|sin x| has knots up to ±34 inside ±X; the norms of those that are left out are in the bounds."""
    text = "abs(sin(x))"
    panels = Panels(tree(text), text)
    kinks = kinks_of(panels, Matching.places(96.0))
    matching = Matching(panels, kinks, 96.0)
    series = matching.best
    assert series is not None
    assert 10 < len(series.kinks) < len([k for k in kinks if abs(k.near) < 30])
    with working_precision(400):
        knots = [(kink.centre(), (kink.jumps(series.degree, 400) or [])[1:]) for kink in kinks]
        whole, kept = Spline(knots, 400), Spline([knots[kinks.index(k)] for k in series.kinks], 400)
        apart = [a - b for a, b in zip(whole.hermite(200), kept.hermite(200), strict=True)]
    norms = [log2_upper(sum((k**slope * c * c for k, c in enumerate(apart)), arb(0)).sqrt()) for slope in (0, 1)]
    assert all(
        -180 < norm <= bound < -96 for norm, bound in zip(norms, matching.log_left_out(series.degree + 1), strict=True)
    )
    assert 0 <= series.log_loss < 64  # mirrored knots are small


def test_means_of_what_is_mostly_one_polynomial_are_those_of_quadrature() -> None:
    text, cut = "x+relu(tanh(x-2))", mpmath.mpf(2)
    panels, finer = (Panels(tree(text), text) for _ in range(2))
    assert panels.base is X
    sides = [lambda x: (x, 1), lambda x: (x + mpmath.tanh(x - 2), 2 - mpmath.tanh(x - 2) ** 2)]
    ends = [[-14, -5, 0, cut], [cut, 4, 8, 14]]
    for order in (0, 1):
        with mpmath.workdps(20):
            mean = sum(
                mpmath.quad(lambda x, f=f, order=order: f(x)[order] ** 2 * mpmath.npdf(x), end, method="gauss-legendre")
                for f, end in zip(sides, ends, strict=True)
            )
        for need in (60.0, 1100.0):  # in cells of one width and of others
            found = panels.square(order, need)
            assert found.overlaps(finer.square(order, need + 40))
            assert abs(float(found.mid()) - mean) < 1e-15


@pytest.mark.parametrize(("order", "times", "degree"), [(0, 1, 0), (0, 1, 3), (0, 2, 0), (1, 2, 0)])
def test_the_polynomial_counts_where_no_cell_takes_it_out(order: int, times: int, degree: int) -> None:
    """On a sliver φ is 0: all of p h_k there, or of p² or p'², is in the sums and not in the mean."""
    text = "x+relu(tanh(x-2))"
    panels = Panels(tree(text), text)
    line = replace(panels.line(64.0), slivers=[Sliver(arb(7.875), arb(8), (ZERO,))])
    base = (lambda x: x, lambda x: 1)[order]
    norm = mpmath.sqrt(mpmath.factorial(degree))

    def size(x: Any) -> Any:
        hermite = {0: 1, 3: x**3 - 3 * x}[degree] / norm
        return abs(base(x) ** times * hermite) * mpmath.npdf(x)

    mass = mpmath.quad(size, [7.875, 8])
    assert panels._log_beside(line, order, times, degree) >= mpmath.log(mass, 2)


def test_wide_cells_of_many_bits_have_the_moments_of_a_line_with_a_knot() -> None:
    """E[relu(Z − 1/2) e^{Z/4}] in closed form."""
    text = "relu(x-1/2)*exp(x/4)"
    found = Panels(tree(text), text).hermite(2, 1500.0)
    with working_precision(1700):
        # e^{x/4} ω(x) = e^{1/32} ω(x − 1/4), so that E = e^{1/32} E[relu(Z − 1/4)]
        c = arb(1) / 4
        density = (-c * c / 2).exp() / (2 * arb.pi()).sqrt()
        expected = (arb(1) / 32).exp() * (density - c * (c / arb(2).sqrt()).erfc() / 2)
        assert found[0].overlaps(expected)
    assert log2_upper(found[0].rad()) <= -1500


@pytest.mark.parametrize("place", ["0.3", "1/3"])
def test_next_to_removable_singularities_anywhere_cells_are_few(place: str) -> None:
    text = f"x+exp(-1/(x-{place})^2)"
    line = Panels(tree(text), text).line(64.0, most_cells=600)  # else refused
    assert line.slivers
    with working_precision(100):
        assert log2_upper(sum((s.right - s.left for s in line.slivers), arb(0))) < -64


def test_a_function_that_is_0_at_0_over_itself_has_its_series_at_a_kink() -> None:
    """sin(u)/u at u = relu(x): 1 on the left, on the right the derivatives (−1)^i/(2i + 1)."""
    text = "sinc(relu(x))"
    (kink,) = kinks_of(Panels(tree(text), text), 80.0)
    jumps = kink.jumps(6, 80)
    assert jumps is not None
    expected = [Fraction(0), Fraction(0), Fraction(-1, 3), Fraction(0), Fraction(1, 5), Fraction(0), Fraction(-1, 7)]
    assert all(jump.overlaps(rational(c)) for jump, c in zip(jumps, expected, strict=True))
    assert max(log2_upper(jump.rad()) for jump in jumps) < -60


@pytest.mark.parametrize(
    ("text", "near"), [("max(x*x,sinc(x))", 0.93), ("relu(cos(x)-x/3)", 1.17), ("max(x,exp(x)/3)", 0.62)]
)
def test_the_place_of_a_kink_is_known_to_twice_the_bits(text: str, near: float) -> None:
    (kink,) = (kink for kink in kinks_of(Panels(tree(text), text), 400.0) if abs(kink.near - near) < 0.01)
    with mpmath.workprec(1000):
        roots = {
            0.93: lambda x: x**3 - mpmath.sin(x),
            1.17: lambda x: mpmath.cos(x) - x / 3,
            0.62: lambda x: 3 * x - mpmath.exp(x),
        }
        root = mpmath.findroot(roots[near], near)
        with working_precision(1000):
            assert abs(kink.place() - to_ball(root)).upper() < arb(2) ** -790
            assert (kink.place() + arb(0, arb(2) ** -980)).contains(to_ball(root))


def test_bounds_on_discs_hold_up_to_the_singularity() -> None:
    """1/√(1 + x²) is singular at ±i: within any r < 1 of a cell there is a bound, however wide the cell is."""
    text, turns = "x/sqrt(1+x^2)", [cmath.rect(1 - 1e-9, 2 * math.pi * i / 16) for i in range(16)]
    for cell in Panels(tree(text), text).line(64.0).cells:
        left, right = float(cell.left), float(cell.right)
        discs = [(2**log_radius, size) for log_radius, size in cell.disc_sizes]
        assert max(discs)[0] >= 0.9
        for r, size in discs:
            for place, turn in product((left, right, min(max(0.0, left), right)), turns):
                z = place + r * turn
                assert math.log2(abs(z / cmath.sqrt(1 + z * z)) + 1e-300) <= size


def test_discs_around_cells_that_no_float_is_as_narrow_as_have_radii() -> None:
    """Next to 0, where the second derivative of |x|^1.5 is infinite, cells are as narrow as the floor asks for."""
    text = "abs(x)^1.5"
    panels = Panels(tree(text), text)
    radii = [cell.disc_sizes[0][0] for cell in panels.line(3000.0).cells]
    assert -math.inf < min(radii) < -1100
    assert Matching(panels, kinks_of(panels, 80.0), 1490.0).log_size(20) > -math.inf


def test_without_kinks_nothing_is_left_of_late_coefficients() -> None:
    panels = Panels(tree("exp(-x^2/2)+sin(x)"), "entire")
    matching, series = matched(panels)
    assert series.kinks == []
    k, error = series.last, matching.log_beyond(series.degree + 1, series.last - 1, 0)
    late, whole = series.moments(k + 4, 58.0)[k:], panels.hermite(k + 4, 90.0)[k:]
    assert all(widened(a, error).contains(b) for a, b in zip(late, whole, strict=True))


def test_kinks_that_the_normal_law_does_not_see_are_left_out() -> None:
    formula = tree("relu(x)+relu(x-1000)^3")
    panels, pieces = Panels(formula, "far"), rational_pieces(formula)
    assert pieces is not None
    series = Matching(panels, rational_kinks(pieces), 60.0).best
    assert series is not None
    assert [kink.near for kink in series.kinks] == [0.0]
    assert all(a.overlaps(b) for a, b in zip(series.moments(12, 58.0)[2:], panels.hermite(12, 200.0)[2:], strict=True))


def _zeros(dual: PiecewiseDual, last: int) -> set[int]:
    return {k for k, c in enumerate(dual.hermite(last, 64)) if not c}


def test_constant_factors_do_not_hide_what_vanishes() -> None:
    one, other = (activation(text).dual for text in ("-sqrt(2)*relu(x)/pi", "relu(x-1)*e/7"))
    assert isinstance(one, PiecewiseDual)
    assert isinstance(other, PiecewiseDual)
    assert _zeros(one, 9) == {3, 5, 7, 9}
    assert _zeros(other, 9) == {4}


def test_a_slope_that_the_named_one_refuses_is_a_formula_like_any_other() -> None:
    assert isinstance(activation("relu(x)+10^-199*min(x,0)").dual, PiecewiseDual)


@pytest.mark.parametrize(
    ("text", "zeros"),
    [
        ("relu(x-1)", {4}),  # He_2(1) = 0
        ("relu(x)", {3, 5, 7, 9, 11}),
        ("relu(x-2)", set()),
        ("abs(x-1)+abs(x+1)", {3, 4, 5, 7, 9, 11}),
    ],
)
def test_coefficients_vanish_by_parity_and_by_the_places_of_kinks(text: str, zeros: set[int]) -> None:
    dual = PiecewiseDual(tree(text), text)
    assert _zeros(dual, 11) - {0, 1, 2} == zeros
    balls = Panels(tree(text), text).hermite(11, 200.0)
    assert {k for k in range(3, 12) if balls[k].contains(0)} == zeros


@pytest.mark.quick(2)
@pytest.mark.parametrize(("q", "zeros"), [("1/3", {5}), ("2", set()), ("4", set()), ("9/14", set())])
def test_clipped_lines_stretched_by_any_number_are_those_of_quadrature(q: str, zeros: set[int]) -> None:
    """µ_5 of clip(x/√3, −1, 1) is 0, for He_3(√3) = 0; D' = q P(|U|, |V| < 1/√q)."""
    dual, mp = activation("clip(x,-1,1)").scaled(Fraction(q)).dual, mpmath.mp.clone()
    mp.dps = 20
    end = 1 / mp.sqrt(mp.mpf(Fraction(q).numerator) / Fraction(q).denominator)
    mu = [
        2
        * mp.quad(lambda x, k=k: min(x / end, 1) * mp.hermite(k, x / mp.sqrt(2)) * mp.npdf(x), [0, end, 4, 8, 12])
        / mp.sqrt(mp.mpf(2) ** k * mp.factorial(k))
        for k in range(1, 10, 2)
    ]
    assert dual.parity == "odd"
    ours = dual.hermite(9, 60)
    assert all(not m for m in ours[::2])
    assert {k for k in range(1, 10, 2) if not ours[k]} == zeros
    assert all(abs(a - b) < 1e-15 for a, b in zip(ours[1::2], mu, strict=True))
    t, width = mp.mpf("0.9995"), mp.sqrt(1 - mp.mpf("0.9995") ** 2)

    def band(u: Any) -> Any:
        return mp.npdf(u) * (mp.ncdf((end - t * u) / width) - mp.ncdf((-end - t * u) / width))

    slope = 2 * mp.quad(band, [0, end / 2, end - 8 * width, end - 4 * width, end - width, end]) / end**2
    assert abs(dual.value(Correlation.of(Fraction("0.9995"), 100), 60)[1] - slope) < 1e-14
    assert abs(dual.slope_square(60) - (2 * mp.ncdf(end) - 1) / end**2) < 1e-15


def test_a_slope_that_is_small_beside_the_value_has_its_bits() -> None:
    dual, bits = PiecewiseDual(tree("1+1e-60*relu(x-1/3)"), "steep"), 60
    t = Correlation.of(Fraction(99999, 100000), 200)
    slope, better = dual.value(t, bits)[1], dual.value(t, 4 * bits)[1]
    assert abs(slope - better) <= abs(dual.slope_square(64)) * 2.0**-bits


@given(st.fractions(-3, 3, max_denominator=97), st.fractions(-3, 3, max_denominator=97))
def test_segments_are_where_their_branch_holds(a: Fraction, b: Fraction) -> None:
    formula = tree(f"max(x-({a}),2*x-({b}))")
    found = list(segments(formula, arb(-8), arb(8), -80.0))
    assert found[0].left == -8
    assert found[-1].right == 8
    for segment in found:
        x = (segment.left + segment.right) / 2
        if len(segment.trees) == 1:
            above = x - arb(a.numerator) / a.denominator > 2 * x - arb(b.numerator) / b.denominator
            assert (segment.trees[0] is tree(f"x-({a})")) == bool(above)


def test_signs_next_to_zeros_of_any_order() -> None:
    zero, one = arb(0), arb(1)
    assert sign_on(tree("x-sin(x)"), zero, one) == 1
    assert sign_on(tree("x-sin(x)"), -one, zero) == -1
    assert sign_on(tree("x^2"), -one, zero) == 1
    assert sign_on(tree("sin(x)"), -one, one) == 0


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("relu(x)", (None, 1)),
        ("relu(x)^2", (2, None)),
        ("x*clip(x/6+0.5,0,1)", (None, 1)),
        ("clip(x,-1,1)", (-1, None)),
        ("abs(x)^1.5", (None, -1)),
        ("max(x,-x/4)", (None, 1)),
        ("relu(x)-relu(-x)", (-1, 1)),
    ],
)
def test_parts_that_are_polynomials(text: str, parts: tuple[int | None, int | None]) -> None:
    pieces = rational_pieces(tree(text))
    assert pieces is not None
    assert polynomial_parts_of(pieces) == parts


@pytest.mark.parametrize("h", ["10^-60", "10^-60*pi"])
def test_a_spike_however_narrow_is_no_polynomial(h: str) -> None:
    phi = activation(f"x+relu({h}-abs(x))")  # E[relu(h − |Z|)] = h²/√(2π) (1 − h²/12 + …)
    ctx = context(256)
    width = ctx.mpf(10) ** -60 * (ctx.pi if "pi" in h else 1)
    assert abs(ctx.convert(phi.hermite(0, 128)[0]) * ctx.sqrt(2 * ctx.pi) / width**2 - 1) < 2.0**-120


def test_branches_that_agree_everywhere_are_the_one_they_are() -> None:
    assert isinstance(activation("x+sign(x)-sign(x^3)").dual, PolynomialDual)
    one, other = activation("max(x,exp(x)-1)"), activation("exp(x)-1")  # e^x − 1 − x has a double zero
    assert not isinstance(one.dual, PiecewiseDual)
    assert one.hermite(30, 128) == other.hermite(30, 128)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("x/cosh(x)*cosh(x)", "x"),
        ("-swish(x)+silu(-x)", "-x"),
        ("sqrt(2)*x*tanh(x)/tanh(x)+erf(x)+erfc(x)", "sqrt(2)*x+1"),
        ("x/cosh(x)*relu(cosh(x))+x^2", "x+x^2"),  # of one piece
        ("max(x^2,x^2*(1-exp(x)))", "x^2"),
        ("relu(x)*cosh(x)/cosh(x)+x", "relu(x)+x"),
        ("max(elu(relu(x),sin(x)),gelu(x))", "relu(x)"),  # of two: x - x Φ(x) has a sign far out
        ("clip(step(x),Phi(x),x)", "min(x,1)"),
        ("clip(2*gelu(x),-gelu(x),2*gelu(x))", "2*gelu(x)"),
        ("max(x,softplus(x))", "softplus(x)"),
        ("(abs(sqrt(4))*x+relu(x))*cosh(x)/cosh(x)", "2*x+relu(x)"),
        ("gelu(x)-gelu(-x)", "x"),
        ("x*silu(elu(x)/elu(x))", "x*silu(1)"),
        ("abs(x)/(abs(x)+1/(1+1/abs(x)))", "(1+abs(x))/(2+abs(x))"),  # lowest terms of each piece
        ("sqrt(abs(x)*relu(x)*exp(x/9))*exp(-x/18)", "relu(x)"),
        ("Phi(x)+Phi(-x)+x", "1+x"),
        ("phi(x)/phi(x)*x", "x"),
        ("min(exp(x),exp(x)+1)", "exp(x)"),  # what decides is −1
        ("max(x,x+1e-20*sin(x))-x", "1e-20*relu(sin(x))"),
        ("min(abs(x)^199,x)", "min(relu(x)^199,x)"),
    ],
)
@pytest.mark.quick(5)
def test_formulas_are_proven_to_be_plainer_ones(text: str, same: str) -> None:
    one, other = activation(text), activation(same)
    assert type(one.dual) is type(other.dual)
    assert one.parity == other.parity
    assert one.hermite(12, 128) == other.hermite(12, 128)
    assert one.scaled(Fraction(3, 7)).hermite(5, 96) == other.scaled(Fraction(3, 7)).hermite(5, 96)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("relu(squareplus(x))", "squareplus(x)"),
        ("hardtanh(sin(x))+x", "sin(x)+x"),  # which touches the ends
        ("max(x,squareplus(x))", "squareplus(x)"),
        ("min(2*x,x-sqrt(x*x+1))", "x-sqrt(x*x+1)"),
        ("log(x+sqrt(x^2+4))", "asinh(x/2)+log(2)"),
        ("log(x+2*sqrt(x^2/4+1))", "asinh(x/2)+log(2)"),
        ("log(squareplus(x))", "asinh(x/2)"),
    ],
)
def test_formulas_without_a_kink_are_the_smooth_ones_that_they_are(text: str, same: str) -> None:
    one, other = activation(text), activation(same)
    assert type(one.dual) is type(other.dual)
    assert one.hermite(6, 64) == other.hermite(6, 64)


def test_what_differs_by_little_far_out_is_decided() -> None:
    """The smaller and the larger one of two are the two; silu and mish differ by e^{2x} at −∞."""
    one, other, silu, mish = (
        activation(text).hermite(6, 64) for text in ("min(silu(x),mish(x))", "max(silu(x),mish(x))", "silu", "mish")
    )
    assert all(abs(a + b - c - d) < 2.0**-60 for a, b, c, d in zip(one, other, silu, mish, strict=True))


@pytest.mark.parametrize(
    "text",
    [
        *("x*log(x^2)/log(x^2)", "x/log(x-1)*log(x-1)", "log(-2)*x/log(-2)"),
        *("x*(sqrt(2)*sqrt(2)-2)/(sqrt(2)*sqrt(2)-2)", "x+(sin(pi)*x)/sin(pi)", "(abs(x)-x)/(abs(x)-x)+x"),
        *("x*(tanh(x)-sinh(x)/cosh(x))/(tanh(x)-sinh(x)/cosh(x))", "x*exp(1/x)/exp(1/x)"),
    ],
)
def test_what_has_no_value_somewhere_is_not_made_plainer(text: str) -> None:
    with pytest.raises(
        NtkcalcError, match=r"not finite|division by zero|square-integrable|not proven to be finite|too fast"
    ):
        activation(text)


@pytest.mark.parametrize("c", ["2165", "1e5", "-3e4"])
def test_softplus_is_analytic_far_from_its_poles_in_wide_ellipses(c: str) -> None:
    """Steep ones were too many cells: in u = cx, |Im u| < π was asked for everywhere."""
    phi, size = activation(f"softplus({c}*x)"), abs(float(c))
    beside = math.pi**2 / 6 / size**2 / math.sqrt(2 * math.pi)  # ∫ ln(1 + e^−|cx|) ω/c, but for some c^−4
    found = [float(m) / size for m in phi.hermite(1, 60)]
    assert abs(found[0] - 1 / math.sqrt(2 * math.pi) - beside) < 10 / size**4 + 1e-15
    assert abs(found[1] - math.copysign(0.5, float(c))) < 1e-15


@pytest.mark.parametrize("b", [30, 60])
def test_correlations_that_no_float_holds_are_expanded_about(b: int) -> None:
    """κ_0 = E[relu(Z − b)]² at depth 2, 1e-398 or less; layers that are nearly linear make it three times as large."""
    second, third = (
        [c.value for c in ntk_coefficients(f"x+relu(x-{b})", depth, 3, digits=8).coefficients] for depth in (2, 3)
    )
    with mpmath.workdps(20):
        mean = mpmath.npdf(b) - b * mpmath.ncdf(-b)
    assert abs(mpmath.mpf(str(second[0])) / mean**2 - 1) < 1e-7
    assert all(abs(more / one - 3) < Decimal("1e-6") for one, more in zip(second, third, strict=True) if one < 1)
    assert (second[1], third[1]) == (2, 3)


def test_squares_of_waves_are_not_negative_far_out() -> None:
    """atan(cos x), whose slope is −sin x/(1 + cos² x), was refused: no bound was proven."""
    phi = activation("atan(cos(x))")
    x = [i / 200 - 10 for i in range(4001)]
    mean = sum(math.atan(math.cos(v)) * math.exp(-(v**2) / 2) for v in x) / 200 / math.sqrt(2 * math.pi)
    assert float(phi.hermite(2, 60)[0]) == pytest.approx(mean, rel=1e-12)
    assert phi.parity == "even"


def test_what_is_smooth_but_not_analytic_at_a_point_is_bounded_there() -> None:
    """E[Z h_k] is 1 for k = 1 alone, and what is beside it is even."""
    found = activation("x+exp(-1/x^2)").hermite(6, 64)
    with mpmath.workdps(30):

        @cache
        def weighted(x: Any) -> list[Any]:
            """2 e^{−1/x²} He_k(x) ω(x), k ≤ 6: the nodes are the same for all of them."""
            row = [2 * mpmath.exp(-1 / x**2) * mpmath.npdf(x) if x else x]
            row.append(x * row[0])
            for k in range(1, 6):
                row.append(x * row[k] - k * row[k - 1])
            return row

        ends = [mpmath.mpf(end) for end in ("0", "0.3", "1", "3", "6", "14")]
        for k, ours in enumerate(found):
            expected = int(k == 1) if k % 2 else mpmath.quad(lambda x, k=k: weighted(x)[k], ends)
            assert abs(mpmath.mpf(ours) - expected / mpmath.sqrt(mpmath.factorial(k))) < 1e-18


@pytest.mark.parametrize("text", ["selu(x+200)", "clip(x,-300,1e9)+x/2"])
def test_what_is_left_below_the_floor_is_zero(text: str) -> None:
    """Beyond their degree 1, where 2^-4096 of the norm begins at 75."""
    expansion = activation(text).dual.expansion(ExpansionPoint.origin(), 4, 64)
    assert [*expansion.d][2:] == [0] * len([*expansion.d][2:])
    assert [*expansion.tails][1:] == [0] * 4
    assert [*expansion.slope_tails][1:] == [0] * 4
    assert next(iter(expansion.tails)) > 0


@pytest.mark.parametrize(("text", "same"), [("sign(-(x*x)/x^3)+x", "x-sign(x)"), ("x*sign(x/(1-x)^2)", "abs(x)")])
def test_signs_of_quotients_and_powers_are_those_of_products_and_factors(text: str, same: str) -> None:
    one, other = (rational_pieces(tree(t)) for t in (text, same))
    assert one is not None
    assert other is not None
    assert [(p.right, polynomial(p.tree)) for p in one] == [(p.right, polynomial(p.tree)) for p in other]


@pytest.mark.parametrize("zero", ["0", "x-x", "2*x-x-x", "0/x"])
def test_signs_and_steps_of_zero_are_zero(zero: str) -> None:
    for name in ("sign", "step", "relu", "abs"):
        dual = activation(f"{name}({zero})+x").dual
        assert isinstance(dual, PolynomialDual)
        assert dual.mean_square(64) == 1


@pytest.mark.parametrize(
    ("text", "same"),
    [("clip(x,6,x)-softplus(x)", "x-softplus(x)"), ("x+sign(Phi(x))", "x+1"), ("max(sin(x),sin(x))", "sin(x)")],
)
def test_branches_that_are_plain_are_taken(text: str, same: str) -> None:
    one, other = activation(text), activation(same)
    assert type(one.dual) is type(other.dual)
    assert one.hermite(9, 64) == other.hermite(9, 64)


@pytest.mark.parametrize(
    ("text", "zeros"),
    [
        ("0.8944*relu(x)^2-0.4472", {0, 4}),
        ("relu(x)^3/4-relu(-x)", {5}),
        ("relu(x)^2-x", {4}),
        ("relu(x)*exp(-x)", set()),
    ],
)
def test_early_coefficients_that_vanish_are_zeros(text: str, zeros: set[int]) -> None:
    dual = activation(text).dual
    assert isinstance(dual, PiecewiseDual)
    assert _zeros(dual, 5) == zeros
    with working_precision(100):
        balls = Panels(tree(text), text).hermite(5, 90.0)
    assert {k for k in range(6) if balls[k].contains(0)} == zeros


@pytest.mark.parametrize(
    "text",
    [
        "relu(x-0.3)+sin(x)",
        "clip(x,-1,2)",
        "max(x,0)+min(0,2*(exp(x/2)-1))",
        *(pytest.param("exp(-8*abs(x))", marks=pytest.mark.thorough),),
    ],
)
def test_values_at_the_ends_are_sums_of_squares_and_near_those_next_to_them(text: str) -> None:
    dual, gap = activation(text).dual, Fraction(1, 2**12)
    squares = [m * m for m in activation(text).hermite(80, 90)]
    most, steepest = (total(90) for total in (dual.mean_square, dual.slope_square))
    left, steep_left = most - sum(squares), steepest - sum(k * c for k, c in enumerate(squares))
    for sign in (1, -1):
        end, near = (dual.value(Correlation.of(t, 200), 60) for t in (Fraction(sign), sign * (1 - gap)))
        assert abs(end[0] - sum(sign**k * c for k, c in enumerate(squares))) <= left + 2.0**-50
        slopes = sum(k * sign ** (k - 1) * c for k, c in enumerate(squares) if k)
        assert abs(end[1] - slopes) <= steep_left + 2.0**-50
        assert abs(end[0] - near[0]) <= steepest * gap.numerator / gap.denominator
        assert abs(near[1]) <= steepest
        if sign > 0:  # D is convex for t ≥ 0
            assert near[1] <= (end[0] - near[0]) * 2**12 <= end[1]


@pytest.mark.parametrize(("text", "sign"), [("clip(x,-1,1)*cos(x)", -1), ("abs(x)*exp(-abs(x))", 1)])
def test_the_value_at_the_opposite_point_is_the_mean_square_by_parity(text: str, sign: int) -> None:
    dual = activation(text).dual
    value, slope = dual.value(Correlation.of(Fraction(-1), 100), 60)
    assert abs(value - sign * dual.mean_square(90)) <= 2.0**-58
    assert abs(slope + sign * dual.slope_square(90)) <= 2.0**-57


@pytest.mark.thorough
@pytest.mark.parametrize("text", ["x/(1+abs(x))", "abs(x)^1.5", "max(x,sin(2*x))"])  # whose splines have large jumps
def test_values_at_the_ends_of_long_series_are_those_next_to_them(text: str) -> None:
    test_values_at_the_ends_are_sums_of_squares_and_near_those_next_to_them(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [("max(x,0)", "relu"), ("(x+abs(x))/2", "relu"), ("max(x,-x)", "abs"), ("min(x,0)*5+relu(x)", "leaky-relu:5")],
)
def test_lines_bent_at_0_have_the_closed_dual(text: str, name: str) -> None:
    one, other = activation(text), activation(name)
    assert type(one.dual) is type(other.dual)
    assert one.hermite(9, 90) == other.hermite(9, 90)


@pytest.mark.parametrize("power", [100, 10_000])
def test_large_factors_of_what_bends_are_factors_of_all_that_it_gives(power: int) -> None:
    large, small = (activation(text) for text in (f"exp({power})*elu(x)", "elu(x)"))
    assert large.roughness == small.roughness
    jumps = [sorted(a.jumps, key=lambda jump: jump[0]) for a in (large, small)]
    assert [[m for m, _ in row] for row in jumps] == [[2, 3], [2, 3]]
    ctx = context(200)
    pairs = [*zip(large.hermite(5, 60), small.hermite(5, 60), strict=True)]
    pairs += [(a(ctx), b(ctx)) for (_, a), (_, b) in zip(*jumps, strict=True)]
    t, factor = Correlation.of(Fraction(9, 10), 90), ctx.exp(power)
    values = zip(large.dual.value(t, 60), small.dual.value(t, 60), strict=True)
    pairs += [(ctx.convert(a) / factor, b) for a, b in values]
    assert all(abs(ctx.convert(a) / factor - ctx.convert(b)) <= 2.0**-55 * abs(ctx.convert(b)) for a, b in pairs)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        *(("x*x/x", "x"), ("(x^2-1)/(x-1)", "x+1"), ("x+1/x-1/x", "x"), ("x*sin(x)/(x*cosh(x))", "sin(x)/cosh(x)")),
        *(("(x*exp(x)-x)/x", "exp(x)-1"), ("x*relu(x)/x", "relu(x)")),
    ],
)
def test_factors_that_a_quotient_shares_cancel(text: str, same: str) -> None:
    assert activation(text).hermite(9, 64) == activation(same).hermite(9, 64)


def test_roots_that_a_quotient_shares_stay_for_they_may_not_be_real() -> None:
    with pytest.raises(InputError, match=r"sqrt of -0\.4 is not real"):
        activation("x*sqrt(x)/sqrt(x)")


@pytest.mark.parametrize(
    "text",
    [
        *("x/0", "x/(x-x)", "sqrt(-1)*x", "x+log(0)", "x/sin(pi)", "relu(x)+0*(1/0)", "tanh(x)+0*sqrt(-1)"),
        *("relu(x)+0/0", "x+0*log(-1)", "x+min(1/(2-2),5)"),
    ],
)
def test_formulas_with_a_number_that_is_none_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"is no number|not real, or a divisor is 0"):
        activation(text)


@pytest.mark.parametrize("text", ["x*sin(pi)", "x*(exp(1)-e)", "x/x", "erfc(x/x)^2", "sign(Phi(x))"])
def test_what_is_constant_in_disguise_is_said_to_be(text: str) -> None:
    with pytest.raises(InputError, match="is constant"):
        activation(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("sign((sin(x)*2-sin(x)-sin(x))^2)+x", marks=pytest.mark.thorough),
        "step(tanh(x)-tanh(x)*2+tanh(x))+x",
    ],
)
def test_a_sign_that_is_not_proven_is_named(text: str) -> None:
    with pytest.raises(InputError, match="a sign that decides between branches"):
        activation(text)


def test_slivers_next_to_a_steep_slope_are_as_narrow_as_the_last_ones_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """∫ |φ'|² over a sliver of |x|^0.6 halves for 5 bits of its width: the width that is needed follows from two."""
    cuts, cut = [], Panels._cut
    monkeypatch.setattr(Panels, "_cut", lambda self, *most: cuts.append(most) or cut(self, *most))
    Panels(tree("abs(x)^0.6"), "steep").square(1, 30.0)
    assert len(cuts) <= 3


@pytest.mark.parametrize("power", ["0.75", "1.5"])
def test_squares_of_powers_are_gaussian_moments(power: str) -> None:
    phi = tree(f"abs(x)^{power}")
    square, slope = (Panels(phi, "power", 1).square(order, 60.0) for order in (0, 1))
    with working_precision(200):
        r = arb(power)
        moment, of_slope = (2**p * (p + arb("0.5")).gamma() / arb.pi().sqrt() for p in (r, r - 1))  # E|Z|^{2p}
        assert square.contains(moment)
        assert slope.contains(r * r * of_slope)


def test_a_slope_that_is_not_square_integrable_is_no_number() -> None:
    with pytest.raises(AccuracyError, match="not proven to be finite"):
        Panels(tree("sqrt(abs(x))"), "sqrt(abs(x))").square(1, 60.0)


@pytest.mark.parametrize(("text", "w"), [("abs(sin(pi*x))", 1), ("abs(sin(pi*x/4))", Fraction(1, 4))])
def test_kinks_at_ends_of_cells_are_found(text: str, w: Fraction) -> None:
    """With |sin πwx| = 2/π − (4/π) Σ cos(2πnwx)/(4n² − 1), and E[cos aZ] = e^{−a²/2}."""
    ctx = context(128)
    waves = (ctx.exp(-2 * (ctx.pi * n * w.numerator / w.denominator) ** 2) / (4 * n * n - 1) for n in range(1, 40))
    assert abs(activation(text).hermite(0, 90)[0] - (2 - 4 * sum(waves)) / ctx.pi) < 2.0**-89


PLACES: dict[str, Callable[[], Any]] = {
    "1/3": lambda: mpmath.mpf(1) / 3,
    "0.3": lambda: mpmath.mpf("0.3"),
    "1": lambda: mpmath.mpf(1),
    "pi": lambda: +mpmath.pi,
    "sqrt(2)": lambda: mpmath.sqrt(2),
}


@pytest.mark.parametrize(
    ("place", "power"), [*product(("1/3", "0.3", "1"), ("0.75", "1.5")), ("pi", "0.75"), ("sqrt(2)", "1.5")]
)
def test_means_of_powers_of_distances_are_their_closed_forms(place: str, power: str) -> None:
    """E|Z − c|^p = 2^{p/2} Γ((p + 1)/2) ₁F₁(−p/2; 1/2; −c²/2)/√π, at numbers of few bits and at others."""
    p = Fraction(power)
    dual = activation(f"abs(x-{place})^{power}").dual

    def mean(p: Fraction) -> mpmath.mpf:
        half = mpmath.mpf(p.numerator) / p.denominator / 2
        bend = mpmath.hyp1f1(-half, 0.5, -(PLACES[place]() ** 2) / 2)
        return 2**half * mpmath.gamma(half + 0.5) * bend / mpmath.sqrt(mpmath.pi)

    with mpmath.workdps(30):
        assert abs(real(context(100), dual.mean_square(80)) / mean(2 * p) - 1) < 1e-22
        slope = p.numerator**2 * mean(2 * p - 2) / p.denominator**2
        assert abs(real(context(100), dual.slope_square(80)) / slope - 1) < 1e-22


@pytest.mark.parametrize("place", ["1/3", "pi"])
def test_next_to_an_essential_singularity_means_are_those_of_quadrature(place: str) -> None:
    dual = activation(f"exp(-1/(x-{place})^2)").dual
    with mpmath.workdps(25):
        c = PLACES[place]()
        ends = [-14, -4, -1, *sorted([c, 1, 2, 5]), 14]
        square = mpmath.quad(lambda x: mpmath.exp(-2 / (x - c) ** 2) * mpmath.npdf(x), ends)
        slope = mpmath.quad(lambda x: 4 * mpmath.exp(-2 / (x - c) ** 2) / (x - c) ** 6 * mpmath.npdf(x), ends)
        assert abs(real(context(100), dual.mean_square(60)) / square - 1) < 1e-17
        assert abs(real(context(100), dual.slope_square(60)) / slope - 1) < 1e-17


def test_what_is_smooth_and_ends_has_the_means_of_quadrature() -> None:
    dual = activation("step(1-x^2)*exp(-1/(1-x^2))").dual
    with mpmath.workdps(25):
        ends = [-1, -0.9, -0.5, 0, 0.5, 0.9, 1]
        square = mpmath.quad(lambda x: mpmath.exp(-2 / (1 - x * x)) * mpmath.npdf(x), ends)
        slope = mpmath.quad(
            lambda x: (2 * x / (1 - x * x) ** 2) ** 2 * mpmath.exp(-2 / (1 - x * x)) * mpmath.npdf(x), ends
        )
        assert abs(real(context(100), dual.mean_square(60)) / square - 1) < 1e-17
        assert abs(real(context(100), dual.slope_square(60)) / slope - 1) < 1e-17


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        *(("(log(x^2+1)-log(2))/(x-1)", ["0.5", "1", "1.5"]), ("(x-1)/(exp(x)-e)", ["0.5", "1", "1.5"])),
        *(("1/(exp(x)-1)-1/x", ["-1", "0", "1"]), ("elu(x)*(1/x+sin(x))", ["-1", "0", "1"])),
        *(("1/tanh(x)-1/x+x^2", ["-1", "0", "1"]), ("sin(x)*(1/x+1)", ["-1", "0", "1"])),
        *(("sqrt(cosh(x)-1)+x", ["-1", "0", "1"]), ("sign(x)*sqrt(exp(x)-1-x)", ["-1", "0", "1"])),
    ],
)
def test_what_is_singular_in_its_parts_alone_has_the_coefficients_of_quadrature(text: str, ends: list[str]) -> None:
    found = activation(text).hermite(3, 60)
    assert all(abs(float(c - mean(text, k, ends))) < 1e-15 for k, c in enumerate(found))


@pytest.mark.parametrize(
    ("text", "same"), [("(x^2-2)/(x-sqrt(2))", "x+sqrt(2)"), ("(x^2-x-1)/(x-(1+sqrt(5))/2)", "x-(1-sqrt(5))/2")]
)
def test_roots_of_numbers_are_numbers_whose_squares_are_known(text: str, same: str) -> None:
    assert polynomial(as_polynomial(tree(text))) is not None
    found, expected = (activation(t).hermite(2, 80) for t in (text, same))
    assert found[2] == 0
    assert all(abs(a - b) <= 2.0**-78 * abs(b) for a, b in zip(found, expected, strict=True))
