"""What one request may spend on quadrature: all its attempts together, whatever the formula."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ntkcalc.activations.formula.formula_dual
from ntkcalc import ntk_coefficients
from ntkcalc.activations.formula.cutting import cut
from ntkcalc.activations.formula.formula_dual import FormulaDual
from ntkcalc.activations.formula.formulas import formula_dual
from ntkcalc.activations.formula.functions import WORDS, plain
from ntkcalc.activations.formula.grammar import parsed
from ntkcalc.activations.formula.integrand import Integrand
from ntkcalc.activations.formula.quadrature import Means, gaussian_means
from ntkcalc.activations.work_budget import Labour, labour_for, shared_budget
from ntkcalc.errors import AccuracyError

HARD = ["sin(x^2)+x", "phi(tan(x))", "tanh(abs(sinc(x))^1.5)", "log1p(sinc(x^3))", "sin(60*x)", "gelu(tanh(sin(9*x)))"]


def dual(text: str) -> FormulaDual:
    return formula_dual(cut(plain(parsed(text, WORDS)), text))


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 10_000))
def test_more_may_be_spent_on_more_digits_and_terms(bits: int, more: int, degree: int, higher: int) -> None:
    least = Labour(0).left(0)
    assert 0 < least <= Labour(bits).left(degree) <= Labour(bits + more).left(degree + higher) < 1000 * least


def test_error_functions_take_the_more_exponentials_the_more_bits() -> None:
    efforts = [dual(text).phi.effort(bits) for text in ("exp(x)+x", "erf(x)") for bits in (200, 2000)]
    assert efforts[0] == efforts[1] < efforts[2] < efforts[3] / 2


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 10_000), st.floats(0, 1e9))
def test_small_demands_live_on_what_the_largest_left(bits: int, degree: int, lower: int, spent: float) -> None:
    labour = Labour(bits, spent)
    left = labour.left(degree)
    assert labour.left(min(lower, degree)) == left


def test_a_request_inside_another_is_part_of_it() -> None:
    with shared_budget(30):
        outer = labour_for(10)
        with shared_budget(60):
            assert labour_for(20) is outer
        assert labour_for(40) is outer
    assert labour_for(10) is not outer
    assert outer.asked == 30


@pytest.mark.parametrize("text", HARD)
def test_one_quadrature_keeps_to_it(text: str) -> None:
    labour = Labour(60)
    with suppress(AccuracyError):
        gaussian_means(dual(text).integrand, 8, 144, labour)
    assert 0 < labour.spent <= Labour(60).left(8)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, Labour]]:
    """The degrees of all quadratures, and what each may spend."""
    found: list[tuple[int, Labour]] = []

    def watched(integrand: Integrand, degree: int, bits: int, labour: Labour) -> Means:
        found.append((degree, labour))
        return gaussian_means(integrand, degree, bits, labour)

    monkeypatch.setattr(ntkcalc.activations.formula.formula_dual, "gaussian_means", watched)
    return found


@pytest.mark.parametrize("text", HARD)
def test_all_quadratures_of_a_request_share_it(text: str, seen: list[tuple[int, Labour]]) -> None:
    """Precision grows until small coefficients are seen: what one attempt took, the next has not."""
    with suppress(AccuracyError):
        dual(text).hermite(5, 40)
    assert len({id(labour) for _, labour in seen}) == 1
    assert 0 < seen[0][1].spent <= Labour(seen[0][1].asked).left(max(degree for degree, _ in seen))


@pytest.mark.parametrize("text", [*HARD, "erfc(sinc(x)-20)"])
def test_engines_that_are_tried_in_turn_share_it(text: str, seen: list[tuple[int, Labour]]) -> None:
    for _ in range(2):  # what the first request took, the second has again
        with suppress(AccuracyError):
            ntk_coefficients(text, 3, 6, sigma_w2="max", digits=6)
        assert len({id(labour) for _, labour in seen}) <= 1
        for _, labour in seen:
            assert 0 < labour.spent <= Labour(labour.asked).left(max(degree for degree, _ in seen))
        seen.clear()


def test_what_was_refused_is_refused_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    hopeless = dual("abs(x)^0.6")
    with pytest.raises(AccuracyError) as first:
        hopeless.hermite(5, 100)
    monkeypatch.setattr(ntkcalc.activations.formula.formula_dual, "gaussian_means", None)  # cannot be called
    with pytest.raises(AccuracyError) as again:
        hopeless.hermite(5, 100)
    assert str(again.value) == str(first.value)


def test_what_there_was_no_time_for_is_not_refused_for_ever() -> None:
    phi = dual("tanh(3*x)")
    with shared_budget(100):
        labour_for(0).spent = 1e12
        with pytest.raises(AccuracyError):
            phi.hermite(5, 40)
    assert phi.hermite(5, 40)


def test_where_many_digits_are_refused_few_are_not() -> None:
    phi = dual("tanh(3*x)")
    with shared_budget(1000):
        labour = labour_for(0)
        labour.spent = labour.left(16) - 2e5
        with pytest.raises(AccuracyError):
            phi.hermite(5, 900)
        assert phi.hermite(5, 20)
