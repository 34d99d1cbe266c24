"""Empirical kernels of networks: explicit Jacobians, automatic differentiation, the infinite limit, refusals."""

from __future__ import annotations

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

from ntkcalc import InputError, NtkcalcError, empirical_ntk, ntk_matrix
from ntkcalc.activations.catalogue import FAMILIES
from ntkcalc.errors import AccuracyError
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.points import Points, isotropic_points, unit_rows
from ntkcalc.networks.layers import Convolution, Dense
from ntkcalc.networks.network import (
    Architecture,
    BatchPlan,
    LayerShape,
    Network,
    initialised,
    layer_shapes,
    network_inputs,
    network_kernel,
    rounding,
    size_text,
)

IMAGES = unit_rows(np.random.default_rng(3).standard_normal((3, 2, 5, 4)), "images")
POINTS = unit_rows(np.random.default_rng(4).standard_normal((4, 3)), "points")


def network(
    act: str, depth: int, architecture: Architecture, points: Points, seed: int = 0, **kernel: object
) -> Network:
    return initialised(Kernel.of(act, depth, **kernel), architecture, points, np.random.default_rng(seed))  # type: ignore[arg-type]


def parameters(made: Network) -> list[np.ndarray]:
    return [array for layer in made.layers for array in (layer.weights, layer.bias)]  # type: ignore[attr-defined]


def explicit_kernel(made: Network, x: np.ndarray) -> np.ndarray:
    """J Jᵀ from central differences in every parameter."""
    step, columns = 1e-5, []
    for array in parameters(made):
        for place in np.ndindex(array.shape):
            kept = array[place]
            values = []
            for sign in (1, -1):
                array[place] = kept + sign * step
                values.append(made.output(x))
            array[place] = kept
            columns.append((values[0] - values[1]) / (2 * step))
    jacobian = np.array(columns)
    return jacobian.T @ jacobian


@pytest.mark.parametrize(
    "architecture",
    [Architecture(4), Architecture(3, "cnn", padding="same", filter_size=3), Architecture(3, "cnn", filter_size=2)],
)
@pytest.mark.parametrize("kind", ["ntk", "standard"])
@pytest.mark.parametrize("act", [*FAMILIES, "leaky-relu:slope=-0.5", "elu:alpha=0.3", "softplus:beta=3"])
@pytest.mark.quick(24)
def test_the_kernel_is_that_of_an_explicit_jacobian(act: str, kind: str, architecture: Architecture) -> None:
    architecture = Architecture(
        architecture.widths, architecture.arch, kind, architecture.padding, architecture.filter_size
    )
    points = POINTS if architecture.arch == "mlp" else IMAGES
    made = network(
        act, 3, architecture, points, sigma_w2="0.6" if act != "leaky-relu:slope=-0.5" else "1", gamma_b2="0.3"
    )
    x = network_inputs(architecture, points)
    found, expected = network_kernel(made, x, len(x)), explicit_kernel(made, x)
    # 1e-11/1e-5 of rounding and step² of truncation leave some 1e-9
    assert np.abs(found - expected).max() <= 1e-7 * np.abs(expected).max()
    assert (found == found.T).all()


def differentiable(made: Network, act: str, padding: int, kind: str) -> object:
    """The same network for autograd, written anew: convolutions as sums of shifted images."""
    phi = {"relu": lambda x: anp.maximum(x, 0), "tanh": anp.tanh, "sin": anp.sin}[act]

    def convolved(image: object, weights: object) -> object:
        padded = anp.pad(image, ((padding, padding), (padding, padding), (0, 0)), mode="constant")
        down, across = weights.shape[:2]  # type: ignore[attr-defined]
        high, wide = padded.shape[0] - down + 1, padded.shape[1] - across + 1
        shifts = [(i, j) for i in range(down) for j in range(across)]
        return sum(anp.tensordot(padded[i : i + high, j : j + wide], weights[i, j], axes=1) for i, j in shifts)  # type: ignore[index]

    def output(theta: list[object], x: object) -> object:
        h = x
        for place, layer in enumerate(made.layers):
            weights, bias = theta[2 * place], theta[2 * place + 1]
            mapped = convolved(h, weights) if isinstance(layer, Convolution) else anp.dot(weights, anp.ravel(h))
            g = layer.weight_scale * mapped + layer.bias_scale * bias  # type: ignore[attr-defined]
            h = g if place + 1 == len(made.layers) else phi(g)
        return h[0]  # type: ignore[index]

    return output


@pytest.mark.parametrize(
    ("architecture", "depth"),
    [
        (Architecture(60), 5),
        (Architecture((9, 70, 20)), 4),
        (Architecture(7, "cnn", filter_size=3), 3),
        (Architecture(6, "cnn", padding="same"), 3),
    ],
)
@pytest.mark.parametrize("kind", ["ntk", "standard"])
@pytest.mark.parametrize("act", ["relu", "tanh", "sin"])
def test_the_kernel_is_that_of_automatic_differentiation(
    act: str, kind: str, architecture: Architecture, depth: int
) -> None:
    architecture = Architecture(
        architecture.widths, architecture.arch, kind, architecture.padding, architecture.filter_size
    )
    shape = (5, 3, 8, 6) if architecture.arch == "cnn" else (5, 30)
    points = unit_rows(np.random.default_rng(9).standard_normal(shape), "")
    made = network(act, depth, architecture, points, gamma_b2="0.2")
    x = network_inputs(architecture, points)
    gradient = autograd.grad(
        differentiable(made, act, architecture.filter_size // 2 if architecture.padding == "same" else 0, kind)
    )
    rows = [np.concatenate([np.ravel(part) for part in gradient(parameters(made), image)]) for image in x]
    jacobian = np.array(rows)
    assert network_kernel(made, x, len(x)) == pytest.approx(jacobian @ jacobian.T, rel=1e-11)


# ---------------------------------------------------------------- layers


@pytest.mark.parametrize("padding", [0, 1, 2])
def test_a_convolution_is_scipys(padding: int) -> None:
    from scipy.signal import correlate

    random = np.random.default_rng(0)
    layer = Convolution(random.standard_normal((3, 3, 2, 4)), random.standard_normal(4), 0.7, 0.3, padding)
    image = random.standard_normal((1, 7, 6, 2))
    padded = np.pad(image[0], ((padding, padding), (padding, padding), (0, 0)))
    expected = np.stack(
        [0.7 * correlate(padded, layer.weights[..., o], mode="valid")[..., 0] + 0.3 * layer.bias[o] for o in range(4)],
        2,
    )
    assert layer.forward(image)[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("padding", [0, 1, 3])
def test_backward_is_the_transpose_of_forward(padding: int) -> None:
    random = np.random.default_rng(1)
    layer = Convolution(random.standard_normal((4, 4, 3, 2)), np.zeros(2), 1.3, 0.0, padding)
    h = random.standard_normal((2, 6, 5, 3))
    g = layer.forward(h)
    delta = random.standard_normal(g.shape)
    assert (layer.backward(delta) * h).sum() == pytest.approx((delta * g).sum(), rel=1e-12)


def test_a_convolution_of_one_place_is_a_dense_layer() -> None:
    random = np.random.default_rng(2)
    weights, bias = random.standard_normal((6, 4)), random.standard_normal(6)
    dense, image = Dense(weights, bias, 0.4, 0.9, (4,)), Convolution(weights.T[None, None], bias, 0.4, 0.9, 0)
    h, delta = random.standard_normal((5, 4)), random.standard_normal((5, 6))
    places = (slice(None), None, None)
    assert image.forward(h[places])[:, 0, 0] == pytest.approx(dense.forward(h), rel=1e-12)
    assert image.backward(delta[places])[:, 0, 0] == pytest.approx(dense.backward(delta), rel=1e-12)
    other = h[:2], delta[:2]
    expected = dense.share(h, delta, *other)
    assert image.share(h[places], delta[places], other[0][places], other[1][places]) == pytest.approx(
        expected, rel=1e-12
    )


# ---------------------------------------------------------------- the limit


def test_without_hidden_layers_it_is_the_kernel() -> None:
    x = np.random.default_rng(0).standard_normal((6, 3))
    found = empirical_ntk(x, act="tanh", widths=7, depth=1, gamma_b2="0.3")
    assert found == pytest.approx(ntk_matrix(x, act="tanh", depth=1, gamma_b2="0.3"), rel=1e-13)


@pytest.mark.parametrize(
    ("act", "sigma_w2", "gamma_b2"),
    [("gelu", "1.2", "0"), ("relu", "1", "0"), ("tanh", "max", "0.3"), ("cos", "0.5", "0")],
)
@pytest.mark.quick(2)
def test_the_mean_of_shallow_networks_is_the_kernel_at_any_width(act: str, sigma_w2: str, gamma_b2: str) -> None:
    """At depth 2, E[K] = Θ exactly, whatever the width: all of σ_w, σ_b, γ_w, γ_b must be right."""
    points = isotropic_points(3, 4, 0)
    kernel, architecture = Kernel.of(act, 2, sigma_w2, gamma_b2), Architecture(3)
    trials = [
        network_kernel(initialised(kernel, architecture, points, np.random.default_rng(s)), points.rows, 3)
        for s in range(3000)
    ]
    expected = ntk_matrix(points.rows, act=act, sigma_w2=sigma_w2, gamma_b2=gamma_b2)
    error = np.std(trials, axis=0) / len(trials) ** 0.5
    # six entries within 4 standard errors each: missed once in 3000 seeds, and these seeds are fixed
    assert (np.abs(np.mean(trials, axis=0) - expected) <= 4 * error).all()
    assert error.max() < 0.03 * expected.max()


@pytest.mark.parametrize("act", FAMILIES)
@pytest.mark.quick(8)
def test_a_wide_deep_network_is_near_the_kernel(act: str) -> None:
    x = np.random.default_rng(0).standard_normal((5, 4))
    expected = ntk_matrix(x, act=act, depth=4, gamma_b2="0.1")
    found = empirical_ntk(x, act=act, widths=1000, depth=4, gamma_b2="0.1", seed=1)
    assert np.linalg.norm(found - expected) < 0.12 * np.linalg.norm(expected)  # 1/√1000 = 0.03 times a few


def test_equal_rows_are_equal_and_scale_does_not_matter() -> None:
    x = np.random.default_rng(0).standard_normal((3, 4))
    twice = empirical_ntk(np.concatenate([x, 5 * x]), act="relu", widths=30, depth=3)
    assert twice[:3, :3] == pytest.approx(twice[3:, :3], rel=1e-12)
    assert np.linalg.eigvalsh(twice)[0] > -1e-12 * twice.max()


# ---------------------------------------------------------------- blocks, accuracy, randomness


@pytest.mark.parametrize("architecture", [Architecture(300), Architecture(20, "cnn", filter_size=3)])
def test_blocks_give_the_same_within_the_memory_they_are_given(architecture: Architecture) -> None:
    points = unit_rows(np.random.default_rng(0).standard_normal((70, 2, 9, 9)), "")
    kernel = Kernel.of("gelu", 4)
    plans, made, x = (
        layer_shapes(4, architecture, points),
        network("gelu", 4, architecture, points),
        network_inputs(architecture, points),
    )
    whole = BatchPlan.of(plans, 70, 1 << 30)
    assert whole.rows == 70
    expected = network_kernel(made, x, 70)
    seen = {whole.rows}
    for memory in range(0, 1 << 25, 1 << 15):
        budget, ticks = budget_or_none(plans, 70, memory), []
        if budget is None or budget.rows in seen or budget.rows < 8:
            continue
        seen.add(budget.rows)
        found = network_kernel(made, x, budget.rows, lambda: ticks.append(1))  # noqa: B023
        assert len(ticks) == budget.ticks
        assert np.abs(found - expected).max() <= rounding(kernel, architecture, plans) * expected.max()
    assert len(seen) >= 3


def budget_or_none(plans: list[LayerShape], n: int, memory: int) -> BatchPlan | None:
    try:
        return BatchPlan.of(plans, n, memory)
    except NtkcalcError:
        return None


@pytest.mark.parametrize(("act", "depth"), [("relu", 2), ("relu", 6), ("tanh", 3), ("sin", 6)])
@pytest.mark.parametrize("kind", ["ntk", "standard"])
def test_rounding_is_below_what_is_claimed(act: str, depth: int, kind: str) -> None:
    """Against the same network in extended precision."""
    points, architecture = isotropic_points(6, 40, 0), Architecture(300, parametrization=kind)
    kernel = Kernel.of(act, depth, "max")
    made = initialised(kernel, architecture, points, np.random.default_rng(0))
    wide = [
        Dense(
            *(np.asarray(a, dtype=np.longdouble) for a in (layer.weights, layer.bias)),
            layer.weight_scale,
            layer.bias_scale,
            layer.shape,
        )  # type: ignore[attr-defined]
        for layer in made.layers
    ]
    phi, slope = {
        "relu": (lambda x: np.maximum(x, 0), lambda x: (x > 0).astype(np.longdouble)),
        "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
        "sin": (np.sin, np.cos),
    }[act]
    exact = Network(tuple(wide), phi, slope)
    derivatives = exact.derivatives(points.rows.astype(np.longdouble), lambda: None)
    expected = sum(
        layer.share(below, delta.astype(np.longdouble), below, delta.astype(np.longdouble))
        for layer, (below, delta) in zip(exact.layers[::-1], derivatives, strict=True)
    )
    off = np.abs(network_kernel(made, points.rows, 6) - expected).max() / expected.max()
    assert off <= rounding(kernel, architecture, layer_shapes(depth, architecture, points))


def test_seeds() -> None:
    x = np.random.default_rng(0).standard_normal((4, 5))
    same, again, other = (empirical_ntk(x, act="relu", widths=[9, 8], seed=s) for s in (1, 1, 2))
    assert (same == again).all()
    assert (same != other).all()
    child = np.random.SeedSequence(5).spawn(3)[2]
    assert empirical_ntk(x, act="relu", widths=[9, 8], seed=child).shape == (4, 4)


def test_kaiming_uniform_is_what_pytorch_says() -> None:
    points = isotropic_points(2, 400, 0)
    made = network("relu", 3, Architecture(300, parametrization="standard"), points)
    for layer, fan_in in zip(made.layers, (400, 300, 300), strict=True):
        for array in (layer.weights, layer.bias):  # type: ignore[attr-defined]
            assert np.abs(array).max() <= fan_in**-0.5
            if array.size > 1000:
                assert array.std() * (3 * fan_in) ** 0.5 == pytest.approx(1, rel=0.01)
        assert (layer.weight_scale, layer.bias_scale) == (1, 1)  # type: ignore[attr-defined]


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"widths": 0}, "width must be at least 1, got 0"),
        ({"widths": [5, -2]}, "width must be at least 1, got -2"),
        ({"widths": 2.5}, "whole number"),
        ({"widths": [5, 5], "depth": 2}, "depth 2 has 1 hidden layers, got 2 widths"),
        ({"widths": 5, "depth": 0}, "depth must be at least 1"),
        ({"widths": 5, "arch": "cn"}, "Did you mean 'cnn'"),
        ({"widths": 5, "arch": "cnn"}, "images"),
        ({"widths": 5, "parametrization": "standart"}, "Did you mean 'standard'"),
        ({"widths": 5, "padding": "none"}, "padding must be one of valid, same"),
        ({"widths": 5, "padding": "same", "filter_size": 4}, "odd"),
        ({"widths": 5, "sigma_w2": 3}, "sigma_w2"),
        ({"widths": 5, "act": "tahn"}, "Did you mean 'tanh'"),
        ({"widths": 5, "seed": -1}, "seed must be .* got -1"),
        ({"widths": 5, "seed": "x"}, "seed must be .* got 'x'"),
        ({"widths": 5, "memory": 1.5}, "memory must be a whole number"),
    ],
)
def test_refusals(options: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        empirical_ntk([[1.0, 2.0]], **{"act": "relu"} | options)


def test_images_too_small_for_their_filters() -> None:
    with pytest.raises(InputError, match=r"4 x 4 after 1 of them.*--padding same"):
        empirical_ntk(np.ones((1, 1, 8, 8)), act="relu", widths=2, depth=3, arch="cnn")
    assert empirical_ntk(np.ones((1, 1, 8, 8)), act="relu", widths=2, depth=9, arch="cnn", padding="same").shape == (
        1,
        1,
    )


def test_what_does_not_fit_is_refused_before_it_is_tried() -> None:
    with pytest.raises(NtkcalcError, match="--memory"):
        empirical_ntk([[1.0, 0.0]], act="relu", widths=10**9, depth=2)
    with pytest.raises(NtkcalcError, match=r"1\.49T, more than the 1G"):
        empirical_ntk([[1.0, 0.0]], act="relu", widths=453_000, depth=3)


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (9 * 1024, "9216"),
        (1 << 20, "1M"),
        (1000 << 20, "0.977G"),
        (int(1.5 * 2**40), "1.5T"),
        (8 * 10**21, "6.78Z"),
        (10**400, "over 999Y"),
    ],
)
def test_sizes_are_said_in_three_digits_and_a_letter(count: int, said: str) -> None:
    assert size_text(count) == said


def test_networks_that_double_precision_loses() -> None:
    with pytest.raises(AccuracyError, match="chi"):
        empirical_ntk([[1.0, 0.0]], act="sin", widths=2, depth=400, sigma_w2="max")
    with pytest.raises(AccuracyError, match="overflow float64 at layer 11; lower --depth"):
        empirical_ntk([[1.0, 0.0]], act="leaky-relu:slope=1e30", widths=9, depth=14, parametrization="standard")


@pytest.mark.parametrize("act", ["x^3", "exp(x)-exp(-x)"])
def test_formulas_that_outgrow_double_precision_name_the_layer_and_the_way_out(act: str) -> None:
    with pytest.raises(AccuracyError, match=r"overflow float64 at layer \d+; lower --depth or --sigma-w2"):
        empirical_ntk(np.eye(3, 2) + 1, act=act, widths=300, depth=14, sigma_w2="max")
