"""The record of an activation: φ and φ' on arrays against φ in high precision, and what the theory is told of φ."""

import mpmath
import numpy as np
import pytest

from ntkcalc.activations.catalogue import FAMILIES, activation
from ntkcalc.activations.dual import ExpansionPoint
from ntkcalc.numerics.precision import context

CTX = context(120)
SPECIAL = [
    "leaky-relu:slope=0.3",
    "leaky-relu:slope=-2",
    "elu:alpha=0.25",
    "softplus:beta=4",
    "softplus:beta=17",
    "gaussian:sigma=0.5",
    "gaussian:sigma=3",
]
PLACES = np.array([-40.0, -20.3, -9.7, -4.1, -1.9, -0.6, -1e-3, -1e-9, 1e-9, 1e-3, 0.4, 1.3, 3.7, 8.8, 20.1, 36.5])


FORMULAS = ["erf(x)*erfc(x/3)", "sinc(x+2)+sigmoid(x)", "max(x,sin(x))", "x/(1+abs(x))", "max(x,x+relu(x))"]


@pytest.mark.parametrize("name", [*FAMILIES, *SPECIAL, *FORMULAS])
def test_both_are_those_of_the_activation(name: str) -> None:
    act = activation(name)
    phi, slope = act.on_arrays()
    here = [CTX.mpf(float(x)) for x in PLACES]
    # e^{-x²} at |x| = 40 turns half a unit in x² into 800 of the result; elsewhere a few units
    assert phi(PLACES) == pytest.approx([float(act.phi(CTX, x)) for x in here], rel=4e-13, abs=1e-300)
    step = CTX.ldexp(1, -40)
    central = [(act.phi(CTX, x + step) - act.phi(CTX, x - step)) / (2 * step) for x in here]
    # where φ' is a difference of nearly equal terms (gelu at -0.75), it is right to a unit of these
    assert slope(PLACES) == pytest.approx([float(y) for y in central], rel=4e-13, abs=1e-16)


@pytest.mark.parametrize("name", [*FAMILIES, *SPECIAL])
def test_neither_overflows_anywhere(name: str) -> None:
    far = np.array([-1e300, -1e5, -800.0, 0.0, 800.0, 1e5, 1e300])
    with np.errstate(over="ignore"):  # of x², whose exponential is 0
        assert all(np.isfinite(f(far)).all() for f in activation(name).on_arrays())


@pytest.mark.parametrize("name", [*FAMILIES, *SPECIAL])
def test_a_range_of_slopes_is_that_of_the_slope(name: str) -> None:
    known = activation(name).slope_range
    found = activation(name).on_arrays()[1](np.linspace(-50, 50, 20_001))
    if known is None:
        assert found.min() < 1e-9  # zero, negative, or on its way there
    else:
        assert (found.min(), found.max()) == known
        assert known[0] > 0


def test_selu_has_mean_0_and_second_moment_1() -> None:
    phi, _ = activation("selu").on_arrays()

    def moment(power: int) -> float:
        return float(
            mpmath.quad(lambda x: float(phi(np.array(float(x)))) ** power * mpmath.npdf(x), [-12, -4, 0, 4, 12])
        )

    assert moment(1) == pytest.approx(0, abs=1e-12)
    assert moment(2) == pytest.approx(1, abs=1e-12)


def test_selu_has_its_published_constants_in_float64() -> None:
    phi, slope = activation("selu").on_arrays()
    scale, alpha = 1.0507009873554805, 1.6732632423543772  # Klambauer et al. 2017, to double precision
    assert slope(np.array([1.0])).tolist() == [scale]
    assert phi(np.array([-1e3])).tolist() == [-scale * alpha]


@pytest.mark.parametrize("name", [*FAMILIES, *SPECIAL])
def test_parity_is_that_of_phi(name: str) -> None:
    act = activation(name)
    pairs = [(act.phi(CTX, CTX.mpf(x)), act.phi(CTX, -CTX.mpf(x))) for x in (0.3, 1.7)]
    even, odd = (all(abs(a - sign * b) < 1e-30 for a, b in pairs) for sign in (1, -1))
    assert act.parity == ("even" if even else "odd" if odd else None)


@pytest.mark.parametrize("name", ["erf", "gelu", "gaussian", "gaussian:sigma=0.5"])
def test_the_coefficients_of_a_dual_fall_as_its_singularity_says(name: str) -> None:
    act = activation(name)
    assert act.singularity is not None
    c, q = float(act.singularity.place), act.singularity.exponent
    d = act.dual.taylor(ExpansionPoint.origin(), 4001, 80)
    parity = 0 if d[4000] else 1
    for k in (2000 + parity, 4000 + parity):
        # d_k ~ C k^(−q−1) c^(−k); what is left out of the quotient is of order 1/k²
        assert float(d[k] / d[k - 2]) * c**2 == pytest.approx(1 - 2 * (q + 1) / k, abs=20 / k**2)


def test_theorems_about_one_activation_know_it() -> None:
    assert [name for name in FAMILIES if activation(name).is_relu] == ["relu"]
    assert [name for name in FAMILIES if activation(name).lemma_3_2] == ["relu", "tanh", "gaussian"]
    assert [name for name in FAMILIES if activation(name).entire] == ["sin", "cos"]
