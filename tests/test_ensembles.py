"""Spectra of networks: against their kernels one by one, the law of 1/√width, and what Figure 1 of the paper states."""

from functools import cache

import numpy as np
import pytest

from ntkcalc import InputError, NtkcalcError, empirical_ntk, ntk_matrix
from ntkcalc.errors import AccuracyError
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.points import Points, as_images, isotropic_points, unit_rows
from ntkcalc.networks.ensembles import network_spectrum
from ntkcalc.networks.network import Architecture
from ntkcalc.networks.results import NetworkSpectrum

SMALL = isotropic_points(8, 16, 1)


@cache
def digits() -> Points:
    from sklearn.datasets import load_digits

    return unit_rows(load_digits().data[:200], "digits")


def shares(found: NetworkSpectrum) -> list[float]:
    return [float(e.normalized.mean or 0) for e in found.eigenvalues]


# ---------------------------------------------------------------- what is printed is what the networks have


@pytest.mark.parametrize(
    ("architecture", "points"),
    [
        (Architecture(30), SMALL),
        (Architecture(30, parametrization="standard"), SMALL),
        (
            Architecture(4, "cnn", "standard", "same"),
            unit_rows(np.random.default_rng(0).standard_normal((7, 1, 4, 5)), ""),
        ),
    ],
)
def test_means_and_intervals_are_those_of_the_kernels_one_by_one(architecture: Architecture, points: Points) -> None:
    found = network_spectrum(Kernel.of("gelu", 3), architecture, points, trials=6, seed=11)
    x = points.rows if points.image is None else points.rows.reshape(-1, *points.image)
    kernels = [
        empirical_ntk(
            x,
            act="gelu",
            widths=architecture.widths,
            depth=3,
            parametrization=architecture.parametrization,
            arch=architecture.arch,
            padding=architecture.padding,
            seed=child,
        )
        for child in np.random.SeedSequence(11).spawn(6)
    ]
    values = np.linalg.eigvalsh(np.array(kernels) / len(x))[:, ::-1]
    assert [float(e.eigenvalue or 0) for e in found.eigenvalues] == pytest.approx(values.mean(axis=0), rel=1e-9)
    ratios = values / values[:, :1]
    assert shares(found) == pytest.approx(ratios.mean(axis=0), rel=1e-9)
    half = 2.5705818366147395 * ratios.std(axis=0, ddof=1) / 6**0.5  # t of 5 degrees of freedom, from a table
    for e, mean, width in zip(found.eigenvalues[1:], ratios.mean(axis=0)[1:], half[1:], strict=True):
        assert float(e.normalized.low or 0) == pytest.approx(max(0, mean - width), rel=1e-7, abs=1e-12)
        assert float(e.normalized.high or 0) == pytest.approx(mean + width, rel=1e-7)
    effective = (values.sum(axis=1) / values[:, 0]).mean()
    assert float(found.kernel_effrank.mean or 0) == pytest.approx(effective, rel=1e-9)
    for e in found.eigenvalues:
        assert (e.normalized.mean or 0) <= e.bound_effrank


def test_distance_and_infinite_width_are_those_of_the_exact_kernel() -> None:
    found = network_spectrum(Kernel.of("tanh", 3, "max", "0.2"), Architecture(50), SMALL, trials=4)
    theta = ntk_matrix(SMALL.rows, act="tanh", depth=3, sigma_w2="max", gamma_b2="0.2")
    off = [
        np.linalg.norm(
            empirical_ntk(SMALL.rows, act="tanh", depth=3, widths=50, sigma_w2="max", gamma_b2="0.2", seed=s) - theta
        )
        for s in np.random.SeedSequence(0).spawn(4)
    ]
    assert float(found.distance or 0) == pytest.approx(np.mean(np.square(off)) ** 0.5 / np.linalg.norm(theta), rel=1e-9)
    values = np.linalg.eigvalsh(theta)[::-1]
    assert [float(e.infinite_normalized or 0) for e in found.eigenvalues] == pytest.approx(values / values[0], rel=1e-9)


def test_the_top_is_the_top_of_all() -> None:
    whole, top = (network_spectrum(Kernel.of("relu", 3), Architecture(20), SMALL, 3, top=n) for n in (None, 3))
    assert whole.eigenvalues[:3] == top.eigenvalues


def test_standard_networks_and_images_have_no_limit_to_compare_with() -> None:
    found = network_spectrum(Kernel.of("relu", 2), Architecture(9, parametrization="standard"), SMALL, 2)
    assert found.distance is None
    assert {e.infinite_normalized for e in found.eigenvalues} == {None}


# ---------------------------------------------------------------- the paper's statements


@pytest.mark.parametrize("depth", [2, 3, 4])
@pytest.mark.parametrize("act", ["relu", "tanh", "gelu"])
@pytest.mark.quick(2)
def test_the_distance_to_infinite_width_falls_like_one_over_root_width(act: str, depth: int) -> None:
    widths = (64, 128, 256, 512)  # up to 4096: tests/benchmarks/networks.py --convergence
    off = [float(network_spectrum(Kernel.of(act, depth), Architecture(w), SMALL, 64).distance or 0) for w in widths]
    assert np.polyfit(np.log(widths), np.log(off), 1)[0] == pytest.approx(-0.5, abs=0.1)


@cache
def figure_1(act: str, depth: int, data: str) -> NetworkSpectrum:
    """Figure 1's networks, on 200 points."""
    points = digits() if data == "digits" else isotropic_points(200, 64, 0)
    return network_spectrum(Kernel.of(act, depth), Architecture(500, parametrization="standard"), points, 10, 0, 60)


@pytest.mark.parametrize("data", ["digits", "isotropic"])
def test_figure_1_shows_an_outlier_that_grows_with_depth_and_is_largest_for_relu(data: str) -> None:
    second = {
        (a, d): figure_1(a, d, data).eigenvalues[1].normalized for a in ("linear", "relu", "tanh") for d in (2, 5)
    }
    for act in ("linear", "relu", "tanh"):
        assert (second[act, 2].high or 1) < 0.04  # XXᵀ has 0.079 (digits) and 0.97 (Gaussian)
        assert (second[act, 5].high or 1) < (second[act, 2].low or 0) / 2
    for depth in (2, 5):
        for act in ("linear", "tanh"):
            assert (second["relu", depth].high or 1) < (second[act, depth].low or 0)


@pytest.mark.parametrize("depth", [2, 5])
def test_figure_1_shows_a_skewed_spectrum_for_skewed_data(depth: int) -> None:
    """Beyond the outlier, λ_p falls by 20 to 30 times over 20 eigenvalues of digits, and by 2 to 3 on Gaussian data."""
    for act in ("linear", "relu", "tanh"):
        skewed, flat = (shares(figure_1(act, depth, data)) for data in ("digits", "isotropic"))
        assert skewed[20] / skewed[1] < 0.1
        assert flat[20] / flat[1] > 0.3


@pytest.mark.parametrize("depth", [2, 5])
def test_figure_1_shows_tanh_closer_to_linear_than_relu(depth: int) -> None:
    linear, relu, tanh = (np.log(shares(figure_1(a, depth, "isotropic"))) for a in ("linear", "relu", "tanh"))
    assert np.abs(tanh - linear).max() < 0.1 * np.abs(relu - linear).max()


@cache
def figure_3(act: str, depth: int, data: str) -> NetworkSpectrum:
    """Convolutions on 8 x 8 images: zeros around them, or they would be used up before depth 5."""
    from sklearn.datasets import load_digits

    images = unit_rows(load_digits().images[:60, None], "digits")
    points = images if data == "digits" else as_images(isotropic_points(60, 64, 0), (1, 8, 8))
    return network_spectrum(Kernel.of(act, depth), Architecture(20, "cnn", "standard", "same"), points, 6, 0, 40)


@pytest.mark.parametrize("data", ["digits", "isotropic"])
@pytest.mark.quick(1)
def test_figure_3_shows_the_same_of_convolutions(data: str) -> None:
    second = {
        (a, d): figure_3(a, d, data).eigenvalues[1].normalized for a in ("linear", "relu", "tanh") for d in (2, 5)
    }
    for act in ("linear", "relu", "tanh"):
        assert (second[act, 5].high or 1) < (second[act, 2].low or 0) / 2
    for act in ("linear", "tanh"):
        assert (second["relu", 5].high or 1) < (second[act, 5].low or 0)
        assert (second["relu", 2].mean or 1) < (second[act, 2].mean or 0)


def test_figure_3_shows_a_skewed_spectrum_for_skewed_data() -> None:
    for act in ("linear", "relu", "tanh"):
        skewed, flat = (shares(figure_3(act, 2, data)) for data in ("digits", "isotropic"))
        assert skewed[20] / skewed[1] < 0.05
        assert flat[20] / flat[1] > 0.25


# ---------------------------------------------------------------- awkward networks


def test_one_neuron_one_point_one_layer_one_trial() -> None:
    one = unit_rows([[3.0, 4.0]], "one")
    for width, depth in ((1, 1), (1, 2), (1, 5)):
        found = network_spectrum(Kernel.of("tanh", depth), Architecture(width), one, 1)
        assert [str(e.normalized.mean) for e in found.eigenvalues] == ["1"]
        assert found.eigenvalues[0].normalized.low == 1
    linear = network_spectrum(Kernel.of("tanh", 1), Architecture(1), one, 1)
    assert float(linear.eigenvalues[0].eigenvalue or 0) == pytest.approx(1, rel=1e-12)  # γ_w² ‖x‖²


def test_constant_inputs_of_the_first_layer() -> None:
    found = network_spectrum(Kernel.of("relu", 3, 1, 1), Architecture(40), SMALL, 3)  # γ_b² = 1: all points are one
    assert [e.resolved for e in found.eigenvalues] == [True] + [False] * 7


def test_dead_networks_are_counted_and_left_out() -> None:
    point = unit_rows([[1.0, 0.0], [0.8, 0.6]], "two")
    found = network_spectrum(Kernel.of("relu", 2, "max"), Architecture(1), point, 40)
    alive = found.eigenvalues[1].normalized.trials
    # both points on the dark side: an angle of π − arccos 0.8 of 2π, 40 % of networks
    assert 15 <= alive <= 33
    assert found.kernel_effrank.trials == alive
    single = network_spectrum(
        Kernel.of("relu", 2, "max"), Architecture(1), unit_rows([[1.0]], "x"), 1, seed=dead_seed()
    )
    assert single.eigenvalues[0].normalized.trials == 0
    assert single.eigenvalues[0].normalized.mean is None


def dead_seed() -> int:
    def kernel(seed: int) -> float:
        child = np.random.SeedSequence(seed).spawn(1)[0]
        return float(empirical_ntk([[1.0]], act="relu", widths=1, sigma_w2="max", seed=child)[0, 0])

    return next(seed for seed in range(100) if kernel(seed) == 0)


def test_equal_rows_share_their_eigenvalues() -> None:
    twice = Points("twice", np.concatenate([SMALL.rows, SMALL.rows]), False)
    once, both = (network_spectrum(Kernel.of("relu", 3), Architecture(25), p, 3) for p in (SMALL, twice))
    assert shares(both)[:8] == pytest.approx(shares(once), rel=1e-9)
    assert [e.resolved for e in both.eigenvalues] == [True] * 8 + [False] * 8


# ---------------------------------------------------------------- refusals


def test_refusals() -> None:
    kernel = Kernel.of("relu", 2)
    for options, said in (({"trials": 0}, "trials"), ({"seed": -1}, "seed"), ({"top": 0}, "top")):
        with pytest.raises(InputError, match=said):
            network_spectrum(kernel, Architecture(5), SMALL, **options)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="images"):
        network_spectrum(kernel, Architecture(5, "cnn"), SMALL)
    with pytest.raises(NtkcalcError, match="--memory"):
        network_spectrum(kernel, Architecture(5000), SMALL, memory=100_000)
    with pytest.raises(AccuracyError, match="of 15 digits"):
        network_spectrum(kernel, Architecture(5), SMALL, 2, digits=15, strict=True)
