"""What the whole is for: published numbers, ball arithmetic's numbers, and the identities between them."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from ntkcalc import ntk_coefficients
from ntkcalc.activations.catalogue import FAMILIES
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.numerics.numpy_engine import NumpyEngine
from ntkcalc.series.recurrence import layers

# 40 digits by FLINT/Arb at 150 digits: relu and gaussian from closed-form duals, tanh from Hermite
# coefficients by the trapezoidal rule with their tail bounded by Σ a_k = 1.
ARB = json.loads((Path(__file__).parent / "oracles" / "coefficients_40_digits.json").read_text())
ARB_IDS = [f"{r['act']}-{r['depth']}-{r['gamma_b2']}" for r in ARB]

# Table 1 of the paper: percentage of S_2 in the first T + 1 coefficients, T = 0 … 5.
TABLE_1 = {
    "relu": "43.944 77.277 93.192 93.192 95.403 95.403",
    "tanh": "41.362 91.468 91.468 97.487 97.487 99.090",
    "sigmoid": "91.557 99.729 99.729 99.977 99.977 99.997",
    "gaussian": "95.834 95.834 98.729 98.729 99.634 99.634",
}


def unit_in_last_place(value: Decimal, digits: int) -> Decimal:
    return Decimal(1).scaleb(value.adjusted() - digits + 1)


@pytest.mark.parametrize("reference", ARB, ids=ARB_IDS)
@pytest.mark.quick(6)
def test_all_40_digits_agree_with_ball_arithmetic(reference: dict) -> None:
    ours = ntk_coefficients(reference["act"], reference["depth"], 100, gamma_b2=reference["gamma_b2"], digits=40).values
    for p, text in reference["kappa"].items():
        theirs = Decimal(text)
        if theirs == 0:
            assert ours[int(p)] == 0
        else:
            assert abs(ours[int(p)] - theirs) <= unit_in_last_place(theirs, 40)


@pytest.mark.parametrize("reference", ARB, ids=ARB_IDS)
@pytest.mark.quick(6)
def test_float64_agrees_to_13_digits(reference: dict) -> None:
    kernel = Kernel.of(reference["act"], reference["depth"], 1, reference["gamma_b2"])
    *_, last = layers(NumpyEngine(), kernel, 100)
    for p, text in reference["kappa"].items():
        assert last.kappa[int(p)] == pytest.approx(float(text), rel=1e-13, abs=0)


@pytest.mark.parametrize("act", TABLE_1)
def test_table_1_of_the_paper(act: str) -> None:
    rows = ntk_coefficients(act, truncation=5).coefficients
    assert [f"{100 * c.cumulative:.3f}" for c in rows] == TABLE_1[act].split()


@pytest.mark.parametrize("act", FAMILIES)
@pytest.mark.parametrize("sigma_w2", ["0.7", "max"])
@pytest.mark.quick(4)
def test_coefficients_and_tail_add_up_to_the_total(act: str, sigma_w2: str) -> None:
    for depth in (1, 2, 3, 5):
        result = ntk_coefficients(act, depth, 12, sigma_w2=sigma_w2, gamma_b2="0.1", digits=25)
        assert all(c >= 0 for c in result.values)
        # 14 numbers, each right to one unit in the 25th place of at most the total
        assert abs(sum(result.values) + result.tail - result.kernel.total) <= 14 * unit_in_last_place(
            result.kernel.total, 25
        )


@pytest.mark.parametrize("act", FAMILIES)
@pytest.mark.quick(8)
def test_more_terms_never_change_the_first_ones(act: str) -> None:
    short, long = (ntk_coefficients(act, 3, t, digits=20).values for t in (6, 30))
    for few, many in zip(short, long, strict=False):
        assert abs(few - many) <= (unit_in_last_place(many, 20) if many else 0)


@pytest.mark.parametrize("act", FAMILIES)
@pytest.mark.quick(4)
def test_two_precisions_agree(act: str) -> None:
    rough, fine = (ntk_coefficients(act, 4, 20, sigma_w2="0.7", digits=d).values for d in (12, 40))
    for r, f in zip(rough, fine, strict=True):
        assert abs(r - f) <= (unit_in_last_place(f, 12) if f else 0)


def test_the_linear_network_has_one_coefficient_the_depth() -> None:
    for depth in (1, 2, 7):
        assert ntk_coefficients("linear", depth, 3).values == (0, depth, 0, 0)


@pytest.mark.parametrize("act", ["tanh", "erf", "sin"])
def test_odd_networks_without_bias_have_odd_kernels(act: str) -> None:
    values = ntk_coefficients(act, 4, 11, sigma_w2="max").values
    assert not any(values[::2])
    assert all(values[1::2])


def test_relu_of_depth_two_has_no_odd_terms_beyond_the_first() -> None:
    values = ntk_coefficients("relu", 2, 21).values
    assert not any(values[3::2])
    assert all(values[4::2])


@pytest.mark.parametrize("act", ["relu", "tanh", "sigmoid", "elu"])
@pytest.mark.quick(1)
def test_deep_kernels_add_up(act: str) -> None:
    result = ntk_coefficients(act, 15, 5, digits=20)
    assert abs(sum(result.values) + result.tail - result.kernel.total) <= 7 * unit_in_last_place(
        result.kernel.total, 20
    )


@pytest.mark.parametrize(
    ("sigma_w2", "truncation", "ratio"),
    [("2", 10, 0.82), ("2", 50, 0.64), ("1", 10, 0.35), ("1", 50, 0.19)],
)
def test_the_papers_truncation_loses_what_it_is_known_to_lose(sigma_w2: str, truncation: int, ratio: float) -> None:
    options = {"sigma_w2": sigma_w2, "digits": 8}
    paper = ntk_coefficients("relu", 3, truncation, paper_truncation=True, **options).values
    exact = ntk_coefficients("relu", 3, truncation, **options).values
    worst = min(p / e for p, e in zip(paper, exact, strict=True))
    assert float(worst) == pytest.approx(ratio, abs=0.005)
