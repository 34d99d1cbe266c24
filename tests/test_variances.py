"""Any variances: against an oracle, the definition in float64, random networks, and Assumption 2 where it holds."""

import csv
import io
import json
import math
import re
import shlex
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from shell import inside, one_line_of_error, output

from ntkcalc import (
    decay_theory,
    empirical_ntk,
    matrix_spectrum,
    ntk,
    ntk_coefficients,
    ntk_matrix,
    ntk_values,
    sphere_eigenvalues,
)
from ntkcalc.activations.formula.smooth.quadrature_dual import QuadratureDual
from ntkcalc.errors import InputError
from ntkcalc.kernel import phase
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.normed_kernel import row_kernel
from ntkcalc.numerics.types import Array

ORACLE = json.loads((Path(__file__).parent / "oracles" / "free_variances.json").read_text())
HE = {"sigma_w2": 2, "sigma_b2": "0.1", "gamma_w2": "sigma", "gamma_b2": "sigma"}
CHAOTIC = {"sigma_w2": "2.25", "sigma_b2": "0.0025", "gamma_w2": "sigma", "gamma_b2": "sigma"}
SWEEP = "-a tanh -a relu --sigma-w2 3 --sigma-b2 0.05 -T 1"


def close(ours: Decimal, theirs: Decimal, digits: int) -> bool:
    """Whether a number is right to one unit in the last of its digits; exact zeros must be exact."""
    return (
        ours == theirs
        if not (ours and theirs)
        else abs(ours - theirs) <= Decimal(1).scaleb(ours.adjusted() - digits + 1)
    )


@pytest.mark.parametrize("row", ORACLE, ids=lambda row: f"{row['kernel'][0]}-{row['kernel'][1]}")
@pytest.mark.parametrize("digits", [12, 30])
@pytest.mark.quick(8)
def test_every_digit_is_right(row: dict[str, Any], digits: int) -> None:
    act, depth, *given = row["kernel"]
    variances = dict(zip(("sigma_w2", "sigma_b2", "gamma_w2", "gamma_b2"), given, strict=True))
    for kernel, name in (("ntk", "kappa"), ("nngp", "alpha")):
        found = ntk_coefficients(act, depth, 12, **variances, kernel=kernel, digits=digits)
        ours = [*found.values, found.kernel.total]
        assert all(close(a, Decimal(b), digits) for a, b in zip(ours, row[name], strict=True)), (kernel, ours)


@pytest.mark.parametrize(("act", "bias"), [("relu", "0.5"), ("tanh", None), ("elu", None), ("x*tanh(x)", None)])
def test_with_the_variances_of_assumption_2_all_is_as_without(act: str, bias: str | None) -> None:
    rest = ntk_coefficients(act, digits=60).kernel.sigma_b2 if bias is None else bias
    plain = ntk_coefficients(act, 4, 30, gamma_b2="0.3", sigma_w2=1, digits=25)
    free = ntk_coefficients(act, 4, 30, gamma_b2="0.3", gamma_w2="0.7", sigma_w2=1, sigma_b2=str(rest), digits=25)
    assert free.coefficients == plain.coefficients
    assert (free.tail, free.kernel.total, free.kernel.chi) == (plain.tail, plain.kernel.total, plain.kernel.chi)


@pytest.mark.parametrize("act", ["relu", "abs", "leaky-relu:slope=0.2"])
def test_kernels_of_homogeneous_activations_scale_with_the_first_layer(act: str) -> None:
    one = ntk_coefficients(act, 3, 8, sigma_w2=1, sigma_b2=0, gamma_w2=1, digits=20)
    four = ntk_coefficients(act, 3, 8, sigma_w2=1, sigma_b2=0, gamma_w2=4, digits=20)
    assert all(close(b, 4 * a, 19) for a, b in zip(one.values, four.values, strict=True))


def test_the_totals_follow_the_recursion_of_variances_and_slopes() -> None:
    for kernel in ("ntk", "nngp"):
        found = ntk_coefficients("gelu", 4, 5, **CHAOTIC, kernel=kernel, digits=25)
        k = found.kernel
        assert k.variances is not None
        assert k.slopes is not None
        total = k.variances[0]
        for q, chi in zip(k.variances[1:], k.slopes, strict=True):
            total = q + chi * total if kernel == "ntk" else q
        assert close(k.total or Decimal(0), total, 23)
        assert close(sum(found.values, found.tail), total, 23)


def test_values_series_and_arrays_agree() -> None:
    for kernel in ("ntk", "nngp"):
        (value,) = ntk_values(["0.4"], "gelu", 4, 60, **CHAOTIC, kernel=kernel, digits=20).points
        assert value.bound is not None
        assert value.theta is not None
        assert abs(value.theta - value.series) <= value.bound
        assert float(ntk([0.4], "gelu", 4, **CHAOTIC, kernel=kernel)[0]) == pytest.approx(float(value.theta), rel=1e-13)


def test_the_trace_on_the_sphere_is_the_total() -> None:
    found = sphere_eigenvalues("sin", 3, sphere_dim=3, max_frequency=40, **CHAOTIC, kernel="nngp", digits=12)
    whole = sum(float(e.multiplicity * (e.eigenvalue or 0)) for e in found.eigenvalues)
    assert whole == pytest.approx(float(found.trace or 0), rel=1e-11)


# ---------------------------------------------------------------- the definition in float64


def relu_means(a: float, b: float, covariance: Array) -> tuple[Array, Array]:
    """E[φ(X)φ(Y)] and E[φ'(X)φ'(Y)] of relu, as neural-tangents has them (Cho and Saul)."""
    root = np.sqrt(a * b)
    angle = np.arccos(np.clip(covariance / root, -1, 1))
    value = (root * np.sin(angle) + (np.pi - angle) * covariance) / (2 * np.pi)
    return value, (np.pi - angle) / (2 * np.pi)


X = np.arange(-9, 9, 0.12)  # the trapezoidal rule, whose error is below 1e-15 for a strip of 0.66
W = np.exp(-(X**2) / 2) * 0.12 * np.sqrt(2 * np.pi) ** -1


def smooth_means(phi: Any, slope: Any, a: float, b: float, covariance: Array) -> tuple[Array, Array]:
    """The same by a rule over the plane."""
    found: list[Array] = []
    for f in (phi, slope):
        c = covariance[..., None, None]
        first = f(np.sqrt(a) * X)[:, None]
        second = f(c / np.sqrt(a) * X[:, None] + np.sqrt(np.maximum(b - c**2 / a, 0)) * X)
        found.append((first * second * W[:, None] * W).sum(axis=(-1, -2)))
    return found[0], found[1]


def defined(means: Any, depth: int, norms: tuple[float, float], rho: Array, v: dict[str, float]) -> tuple[Array, Array]:
    """Θ_l and Σ_l between inputs of two norms."""
    (a, b), c = ((v["gamma_w2"] * n * n + v["gamma_b2"] for n in norms), v["gamma_w2"] * norms[0] * norms[1] * rho)
    sigma = theta = c + v["gamma_b2"]
    for _ in range(depth - 1):
        value, slope = means(a, b, sigma)
        sigma = v["sigma_w2"] * value + v["sigma_b2"]
        theta = sigma + theta * v["sigma_w2"] * slope
        a, b = (v["sigma_w2"] * float(means(q, q, np.array([q]))[0][0]) + v["sigma_b2"] for q in (a, b))
    return theta, sigma


def tanh_means(a: float, b: float, covariance: Array) -> tuple[Array, Array]:
    return smooth_means(np.tanh, lambda x: 1 / np.cosh(x) ** 2, a, b, covariance)


@pytest.mark.parametrize(
    ("act", "depth", "given", "means"),
    [
        ("relu", 10, HE, relu_means),
        ("tanh", 4, CHAOTIC, tanh_means),
        pytest.param("tanh", 10, CHAOTIC, tanh_means, marks=pytest.mark.thorough),
    ],
)
def test_networks_as_people_initialise_them(act: str, depth: int, given: dict[str, Any], means: Any) -> None:
    rho = np.array([-0.95, -0.3, 0.0, 0.5, 0.9])
    w, b = float(given["sigma_w2"]), float(given["sigma_b2"])
    v = {"sigma_w2": w, "sigma_b2": b, "gamma_w2": w, "gamma_b2": b}
    for kernel, theirs in zip(("ntk", "nngp"), defined(means, depth, (1.0, 1.0), rho, v), strict=True):
        assert ntk(rho, act, depth, **given, kernel=kernel) == pytest.approx(theirs, rel=1e-12)


@pytest.mark.quick
@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize(("act", "means"), [("relu", relu_means), ("tanh", tanh_means)])
def test_rows_with_norms(act: str, means: Any, depth: int) -> None:
    norms, rho = np.array([0.0, 0.5, 1.0, 1.7]), 0.6
    rows = norms[:, None] * np.array([[1.0, 0.0], [rho, 0.8], [1.0, 0.0], [rho, 0.8]])
    v = {"sigma_w2": 1.5, "sigma_b2": 0.2, "gamma_w2": 1.2, "gamma_b2": 0.1}
    for kernel, place in (("ntk", 0), ("nngp", 1)):
        ours = ntk_matrix(rows, act=act, depth=depth, **v, kernel=kernel, normalize=False)
        for i, j in ((0, 1), (1, 2), (2, 3), (3, 3), (0, 0), (1, 3)):
            correlation = np.array([1.0 if i % 2 == j % 2 else rho])
            (theirs,) = defined(means, depth, (norms[i], norms[j]), correlation, v)[place]
            scale = math.sqrt(ours[i, i] * ours[j, j])
            assert ours[i, j] == pytest.approx(theirs, abs=1e-12 * scale)
            assert ours[j, i] == ours[i, j]


@pytest.mark.parametrize("act", ["relu", "elu", "gelu"])
@pytest.mark.quick(2)
def test_rows_of_one_norm_are_a_kernel_of_other_variances_and_nearly_so_a_limit(act: str) -> None:
    rows = np.random.default_rng(3).standard_normal((6, 3))
    rows *= 1.5 / np.linalg.norm(rows, axis=1)[:, None]
    given = {"act": act, "depth": 3, "sigma_w2": 1, "sigma_b2": "0.2"}
    scaled = ntk_matrix(rows, **given, gamma_w2="2.25")
    same = ntk_matrix(rows, **given, normalize=False)
    assert same == pytest.approx(scaled, rel=1e-13)
    rows[0] *= 1 + 1e-9
    assert ntk_matrix(rows, **given, normalize=False)[1:, 1:] == pytest.approx(scaled[1:, 1:], rel=1e-12)


def erf_means(a: Any, b: Any, c: Any) -> tuple[Any, Any]:
    """E[φ(X)φ(Y)] and E[φ'(X)φ'(Y)] of erf (Williams)."""
    sizes = (1 + 2 * a) * (1 + 2 * b)
    return 2 / mp.pi * mp.asin(2 * c / mp.sqrt(sizes)), 4 / mp.pi / mp.sqrt(sizes - 4 * c * c)


@pytest.mark.parametrize(("name", "depth", "largest"), [("nngp", 3, 2.5), ("ntk", 4, 2.0), ("ntk", 2, 6.0)])
@pytest.mark.quick(2)
def test_the_accuracy_of_kernels_of_norms_holds(name: str, depth: int, largest: float) -> None:
    kernel = Kernel.of("erf", depth, 3, 0, "0.05", 3, name).checked()
    found = row_kernel(kernel, 0.05, largest)

    def exact(x: Any, y: Any, rho: Any) -> Any:
        a, b = 3 * x * x, 3 * y * y
        sigma = theta = 3 * x * y * rho
        for _ in range(depth - 1):
            value, slope = erf_means(a, b, sigma)
            sigma = 3 * value + mp.mpf("0.05")
            theta = sigma + 3 * theta * slope * (name == "ntk")
            a, b = (3 * erf_means(q, q, q)[0] + mp.mpf("0.05") for q in (a, b))
        return theta

    random = np.random.default_rng(0)
    for rho in (-1.0, 1.0, 0.999, *random.uniform(-1, 1, 5)):
        x, y = random.uniform(0.05, largest, 2)
        delta = np.array([[1 - abs(rho)]])
        ours = found.tile(np.array([x]), np.array([y]), np.array([[rho < 0]]), delta)[0, 0]
        with mp.workdps(30):
            theirs, *own = (exact(mp.mpf(a), mp.mpf(b), mp.mpf(t)) for a, b, t in ((x, y, rho), (x, x, 1), (y, y, 1)))
            assert abs(ours - theirs) <= found.accuracy * mp.sqrt(own[0] * own[1])
    assert found.accuracy < 4e-12  # at the ends of the range of norms, where it is worst


def test_rows_of_norms_as_data_have_them_are_no_trouble() -> None:
    rows = np.array([[1.8, 2.4], [0.3, -0.1], [-3.0, 0.0]])
    found = ntk_matrix(rows, act="tanh", depth=2, sigma_w2=2, sigma_b2="0.1", normalize=False)
    same = ntk_matrix(rows[::2], act="tanh", depth=2, sigma_w2=2, sigma_b2="0.1", gamma_w2=9)  # on a sphere
    assert found[::2, ::2] == pytest.approx(same, rel=1e-12)


def test_rows_of_tiny_norms_keep_their_digits() -> None:
    rows = np.array([[1e-100, 0.0], [0.6e-100, 0.8e-100], [1.0, 0.0]])
    found = ntk_matrix(rows, act="relu", depth=3, sigma_w2=2, sigma_b2=0, gamma_w2=1, normalize=False)
    unit = ntk_matrix(
        rows / np.array([[1e-100], [1e-100], [1]]), act="relu", depth=3, sigma_w2=2, sigma_b2=0, gamma_w2=1
    )
    assert found == pytest.approx(unit * np.outer([1e-100, 1e-100, 1], [1e-100, 1e-100, 1]), rel=1e-12, abs=0)


def test_without_weights_in_the_first_layer_all_points_are_one() -> None:
    found = ntk_matrix([[3.0, 4.0], [0.3, -0.1]], act="erf", sigma_b2="0.5", gamma_w2=0, gamma_b2=1, normalize=False)
    sigma, slope = 2 / math.pi * math.asin(2 / 3) + 0.5, 4 / math.pi / math.sqrt(5)
    assert found.reshape(-1) == pytest.approx([sigma + slope] * 4, rel=1e-13)


def test_a_mean_square_that_is_not_told_from_one_takes_the_largest_variance() -> None:
    one, other = ntk_coefficients("sqrt(2)*relu(x)", 3, 6), ntk_coefficients("relu", 3, 6, sigma_w2="max")
    assert one.kernel.sigma_b2 == 0
    assert one.kernel.sigma_w2 == 1
    assert [float(a) for a in one.values] == pytest.approx([float(b) for b in other.values], rel=1e-9)
    with pytest.raises(InputError, match="say 'max'"):
        ntk_coefficients("sqrt(2)*relu(x)", sigma_w2=1)


def test_a_row_of_zeros_is_a_point_like_any_other() -> None:
    rows = np.array([[0.0, 0.0], [3.0, 4.0], [0.3, -0.1]])
    found = ntk_matrix(rows, act="sin", sigma_w2=1, sigma_b2="0.5", normalize=False)
    assert found[0] == pytest.approx([0.5] * 3, rel=1e-12)  # φ(0) = 0, so that only the biases are left
    assert matrix_spectrum(rows, act="sin", normalize=False).eigenvalues[0].bound_tail is None


# ---------------------------------------------------------------- random networks


@pytest.mark.parametrize(
    ("act", "given"), [("relu", HE), ("tanh", CHAOTIC), ("elu", {"sigma_b2": "0.3", "gamma_b2": 1, "gamma_w2": "2"})]
)
@pytest.mark.parametrize("kernel", ["ntk", "nngp"])
@pytest.mark.quick(2)
def test_wide_networks_are_close(act: str, given: dict[str, Any], kernel: str) -> None:
    rows = np.random.default_rng(1).standard_normal((5, 4))
    limit = ntk_matrix(rows, act=act, depth=2, **given, kernel=kernel, normalize=False)
    trials = [
        empirical_ntk(rows, act=act, widths=[8192], **given, kernel=kernel, normalize=False, seed=s) for s in range(30)
    ]
    mean, error = np.mean(trials, axis=0), np.std(trials, axis=0, ddof=1) / math.sqrt(30)
    assert (np.abs(mean - limit) <= 5 * error).all()


# ---------------------------------------------------------------- phases


PLANE = [
    (act, w, b)
    for act in ("tanh", "erf")
    for w, b in (("0.5", "0.1"), ("1.5", "0.05"), ("2.5", "0.3"), ("4", "0"), ("9", "1"))
]


@pytest.mark.parametrize(("act", "sigma_w2", "sigma_b2"), PLANE)
@pytest.mark.quick(6)
def test_the_phase_is_that_of_the_fixed_point_by_quadrature(act: str, sigma_w2: str, sigma_b2: str) -> None:
    from scipy.special import erf

    phi, slope = {
        "tanh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
        "erf": (erf, lambda x: 2 / np.sqrt(np.pi) * np.exp(-(x**2))),
    }[act]
    z = np.linspace(-12, 12, 4001)
    weight = np.exp(-(z**2) / 2) * (z[1] - z[0]) / np.sqrt(2 * np.pi)
    q, w, b = 1.0, float(sigma_w2), float(sigma_b2)
    for _ in range(4000):
        q = w * float(weight @ phi(np.sqrt(q) * z) ** 2) + b
    chi = w * float(weight @ slope(np.sqrt(q) * z) ** 2)
    found = ntk_coefficients(act, sigma_w2=sigma_w2, sigma_b2=sigma_b2).kernel.fixed_point
    assert found is not None
    assert float(found.q) == pytest.approx(q, rel=1e-10)
    assert float(found.chi) == pytest.approx(chi, rel=1e-10)
    assert (found.correlation < 1) == (chi > 1)


def sine_dual(q: Any, t: Any) -> Any:
    """E[sin(√q U) sin(√q V)]."""
    return mp.exp(-q) * mp.sinh(q * t)


def cosine_dual(q: Any, t: Any) -> Any:
    """The dual of cos(x) + x/3."""
    return mp.exp(-q) * mp.cosh(q * t) + q * t / 9


@pytest.mark.parametrize(
    ("act", "dual", "sigma_w2", "sigma_b2"),
    [
        ("sin(x)", sine_dual, "3", "0.2"),
        ("cos(x)+x/3", cosine_dual, "4", "0.1"),
        ("sin(x)", sine_dual, "1.02", "0.000001"),  # χ* − 1 = 8e-5
        ("sin(x)", sine_dual, "1.002", "1e-9"),  # 8e-7
    ],
)
@pytest.mark.parametrize("digits", [6, 12, 15])
def test_fixed_points_have_all_digits_that_are_printed(
    act: str, dual: Any, sigma_w2: str, sigma_b2: str, digits: int
) -> None:
    """The q with q = σ_w² D_q(1) + σ_b², then the C < 1 with qC = σ_w² D_q(C) + σ_b²."""
    w, b = mp.mpf(sigma_w2), mp.mpf(sigma_b2)
    found = ntk_coefficients(act, digits=digits, sigma_w2=sigma_w2, sigma_b2=sigma_b2).kernel.fixed_point
    assert found is not None
    with mp.workdps(40):
        q = mp.findroot(lambda q: w * dual(q, 1) + b - q, mp.mpf(str(found.q)))
        c = mp.findroot(lambda c: (w * dual(q, c) + b) / q - c, (mp.mpf("0.2"), mp.mpf("0.6")))
        assert c < 0.999
        for value, expected in ((found.q, q), (found.correlation, c)):
            assert abs(mp.mpf(str(value)) - expected) <= expected * mp.mpf(10) ** (1 - digits) * 0.501


@pytest.mark.parametrize("c", ["0.1", "0.02"])
def test_limits_of_correlations_next_to_one_are_rounded(c: str) -> None:
    """1 − C* is 2.7e-4 and 4.4e-7."""
    act = f"abs(x)+{c}*x^2"
    *rounded, last = (ntk_coefficients(act, digits=d).kernel.fixed_point.correlation for d in (3, 6, 9, 12))
    assert last < 1
    assert [str(r) for r in rounded] == [str(Context(prec=d).create_decimal(last)) for d in (3, 6, 9)]


@pytest.mark.parametrize("digits", [4, 6, 10])
def test_limits_of_correlations_are_right_if_values_have_the_bits_asked_for(
    monkeypatch: pytest.MonkeyPatch, digits: int
) -> None:
    """χ* − 1, by which errors of values are divided, is 3e-7; errors are 2^-bits of E[φ²], the most allowed."""
    given = {"sigma_w2": "1.002", "sigma_b2": "1e-9"}
    exact, own = ntk_coefficients("tanh", digits=15, **given).kernel.fixed_point.correlation, QuadratureDual.value

    def coarse(self: QuadratureDual, t: Any, bits: int) -> Any:
        value, slope = own(self, t, bits)
        return value - self.mean_square(bits) * mp.ldexp(1, -bits), slope

    monkeypatch.setattr(QuadratureDual, "value", coarse)
    found = ntk_coefficients("tanh", digits=digits, **given).kernel.fixed_point.correlation
    assert abs(found - exact) <= Decimal(10) ** -digits * Decimal("0.51")


def test_a_limit_of_correlations_that_takes_long_is_null(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"sigma_w2": 3, "sigma_b2": 0}
    whole = ntk_coefficients("tanh(x)+x/3", **given).kernel.fixed_point
    monkeypatch.setattr(phase, "_PATIENCE", 0.0)
    found = ntk_coefficients("tanh(x)+x/4", **given).kernel.fixed_point
    assert whole.correlation is not None
    assert found.correlation is None
    assert found.q > 0
    assert found.chi > 1
    shown = output('coeffs -a "tanh(x)+x/5" --sigma-w2 3 --sigma-b2 0 -T 2')
    assert "(chaotic)" in shown
    assert "C*" not in shown


def test_the_fixed_point_of_relu() -> None:
    def limit(sigma_w2: str, sigma_b2: str) -> Any:
        return ntk_coefficients("relu", sigma_w2=sigma_w2, sigma_b2=sigma_b2).kernel.fixed_point

    assert limit("1.5", "0.1").q == Decimal("0.4")  # σ_b²/(1 − σ_w²/2)
    assert (limit("2", "0").q, limit("2", "0").chi) == (1, 1)
    assert limit("2", "0.1") is None
    assert limit("3", "0") is None
    assert limit("1", "0").q == 0
    assert ntk_coefficients("elu", sigma_w2="2.25", sigma_b2="0.05").kernel.fixed_point is None  # as relu, far out


@pytest.mark.parametrize("act", ["relu", "abs", "linear", "leaky-relu:slope=0.5"])
def test_homogeneous_variances_grow_without_end_from_the_largest_weight_on(act: str) -> None:
    """q_{l+1} = σ_w² E[φ²] q_l + σ_b²."""
    assert "q_l grows without end" in output(f"coeffs -a {act} --sigma-w2 max --sigma-b2 0.1 -T 0")
    assert "q_l grows without end" in output(f"coeffs -a {act} --sigma-w2 2.5 --sigma-b2 0 -T 0")
    assert "q* = 3.00000, χ* = 1 (critical); any q is a fixed point" in output(
        f"coeffs -a {act} --sigma-w2 max --gamma-w2 3 -T 0"
    )


def test_the_fixed_point_of_correlations_is_one() -> None:
    given = CHAOTIC | {"sigma_w2": 3, "gamma_b2": 0}
    k = ntk_coefficients("erf", **given).kernel.fixed_point
    assert k is not None
    assert 0 < k.correlation < 1
    c = np.array([float(k.correlation)])
    one_layer_on = ntk(c, "erf", 2, **given | {"gamma_w2": str(k.q)}, kernel="nngp") / float(k.q)
    assert one_layer_on == pytest.approx(c, rel=1e-10)


# ---------------------------------------------------------------- decay


@pytest.mark.parametrize("kernel", ["ntk", "nngp"])
@pytest.mark.parametrize(
    ("act", "depth", "given"), [("relu", 3, HE), ("relu", 2, {"sigma_b2": 1}), ("leaky-relu:slope=0.3", 3, HE)]
)
@pytest.mark.quick(3)
def test_the_constant_of_kinks_is_that_of_far_coefficients(
    act: str, depth: int, given: dict[str, Any], kernel: str
) -> None:
    law = decay_theory(act, depth, **given, kernel=kernel).coefficients[-1 if depth > 2 else 0]
    far = 1500 if law.parity != "odd" else 1501
    value = ntk_coefficients(act, depth, far, **given, kernel=kernel, digits=6).values[far]
    assert law.constant is not None
    assert law.exponent is not None
    assert float(value) == pytest.approx(law.constant * far**law.exponent, rel=0.02)


def test_poles_and_singularities_scale_with_the_variances() -> None:
    wide = {"sigma_b2": 0, "gamma_w2": 4}
    assert decay_theory("tanh", 2, **wide).coefficients[0].rate == pytest.approx(math.pi / 2)
    assert decay_theory("gaussian", 2, **wide).coefficients[0].ratio == pytest.approx(1 + 1 / 4)  # 1 + σ²/q
    value = ntk_coefficients("gaussian", 2, 400, **wide, digits=8).values
    assert float(value[400] / value[398]) == pytest.approx(1.25**-2, rel=0.01)


# ---------------------------------------------------------------- the command line


def test_a_sweep_is_one_command_in_the_order_of_its_options() -> None:
    text = output("coeffs -a gelu -a erf --sigma-w2 1/2:2:3 --sigma-b2 0 --sigma-b2 1/4 --gamma-w2 sigma -T 1 --json")
    kernels = [json.loads(line)["kernel"] for line in text.splitlines()]
    assert [(k["activation"], k["sigma_w2"], k["sigma_b2"]) for k in kernels] == [
        (act, w, b) for act in ("gelu", "erf") for w in (0.5, 1.25, 2) for b in (0, 0.25)
    ]
    assert all(k["gamma_w2"] == k["sigma_w2"] and len(k["variances"]) == 2 for k in kernels)


def test_the_footer_says_the_phase() -> None:
    text = output("coeffs -a tanh -l 3 --sigma-w2 2.25 --sigma-b2 0.0025 --gamma-w2 sigma --gamma-b2 sigma")
    assert "q* = 0.798387, χ* = 1.13671 (chaotic), C* = 0.0520862" in text
    assert "q_1 … q_3 = 2.2525, 1.21939, 0.971108" in text
    assert "q_1" not in output("coeffs -a tanh")


@pytest.mark.parametrize("command", ["coeffs -T 1", "evaluate --rho 0.5", "effrank", "decay"])
def test_a_sweep_shows_the_phase_of_each_kernel(command: str) -> None:
    text = output(f"{command} -a tanh --sigma-w2 1 --sigma-w2 3 --sigma-b2 0.05")
    assert re.search(r"tanh σ_w²=1 +0.444294 +0.193593 +0.759032 +1 +ordered\n", text)
    assert re.search(r"tanh σ_w²=3 +1.23288 +1.42801 +1.20893 +0.299318 +chaotic\n", text)
    assert "q*" not in output(f"{command} -a tanh -l 1:2")


def test_the_footer_says_whose_variances_they_are_where_rows_have_norms(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("1,2\n0,3\n4,1\n")
    given = f"-a relu --data {tmp_path}/x.csv --sigma-b2 0.1"
    text = output(f"evaluate {given} --no-normalize")
    assert "of all entries Θ(x_i, x_j)\n" in text
    for command in ("evaluate", "eigs", "effrank"):
        assert "q_1 … q_2 of rows of norm 1 = 1, 0.6" in output(f"{command} {given} --no-normalize")
        assert "q_1 … q_2 = 1, 0.6" in output(f"{command} {given} -q")


def test_an_nngp_kernel_has_the_coefficients_alpha_everywhere() -> None:
    assert "α_p" in output("coeffs -a relu --kernel nngp")
    text = output("evaluate -a relu --kernel nngp --rho 0.5")
    assert "Σ_{p≤T} α_p" in text
    assert "κ" not in text


def test_csv_ends_with_the_phase_where_variances_are_free_and_is_read_back() -> None:
    text = output(f"coeffs {SWEEP} --format csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    kernels = [json.loads(line)["kernel"] for line in output(f"coeffs {SWEEP} --json").splitlines() for _ in range(2)]
    assert [*rows[0]][6:] == [
        *["p", "kappa", "share", "cumulative", "chi", "total", "q_star", "chi_star", "correlation_star"]
    ]
    for row, k in zip(rows, kernels, strict=True):
        limit = k["fixed_point"] or dict.fromkeys(("q", "chi", "correlation"), "")
        known = (k["chi"], k["total"], limit["q"], limit["chi"], limit["correlation"])
        assert tuple(float(x) if x else x for x in [*row.values()][10:]) == known
    assert "chi" not in output("coeffs -a tanh --format csv")
    found = json.loads(inside(["effrank", "-c", "-", "--json"], text).stdout.splitlines()[1])
    assert (found["kernel"]["activation"], found["kernel"]["sigma_b2"]) == ("relu", 0.05)


def test_the_largest_weight_is_taken_where_one_is_too_large() -> None:
    done = inside(shlex.split("coeffs -a x^2 -T 2 --format plain"))
    assert done.stdout.split() == ["0.333333333333", "0", "2.00000000000"]
    assert (
        done.stderr == "ntkcalc: x^2: sigma_w2 = max = 1/E[phi^2], for 1 is as much or more (--sigma-b2 admits any)\n"
    )


def test_an_nngp_series_is_read_back_as_its_kernel() -> None:
    text = output("coeffs -a relu --kernel nngp --sigma-b2 0.1 -T 40 --json")
    found = json.loads(inside(["effrank", "-c", "-", "--json"], text).stdout)
    assert (found["kernel"]["name"], found["kernel"]["sigma_b2"]) == ("nngp", 0.1)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("coeffs -a relu --sigma-b2 -1", "sigma_b2 must not be negative, got -1"),
        ("coeffs -a relu --sigma-b2 nan", "sigma_b2 must be a number such as 0.5 or 1/3, got 'nan'"),
        ("coeffs -a relu --sigma-w2 -1/3", "sigma_w2 must be positive, got -1/3"),
        ("coeffs -a relu --sigma-w2 1:max:3", "a range of sigma_w2 runs between two numbers; 'max' stands alone"),
        ("coeffs -a relu --gamma-w2 max", "gamma_w2 must be a number (or 'sigma'), got 'max', which is for --sigma-w2"),
        ("coeffs -a relu --sigma-b2 sigma", "must be a number, got 'sigma', which is for --gamma-w2 and --gamma-b2"),
        ("coeffs -a relu --sigma-b2 1/0", "sigma_b2 must be a finite number, got '1/0'"),
        ("coeffs -a relu --gamma-w2 sgima", "gamma_w2 must be a number or 'sigma', got 'sgima'. Did you mean 'sigma'?"),
        ("coeffs -a relu --gamma-b2 -0.1", "gamma_b2 must not be negative, got -0.1"),
        ("coeffs -a relu --gamma-w2 0", "gamma_w2 and gamma_b2 must not both be 0"),
        ("coeffs -a relu --sigma-w2 0:1", "a range of sigma_w2 is A:B:COUNT with 2 to 10000 values, got '0:1'"),
        ("coeffs -a x^3 -l 40 --sigma-b2 1", "the variance of preactivations of x^3 grows beyond 1e301 at layer"),
        (
            "coeffs -a exp(x) -l 4 --sigma-b2 0",
            "the variance of preactivations of exp(x) grows beyond 1e301 at layer 4",
        ),
        (
            "coeffs -a exp(x^2/5) -l 3 --sigma-w2 1 --sigma-b2 0",
            "exp(x^2/5) is not square-integrable at preactivations of variance q_2 = 2.23607, which layer 3 has; lower",
        ),
        ("coeffs -a exp(x^2/5) -l 1 --gamma-w2 3", "variance q_1 = 3, which layer 2 has; lower --gamma-w2"),
        (
            "coeffs -a tanh --sigma-w2 1e300 --gamma-w2 sigma --sigma-b2 0",
            "phi varies too fast; lower the variances",
        ),
        ("coeffs -a elu -T 2 -d 8000", "a series of more than 16384 terms; lower --digits"),
        (
            "coeffs -a relu --sigma-w2 1:2:10000 --sigma-b2 0:1:10000",
            "100000000 combinations of variances are more than 100000; take fewer at a time",
        ),
        ("coeffs -a relu --kernel ''", "kernel must be one of ntk, nngp, got ''"),
        ("evaluate -a relu --rho 0 --no-normalize", "--no-normalize is about the rows of --data FILE: give that too"),
        ("eigs -a relu --sphere-dim 2 --no-normalize", "--no-normalize is about the rows of --data FILE"),
        ("effrank -a relu --isotropic 9,2 --no-normalize", "--no-normalize is about the rows of --data FILE"),
        ("coeffs -a relu --kernel nngpp", "kernel must be one of ntk, nngp, got 'nngpp'. Did you mean 'nngp'?"),
        ("coeffs -a relu --kernel nngp --which kappa", "kappa are the coefficients of the NTK"),
        ("coeffs -a relu --sigma-b2 1 --paper-truncation", "the paper's truncated recurrence is for unit variances"),
    ],
)
def test_a_refusal_is_one_clear_line(line: str, said: str) -> None:
    assert said in one_line_of_error(inside(shlex.split(line)))


def test_variances_may_be_large() -> None:
    """q_3 = 10 E[e^{2√q_2 Z}] = 10 e^{2 q_2}, q_2 = 10 e²."""
    found = ntk_coefficients("exp(x)", 3, 1, sigma_w2=10, sigma_b2=0).kernel
    assert found.variances is not None
    assert float(found.variances[2].ln()) == pytest.approx(math.log(10) + 20 * math.e**2, rel=1e-11)


def test_a_kernel_without_weights_in_its_first_layer_is_constant() -> None:
    found = ntk_coefficients("tanh", 3, 3, sigma_b2="0.1", gamma_w2=0, gamma_b2="0.5")
    assert found.values[0] == found.kernel.total
    assert not any(found.values[1:])
    assert not found.tail


def test_the_kernel_of_numbers_is_that_of_text() -> None:
    assert Kernel.of("relu", 2, 0.5, "sigma", "1/4", "sigma") == Kernel.of("relu", 2, "1/2", "sigma", 0.25, "sigma")
    with pytest.raises(InputError, match="gamma_b2 must be a number"):
        Kernel.of("relu", 2, 1, None)
