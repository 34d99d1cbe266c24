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
from ntkcalc.activations.work_budget import WorkBudget, shared_budget, work_budget
from ntkcalc.errors import AccuracyError

HARD = ["sin(x^2)+x", "phi(tan(x))", "tanh(abs(sinc(x))^1.5)", "log1p(sinc(x^3))", "sin(60*x)", "gelu(tanh(sin(9*x)))"]


def dual(text: str) -> FormulaDual:
    return formula_dual(cut(plain(parsed(text, WORDS)), text))


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 10_000))
def test_more_may_be_spent_on_more_digits_and_terms(bits: int, more: int, degree: int, higher: int) -> None:
    least = WorkBudget(0).left(0)
    assert 0 < least <= WorkBudget(bits).left(degree) <= WorkBudget(bits + more).left(degree + higher) < 1000 * least


def test_error_functions_take_the_more_exponentials_the_more_bits() -> None:
    efforts = [dual(text).phi.effort(bits) for text in ("exp(x)+x", "erf(x)") for bits in (200, 2000)]
    assert efforts[0] == efforts[1] < efforts[2] < efforts[3] / 2


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 10_000), st.floats(0, 1e9))
def test_small_demands_live_on_what_the_largest_left(bits: int, degree: int, lower: int, spent: float) -> None:
    budget = WorkBudget(bits, spent)
    left = budget.left(degree)
    assert budget.left(min(lower, degree)) == left


def test_a_request_inside_another_is_part_of_it() -> None:
    with shared_budget(30):
        outer = work_budget(10)
        with shared_budget(60):
            assert work_budget(20) is outer
        assert work_budget(40) is outer
    assert work_budget(10) is not outer
    assert outer.asked == 30


@pytest.mark.parametrize("text", HARD)
def test_one_quadrature_keeps_to_it(text: str) -> None:
    budget = WorkBudget(60)
    with suppress(AccuracyError):
        gaussian_means(dual(text).integrand, 8, 144, budget)
    assert 0 < budget.spent <= WorkBudget(60).left(8)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, WorkBudget]]:
    """The degrees of all quadratures, and what each may spend."""
    found: list[tuple[int, WorkBudget]] = []

    def watched(integrand: Integrand, degree: int, bits: int, budget: WorkBudget) -> Means:
        found.append((degree, budget))
        return gaussian_means(integrand, degree, bits, budget)

    monkeypatch.setattr(ntkcalc.activations.formula.formula_dual, "gaussian_means", watched)
    return found


@pytest.mark.parametrize("text", HARD)
def test_all_quadratures_of_a_request_share_it(text: str, seen: list[tuple[int, WorkBudget]]) -> None:
    """Precision grows until small coefficients are seen: what one attempt took, the next has not."""
    with suppress(AccuracyError):
        dual(text).hermite(5, 40)
    assert len({id(budget) for _, budget in seen}) == 1
    assert 0 < seen[0][1].spent <= WorkBudget(seen[0][1].asked).left(max(degree for degree, _ in seen))


@pytest.mark.parametrize("text", [*HARD, "erfc(sinc(x)-20)"])
def test_engines_that_are_tried_in_turn_share_it(text: str, seen: list[tuple[int, WorkBudget]]) -> None:
    for _ in range(2):  # what the first request took, the second has again
        with suppress(AccuracyError):
            ntk_coefficients(text, 3, 6, sigma_w2="max", digits=6)
        assert len({id(budget) for _, budget in seen}) <= 1
        for _, budget in seen:
            assert 0 < budget.spent <= WorkBudget(budget.asked).left(max(degree for degree, _ in seen))
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
        work_budget(0).spent = 1e12
        with pytest.raises(AccuracyError):
            phi.hermite(5, 40)
    assert phi.hermite(5, 40)


def test_where_many_digits_are_refused_few_are_not() -> None:
    phi = dual("tanh(3*x)")
    with shared_budget(1000):
        budget = work_budget(0)
        budget.spent = budget.left(16) - 2e5
        with pytest.raises(AccuracyError):
            phi.hermite(5, 900)
        assert phi.hermite(5, 20)
