"""Coefficients as they are handed out: rounded once, every digit right, in whatever engine."""

from __future__ import annotations

import decimal
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkcalc import AccuracyError, Coefficients, InputError, ntk_coefficients, ntk_values
from ntkcalc.activations.catalogue import FAMILIES
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.series.coefficients import MOST_DIGITS, MOST_TERMS, SeriesRequest, coefficients_by_depth

# those whose coefficients take milliseconds; test_truth and test_oracle have all
QUICK = ["linear", "relu", "leaky-relu:slope=-0.3", "abs", "gelu", "erf", "gaussian:sigma=0.5", "sin", "cos"]
OPTIONS = st.fixed_dictionaries(
    {
        "act": st.sampled_from(QUICK),
        "depth": st.integers(1, 4),
        "truncation": st.integers(0, 20),
        "sigma_w2": st.one_of(st.just("max"), st.decimals("0.01", 1, places=2).map(str)),
        "gamma_b2": st.decimals(0, 1, places=2).map(str),
        "which": st.sampled_from(["kappa", "alpha", "beta"]),
    }
).filter(lambda options: options["which"] != "beta" or options["depth"] > 1)  # R' is of the second layer on


def unit(value: Decimal, digits: int) -> Fraction:
    """One unit in the last place; exact zeros have none."""
    return Fraction(10) ** (value.adjusted() - digits + 1) if value else Fraction(0)


def agree(rough: Sequence[Decimal], fine: Sequence[Decimal], digits: int, units: int = 1) -> bool:
    return all(abs(Fraction(r) - Fraction(f)) <= units * unit(f, digits) for r, f in zip(rough, fine, strict=True))


def numbers(result: Coefficients) -> list[Decimal]:
    return [*(x for c in result.coefficients for x in (c.value, c.share, c.cumulative)), result.tail]


@given(OPTIONS, st.integers(1, 30))
@settings(max_examples=12)
def test_two_precisions_agree(options: dict[str, Any], digits: int) -> None:
    rough, fine = (ntk_coefficients(**options, digits=d) for d in (digits, digits + 12))
    assert agree(numbers(rough), numbers(fine), digits)
    assert all(len(x.as_tuple().digits) <= digits for x in numbers(rough))


@given(OPTIONS)
@settings(max_examples=15)
def test_coefficients_shares_and_tail_belong_together(options: dict[str, Any]) -> None:
    result = ntk_coefficients(**options, digits=30)
    totals = {"kappa": result.kernel.total, "alpha": Decimal(1), "beta": result.kernel.chi}
    total = Fraction(totals[options["which"]])
    values = [Fraction(v) for v in result.values]
    error = (len(values) + 3) * total / 10**29  # each number is right to a unit in the 30th place
    assert all(v >= 0 for v in values)
    assert result.tail >= 0
    assert abs(sum(values) + Fraction(result.tail) - total) <= error
    for p, c in enumerate(result.coefficients):
        assert c.p == p
        assert abs(Fraction(c.share) * total - values[p]) <= error
        assert abs(Fraction(c.cumulative) * total - sum(values[: p + 1])) <= error


@given(OPTIONS, st.integers(1, 20))
@settings(max_examples=10)
def test_more_terms_never_change_the_first_ones(options: dict[str, Any], more: int) -> None:
    short, long = (
        ntk_coefficients(**options | {"truncation": options["truncation"] + n}, digits=20) for n in (0, more)
    )
    assert agree(short.values, long.values[: len(short.values)], 20)


@pytest.mark.parametrize("act", FAMILIES)
def test_one_coefficient_alone_is_the_first_of_many(act: str) -> None:
    (alone,), (first, *_) = (ntk_coefficients(act, 2, t).values for t in (0, 3))
    assert agree([alone], [first], 12, units=2)


@given(OPTIONS)
@settings(max_examples=15)
def test_engines_agree_to_all_digits_promised(options: dict[str, Any]) -> None:
    floats, integers = (ntk_coefficients(**options, engine=engine) for engine in ("numpy", "mpmath"))
    assert (floats.engine, integers.engine) == ("numpy", "mpmath")
    assert agree(numbers(floats), numbers(integers), 12, units=2)  # each is right to one


def test_auto_takes_float64_where_its_error_allows() -> None:
    assert ntk_coefficients("relu", 3, 50, digits=12).engine == "numpy"
    assert ntk_coefficients("relu", 3, 50, digits=16).engine == "mpmath"
    assert ntk_coefficients("sin", 2, 200, digits=5).engine == "mpmath"  # 1/200! is no double


@given(st.integers(1, 12), st.decimals("0.01", 1, places=2))
@settings(max_examples=10)
def test_the_linear_network_is_a_line(depth: int, s: Decimal) -> None:
    # Σ_l = 1 − s^(l−1) (1 − t) and R' = s, so that κ_1 = l s^(l−1)
    result = ntk_coefficients("linear", depth, 3, sigma_w2=s, digits=30)
    slope = depth * Fraction(s) ** (depth - 1)
    constant = sum(Fraction(s) ** i for i in range(depth)) - slope
    for found, true in zip((*result.values, result.tail), (constant, slope, 0, 0, 0), strict=True):
        assert abs(Fraction(found) - true) <= unit(found, 30)


@pytest.mark.parametrize("truncation", [0, 1, 4])
def test_a_linear_network_of_tiny_weights_keeps_its_digits(truncation: int) -> None:
    found = ntk_coefficients("linear", 20, truncation, sigma_w2="1e-5", digits=30)
    # κ_1 = l σ_w^{2(l−1)}; all else is constant
    assert (found.values[1] if truncation else found.tail) == Decimal("20e-95")
    assert abs(Fraction(found.values[0]) - Fraction(found.kernel.total)) <= unit(found.kernel.total, 30)


@pytest.mark.parametrize("gamma_b2", ["0", "0.3", "1"])
def test_depth_one_is_the_linear_model(gamma_b2: str) -> None:
    result = ntk_coefficients("tanh", 1, 3, gamma_b2=gamma_b2)
    assert result.values == (Decimal(gamma_b2), 1 - Decimal(gamma_b2), 0, 0)
    assert ntk_coefficients("tanh", 1, 0, gamma_b2=gamma_b2).tail == 1 - Decimal(gamma_b2)


@pytest.mark.parametrize("act", ["relu", "tanh", "cos"])
def test_without_input_weights_the_kernel_is_constant(act: str) -> None:
    result = ntk_coefficients(act, 5, 3, gamma_b2=1)
    assert result.values == (result.kernel.total, 0, 0, 0)
    assert result.tail == 0


@pytest.mark.parametrize("act", ["tanh", "erf", "sin"])
def test_odd_activations_without_biases_have_odd_kernels(act: str) -> None:
    result = ntk_coefficients(act, 3, 8, sigma_w2="max")
    assert result.kernel.sigma_b2 == result.kernel.gamma_b2 == 0
    assert not any(result.values[::2])
    assert all(result.values[1::2])


@pytest.mark.parametrize("act", ["abs", "gaussian", "cos"])
def test_even_activations_without_input_bias_have_even_kernels(act: str) -> None:
    values = ntk_coefficients(act, 3, 8, sigma_w2="0.6").values
    assert not any(values[1::2])
    assert all(values[::2])


@pytest.mark.parametrize(("slope", "inverse"), [("2", "0.5"), ("-0.25", "-4"), ("0.8", "1.25")])
def test_a_mirrored_and_scaled_leaky_relu_is_a_leaky_relu(slope: str, inverse: str) -> None:
    # slope 1/s belongs to −φ(−x)/s, which is a factor s² of the variance
    one = ntk_coefficients(f"leaky-relu:slope={slope}", 4, 10, sigma_w2="0.1", digits=20)
    two = ntk_coefficients(f"leaky-relu:slope={inverse}", 4, 10, sigma_w2=Fraction(slope) ** 2 / 10, digits=20)
    assert agree(one.values, two.values, 20, units=2)


@pytest.mark.parametrize(
    ("special", "general"),
    [("relu", "slope=0"), ("abs", "slope=-1"), ("linear", "slope=1"), ("leaky-relu", "slope=0.01")],
)
def test_special_cases_of_leaky_relu(special: str, general: str) -> None:
    one, two = (ntk_coefficients(act, 3, 10, digits=20).values for act in (special, f"leaky-relu:{general}"))
    assert one == two


def layer_two(act: str, sigma_w2: str | int | Fraction = "0.1") -> list[Fraction]:
    """α_{1,2}, α_{2,2}, …, that is σ_w² µ_p², to 30 digits."""
    return [Fraction(v) for v in ntk_coefficients(act, 2, 12, sigma_w2=sigma_w2, which="alpha", digits=30).values[1:]]


@given(st.decimals(-3, 3, places=2))
@settings(max_examples=8)
def test_leaky_relu_is_relu_and_a_line(slope: Decimal) -> None:
    # φ = (1 − s) relu + s x, so µ_p is (1 − s) relu's for p ≥ 2 and µ_1 = (1 + s)/2
    s = Fraction(slope)
    first, *rest = layer_two(f"leaky-relu:slope={slope}")
    assert abs(first - (1 + s) ** 2 / 40) <= first / 10**29
    for ours, relu in zip(rest, layer_two("relu")[1:], strict=True):
        assert abs(ours - (1 - s) ** 2 * relu) <= ours / 10**28


def test_elu_is_linear_in_alpha() -> None:
    # so µ_p² is quadratic in α, and its third differences are 0
    f = [layer_two(f"elu:alpha={alpha}") for alpha in (-1, 0, 1, 2)]
    assert f[1] == layer_two("relu")
    for p, (a, b, c, d) in enumerate(zip(*f, strict=True)):
        assert abs(d - 3 * c + 3 * b - a) <= 8 * max(a, b, c, d) / 10**29, p


def test_selu_is_a_scaled_elu() -> None:
    # Klambauer et al. 2017 print λ = 1.0507 and α = 1.6733; these are 16 decimals from the code of the paper
    scale = Fraction("1.0507009873554804934") ** 2
    ours, theirs = layer_two("selu"), layer_two("elu:alpha=1.6732632423543772848", scale / 10)
    assert all(abs(a - b) <= a / 10**15 for a, b in zip(ours, theirs, strict=True))


def test_sine_and_cosine_make_the_exponential() -> None:
    # e⁻¹ (sinh t + cosh t)
    factorial = 1
    for p, (a, b) in enumerate(zip(layer_two("sin"), layer_two("cos"), strict=True), start=1):
        factorial *= p
        assert abs(float((a + b) * factorial) - 0.1 * 0.36787944117144233) < 1e-16


@given(st.decimals("0.01", "0.99", places=2), st.sampled_from(QUICK))
@settings(max_examples=10)
def test_the_second_layer_grows_with_sigma_w2(share: Decimal, act: str) -> None:
    for ours, whole in zip(layer_two(act, Fraction(share)), layer_two(act, 1), strict=True):
        assert abs(ours - Fraction(share) * whole) <= ours / 10**28


def test_max_is_2_for_relu() -> None:
    one, two = (ntk_coefficients("relu", 3, 10, sigma_w2=s, digits=20) for s in ("max", 2))
    assert one == two
    assert one.kernel.sigma_b2 == 0
    assert one.kernel.total == 3  # χ = 1


@pytest.mark.parametrize(("truncation", "lost"), [(10, 18), (50, 36), (100, 41)])
def test_the_papers_truncation_loses_per_cents_of_the_last_coefficients(truncation: int, lost: int) -> None:
    options = {"sigma_w2": 2, "digits": 8}
    exact, paper = (ntk_coefficients("relu", 3, truncation, paper_truncation=on, **options) for on in (False, True))
    ratios = [Fraction(p) / Fraction(e) for p, e in zip(paper.values[-2:], exact.values[-2:], strict=True)]
    assert round(100 * (1 - min(ratios))) == lost
    # what it loses is in its tail
    assert abs(sum(paper.values) + paper.tail - 3) < Decimal("1e-6")
    assert all(p <= e for p, e in zip(paper.values, exact.values, strict=True))


def test_deep_kernels_have_their_digits_too() -> None:
    result = ntk_coefficients("tanh", 20, 10, sigma_w2="max")
    assert all(result.values[1::2])
    assert abs(sum(result.values) + result.tail - result.kernel.total) < 13 * unit(result.kernel.total, 12)


def test_deep_kernels_are_flat_where_chi_is_less_than_one() -> None:
    result = ntk_coefficients("erf", 25, 3, sigma_w2="0.1")
    chi, rest = Fraction(result.kernel.chi), sum(map(Fraction, (*result.values[1:], result.tail)))
    assert chi < Fraction(1, 17)
    # for the linear network S_l − κ_0 is l χ^(l−1); R bends, which at most doubles it
    assert 25 < rest / chi**24 < 50
    # that is 1e-29 of κ_0, and still has its digits
    fine = ntk_coefficients("erf", 25, 3, sigma_w2="0.1", digits=60)
    assert agree((*result.values, result.tail), (*fine.values, fine.tail), 12)


def test_all_depths_come_from_one_run() -> None:
    kernel = Kernel.of("gelu", 5, "0.7", "0.2")
    for engine in ("numpy", "mpmath"):
        found = coefficients_by_depth(kernel, [4, 1, 5, 4], SeriesRequest(8, 12, engine))
        assert [r.kernel.depth for r in found] == [4, 1, 5, 4]
        alone = [coefficients_by_depth(kernel.at_depth(d), [d], SeriesRequest(8, 12, engine))[0] for d in (4, 1, 5, 4)]
        for a, b in zip(found, alone, strict=True):
            assert a.kernel == b.kernel
            assert agree(numbers(a), numbers(b), 12, units=2)


@pytest.mark.parametrize("act", ["relu", "elu", "tanh", "silu", "gaussian"])
def test_hermite_coefficients_have_the_shares_of_their_squares(act: str) -> None:
    result = ntk_coefficients(act, which="mu", truncation=6, digits=25)
    alphas = ntk_coefficients(act, which="alpha", truncation=6, sigma_w2="max", digits=25).values
    for c, alpha in zip(result.coefficients, alphas, strict=True):
        assert abs(Fraction(c.share) - Fraction(alpha)) <= 2 * unit(alpha, 25)  # σ_w² µ² of σ_w² E[φ²] = 1
    rest = 1 - Fraction(result.coefficients[-1].cumulative)
    squares = sum(Fraction(v) ** 2 for v in result.values)
    assert abs(Fraction(result.tail) * (1 - rest) - squares * rest) <= squares / 10**24


def test_the_callers_decimal_context_is_neither_used_nor_changed() -> None:
    expected = ntk_coefficients("erf", 3, 4, digits=40)
    with decimal.localcontext(prec=3, rounding=decimal.ROUND_UP, Emax=5, Emin=-5) as caller:
        caller.clear_flags()
        assert ntk_coefficients("erf", 3, 4, digits=40) == expected
        assert not any(caller.flags.values())


def test_results_are_frozen() -> None:
    result = ntk_coefficients("relu")
    with pytest.raises(AttributeError):
        result.tail = Decimal(0)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"truncation": -1}, rf"truncation must lie in 0 .+ {MOST_TERMS}, got -1"),
        ({"truncation": MOST_TERMS + 1}, f"got {MOST_TERMS + 1}"),
        ({"digits": 0}, r"digits must .+ 1.*, got 0"),
        ({"digits": MOST_DIGITS + 1}, f"got {MOST_DIGITS + 1}"),
        ({"engine": "mpmth"}, r"auto, numpy, mpmath, got 'mpmth'\. Did you mean 'mpmath'\?"),
        ({"which": "kapa"}, r"kappa, alpha, beta, mu, got 'kapa'\. Did you mean 'kappa'\?"),
        ({"engine": "numpy", "which": "mu"}, "by the mpmath engine only; leave out --engine numpy"),
        ({"engine": "numpy", "paper_truncation": True}, "by the mpmath engine only; leave out --engine numpy"),
        ({"act": "tahn"}, "unknown activation 'tahn'. Did you mean 'tanh'"),
        ({"depth": 0}, "depth must be at least 1"),
    ],
)
def test_requests_that_make_no_sense_are_refused(request_: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ntk_coefficients(**{"act": "relu"} | request_)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"digits": 16}, "at most 15 digits, not 16; use --engine mpmath"),
        ({"digits": 15}, r"reaches 1\d of 15 digits at depth 2 and truncation 10; lower --digits or use"),
        ({"act": "sin", "truncation": 200, "digits": 5}, r"below 1e-290, where float64 ends; use --engine mpmath"),
    ],
)
def test_what_float64_cannot_give_is_refused(request_: dict[str, Any], message: str) -> None:
    with pytest.raises(AccuracyError, match=message):
        ntk_coefficients(**{"act": "relu", "engine": "numpy"} | request_)


@pytest.mark.parametrize(("act", "depth", "gamma_b2"), [("relu", 1, "0"), ("tanh", 1, "0.3"), ("linear", 4, "0")])
@pytest.mark.parametrize("truncation", [1, 7])
def test_the_paper_truncation_of_what_has_no_more_terms_cuts_nothing(
    act: str, depth: int, gamma_b2: str, truncation: int
) -> None:
    paper, ours = (
        ntk_coefficients(act, depth, truncation, gamma_b2=gamma_b2, paper_truncation=flag) for flag in (True, False)
    )
    assert (paper.values, paper.tail) == (ours.values, ours.tail)
    at = (
        ntk_values(["0.3", "-1"], act, depth, truncation, gamma_b2=gamma_b2, paper_truncation=flag)
        for flag in (True, False)
    )
    one, other = ([(v.theta, v.series, v.error, v.bound) for v in found.points] for found in at)
    assert one == other
