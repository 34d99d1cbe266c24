"""Networks of one hidden layer and the theorems of section C.2: definitions, laws, trials on data."""

from dataclasses import replace
from functools import cache

import mpmath
import numpy as np
import pytest

from ntkcalc import InputError, NtkcalcError, effective_rank
from ntkcalc.activations.catalogue import FAMILIES
from ntkcalc.errors import AccuracyError
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.points import Points, isotropic_points, unit_rows
from ntkcalc.networks.trials import generator
from ntkcalc.networks.two_layer import (
    EPSILON,
    THEOREMS,
    Bounds,
    Setting,
    TwoLayerNetwork,
    corollary_c10,
    draw,
    finite_width_ranks,
    limiting_inner_kernel,
)
from ntkcalc.spectrum.results import FiniteWidth, TheoremCheck

GAUSSIAN = isotropic_points(60, 10, 0)


@cache
def digits() -> Points:
    from sklearn.datasets import load_digits

    return unit_rows(load_digits().data[:100], "digits")


def measured(
    act: str, points: Points, width: int, trials: int = 20, weights: str = "gaussian", **options: object
) -> FiniteWidth:
    return finite_width_ranks(Kernel.of(act, 2, "max"), points, width, trials, 0, weights, **options)  # type: ignore[arg-type]


def theorem(found: FiniteWidth, name: str) -> TheoremCheck:
    return next(t for t in found.theorems if t.name == name)


# ---------------------------------------------------------------- definitions


@pytest.mark.parametrize("weights", ["gaussian", "sign"])
@pytest.mark.parametrize("act", FAMILIES)
def test_the_kernels_are_those_of_the_derivatives(act: str, weights: str) -> None:
    """Of f(x) = Σ a_j φ(⟨w_j, x⟩) by central differences, with the numbers drawn in the order that the room says."""
    points, m, step = isotropic_points(5, 3, 1), 7, 1e-6
    found = draw(Kernel.of(act), points, m, weights, np.random.default_rng(2))
    random = np.random.default_rng(2)
    w = random.standard_normal((m, 3))
    a = random.standard_normal(m) if weights == "gaussian" else 2.0 * random.integers(0, 2, m) - 1
    phi, _ = Kernel.of(act).activation.on_arrays()

    def f(w: np.ndarray, a: np.ndarray) -> np.ndarray:
        return phi(points.rows @ w.T) @ a

    units = [np.eye(1, 3 * m, i).reshape(m, 3) * step for i in range(3 * m)]
    inner = np.array([(f(w + e, a) - f(w - e, a)) / (2 * step) for e in units])
    outer = np.array([f(w, e) for e in np.eye(m)])
    kernels = [j.T @ j for j in (inner, outer)]
    for value, kernel in zip(
        (found.inner_rank, found.outer_rank, found.full_rank), [*kernels, sum(kernels)], strict=True
    ):
        assert value == pytest.approx(effective_rank(np.asarray(kernel)), rel=1e-7)
    y = inner.reshape(m, 3, -1)
    assert found.squares == pytest.approx(np.einsum("jdi,jdi->i", y, y), rel=1e-7)  # ‖x_i‖ = 1


def test_tiles_of_neurons_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = draw(Kernel.of("relu"), GAUSSIAN, 50, "gaussian", np.random.default_rng(0))
    monkeypatch.setattr("ntkcalc.networks.two_layer._TILE", 60 * 7)
    parts = draw(Kernel.of("relu"), GAUSSIAN, 50, "gaussian", np.random.default_rng(0))
    for name in ("inner_rank", "outer_rank", "full_rank", "both_signs_rank", "alpha", "condition"):
        assert getattr(parts, name) == pytest.approx(getattr(whole, name), rel=1e-12)


def test_the_limit_is_what_wide_networks_approach() -> None:
    limit = limiting_inner_kernel(GAUSSIAN)
    x, w = GAUSSIAN.rows, np.random.default_rng(1).standard_normal((200_000, 10))
    sides = (x @ w.T > 0).astype(float)
    assert np.abs(sides @ sides.T / len(w) * (x @ x.T) - limit).max() < 0.006  # 5 standard errors of 1/2 √(1/200,000)
    assert np.diag(limit) == pytest.approx(0.5, rel=1e-12)


def test_the_limit_of_equal_and_opposite_points() -> None:
    found = limiting_inner_kernel(unit_rows([[3.0, 4.0], [6.0, 8.0], [-3.0, -4.0]], ""))
    assert found == pytest.approx(np.array([[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 0.5]]), abs=1e-15)


@pytest.mark.parametrize("act", ["relu", "leaky-relu:slope=0.5", "linear"])
def test_rounding_is_below_what_is_claimed(act: str) -> None:
    """Against the same network in 40 digits."""
    points, m = isotropic_points(6, 4, 3), 60
    found = draw(Kernel.of(act), points, m, "gaussian", np.random.default_rng(0)).inner_rank
    unit = Setting(Kernel.of(act), m, "gaussian", 6, 4, points.gram.effective_rank, None).unit
    random = np.random.default_rng(0)
    ctx = mpmath.mp.clone()
    ctx.dps = 40
    w, a = (ctx.matrix(array.tolist()) for array in (random.standard_normal((m, 4)), random.standard_normal(m)))
    x = ctx.matrix(points.rows.tolist())
    slope = {"relu": ctx.mpf(0), "leaky-relu:slope=0.5": ctx.mpf(0.5), "linear": ctx.mpf(1)}[act]
    g = x * w.T
    y = ctx.matrix(6, m)
    for i in range(6):
        for j in range(m):
            y[i, j] = a[j] * (1 if g[i, j] > 0 else slope)
    gram, inner = x * x.T, y * y.T
    for i in range(6):
        for j in range(6):
            inner[i, j] *= gram[i, j]
    exact = sum(inner[i, i] for i in range(6)) / max(ctx.eigsy(inner, eigvals_only=True))
    assert abs((found or 0) - exact) <= unit * exact**2


@pytest.mark.parametrize("act", ["relu", "tanh", "abs"])
def test_effective_ranks_are_subadditive(act: str) -> None:
    for random in (generator(0, trial) for trial in range(30)):
        found = draw(Kernel.of(act), GAUSSIAN, 20, "gaussian", random)
        assert (found.full_rank or 0) <= (found.inner_rank or 0) + (found.outer_rank or 0) + 1e-9


# ---------------------------------------------------------------- theorems


@pytest.mark.parametrize("weights", ["gaussian", "sign"])
@pytest.mark.parametrize("data", ["digits", "gaussian"])
@pytest.mark.parametrize("act", [*FAMILIES, "leaky-relu:slope=0.2", "leaky-relu:slope=3"])
def test_every_theorem_that_applies_holds_in_every_trial(act: str, data: str, weights: str) -> None:
    points = digits() if data == "digits" else GAUSSIAN
    for width in (3, 80):
        found = measured(act, points, width, 10, weights)
        for t in found.theorems:
            if t.applies:
                assert t.holds_fraction == 1
                assert t.lower is None or t.lower <= (t.measured or 0)
            else:
                assert (t.lower, t.upper, t.holds_fraction, t.trials) == (None, None, None, 0)
                assert t.note
    assert theorem(found, "Corollary C.3").applies == (act.split(":")[0] in ("linear", "leaky-relu"))
    assert theorem(found, "Theorem C.17").applies == (act == "relu")
    assert theorem(found, "Theorem C.5").applies == (act == "relu" and weights == "sign")


def test_theorem_c5_holds_in_at_least_the_promised_fraction_of_200_trials() -> None:
    for points in (digits(), GAUSSIAN):
        needed = int(4 * np.log(len(points.rows) / EPSILON)) + 1
        for width in (needed, 200):
            found = theorem(measured("relu", points, width, 200, "sign"), "Theorem C.5")
            assert found.trials == 200
            assert (found.holds_fraction or 0) >= 1 - EPSILON
            delta = (4 * np.log(len(points.rows) / EPSILON) / width) ** 0.5
            gram = points.gram.effective_rank
            assert float(found.lower or 0) == pytest.approx((1 - delta) ** 2 / 4 * gram, rel=1e-9)
            assert float(found.upper or 0) == pytest.approx(4 / (1 - delta) ** 2 * gram, rel=1e-9)


def test_corollary_c10_needs_both_signs() -> None:
    """W = I, d = 8: for W alone the bound fails, 8.0 against 4.65 (theory.md); for both signs it holds."""
    d = 8
    x = np.concatenate([np.eye(d), -np.ones((1, d)) / d**0.5])  # one point with λ_1 for −W only
    points = unit_rows(x, "")
    gram = points.gram.effective_rank
    one, other = (np.maximum(sign * x, 0) @ np.maximum(sign * x, 0).T for sign in (1, -1))
    alone = effective_rank(one)
    both = max(np.trace(one), np.trace(other)) / max(np.linalg.eigvalsh(one)[-1], np.linalg.eigvalsh(other)[-1])
    network = TwoLayerNetwork(None, alone, None, both, np.ones(9), 1.0, 1.0)
    outcome = corollary_c10(Setting(Kernel.of("relu"), d, "sign", 9, d, gram, None), network)
    assert isinstance(outcome, Bounds)
    assert outcome.value == both
    assert both <= outcome.upper
    assert outcome.upper == pytest.approx(4 * gram)


def test_a_theorem_that_is_wrong_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The counting itself: bounds shrunk to a point are missed."""

    def shrunk(setting: Setting, network: TwoLayerNetwork) -> Bounds:
        return Bounds(network.inner_rank, 1.01 * (network.inner_rank or 0), 2 * setting.gram)

    monkeypatch.setattr("ntkcalc.networks.two_layer.THEOREMS", (("wrong", "eff(K_inner)", shrunk), *THEOREMS))
    found = theorem(measured("relu", GAUSSIAN, 30), "wrong")
    assert (found.applies, found.holds_fraction, found.trials) == (True, 0, 20)


def test_what_a_silent_theorem_needs() -> None:
    narrow = measured("relu", GAUSSIAN, 9, 3, "sign")
    assert "m ≥ d = 10" in theorem(narrow, "Corollary C.10").note
    assert "m > 4 log(n/ε) = 28.4 for ε = 0.05" in theorem(narrow, "Theorem C.5").note
    assert "--outer sign" in theorem(measured("relu", GAUSSIAN, 90, 3), "Theorem C.5").note
    assert "relu" in theorem(measured("tanh", GAUSSIAN, 90, 3), "Theorem C.17").note
    one = measured("relu", unit_rows([[1.0]], ""), 1, 30)
    dead = 30 - one.inner.trials
    assert 5 <= dead <= 25  # half of the networks of one neuron see one point not at all
    assert theorem(one, "Theorem C.1").trials == one.inner.trials
    assert str(one.inner.mean) == "1"


def test_linear_networks_have_equality() -> None:
    found = measured("linear", digits(), 5, 4)
    c3 = theorem(found, "Corollary C.3")
    assert float(c3.lower or 0) == pytest.approx(digits().gram.effective_rank, rel=1e-10)
    assert float(c3.upper or 0) == pytest.approx(digits().gram.effective_rank, rel=1e-10)
    assert float(found.inner.mean or 0) == pytest.approx(digits().gram.effective_rank, rel=1e-10)


def test_seeds_and_trials() -> None:
    assert measured("relu", GAUSSIAN, 20, 5) == measured("relu", GAUSSIAN, 20, 5)
    one, two = (finite_width_ranks(Kernel.of("relu"), GAUSSIAN, 20, 1, seed) for seed in (0, 1))
    assert one.inner.mean != two.inner.mean
    assert one.inner.low is None
    assert replace(one, seed=1) != two


# ---------------------------------------------------------------- refusals


def test_refusals() -> None:
    for options, said in (
        ({"width": 0}, "width must be at least 1, got 0"),
        ({"trials": 0}, "trials"),
        ({"weights": "sine"}, "Did you mean 'sign'"),
    ):
        with pytest.raises(InputError, match=said):
            measured("relu", GAUSSIAN, **{"width": 5} | options)  # type: ignore[arg-type]
    with pytest.raises(NtkcalcError, match="--memory"):
        measured("relu", GAUSSIAN, 10**9)
    with pytest.raises(AccuracyError, match="of 15 digits"):
        measured("relu", GAUSSIAN, 10, digits=15, strict=True)
