"""Kernels: what follows from an activation, a depth and the two free variances of Assumption 2."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntkcalc import InputError
from ntkcalc.activations.catalogue import FAMILIES, activation
from ntkcalc.kernel.hyperparameters import MOST_LAYERS, Kernel
from ntkcalc.numerics.precision import context, decimal, real

CTX = context(300)
ACTIVATIONS = st.sampled_from(sorted(FAMILIES))
SLOPES = st.decimals(-5, 5, places=2).map(Fraction)


def mean_square(kernel: Kernel) -> Any:
    square = kernel.activation.dual.mean_square(150)
    return real(CTX, square) if isinstance(square, Fraction) else CTX.convert(square)


def close(a: Any, b: Any, bits: int) -> bool:
    return bool(abs(CTX.convert(a) - CTX.convert(b)) <= abs(CTX.convert(b)) * CTX.ldexp(1, -bits))


@given(ACTIVATIONS, st.decimals("0.001", "0.999", places=3))
def test_the_variances_add_up_to_one(name: str, share: Any) -> None:
    largest = Kernel.of(name, 2, "max").variances.sigma_w2_at(100)
    kernel = Kernel.of(name, 2, Fraction(str(decimal(largest, 20))) * Fraction(share))
    # σ_w² E[φ²] + σ_b² = 1, both positive
    assert kernel.variances.sigma_b2_at(100) > 0
    assert (
        abs(kernel.variances.sigma_w2_at(100) * mean_square(kernel) + kernel.variances.sigma_b2_at(100) - 1) < 2.0**-98
    )


@pytest.mark.parametrize("name", FAMILIES)
def test_max_leaves_no_bias(name: str) -> None:
    kernel = Kernel.of(name, 2, " MAX ")
    assert kernel.variances.sigma_b2_at(100) == 0
    assert close(kernel.variances.sigma_w2_at(100) * mean_square(kernel), CTX.one, 98)


@given(SLOPES)
def test_max_is_he_for_leaky_relu(slope: Fraction) -> None:
    kernel = Kernel.of(f"leaky-relu:slope={float(slope)}", 2, "max")
    assert close(kernel.variances.sigma_w2_at(100), real(CTX, 2 / (1 + slope**2)), 98)
    assert close(kernel.chi(100), CTX.one, 98)


@pytest.mark.parametrize("nines", [1, 17, 100, 900])
def test_a_bias_however_small_keeps_its_digits(nines: int) -> None:
    # 1 − σ_w²/2 = 10^-nines/2
    bias = Kernel.of("relu", 2, "1." + "9" * nines).variances.sigma_b2_at(100)
    assert close(2 * CTX.convert(bias) * CTX.mpf(10) ** nines, CTX.one, 98)


@pytest.mark.parametrize("digits", [17, 60])
def test_a_bias_near_the_largest_weight_is_the_same_at_any_precision(digits: int) -> None:
    largest = Kernel.of("tanh", 2, "max").variances.sigma_w2_at(400)
    below = Fraction(str(decimal(largest * (1 - CTX.mpf(10) ** (1 - digits)), digits)))
    rough, fine = (Kernel.of("tanh", 2, below).variances.sigma_b2_at(bits) for bits in (60, 200))
    assert 0 < fine < CTX.mpf(10) ** (2 - digits)
    assert close(rough, fine, 60)


@given(SLOPES, st.decimals("0.01", 1, places=2).map(Fraction), st.integers(1, 60))
def test_the_total_is_a_geometric_sum(slope: Fraction, share: Fraction, depth: int) -> None:
    # χ = σ_w² (1 + s²)/2 for a bent line, S_l = 1 + χ + … + χ^(l − 1)
    sigma_w2 = share * 2 / (1 + slope**2)
    kernel = Kernel.of(f"leaky-relu:slope={float(slope)}", depth, sigma_w2)
    assert close(kernel.chi(100), real(CTX, share), 98)
    assert close(kernel.total(100), real(CTX, sum(share**i for i in range(depth))), 96)


@given(ACTIVATIONS, st.integers(2, 40))
def test_the_total_grows_by_chi(name: str, depth: int) -> None:
    kernel = Kernel.of(name, depth, "0.5")
    grown = 1 + CTX.convert(kernel.chi(120)) * kernel.at_depth(depth - 1).total(120)
    assert close(kernel.total(100), grown, 98)
    assert kernel.at_depth(1).total(100) == 1


@pytest.mark.parametrize(
    ("name", "chi"),
    [
        ("sin", lambda: (1 + CTX.exp(-2)) / 2),  # E[cos²]
        ("cos", lambda: (1 - CTX.exp(-2)) / 2),  # E[sin²]
        ("erf", lambda: 4 / (CTX.pi * CTX.sqrt(5))),  # E[(4/π) exp(−2Z²)]
        ("gaussian", lambda: 1 / (2 * CTX.pi * 3 * CTX.sqrt(3))),  # E[Z² exp(−Z²)]/(2π)
    ],
)
def test_chi_is_the_mean_square_slope(name: str, chi: Any) -> None:
    assert close(Kernel.of(name, 2, "0.5").chi(100), chi() / 2, 98)


def test_decimal_text_is_exact() -> None:
    assert Kernel.of("relu", 2, "0.1", "0.3") == Kernel.of("relu", 2, 0.1, 0.3)
    assert Kernel.of("relu", 2, "0.1", "0.3") == Kernel(activation("relu"), 2, Fraction(1, 10), Fraction(3, 10))


def test_the_extremes_are_admitted() -> None:
    assert Kernel.of("relu", 1, 2, 1).variances.sigma_b2_at(100) == 0
    assert Kernel.of("relu", MOST_LAYERS, "1e-1000", 0).variances.sigma_w2_at(100) > 0


def test_another_depth_changes_nothing_else() -> None:
    kernel = Kernel.of("tanh", 3, "0.7", "0.2")
    assert kernel.at_depth(7) == Kernel.of("tanh", 7, "0.7", "0.2")


@pytest.mark.parametrize("depth", [0, -1, MOST_LAYERS + 1])
def test_depths_out_of_range_are_refused(depth: int) -> None:
    with pytest.raises(InputError, match=f"at least 1 and at most {MOST_LAYERS}, got {depth}"):
        Kernel.of("relu", depth)


@pytest.mark.parametrize("gamma_b2", ["1.5", "1.00000000000000000001"])
def test_first_layer_biases_out_of_range_are_refused(gamma_b2: str) -> None:
    with pytest.raises(InputError, match=rf"gamma_b2 must lie in \[0, 1\], got {re.escape(gamma_b2)}"):
        Kernel.of("relu", 2, 1, gamma_b2)


@pytest.mark.parametrize("sigma_w2", ["0", "-1", "-1e-9"])
def test_weights_that_are_not_positive_are_refused(sigma_w2: str) -> None:
    with pytest.raises(InputError, match="sigma_w2 must be positive, got"):
        Kernel.of("relu", 2, sigma_w2)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_largest_weight_that_a_refusal_names_is_admitted(name: str) -> None:
    with pytest.raises(InputError, match=f"for {name} ") as refusal:
        Kernel.of(name, 2, "1000").checked()
    named = re.search(r"at most (\S+)", str(refusal.value))
    assert named
    kernel = Kernel.of(name, 2, named[1]).checked()
    # and it is the largest to about 12 digits
    assert close(kernel.variances.sigma_w2_at(100), Kernel.of(name, 2, "max").variances.sigma_w2_at(100), 36)


@pytest.mark.parametrize("above", ["2." + "0" * 30 + "1", "2.0000001"])
def test_a_hair_above_the_largest_weight_is_refused(above: str) -> None:
    with pytest.raises(InputError, match="at most 2 for relu"):
        Kernel.of("relu", 2, above).checked()
