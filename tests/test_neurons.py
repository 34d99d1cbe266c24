"""φ and φ' on arrays against the activations in high precision."""

import mpmath
import numpy as np
import pytest

from ntkcalc.activations.catalogue import FAMILIES, activation
from ntkcalc.activations.numpy_activations import neuron, slope_range
from ntkcalc.numerics.precision import context

CTX = context(120)
SPECIAL = [
    "leaky-relu:slope=0.3",
    "leaky-relu:slope=-2",
    "elu:alpha=0.25",
    "softplus:beta=4",
    "gaussian:sigma=0.5",
    "gaussian:sigma=3",
]
PLACES = np.array([-40.0, -20.3, -9.7, -4.1, -1.9, -0.6, -1e-3, -1e-9, 1e-9, 1e-3, 0.4, 1.3, 3.7, 8.8, 20.1, 36.5])


@pytest.mark.parametrize("name", [*FAMILIES, *SPECIAL])
def test_both_are_those_of_the_activation(name: str) -> None:
    act = activation(name)
    phi, slope = neuron(act)
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
        assert all(np.isfinite(f(far)).all() for f in neuron(activation(name)))


@pytest.mark.parametrize("name", [*FAMILIES, *SPECIAL])
def test_a_range_of_slopes_is_that_of_the_slope(name: str) -> None:
    known = slope_range(activation(name))
    found = neuron(activation(name))[1](np.linspace(-50, 50, 20_001))
    if known is None:
        assert found.min() < 1e-9  # zero, negative, or on its way there
    else:
        assert (found.min(), found.max()) == known
        assert known[0] > 0


def test_selu_has_mean_0_and_second_moment_1() -> None:
    phi, _ = neuron(activation("selu"))

    def moment(power: int) -> float:
        return float(
            mpmath.quad(lambda x: float(phi(np.array(float(x)))) ** power * mpmath.npdf(x), [-12, -4, 0, 4, 12])
        )

    assert moment(1) == pytest.approx(0, abs=1e-12)
    assert moment(2) == pytest.approx(1, abs=1e-12)
