"""D about points next to 1 as means of squares: against closed forms, named activations, and long Hermite series."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkcalc import ntk_coefficients, ntk_values
from ntkcalc.activations.catalogue import activation
from ntkcalc.activations.dual import Correlation, ExpansionPoint
from ntkcalc.activations.formula.formula_dual import FormulaDual
from ntkcalc.activations.formula.integrand import Integrand
from ntkcalc.activations.formula.near_one import _LocalSums, coefficients_near_one, value_near_one
from ntkcalc.activations.work_budget import WorkBudget
from ntkcalc.errors import AccuracyError
from ntkcalc.numerics.precision import context

BITS = 60
CTX = context(1400)


def integrand(text: str) -> Integrand:
    dual = activation(text).dual
    assert isinstance(dual, FormulaDual)
    return dual.integrand


def coefficients(text: str, delta: Any, degree: int = 5) -> list[Any]:
    """d_0 … d_degree about 1 − δ."""
    found = coefficients_near_one(integrand(text), ExpansionPoint(delta, True), degree, BITS, WorkBudget(4000))
    return [CTX.convert(d) for d in found]


def expected(dual: Callable[[Any], Any], delta: Any, degree: int = 5) -> list[Any]:
    """The Taylor coefficients of D about 1 − δ, in units of δ."""
    return [c * delta**j for j, c in enumerate(CTX.taylor(dual, 1 - delta, degree))]


def assert_close(ours: list[Any], theirs: list[Any]) -> None:
    """To errors that are small beside the least of them."""
    assert all(abs(a - b) < CTX.ldexp(min(theirs), -BITS) for a, b in zip(ours, theirs, strict=True))


def bump(m: Any, w: Any) -> Callable[[Any], Any]:
    """D of exp(−(x − m)²/(2w²)): a Gaussian integral in the plane."""
    return lambda t: w**2 / CTX.sqrt((w**2 + 1) ** 2 - t**2) * CTX.exp(-(m**2) / (w**2 + 1 + t))


# ---------------------------------------------------------------- laws


@settings(max_examples=10)
@given(k=st.sampled_from(["0.3", "1", "2", "3.5"]), gap=st.integers(1, 25), degree=st.integers(0, 10))
def test_waves_and_exponentials_have_closed_forms(k: str, gap: int, degree: int) -> None:
    """E[sin kU sin kV] = e^{−k²} sinh k²t, and of exponentials e^{k²(1 + t)}."""
    b, delta = CTX.mpf(k) ** 2, CTX.mpf(10) ** -gap
    units = [delta**j / CTX.factorial(j) for j in range(degree + 1)]
    waves = [CTX.exp(-b) * (CTX.cosh if j % 2 else CTX.sinh)(b * (1 - delta)) * b**j for j in range(degree + 1)]
    powers = [CTX.exp(b * (2 - delta) / 4) * (b / 4) ** j for j in range(degree + 1)]
    for text, derivatives in ((f"sin({k}*x)", waves), (f"exp({k}*x/2)", powers)):
        assert_close(coefficients(text, delta, degree), [u * d for u, d in zip(units, derivatives, strict=True)])


@pytest.mark.parametrize("width", ["0.5", "0.1", "0.02"])
@pytest.mark.parametrize("delta", ["0.01", "0.0003", "1e-9"])
def test_bumps_are_seen_whether_wider_than_the_inner_rule_or_not(width: str, delta: str) -> None:
    m, w, gap = CTX.mpf(3) / 10, CTX.mpf(width), CTX.mpf(delta)
    with nullcontext() if gap <= w**2 else suppress(AccuracyError):  # which takes inner rules of many nodes
        assert_close(coefficients(f"exp(-((x-0.3)/{width})^2/2)", gap), expected(bump(m, w), gap))


@pytest.mark.parametrize("text", ["exp(-((x-0.3)/0.2)^2/2)", "sin(3*x)", "cos(2*x)+x^2-exp(x/2)"])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("delta", ["0.01", "1e-6", "1e-20"])
def test_values_next_to_one_and_minus_one(text: str, sign: int, delta: str) -> None:
    """D and D' against closed forms, of the sum against its Hermite series, which is short."""
    t = Correlation(sign, ExpansionPoint(CTX.mpf(delta), True))
    x = sign * (1 - CTX.mpf(delta))
    ours = value_near_one(integrand(text), t, 90, WorkBudget(4000))
    if text.startswith("exp"):
        dual = bump(CTX.mpf(3) / 10, CTX.mpf(1) / 5)
        theirs = [dual(x), CTX.diff(dual, x)]
    elif text.startswith("sin"):
        theirs = [CTX.exp(-9) * CTX.sinh(9 * x), 9 * CTX.exp(-9) * CTX.cosh(9 * x)]
    else:
        squares = [CTX.convert(mu) ** 2 for mu in activation(text).hermite(80, 120)]
        theirs = [
            sum(c * x**k for k, c in enumerate(squares)),
            sum(k * c * x ** (k - 1) for k, c in enumerate(squares) if k),
        ]
    assert all(abs(CTX.convert(a) - b) < CTX.ldexp(10, -88) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("rho", ["0.99999", "-0.99999"])
def test_kernels_of_formulas_are_those_of_named_activations_next_to_the_ends(rho: str) -> None:
    ours, theirs = (ntk_values([rho], act, 3, digits=20) for act in ("1/(1+exp(-x))", "sigmoid"))
    assert ours.points == theirs.points


@pytest.mark.parametrize(("name", "text"), [("sigmoid", "1/(1+exp(-x))"), ("erf", "2*Phi(sqrt(2)*x)-1")])
@pytest.mark.parametrize(("depth", "terms", "digits"), [(5, 8, 12), (3, 25, 20)])
def test_deep_kernels_of_formulas_are_those_of_named_activations(
    name: str, text: str, depth: int, terms: int, digits: int
) -> None:
    """Layers of large biases bring correlations close to 1; named activations have expansions of their own."""
    ours, theirs = (
        ntk_coefficients(act, depth, terms, sigma_w2="0.3", gamma_b2="0.6", digits=digits) for act in (text, name)
    )
    assert (ours.values, ours.tail, ours.kernel.total) == (theirs.values, theirs.tail, theirs.kernel.total)


@pytest.mark.parametrize("text", ["atan(tanh(x))", "tanh(x+1)^3-x/5", "x*tanh(exp(x))", "log1p(x^2)"])
def test_a_long_series_says_the_same(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    delta = CTX.mpf(1) / 200
    monkeypatch.setattr("ntkcalc.activations.hermite_dual._MANY", 1)
    ours = activation(text).dual.expansion(ExpansionPoint(delta, True), 4, BITS)
    monkeypatch.setattr("ntkcalc.activations.hermite_dual._MANY", 10**9)
    theirs = activation(text).dual.expansion(ExpansionPoint(delta, True), 4, BITS)
    for mine, other in ((ours.d, theirs.d), (ours.tails, theirs.tails), (ours.slope_tails, theirs.slope_tails)):
        assert all(abs(a / b - 1) < 2.0**-BITS for a, b in zip(mine, other, strict=True))


# ---------------------------------------------------------------- refusals


def test_an_inner_rule_that_is_too_short_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The halves of the outer rule use inner rules of two lengths."""

    def chosen(sums: _LocalSums) -> None:
        sums._lengths = 12, 17

    monkeypatch.setattr(_LocalSums, "choose", chosen)
    with pytest.raises(AccuracyError):
        coefficients("sin(3.5*x)", CTX.mpf(3) / 10)


def test_where_there_is_no_time_it_is_refused() -> None:
    with pytest.raises(AccuracyError):
        coefficients_near_one(
            integrand("atan(tanh(x))"), ExpansionPoint(CTX.mpf(1) / 200, True), 4, BITS, WorkBudget(100, 1e9)
        )
