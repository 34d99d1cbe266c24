"""Θ_l(ρ) at single points: every printed digit against its definition, and the laws of the truncated series."""

import json
import sys
from decimal import Context, Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import mpmath
import pytest
from flint import arb, ctx
from hypothesis import given
from hypothesis import strategies as st
from volume import examples

from ntkcalc import ntk_coefficients, ntk_values
from ntkcalc.activations.catalogue import FAMILIES
from ntkcalc.errors import InputError
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.recursion import theta
from ntkcalc.numerics.precision import decimal, exact
from ntkcalc.series.results import KernelValue
from ntkcalc.series.values import MOST_VALUES, kernel_values, values_by_depth

sys.path.insert(0, str(Path(__file__).parent / "oracles"))
import definition

WIDE = Context(prec=120, Emax=10**6, Emin=-(10**6))

# 45 digits, or as many as two computations agreed in, by quadrature of the definition (oracles/definition.py).
RECORDS = json.loads((Path(__file__).parent / "oracles" / "kernel_values.json").read_text())


def unit(value: Decimal, digits: int) -> Decimal:
    """One unit in the last of so many digits."""
    return Decimal(1).scaleb(value.adjusted() - digits + 1)


def agrees(ours: Decimal, theirs: Decimal, digits: int) -> bool:
    """Whether a number is right to one unit in its last place; exact zeros must be exact."""
    if not ours or not theirs:
        return ours == theirs
    return abs(ours - theirs) <= unit(theirs, digits)


def value(act: str, rho: str, *args: Any, **options: Any) -> KernelValue:
    """Everything at one rho."""
    return ntk_values([rho], act, *args, **options).points[0]


# ---------------------------------------------------------------- the oracle


@pytest.mark.parametrize("act", [*definition.ACTIVATIONS, "elu:alpha=2", "softplus:beta=3", "gaussian:sigma=0.5"])
def test_the_oracles_functions_have_the_derivatives_that_it_says(act: str) -> None:
    phi = definition.activation(act)
    with ctx.workprec(400):
        if isinstance(phi, definition.Smooth):
            h = arb(2) ** -100
            for x in (arb("-2.3"), arb("0.7"), arb("6.1")):
                slope = (phi.both(x + h)[0] - phi.both(x - h)[0]) / (2 * h)
                assert abs(slope - phi.both(x)[1]) < arb(2) ** -180  # h^2/6 times a third derivative below 2^10
        else:  # dD/dt = E[phi'(U) phi'(V)] at t = 0.3
            h = arb(2) ** -60
            above, below = (definition.expectations(act, arb("0.3").mid() + s * h, 40)[0] for s in (1, -1))
            slope = definition.expectations(act, arb("0.3").mid(), 40)[1]
            assert abs((above - below) / (2 * h) - slope) < arb(2) ** -100


def test_the_oracle_knows_the_arcsine_and_the_arc_cosine_law() -> None:
    with ctx.workprec(200):
        t = arb("-0.6").mid()
        williams = 2 / arb.pi() * (2 * t / 3).asin()
        cho_saul = ((1 - t * t).sqrt() + t * (arb.pi() - t.acos())) / (2 * arb.pi())
        for act, law in (("erf", williams), ("relu", cho_saul)):
            assert abs(definition.expectations(act, t, 25)[0] - law) < arb(10) ** -25


def test_the_oracle_has_all_activations_at_forty_points_and_five_depths() -> None:
    full = {r["activation"] for r in RECORDS if len(r["theta"]) == 40 and r["depths"] == [1, 2, 3, 5, 8]}
    assert full == set(FAMILIES)
    assert {"0", "1", "-1", "0.999999999999", "-0.999999999999"} <= set(RECORDS[0]["theta"])


# ---------------------------------------------------------------- every digit


def references(record: dict[str, Any], depth: int, stride: int) -> dict[str, Decimal]:
    """Every so many of a record's points, from another one on at each depth, and those next to 1 where kinks show."""
    column = record["depths"].index(depth)
    near_one = [rho for rho in record["theta"] if Decimal("1e-12") >= 1 - abs(Decimal(rho)) > 0]
    chosen = [*list(record["theta"])[column % stride :: stride], *(near_one if depth == 3 else [])]
    return {rho: Decimal(record["theta"][rho][column]) for rho in chosen}


def name(record: dict[str, Any]) -> str:
    """The kernel of a record."""
    return f"{record['activation']}-{record['sigma_w2']}-{record['gamma_b2']}"


@pytest.mark.parametrize("record", RECORDS, ids=name)
@pytest.mark.quick(12)
def test_theta_is_what_its_definition_says(record: dict[str, Any]) -> None:
    """At some points of each depth, to all 45 digits; `oracles/make_values.py --check` takes all points."""
    for depth, stride in {1: 13, 2: 17, 3: 17, 5: 29, 8: 37}.items():
        kernel = Kernel.of(record["activation"], depth, record["sigma_w2"], record["gamma_b2"])
        for rho, theirs in references(record, depth, stride).items():
            ours = decimal(theta(kernel, exact(rho, "rho"), 210), 60)  # 2^-210 of at most 40 is 2e-62
            # theirs has 45 digits, or as many as two computations agreed in
            assert agrees(ours, theirs, len(theirs.as_tuple().digits)), (depth, rho)


@pytest.mark.parametrize(("digits", "depth", "stride"), [(12, 2, 5), (40, 3, 19)])
@pytest.mark.parametrize("record", [r for r in RECORDS if (r["sigma_w2"], r["gamma_b2"]) == ("1", "0")], ids=name)
@pytest.mark.quick(12)
def test_every_printed_digit_is_right(record: dict[str, Any], digits: int, depth: int, stride: int) -> None:
    known = references(record, depth, stride)
    result = ntk_values(list(known), record["activation"], depth, 1, digits=digits)
    for found, theirs in zip(result.points, known.values(), strict=True):
        enough = min(digits, len(theirs.as_tuple().digits) - 1)
        assert agrees(found.theta, theirs, enough), found.rho


@pytest.mark.parametrize("act", FAMILIES)
@pytest.mark.quick(8)
def test_theta_at_one_is_the_total_exactly_as_reported(act: str) -> None:
    for depth, sigma_w2, gamma_b2, digits in ((1, "1", "0.3", 20), (2, "0.7", "0", 5), (3, "max", "0", 20)):
        options: dict[str, Any] = {"sigma_w2": sigma_w2, "gamma_b2": gamma_b2, "digits": digits}
        result = ntk_values(["1"], act, depth, 3, **options)
        assert result.points[0].theta == result.kernel.total
        assert result.kernel == ntk_coefficients(act, depth, 3, **options).kernel


@pytest.mark.parametrize("act", FAMILIES)
def test_theta_at_zero_is_the_first_coefficient(act: str) -> None:
    options: dict[str, Any] = {"sigma_w2": "0.7", "digits": 18}
    found = value(act, "0", 3, 0, **options)
    assert found.theta == found.series == ntk_coefficients(act, 3, 0, **options).values[0]
    assert (found.error, found.bound) == (0, 0)


# ---------------------------------------------------------------- laws of the kernel


def arc_cosine(t: Any, sigma_w2: Any) -> tuple[Any, Any]:
    """R and R' of relu, from the closed form of Cho and Saul (2009)."""
    angle = mpmath.pi - mpmath.acos(t)
    image = sigma_w2 * (mpmath.sqrt(1 - t * t) + t * angle) / (2 * mpmath.pi) + 1 - sigma_w2 / 2
    return image, sigma_w2 * angle / (2 * mpmath.pi)


@pytest.mark.parametrize("sigma_w2", ["1", "2"])
@pytest.mark.parametrize("rho", ["-1", "-0.7", "0", "0.5", "0.999"])
def test_equation_42_as_corrected(rho: str, sigma_w2: str) -> None:
    with mpmath.workdps(40):
        image = before = mpmath.mpf(rho)
        for depth in range(2, 7):
            image, slope = arc_cosine(image, mpmath.mpf(sigma_w2))
            here = mpmath.mpf(theta(Kernel.of("relu", depth, sigma_w2), exact(rho, "rho"), 100))
            assert abs(here - (image + before * slope)) <= 1e-14
            before = here


def test_equation_42_as_printed_is_wrong_by_three_quarters() -> None:
    with mpmath.workdps(40):
        image = mpmath.mpf("0.5")
        for _ in range(4):
            before, (image, slope) = image, arc_cosine(image, 2)
        here = mpmath.mpf(theta(Kernel.of("relu", 5, "2"), exact("0.5", "rho"), 100))
        # theory.md, section 4: 0.76 at l = 5, rho = 0.5
        assert float(here - (image + before * slope)) == pytest.approx(0.76, abs=0.005)


@pytest.mark.parametrize("act", ["linear", "tanh", "erf", "sin"])
@pytest.mark.parametrize("rho", ["0", "1e-40", "0.8", "1"])
def test_odd_networks_without_bias_have_odd_kernels(act: str, rho: str) -> None:
    for depth in (1, 3):
        plus, minus = ntk_values([rho, f"-{rho}"], act, depth, 2, sigma_w2="max").points
        assert plus.theta == -minus.theta
        assert plus.error == -minus.error
        assert (plus.theta == 0) == (rho == "0")


@pytest.mark.parametrize("act", ["abs", "gaussian", "cos"])
@pytest.mark.parametrize("rho", ["1e-40", "0.8", "1"])
def test_even_activations_have_even_kernels(act: str, rho: str) -> None:
    for depth in (2, 3):
        plus, minus = ntk_values([rho, f"-{rho}"], act, depth, 2, sigma_w2="0.8").points
        assert plus.theta == minus.theta


def test_the_linear_network_is_depth_times_rho() -> None:
    for depth in (1, 2, 7, 60):
        found = value("linear", "-0.123", depth, 1)
        assert found.theta == found.series == depth * Decimal("-0.123")
        assert (found.error, found.bound) == (0, 0)


@pytest.mark.parametrize("act", ["relu", "tanh", "elu", "cos"])
def test_a_first_layer_of_bias_alone_makes_the_kernel_constant(act: str) -> None:
    result = ntk_values(["-1", "-0.4", "0", "1"], act, 4, gamma_b2="1", digits=20)
    assert {found.theta for found in result.points} == {result.kernel.total}


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_relu_next_to_one_has_the_square_root_of_the_theory(depth: int) -> None:
    # theory.md, section 3: Θ(1 - ε) = S - B √ε + O(ε), B_l = χ B_{l-1} + S_{l-1} (s √2/(2π)) √χ^{l-2}, s = 2, χ = 1
    edge = sum(mpmath.sqrt(2) / mpmath.pi * total for total in range(1, depth))
    result = ntk_values(["0.999999999999"], "relu", depth, sigma_w2="max", digits=30)
    drop = result.kernel.total - result.points[0].theta
    assert abs(float(drop) - float(edge) * 1e-6) < 20 * 1e-12  # O(ε), with a factor of the size of S²


def test_tiny_correlations_keep_all_their_digits() -> None:
    # Θ - Θ_1 of sin is κ_3 ρ^3 (1 + O(ρ^2)), here 10^-600; Θ = κ_1 ρ (1 + O(ρ^2))
    kappa = ntk_coefficients("sin", 3, 3, sigma_w2="max", digits=20).values
    found = value("sin", "-1e-200", 3, 1, sigma_w2="max", digits=20)
    assert agrees(found.theta, -kappa[1].scaleb(-200), 19)
    assert agrees(found.error, -kappa[3].scaleb(-600), 19)
    assert abs(found.error) <= found.bound < Decimal("2e-400")  # τ_1 ρ^2


# ---------------------------------------------------------------- laws of the truncated series

ACTS = st.sampled_from(["relu", "leaky-relu:slope=0.2", "abs", "elu", "gelu", "erf", "gaussian", "sin", "tanh"])
SIZES = st.one_of(
    st.integers(0, 10**6).map(lambda n: f"{Decimal(n).scaleb(-6):f}"),
    st.sampled_from(["1e-30", "0.999999999999", "0.99999999999999999999999", "0.5000000000000000000000001"]),
)
RHOS = st.tuples(st.sampled_from(["", "-"]), SIZES).map("".join)
KERNELS = st.fixed_dictionaries(
    {
        "act": ACTS,
        "depth": st.integers(1, 4),
        "sigma_w2": st.sampled_from(["max", "0.9", "0.25"]),
        "gamma_b2": st.sampled_from(["0", "0.2", "0.75"]),
        "truncation": st.sampled_from([0, 1, 2, 5, 12]),
    }
)


@examples(20)
@given(kernel=KERNELS, rho=RHOS)
def test_the_error_is_what_it_says_and_below_its_bound(kernel: dict[str, Any], rho: str) -> None:
    fine = ntk_values(rho=[rho], digits=40, **kernel).points[0]
    rough = ntk_values(rho=[rho], digits=12, **kernel).points[0]
    assert fine.error.copy_abs() <= fine.bound
    assert abs(rough.error) <= rough.bound
    assert fine.bound <= rough.bound  # both are rounded up
    assert fine.rho == rough.rho == Decimal(rho)
    for name in ("theta", "series", "error"):
        assert agrees(getattr(rough, name), getattr(fine, name), 12), name
    # theta and series have 40 digits each, and no size above 10
    difference = WIDE.subtract(fine.theta, fine.series)
    assert abs(WIDE.subtract(difference, fine.error)) <= Decimal("1e-38")
    assert Decimal(rho) < 0 or fine.error >= 0  # all coefficients are nonnegative


@examples(15)
@given(kernel=KERNELS, rho=RHOS)
def test_the_series_is_the_sum_of_the_coefficients(kernel: dict[str, Any], rho: str) -> None:
    found = ntk_values(rho=[rho], digits=20, **kernel).points[0]
    known = ntk_coefficients(**kernel, digits=60)
    x = Fraction(rho)
    total = sum(Fraction(c) * x**p for p, c in enumerate(known.values))
    size = sum(Fraction(c) * abs(x) ** p for p, c in enumerate(known.values))
    assert abs(Fraction(found.series) - total) <= Fraction(unit(found.series, 20)) + size / 10**59
    bound = Fraction(known.tail) * abs(x) ** (kernel["truncation"] + 1)
    # rounded up in the 20th digit, from a tail with 20 digits; ours here has 60
    assert bound * (1 - Fraction(1, 10**58)) <= Fraction(found.bound) <= bound * (1 + Fraction(1, 10**18))


@pytest.mark.parametrize("act", ["relu", "elu", "sigmoid", "mish", "gaussian", "cos"])
def test_longer_series_come_closer(act: str) -> None:
    kernel = Kernel.of(act, 3, "0.7", "0.1")
    by_truncation = kernel_values(kernel, [exact("0.9", "rho"), exact("-0.75", "rho")], [0, 3, 8, 20], 12)
    positive, negative = zip(*(result.points for result in by_truncation), strict=True)
    assert len({found.theta for found in positive}) == 1
    errors = [found.error for found in positive]
    assert errors == sorted(errors, reverse=True)
    for values in (positive, negative):
        bounds = [found.bound for found in values]
        assert bounds == sorted(bounds, reverse=True)
        assert all(abs(found.error) <= found.bound for found in values)


@pytest.mark.parametrize("rho", ["0.5", "-0.5", "0.31", "-0.02"])
def test_fifty_terms_of_he_relu_are_enough_for_float64(rho: str) -> None:
    for depth in (2, 3, 4):
        assert abs(value("relu", rho, depth, 50, sigma_w2="max").error) <= 1e-14


@pytest.mark.parametrize(("depth", "error"), [(3, 1.07e-14), (4, 7e-12)])
def test_fifty_terms_of_the_papers_series_are_not(depth: int, error: float) -> None:
    found = value("relu", "0.5", depth, 50, sigma_w2="max", paper_truncation=True)
    # issue 3 has 7e-12 at depth 4; at depth 3 it is what we found
    assert float(abs(found.error)) == pytest.approx(error, rel=0.1)
    assert abs(found.error) <= found.bound


def test_at_depth_two_the_papers_series_is_the_exact_one() -> None:
    paper, ours = (value("relu", "0.9", 2, 20, paper_truncation=flag) for flag in (True, False))
    assert paper.series == ours.series


@pytest.mark.parametrize("gamma_b2", ["0", "0.3"])
def test_the_papers_series_is_the_sum_of_the_papers_coefficients(gamma_b2: str) -> None:
    options: dict[str, Any] = {"sigma_w2": "0.9", "gamma_b2": gamma_b2, "digits": 20}
    rhos = ["1", "0.8", "-0.6"]
    coefficients = ntk_coefficients("tanh", 3, 9, paper_truncation=True, **options).values
    paper, ours = (ntk_values(rhos, "tanh", 3, 9, paper_truncation=flag, **options).points for flag in (True, False))
    for rho, found, exact_one in zip(rhos, paper, ours, strict=True):
        total = sum(Fraction(c) * Fraction(rho) ** p for p, c in enumerate(coefficients))
        assert abs(Fraction(found.series) - total) <= Fraction(1, 10**18)  # 10 terms below 2 with 20 digits each
        assert found.theta == exact_one.theta
        assert found.bound is None or abs(found.error) <= found.bound


@cache
def plain(*rhos: str) -> tuple[KernelValue, ...]:
    return ntk_values(rhos, "relu", 3).points


def test_values_come_in_the_order_given_each_as_if_alone() -> None:
    together = plain("0.9", "-1", "1e-9", "0.9")
    assert together == tuple(plain(rho)[0] for rho in ("0.9", "-1", "1e-9", "0.9"))


def test_a_float_stands_for_its_shortest_decimal_text() -> None:
    assert ntk_values([0.1, Fraction(1, 10), 1], "relu").points == ntk_values(["0.1", "0.10", "1.0"], "relu").points


def test_the_callers_mpmath_is_left_alone() -> None:
    before = mpmath.mp.dps
    value("tanh", "0.3", 2, 4, digits=50)
    assert mpmath.mp.dps == before


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("changes", "expected", "came"),
    [
        ({"rho": ["0.5", "1.5"]}, "[-1, 1]", "1.5"),
        ({"rho": ["-1.0000000000000000000001"]}, "[-1, 1]", "-1"),
        ({"rho": ["1e1000"]}, "[-1, 1]", ""),
        ({"rho": ["nan"]}, "decimal number", "'nan'"),
        ({"rho": [float("inf")]}, "decimal number", "'inf'"),
        ({"rho": [""]}, "decimal number", "''"),
        ({"rho": ["half"]}, "decimal number", "'half'"),
        ({"rho": ["1e-100000"]}, "rho", "'1e-100000'"),
        ({"rho": []}, f"1 to {MOST_VALUES}", "got 0"),
        ({"rho": ["0"] * (MOST_VALUES + 1)}, f"1 to {MOST_VALUES}", f"got {MOST_VALUES + 1}"),
        ({"digits": 0}, "1 to 10000", "got 0"),
        ({"digits": 10_001}, "1 to 10000", "got 10001"),
        ({"truncation": -1}, "0 to 20000", "got -1"),
        ({"truncation": 20_001}, "0 to 20000", "got 20001"),
        ({"depth": 0}, "at least 1", "got 0"),
        ({"depth": 1001}, "at most 1000", "got 1001"),
        ({"act": "tahn"}, "Did you mean 'tanh'?", "'tahn'"),
        ({"sigma_w2": "2.1"}, "at most 2 ", "got 2.1"),
        ({"gamma_b2": "-0.1"}, "not be negative", "got -0.1"),
        ({"gamma_b2": "1.1"}, "[0, 1]", "got 1.1"),
    ],
    ids=lambda part: str(part)[:40],
)
def test_a_request_that_makes_no_sense_is_refused_in_words(changes: dict[str, Any], expected: str, came: str) -> None:
    with pytest.raises(InputError) as caught:
        ntk_values(**{"act": "relu", "rho": ["0.5"]} | changes)
    assert expected in str(caught.value)
    assert came in str(caught.value)


@pytest.mark.parametrize("paper", [False, True])
def test_depths_that_share_layers_have_the_values_of_each_alone(paper: bool) -> None:
    kernel, rhos = Kernel.of("gelu", 5), [exact(r, "rho") for r in ("0.6", "-0.9")]
    found = values_by_depth(kernel, [1, 3, 5], rhos, [2, 6], 12, paper)
    assert found == [kernel_values(kernel.at_depth(depth), rhos, [2, 6], 12, paper) for depth in (1, 3, 5)]
