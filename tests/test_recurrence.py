"""The recurrence Σ_l = R(Σ_{l−1}), Θ_l = Σ_l + Θ_{l−1} R'(Σ_{l−1}), in exact coefficients and tails."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkcalc.activations.catalogue import activation
from ntkcalc.activations.dual import ExpansionPoint
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.numerics.engine import ErrorBound
from ntkcalc.numerics.mpmath_engine import MpmathEngine
from ntkcalc.numerics.precision import Context, context
from ntkcalc.series.recurrence import SERIES, LayerSeries, correlation_map_series, error_bound, layers, paper_layers

BITS = 100
CTX = context(300)

# D and D' in closed form, on all of [−1, 1]
DUALS: dict[str, Callable[[Context, Any], tuple[Any, Any]]] = {
    "relu": lambda c, t: (
        (c.sqrt(1 - t * t) + t * (c.pi - c.acos(t))) / (2 * c.pi),
        (c.pi - c.acos(t)) / (2 * c.pi),
    ),
    "abs": lambda c, t: (2 * (c.sqrt(1 - t * t) + t * c.asin(t)) / c.pi, 2 * c.asin(t) / c.pi),
    "erf": lambda c, t: (2 * c.asin(2 * t / 3) / c.pi, 4 / (c.pi * c.sqrt(9 - 4 * t * t))),
    "gaussian": lambda c, t: (1 / (2 * c.pi * c.sqrt(4 - t * t)), t / (2 * c.pi * c.sqrt(4 - t * t) ** 3)),
    "sin": lambda c, t: (c.sinh(t) / c.e, c.cosh(t) / c.e),
    "cos": lambda c, t: (c.cosh(t) / c.e, c.sinh(t) / c.e),
    "linear": lambda c, t: (t, c.one),
}
KERNELS = st.builds(
    Kernel.of,
    st.sampled_from(sorted(DUALS)),
    st.integers(1, 6),
    st.one_of(st.just("max"), st.decimals("0.01", 1, places=3).map(str)),
    st.decimals(0, "0.99", places=3).map(str),
)
CORRELATIONS = st.decimals(-1, 1, places=3).map(str)


def run(kernel: Kernel, truncation: int, bits: int = BITS) -> list[LayerSeries[list[Any]]]:
    return list(layers(MpmathEngine(bits), kernel, truncation))


def kernel_at(kernel: Kernel, t: Any) -> list[tuple[Any, Any]]:
    """Σ_l(t) and Θ_l(t) of all layers, from the closed forms."""
    dual, sigma_w2, sigma_b2 = (
        DUALS[kernel.activation.name],
        kernel.variances.sigma_w2_at(300),
        kernel.variances.sigma_b2_at(300),
    )
    gamma_b2 = CTX.mpf(kernel.gamma_b2.numerator) / kernel.gamma_b2.denominator
    sigma = theta = gamma_b2 + (1 - gamma_b2) * t
    found = [(sigma, theta)]
    for _ in range(2, kernel.depth + 1):
        value, slope = dual(CTX, sigma)
        sigma, theta = sigma_w2 * value + sigma_b2, sigma_w2 * value + sigma_b2 + theta * sigma_w2 * slope
        found.append((sigma, theta))
    return found


@given(KERNELS, st.integers(0, 25), CORRELATIONS)
@settings(max_examples=25)
def test_what_the_series_leaves_out_is_within_the_proven_tail(kernel: Kernel, truncation: int, rho: str) -> None:
    t = CTX.mpf(rho)
    for layer, values in zip(run(kernel, truncation), kernel_at(kernel, t), strict=True):
        for series, tail, value in zip(
            (layer.alpha, layer.kappa), (layer.alpha_tail, layer.kappa_tail), values, strict=True
        ):
            error = value - CTX.fsum(c * t**p for p, c in enumerate(series))
            # |Θ − Θ_T| ≤ τ_T |t|^(T+1); at t = 1 that is an equality, and Θ itself has 300 bits less acos near 1
            bound = tail[-1] * abs(t) ** (truncation + 1)
            assert abs(error) <= bound + layer.depth * 2.0 ** (20 - BITS)
            assert t != 1 or abs(error - bound) <= layer.depth * 2.0 ** (20 - BITS)


@given(KERNELS)
@settings(max_examples=15)
def test_high_degrees_reach_the_kernel_itself(kernel: Kernel) -> None:
    t = CTX.mpf("0.3")
    found = [CTX.fsum(c * t**p for p, c in enumerate(layer.kappa)) for layer in run(kernel, 50)]
    for series, (_, theta) in zip(found, kernel_at(kernel, t), strict=True):
        # 0.3^51 = 2e-27 of a tail of at most the total
        assert abs(series - theta) <= 3e-27 * kernel.total(60)


@given(KERNELS, st.integers(1, 20))
@settings(max_examples=25)
def test_tails_are_totals_less_partial_sums(kernel: Kernel, truncation: int) -> None:
    chi = CTX.convert(kernel.chi(BITS))
    for layer in run(kernel, truncation):
        totals = {
            "alpha": CTX.one,
            "beta": chi if layer.depth > 1 else CTX.one,
            "kappa": kernel.at_depth(layer.depth).total(BITS),
        }
        for name in SERIES:
            sums = accumulate(getattr(layer, name), initial=CTX.zero)
            next(sums)
            for partial, tail in zip(sums, getattr(layer, f"{name}_tail"), strict=True):
                assert tail >= 0
                assert abs(totals[name] - partial - tail) <= totals[name] * 2.0 ** (20 - BITS)


@given(KERNELS, st.integers(0, 15))
@settings(max_examples=25)
def test_a_layer_is_its_feature_map_and_the_layer_below(kernel: Kernel, truncation: int) -> None:
    below, *above = run(kernel, truncation)
    for layer in above:
        for p, kappa in enumerate(layer.kappa):
            product = CTX.fsum(below.kappa[i] * layer.beta[p - i] for i in range(p + 1))
            assert abs(kappa - layer.alpha[p] - product) <= kappa * 2.0 ** (10 - BITS)
        below = layer


@given(KERNELS, st.integers(0, 15), st.sampled_from(SERIES))
@settings(max_examples=15)
def test_a_series_is_the_same_whatever_else_is_wanted(kernel: Kernel, truncation: int, name: str) -> None:
    for alone, layer in zip(
        layers(MpmathEngine(BITS), kernel, truncation, wanted=[name]), run(kernel, truncation), strict=True
    ):
        for row in (name, f"{name}_tail"):
            for a, b in zip(getattr(alone, row), getattr(layer, row), strict=True):
                assert abs(a - b) <= b * 2.0 ** (10 - BITS)


@given(KERNELS, st.integers(0, 12), st.integers(0, 30))
@settings(max_examples=15)
def test_more_terms_change_nothing(kernel: Kernel, few: int, more: int) -> None:
    for short, long in zip(run(kernel, few), run(kernel, few + more), strict=True):
        for name in (*SERIES, "alpha_tail", "beta_tail", "kappa_tail"):
            for a, b in zip(getattr(short, name), getattr(long, name), strict=False):
                assert abs(a - b) <= b * 2.0 ** (15 - BITS)
                assert bool(a) == bool(b)


@pytest.mark.parametrize("name", ["silu", "elu", "gelu", "relu"])
def test_the_second_layer_has_the_squares_of_the_hermite_coefficients(name: str) -> None:
    kernel = Kernel.of(name, 2, "0.8")
    layer, mu = run(kernel, 12)[-1], activation(name).hermite(13, 200)
    bias = kernel.variances.sigma_b2_at(200)
    for k in range(13):
        alpha, beta = (CTX.mpf("0.8") * m * m for m in mu[k : k + 2])
        assert abs(layer.alpha[k] - alpha - (bias if k == 0 else 0)) <= layer.alpha[k] * 2.0 ** (10 - BITS)
        assert abs(layer.beta[k] - (k + 1) * beta) <= layer.beta[k] * 2.0 ** (10 - BITS)


@pytest.mark.parametrize("name", ["sigmoid", "elu", "relu", "cos"])
def test_the_series_of_the_correlation_map_sum_to_the_values_at_one(name: str) -> None:
    kernel = Kernel.of(name, 2, "0.8")
    r, r_dot, q, q_dot = correlation_map_series(
        kernel.variances.correlation_map(2), ExpansionPoint(CTX.mpf("0.1"), near_one=True), 10, BITS
    )
    for series, tails, total in ((r, q, CTX.one), (r_dot, q_dot, kernel.chi(BITS))):
        for partial, tail in zip(accumulate(series), tails, strict=True):
            assert abs(partial + tail - total) <= 2.0 ** (10 - BITS)


@given(KERNELS.map(lambda kernel: kernel.at_depth(8)), st.integers(0, 5))
@settings(max_examples=10)
def test_first_layers_without_weights_make_constant_kernels(kernel: Kernel, truncation: int) -> None:
    constant = Kernel(kernel.activation, 8, kernel.sigma_w2, kernel.gamma_b2 * 0 + 1)
    for layer in run(constant, truncation):
        total = constant.at_depth(layer.depth).total(BITS)
        assert abs(layer.kappa[0] - total) <= total * 2.0 ** (10 - BITS)
        assert (layer.alpha[0], *layer.alpha[1:]) == (1, *[0] * truncation)
        assert not any((*layer.kappa[1:], *layer.alpha_tail, *layer.beta_tail, *layer.kappa_tail))


def test_a_bias_just_below_one_makes_a_kernel_just_not_constant() -> None:
    kernel = Kernel.of("relu", 4, "max", "0." + "9" * 30)
    constant = run(Kernel.of("relu", 4, "max", 1), 3)
    for layer, limit in zip(run(kernel, 3), constant, strict=True):
        # 1 − γ_b² = 1e-30, and the kink of relu makes that its square root
        assert 0 < limit.kappa[0] - layer.kappa[0] < 1e-14
        assert all(0 <= c < 1e-14 for c in layer.kappa[1:])
        assert layer.kappa[1] > 0


@pytest.mark.parametrize("truncation", [0, 1, 7])
def test_the_observer_hears_of_every_layer(truncation: int) -> None:
    heard: list[tuple[int, int]] = []

    def hear(done: int, total: int, stage: str = "") -> None:
        heard.extend([(done, total)] if total else [])  # stages within a layer have no length

    for recurrence in (layers, paper_layers):
        list(recurrence(MpmathEngine(60), Kernel.of("relu", 4), truncation, hear))
    assert heard == [(2, 4), (3, 4), (4, 4)] * 2


@pytest.mark.parametrize("name", ["relu", "erf", "gaussian"])
def test_the_papers_recurrence_is_exact_for_one_hidden_layer_without_bias(name: str) -> None:
    kernel = Kernel.of(name, 2, "0.7")
    *_, paper = paper_layers(MpmathEngine(BITS), kernel, 12)
    for a, b in zip(paper.kappa, run(kernel, 12)[-1].kappa, strict=True):
        assert abs(a - b) <= b * 2.0 ** (10 - BITS)


@pytest.mark.parametrize("name", ["erf", "sin"])
def test_the_papers_recurrence_is_exact_for_odd_activations_without_bias(name: str) -> None:
    # Σ_{l−1}(0) = 0, so that only k ≤ T matter
    kernel = Kernel.of(name, 4, "max")
    *_, paper = paper_layers(MpmathEngine(BITS), kernel, 9)
    for a, b in zip(paper.kappa, run(kernel, 9)[-1].kappa, strict=True):
        assert abs(a - b) <= b * 2.0 ** (10 - BITS)


def test_the_papers_recurrence_has_r_of_t_where_the_network_has_r_of_its_first_layer() -> None:
    kernel = Kernel.of("erf", 2, "0.7", "0.5")
    *_, paper = paper_layers(MpmathEngine(BITS), kernel, 9)
    unbiased = run(Kernel.of("erf", 2, "0.7"), 9)[-1]
    for series, without in ((paper.alpha, unbiased.alpha), (paper.beta, unbiased.beta)):
        assert all(abs(a - b) <= b * 2.0 ** (10 - BITS) for a, b in zip(series, without, strict=True))


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_the_error_bound_bounds_the_error(depth: int) -> None:
    kernel = Kernel.of("erf", depth, "0.7", "0.25")
    engine = MpmathEngine(40)
    bound = error_bound(engine, depth, 20)
    assert isinstance(bound, ErrorBound)
    *_, rough = layers(engine, kernel, 20)
    fine = run(kernel, 20)[-1]
    for name in (*SERIES, "alpha_tail", "beta_tail", "kappa_tail"):
        for p, (a, b) in enumerate(zip(getattr(rough, name), getattr(fine, name), strict=True)):
            assert abs(a - b) <= b * bound.at(p) * 2.0**-40
