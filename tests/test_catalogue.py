"""Names of activations: those of formulas mean what PyTorch and JAX mean, and code is told how to be written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import pytest

from ntkcalc import ntk_coefficients
from ntkcalc.activations.catalogue import FAMILIES, WRITTEN, activation
from ntkcalc.errors import InputError
from ntkcalc.numerics.precision import context

m = mpmath.mp.clone()
DEFINITIONS: dict[str, Callable[[Any], Any]] = {
    "relu6": lambda x: min(max(x, 0), 6),
    "hardtanh": lambda x: -1 if x < -1 else 1 if x > 1 else x,
    "hardsigmoid": lambda x: min(max(x + 3, 0), 6) / 6,
    "hardswish": lambda x: x * min(max(x + 3, 0), 6) / 6,
    "softsign": lambda x: x / (1 + abs(x)),
    "softshrink": lambda x: x - m.mpf(1) / 2 if x > 0.5 else x + m.mpf(1) / 2 if x < -0.5 else 0,
    "softshrink:0.25": lambda x: x - m.mpf(1) / 4 if x > 0.25 else x + m.mpf(1) / 4 if x < -0.25 else 0,
    "tanhshrink": lambda x: x - m.tanh(x),
    "squareplus": lambda x: (x + m.sqrt(x * x + 4)) / 2,
    "squareplus:b=1": lambda x: (x + m.sqrt(x * x + 1)) / 2,
    "celu": lambda x: max(x, 0) + min(0, m.exp(x) - 1),
    "celu:alpha=2": lambda x: max(x, 0) + min(0, 2 * (m.exp(x / 2) - 1)),
    "logsigmoid": lambda x: m.log(1 / (1 + m.exp(-x))),
    "quick-gelu": lambda x: x / (1 + m.exp(-m.mpf("1.702") * x)),
    "arctan": m.atan,
}
KINKS = [-m.inf, -6, -3, -1, -0.5, -0.25, 0, 0.25, 0.5, 1, 3, 6, m.inf]


def test_every_name_has_its_definition() -> None:
    assert {name.partition(":")[0] for name in DEFINITIONS} == {*WRITTEN}
    assert not {*WRITTEN} & {*FAMILIES}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_phi_is_that_of_the_definition(name: str) -> None:
    ctx, act = context(80), activation(name)
    for x in (-7.25, -2.5, -0.75, -0.3125, -0.125, 0.0, 0.125, 0.3125, 0.75, 2.5, 7.25):
        assert float(act.phi(ctx, ctx.mpf(x))) == pytest.approx(float(DEFINITIONS[name](m.mpf(x))), rel=1e-14)


@pytest.mark.parametrize("name", DEFINITIONS)
@pytest.mark.quick(4)
def test_hermite_coefficients_are_integrals_of_the_definition(name: str) -> None:
    hermite = [lambda x: 1, lambda x: x, lambda x: (x * x - 1) / m.sqrt(2), lambda x: (x**3 - 3 * x) / m.sqrt(6)]
    found = ntk_coefficients(name, 1, 3, which="mu", sigma_w2="max", digits=12).values
    for h, ours in zip(hermite, found, strict=True):
        theirs = m.quad(lambda x, h=h: DEFINITIONS[name](x) * h(x) * m.npdf(x), KINKS)
        assert float(ours) == pytest.approx(float(theirs), rel=1e-11, abs=1e-13)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        *(("leaky_relu", "leaky-relu"), ("LeakyReLU", "leaky-relu"), ("SiLU", "silu"), ("ReLU6", "relu6")),
        *(("leaky-relu:0.1", "leaky-relu:slope=0.1"), ("elu:2", "elu:alpha=2"), ("gaussian:+.5", "gaussian:sigma=0.5")),
        *(("Softshrink:.25", "softshrink:lambda=0.25"), ("softshrink", "softshrink"), ("quick_gelu", "quick-gelu")),
        *(("atan", "atan(x)"), ("sinh", "sinh(x)")),
    ],
)
def test_names_as_others_write_them(typed: str, name: str) -> None:
    assert activation(typed).name == name


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("2*x if x>0", "unexpected 'if' at column 5. Write cases with relu, max, min, clip or step"),
        ("where(x>0, x, 0)", "u for x > 0 and v elsewhere is v + (u - v)*step(x)"),
        ("np.where(x > 0, x, 0)", "Write cases"),
        ("np.tanh(x)", "Names need no module: 'tanh(x)'"),
        ("torch.relu", "Names need no module: 'relu'"),
        ("x*torch.nn.functional.relu(x)", "'x*relu(x)'"),
        ("lambda x: x*tanh(x)", "Write the formula by itself, in x: 'x*tanh(x)'"),
        ("np.tanh(x\0\n)", r"Names need no module: 'tanh(x\x00\n)'"),
        ("lambda x: x\0\n", r"in x: 'x\x00'"),
        ("-relu", "Write relu(x)"),
        ("relu:0.1", "relu takes no parameters"),
        ("leaky-relu:0.1,0.2", "leaky-relu takes slope=0.01"),
        ("softshrink:b=1", "softshrink takes lambda=0.5, got 'b=1'"),
        ("hardtanj", "Did you mean 'hardtanh'"),
    ],
)
def test_code_and_misspelt_names_are_refused_with_a_hint(typed: str, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        activation(typed)
    assert expected in str(caught.value)
    assert str(caught.value).isprintable()


def test_the_hint_on_cases_holds() -> None:
    cases = ntk_coefficients("x/2 + (x - x/2)*step(x)", 3, 6).values
    assert cases == ntk_coefficients("leaky-relu:slope=0.5", 3, 6).values


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("leaky-relu:slope=1,slope=2", "once each with a value"),
        ("gaussian:sigma", "once each with a value"),
        ("leaky-relu:slope=1e-40", "within 1e-30 and 1e30"),
    ],
)
def test_parameters_are_given_once_with_a_value_of_a_size_that_makes_sense(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        activation(name)
