"""Laws of decay fitted to spectra: each is recovered from its own data, and chosen among noise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntkcalc import sphere_eigenvalues
from ntkcalc.spectrum.eigenvalue_fit import Law, best_law

# of log λ = log a + power · log ℓ + slope · x(ℓ), x = ℓ^root or log ℓ: the paper's Figure 4
POWER, QUARTER, HALF = (0.0, 0.0), (-0.75, 0.25), (-0.5, 0.5)
ELL = np.arange(1.0, 401)

SHAPES = st.sampled_from([POWER, QUARTER, HALF])
# slopes for which laws differ: at 0 a ℓ^{−3/4} and a ℓ^{−1/2} are powers too
SLOPES = st.floats(-4, -0.3)
SIZES = st.floats(1e-30, 1e10)


def law(shape: tuple[float, float], a: float, slope: float, ell: np.ndarray = ELL) -> np.ndarray:
    """a ℓ^slope, a ℓ^{−3/4} b^{−ℓ^{1/4}} or a ℓ^{−1/2} b^{−ℓ^{1/2}}, with b = e^{−slope}."""
    power, root = shape
    return a * ell**slope if not root else a * ell**power * np.exp(-slope) ** -(ell**root)


def shape_of(found: Law) -> tuple[float, float]:
    return found.power, found.root


@given(SHAPES, SIZES, SLOPES)
def test_each_law_is_recovered_from_its_own_values(shape: tuple[float, float], a: float, slope: float) -> None:
    values = law(shape, a, slope)
    found = best_law(ELL, values)
    assert shape_of(found) == shape
    assert found.spread < 1e-12  # roundings of logarithms below 100
    assert found.slope == pytest.approx(slope, rel=1e-11)  # of 400 equations of condition 100
    assert found.log_a == pytest.approx(np.log(a), abs=1e-10)
    assert found(ELL) == pytest.approx(values, rel=1e-10)


@given(SHAPES, st.floats(-4, -1), st.integers(0, 10_000))  # nearer to 0 they differ by less than the noise
def test_with_one_percent_of_noise_the_right_law_is_chosen(shape: tuple[float, float], slope: float, seed: int) -> None:
    noise = 0.01 * np.random.default_rng(seed).standard_normal(len(ELL))
    found = best_law(ELL, law(shape, 0.3, slope) * np.exp(noise))
    assert shape_of(found) == shape
    # 1/√n of 1 % over the spread of x, at least 0.7; five standard deviations
    assert found.slope == pytest.approx(slope, abs=5 * 0.01 / 20 / 0.7)
    assert found.spread == pytest.approx(0.01, rel=0.2)  # 5/√(2n) of it


@given(SHAPES, SLOPES, st.floats(1e-10, 1e10))
def test_scaling_all_values_scales_a_alone(shape: tuple[float, float], slope: float, scale: float) -> None:
    values = law(shape, 2.0, slope) * (1 + 0.01 * np.sin(ELL))
    one, other = best_law(ELL, values), best_law(ELL, scale * values)
    assert shape_of(one) == shape_of(other)
    assert other.slope == pytest.approx(one.slope, rel=1e-10)  # logarithms are rounded anew
    assert other.log_a - one.log_a == pytest.approx(np.log(scale), abs=1e-10)
    assert other.spread == pytest.approx(one.spread, rel=1e-6)


def test_no_line_leaves_less_than_the_one_fitted() -> None:
    values = law(QUARTER, 1.0, -2.0) * np.exp(0.05 * np.cos(3 * ELL))
    found = best_law(ELL, values)

    def spread(log_a: float, slope: float) -> float:
        rest = np.log(values) - log_a + 0.75 * np.log(ELL) - slope * ELL**0.25
        return float(np.sqrt(np.mean(rest**2)))

    assert shape_of(found) == QUARTER
    assert found.spread == pytest.approx(spread(found.log_a, found.slope), rel=1e-9)
    for step in (-1e-3, 1e-3):
        assert spread(found.log_a + step, found.slope) > found.spread
        assert spread(found.log_a, found.slope + step) > found.spread


def test_three_values_are_enough() -> None:
    ell = np.array([1.0, 4.0, 9.0])
    for shape in (POWER, QUARTER, HALF):
        found = best_law(ell, law(shape, 5.0, -1.5, ell))
        assert shape_of(found) == shape
        assert found(ell) == pytest.approx(law(shape, 5.0, -1.5, ell), rel=1e-10)  # roundings, condition 100


def test_formulas_say_what_they_are() -> None:
    assert best_law(ELL, law(POWER, 0.25, -1.5)).formula == "0.25 ℓ^-1.5"
    assert best_law(ELL, law(QUARTER, 3.0, -np.log(20.0))).formula == "3 ℓ^-0.75 20^(−ℓ^0.25)"
    assert best_law(ELL, law(HALF, 1e-7, -np.log(2.5))).formula == "1e-07 ℓ^-0.5 2.5^(−ℓ^0.5)"


@pytest.mark.parametrize(("act", "shape"), [("relu", POWER), ("gaussian", HALF)])
def test_relu_and_gaussian_have_the_laws_of_the_papers_figure(act: str, shape: tuple[float, float]) -> None:
    # two-layer kernels on S² with a bias, each eigenvalue as often as it occurs. (tanh, exp(−c ℓ^{1/3}), has none.)
    rows = sphere_eigenvalues(act, sphere_dim=2, max_frequency=19, gamma_b2="0.1", digits=6).eigenvalues
    values = sorted((float(row.eigenvalue or 0) for row in rows for _ in range(row.multiplicity)), reverse=True)
    assert len(values) == 400
    assert shape_of(best_law(ELL, values)) == shape
