"""Spectra of kernel matrices: against dense and 40-digit eigenvalues, and the theorems on data of all kinds."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import accumulate, pairwise
from math import comb
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits
from volume import examples

from ntkcalc import AccuracyError, InputError, MatrixSpectrum, matrix_spectrum, ntk_coefficients, ntk_matrix, ntk_values
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.points import unit_rows
from ntkcalc.spectrum.matrix_spectrum import data_spectrum, tail_bounds
from ntkcalc.spectrum.results import SphereSpectrum
from ntkcalc.spectrum.sphere import Sphere, kernel_spectrum
from ntkcalc.spectrum.sphere_sample import with_sample


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Threads of BLAS that wait for each other on a busy machine make small matrices twenty times slower."""
    with threadpool_limits(1):
        yield


@cache
def digits(n: int) -> np.ndarray:
    from sklearn.datasets import load_digits

    return load_digits().data[:n]


def normal(n: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d))


def circle(n: int) -> np.ndarray:
    angles = np.random.default_rng(2).uniform(0, 2 * np.pi, n)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def orthogonal_groups(groups: int, m: int, d: int) -> np.ndarray:
    """The same m points in each of some orthogonal subspaces: nearly all eigenvalues occur once a group."""
    return np.kron(np.eye(groups), normal(m, d, 5))


DATA: dict[str, Callable[[], np.ndarray]] = {
    "digits": lambda: digits(150),
    "isotropic": lambda: normal(120, 12),
    "many dimensions": lambda: normal(20, 500),
    "low rank": lambda: normal(100, 3) @ normal(3, 20, 1),
    "circle": lambda: circle(90),
    "duplicates": lambda: np.repeat(normal(25, 6), 4, axis=0),
    "antipodes": lambda: np.concatenate([normal(30, 4), -normal(30, 4)]),
    "signs": lambda: np.array([[1.0], [-1.0], [-2.0], [5.0], [1.0]]),
    "one point": lambda: np.array([[3.0, 4.0]]),
    "orthonormal": lambda: np.eye(40),
}


def dense(x: np.ndarray, **kernel: Any) -> np.ndarray:
    """All eigenvalues of Θ(XXᵀ)/n, largest first."""
    return np.linalg.eigvalsh(ntk_matrix(x, **kernel) / len(x))[::-1]


def values(found: MatrixSpectrum) -> np.ndarray:
    """The eigenvalues; NaN where double precision cannot see them."""
    return np.array([np.nan if e.eigenvalue is None else float(e.eigenvalue) for e in found.eigenvalues])


def assert_same(found: MatrixSpectrum, truth: np.ndarray) -> None:
    """Agreement to half a unit of the last digit and what is said of errors; what is not seen is as small as said.

    Digits are printed while half a unit is less than 50 errors, so that 1e-12 of the largest may be less than it.
    """
    ours, truth = values(found), truth[: len(found.eigenvalues)]
    assert len(ours) == len(truth)
    seen = ~np.isnan(ours)
    half_units = np.array(
        [10.0 ** int(e.eigenvalue.as_tuple().exponent) / 2 for e in found.eigenvalues if e.eigenvalue]
    )
    # the dense eigenvalues have errors of some roundings of their own
    assert (np.abs(ours - truth)[seen] <= half_units + (found.accuracy + 1e-14) * truth[0]).all()
    assert (truth[~seen] <= 3 * found.accuracy * truth[0]).all()  # an error of ours and one of dense eigenvalues
    assert found.accuracy < 1e-12
    assert [e.index for e in found.eigenvalues] == [*range(1, len(ours) + 1)]


# ---------------------------------------------------------------- independent routes


@pytest.mark.parametrize(
    ("act", "options"),
    [
        ("relu", {}),
        ("relu", {"depth": 3, "gamma_b2": "0.1"}),
        ("gaussian", {"depth": 3, "sigma_w2": "max"}),
        ("elu", {"sigma_w2": "max", "gamma_b2": "0.3"}),
    ],
    ids=str,
)
def test_eigenvalues_of_digits_are_those_of_the_dense_matrix(act: str, options: dict[str, Any]) -> None:
    found = matrix_spectrum(digits(400), act=act, digits=16, **options)
    assert_same(found, dense(digits(400), act=act, **options))
    assert found.passes == 0
    assert (found.data.n, found.data.d, found.data.normalized_rows) == (400, 64, True)


def test_all_the_largest_and_those_of_a_matrix_that_does_not_fit_are_the_same() -> None:
    x = digits(900)
    truth = dense(x, act="relu", depth=3)
    assert_same(matrix_spectrum(x, act="relu", depth=3, digits=16), truth)
    for memory in (1 << 30, 1 << 20):
        found = matrix_spectrum(x, act="relu", depth=3, digits=16, top=40, memory=memory)
        assert found.passes > 0
        assert len(found.eigenvalues) == 40
        assert_same(found, truth)


@pytest.mark.parametrize("memory", [1 << 30, 0])
def test_top_is_the_beginning_of_all(memory: int) -> None:
    for x, act in ((digits(300), "abs"), (circle(150), "erf")):
        truth = dense(x, act=act)
        for top in (1, 7, len(x) + 5):
            found = matrix_spectrum(x, act=act, digits=16, top=top, memory=memory)
            assert len(found.eigenvalues) == min(top, len(x))
            assert_same(found, truth)


def exact_kernel(act: str) -> Callable[[Any], Any]:
    """Θ_2 for σ_w² = 1, from the closed forms of the dual and the recursion of theory.md, section 2."""
    pi = mpmath.pi

    def relu(t: Any) -> tuple[Any, Any]:
        above = pi - mpmath.acos(t)
        return (mpmath.sqrt(1 - t * t) + t * above) / (2 * pi), above / (2 * pi)

    def absolute(t: Any) -> tuple[Any, Any]:
        plus, minus = relu(t), relu(-t)
        return 2 * plus[0] + 2 * minus[0], 2 * plus[1] - 2 * minus[1]

    def erf(t: Any) -> tuple[Any, Any]:
        return 2 / pi * mpmath.asin(2 * t / 3), 4 / (3 * pi) / mpmath.sqrt(1 - 4 * t * t / 9)

    def gaussian(t: Any) -> tuple[Any, Any]:
        root = mpmath.sqrt(4 - t * t)
        return 1 / (2 * pi * root), t / (2 * pi * root**3)

    dual = {"relu": relu, "abs": absolute, "erf": erf, "gaussian": gaussian}[act]
    square = dual(mpmath.mpf(1))[0]

    def kernel(t: Any) -> Any:
        value, slope = dual(t)
        return value + 1 - square + t * slope

    return kernel


def exact_eigenvalues(x: np.ndarray, act: str) -> list[Any]:
    """Eigenvalues of Θ_2(XXᵀ)/n in 45 digits, rows scaled exactly."""
    rows = [[mpmath.mpf(float(a)) for a in row] for row in x]
    rows = [[a / mpmath.sqrt(mpmath.fdot(row, row)) for a in row] for row in rows]
    theta, n = exact_kernel(act), len(x)
    matrix = mpmath.matrix(n)
    for i in range(n):
        for j in range(i + 1):
            rho = mpmath.mpf(1) if i == j else mpmath.fdot(rows[i], rows[j])
            matrix[i, j] = matrix[j, i] = theta(max(min(rho, mpmath.mpf(1)), mpmath.mpf(-1))) / n
    return sorted(mpmath.eigsy(matrix, eigvals_only=True), reverse=True)


@pytest.mark.parametrize("act", ["relu", "abs", "erf", "gaussian"])
@pytest.mark.quick(1)
def test_every_printed_digit_is_that_of_eigenvalues_in_forty_digits(act: str) -> None:
    near = np.concatenate([normal(3, 3), normal(3, 3)])
    sets = (
        normal(7, 4),
        np.eye(3, 500) + 1e-4 * normal(3, 500),
        near + 1e-7 * normal(6, 3, 1),
        near * np.repeat([1, -1], 3)[:, None] + 1e-11 * normal(6, 3, 1),
        normal(6, 2) @ normal(2, 5, 1),
    )
    for x in sets:
        found = matrix_spectrum(x, act=act, digits=17)
        with mpmath.workdps(45):
            truth = exact_eigenvalues(x, act)
            for row, value in zip(found.eigenvalues, truth, strict=True):
                for ours, theirs in ((row.eigenvalue, value), (row.normalized, value / truth[0])):
                    if ours is None:
                        assert value <= found.accuracy * truth[0]
                    else:
                        unit = mpmath.mpf(10) ** ours.as_tuple().exponent
                        assert abs(mpmath.mpf(str(ours)) - theirs) <= unit
                # proven bounds, rounded up; 10^-38 is what is left of zero in 45 digits
                for bound in (row.bound_effrank, row.bound_tail):
                    assert value / truth[0] <= mpmath.mpf(str(bound)) + mpmath.mpf("1e-38")


# ---------------------------------------------------------------- laws of the spectrum


@examples(8)
@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 8), st.sampled_from(["relu", "tanh", "gaussian"]))
def test_eigenvalues_do_not_depend_on_order_length_or_rotation(seed: int, n: int, d: int, act: str) -> None:
    draw = np.random.default_rng(seed)
    x = draw.standard_normal((n, d))
    rotation, _ = np.linalg.qr(draw.standard_normal((d, d)))
    other = (draw.uniform(0.1, 10, (n, 1)) * x)[draw.permutation(n)] @ rotation
    # rotated rows are off by roundings: 1e-16 in ‖x − y‖, which is what relu's square root at ρ = ±1 sees
    both = [dense(y, act=act) for y in (x, other)]
    found = [matrix_spectrum(y, act=act, digits=16) for y in (x, other)]
    for one, truth in zip(found, both[::-1], strict=True):
        assert_same(one, truth)


NETWORKS: list[dict[str, Any]] = [
    {"act": "relu"},
    {"act": "gaussian"},
    {"act": "abs", "depth": 3},
    {"act": "erf", "sigma_w2": "max", "gamma_b2": "0.2"},
]


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network["act"])
@pytest.mark.quick(8)
def test_eigenvalues_add_up_to_the_trace_and_stay_below_their_bounds(network: dict[str, Any], name: str) -> None:
    x = DATA[name]()
    found = matrix_spectrum(x, digits=15, **network)
    ours, n, total = values(found), len(x), float(found.kernel.total)
    # an eigenvalue is off by its error, and by half a unit of its last digit, which is at most 50 errors
    assert np.nansum(ours) == pytest.approx(total, abs=51 * n * found.accuracy * ours[0])
    assert_same(found, dense(x, **network))
    assert all(a >= b for a, b in pairwise(ours[~np.isnan(ours)]))
    for row, value in zip(found.eigenvalues, ours, strict=True):
        assert row.resolved == (row.eigenvalue is not None) == (row.normalized is not None)
        assert float(row.bound_effrank) == pytest.approx(min(1, total / ours[0] / row.index), rel=1e-11)
        if row.resolved:
            # a bound can be attained: by a share that is rounded to nearest in the last place that it is known to
            share = value / ours[0] * (1 - 1e-14)
            assert share <= min(float(row.bound_effrank), float(row.bound_tail)) + 51 * found.accuracy
    assert float(found.kernel_effrank) == pytest.approx(total / ours[0], rel=1e-11)


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("act", ["gelu", "gaussian"])
@pytest.mark.quick(8)
def test_the_bound_by_ranks_is_that_of_hadamard_powers(act: str, name: str) -> None:
    x = DATA[name]()
    points = unit_rows(x, "").rows
    gram, n = np.clip(points @ points.T, -1, 1), len(x)
    norm = float(np.linalg.eigvalsh(gram)[-1]) / n
    c = ntk_coefficients(act, truncation=7, digits=30)
    found = matrix_spectrum(x, act=act, digits=15)
    largest, total = values(found)[0], Fraction(c.kernel.total)
    # for each degree: the rank of all up to it, by SVD, and what Lemma C.20 says of what is beyond
    steps, below = [(0, float(total))], np.zeros((n, n))
    for degree, (value, partial) in enumerate(zip(c.values, accumulate(map(Fraction, c.values)), strict=True)):
        if value:
            below += gram**degree
            steps.append((int(np.linalg.matrix_rank(below, tol=1e-10 * n)), norm * float(total - partial)))
    assert steps[1][0] == 1, "the constant"
    for row in found.eigenvalues[: steps[-1][0]]:
        sharp = min(bound for rank, bound in steps if rank < row.index) / largest
        # rounded up in the 15th digit, from a measured ‖G‖ and λ_1
        assert float(row.bound_tail) == pytest.approx(min(1, sharp), rel=1e-11), row.index


@pytest.mark.parametrize(("r", "most"), [(2, 5), (3, 5), (4, 5), (7, 3)])
@pytest.mark.parametrize("act", ["elu", "gaussian", "relu", "sin"])
@pytest.mark.quick(6)
def test_ranks_of_lemma_c_20_are_those_of_hadamard_powers(act: str, r: int, most: int) -> None:
    kernel, n = Kernel.of(act, 2, "max" if act == "sin" else 1), 160
    points = unit_rows(normal(n, r), "").rows
    gram = points @ points.T
    c = ntk_coefficients(act, 2, most, sigma_w2="max" if act == "sin" else 1).values
    present = [gram**j for j in range(most) if c[j]]
    ranks = [0, *(int(np.linalg.matrix_rank(sum(present[:m]))) for m in range(1, len(present) + 1))]
    assert ranks[-1] < n, "or more points are needed to see the rank"
    found = tail_bounds(kernel, n, r, float(n / np.linalg.eigvalsh(gram)[-1]))
    assert [*found.ranks[: len(ranks)]] == ranks
    assert all(a >= b for a, b in pairwise(found.bounds))


@pytest.mark.parametrize("act", ["relu", "tanh", "x^4-6*x^2+3"])
@pytest.mark.parametrize("rank", [1, 2, 5, 40])
def test_bounds_on_the_largest_are_those_that_all_degrees_give(act: str, rank: int) -> None:
    kernel = Kernel.of(act, 2, "max")
    everything = tail_bounds(kernel, 200, rank, 3.0)
    for most in (1, 2, 7, 60):
        some = tail_bounds(kernel, 200, rank, 3.0, most)
        assert [some.at(p) for p in range(1, most + 1)] == [everything.at(p) for p in range(1, most + 1)]


def test_the_rank_count_is_the_one_that_theory_states() -> None:
    # all degrees below 5 on S^3: C(7, 3) + C(6, 3) = 55
    assert 55 in tail_bounds(Kernel.of("elu"), 1000, 4, 4.0).ranks
    assert comb(7, 3) + comb(6, 3) == 55


@pytest.mark.parametrize("name", DATA)
def test_the_spectrum_of_the_gram_matrix_stands_beside_it(name: str) -> None:
    x = DATA[name]()
    points = unit_rows(x, "").rows
    truth = np.linalg.eigvalsh(points @ points.T)[::-1]
    found = matrix_spectrum(x, act="relu")
    rank = np.linalg.matrix_rank(points)
    assert found.data.rank == rank
    for row, value in zip(found.eigenvalues, truth / truth[0], strict=True):
        if row.index <= rank:
            assert float(row.gram_normalized or 0) == pytest.approx(value, rel=1e-9, abs=1e-13)  # dense roundings
        else:
            assert row.gram_normalized in (None, 0)
        if row.index > min(x.shape):
            assert row.gram_normalized == 0
    assert float(found.gram_effrank) == pytest.approx(len(x) / truth[0], rel=1e-11)


# ---------------------------------------------------------------- multiplicities and what cannot be seen


@pytest.mark.parametrize("memory", [1 << 30, 0])
@pytest.mark.parametrize("act", ["relu", "gaussian"])
@pytest.mark.quick(2)
def test_an_eigenvalue_is_found_as_often_as_it_occurs(act: str, memory: int) -> None:
    x = np.tile(np.eye(200), (8, 1))
    one, zero = (float(v.theta) for v in ntk_values([1, 0], act, digits=17).points)
    # K = (Θ(1) − Θ(0)) I ⊗ 11ᵀ + Θ(0) 11ᵀ, over n = 1600
    many = (one - zero) / 200
    truth = np.array([many + zero, *[many] * 199, *[0.0] * 50])
    for top in (30, 250):
        found = matrix_spectrum(x, act=act, digits=16, top=top, memory=memory)
        assert_same(found, truth)
        assert [row.resolved for row in found.eigenvalues] == [p < 200 for p in range(top)]


@pytest.mark.parametrize("memory", [1 << 30, 0])
@pytest.mark.quick(1)
def test_many_eigenvalues_that_occur_often_are_all_found(memory: int) -> None:
    x = orthogonal_groups(76, 17, 5)
    found = matrix_spectrum(x, act="relu", digits=16, top=160, memory=memory)
    truth = dense(x, act="relu")
    assert_same(found, truth)
    assert (-np.diff(truth[:160]) > 1e-9).sum() < 10, "most occur some 76 times"


@pytest.mark.parametrize(("top", "memory"), [(None, 1 << 30), (12, 1 << 30), (12, 0)])
def test_what_double_precision_cannot_see_is_unknown(top: int | None, memory: int) -> None:
    found = matrix_spectrum(normal(60, 3) @ normal(3, 9, 1), act="linear", top=top, memory=memory)
    assert [row.resolved for row in found.eigenvalues[:5]] == [True, True, True, False, False]
    for row in found.eigenvalues[3:]:
        assert (row.eigenvalue, row.normalized, row.bound_tail) == (None, None, 0)
    assert found.data.rank == 3


def test_points_of_one_dimension_have_two_places() -> None:
    found = matrix_spectrum(DATA["signs"](), act="relu", digits=15)
    # three points at 1 and two at −1: Θ(1) = 3/2, Θ(−1) = R(−1) = 1/2, for R'(−1) = 0
    truth = np.linalg.eigvalsh(np.array([[3 * 1.5, 6**0.5 / 2], [6**0.5 / 2, 2 * 1.5]]) / 5)[::-1]
    assert [row.resolved for row in found.eigenvalues] == [True, True, False, False, False]
    assert values(found)[:2] == pytest.approx(truth, rel=1e-13)
    assert found.data.rank == 1


def test_one_point_has_the_whole_trace() -> None:
    for act in ("relu", "gaussian", "tanh"):
        found = matrix_spectrum([[3.0, 4.0]], act=act, depth=3)
        (row,) = found.eigenvalues
        assert float(row.eigenvalue or 0) == pytest.approx(float(found.kernel.total), rel=1e-11)  # 12 digits
        assert (row.normalized, row.gram_normalized, row.bound_effrank, row.bound_tail) == (1, 1, 1, 1)


def test_the_identity_has_equal_eigenvalues() -> None:
    found = matrix_spectrum(np.eye(6), act="linear", depth=5)
    assert [row.eigenvalue for row in found.eigenvalues] == [found.eigenvalues[0].eigenvalue] * 6
    assert float(found.eigenvalues[0].eigenvalue or 0) == pytest.approx(5 / 6, rel=1e-11)
    assert {row.bound_tail for row in found.eigenvalues} == {1}


# ---------------------------------------------------------------- samples of the sphere


def sampled(act: str, d: int, highest: int, n: int, seed: int = 0, top: int | None = None, **options: Any) -> Any:
    kernel = Kernel.of(act, options.get("depth", 2), 1, options.get("gamma_b2", 0))
    result = with_sample(kernel, kernel_spectrum(kernel, Sphere(d, highest), None, 10), n, seed, top)
    assert isinstance(result, SphereSpectrum)
    assert result.sample is not None
    assert (result.sample.n, result.sample.seed) == (n, seed)
    return result


def test_samples_repeat_by_their_seed() -> None:
    first, again, other = (sampled("relu", 3, 4, 60, seed).sample for seed in (7, 7, 8))
    assert first == again
    assert [e.eigenvalue for e in first.eigenvalues] != [e.eigenvalue for e in other.eigenvalues]
    assert [e.theory for e in first.eigenvalues] == [e.theory for e in other.eigenvalues]
    few = sampled("relu", 3, 4, 60, 7, top=5).sample.eigenvalues
    assert few == first.eigenvalues[:5]


@pytest.mark.parametrize(("act", "options"), [("relu", {}), ("tanh", {"depth": 3}), ("gaussian", {"gamma_b2": "0.1"})])
@pytest.mark.quick(1)
def test_theory_stands_beside_a_sample_as_often_as_its_multiplicity(act: str, options: dict[str, Any]) -> None:
    # frequencies up to 12, of which those that count among the first 49 are all below 8
    found = sampled(act, 2, 12, 70, **options)
    rows = sorted(((e.eigenvalue, 2 * e.k + 1) for e in found.eigenvalues if e.eigenvalue), reverse=True)
    expected = [value for value, count in rows for _ in range(count)][:49]
    assert [e.theory for e in found.sample.eigenvalues[:49]] == expected
    assert [e.index for e in found.sample.eigenvalues] == [*range(1, 71)]


def test_beyond_the_frequencies_computed_there_is_no_theory() -> None:
    found = sampled("tanh", 2, 3, 40, gamma_b2="0.3").sample.eigenvalues
    known = [e.theory for e in found]
    assert known[:4] != [None] * 4
    assert known[16:] == [None] * 24
    zeros = sampled("relu", 2, 3, 40).sample.eigenvalues  # λ_3 = 0 comes after all others
    assert [e.theory for e in zeros[9:]] == [None] * 31


@pytest.mark.parametrize(
    ("act", "gamma_b2", "highest"),
    [("relu", "0", 4), ("relu", "0.01", 3), ("abs", "0.01", 3), ("tanh", "0.0001", 4), ("gaussian", "0.1", 1)],
)
@pytest.mark.quick(2)
def test_more_frequencies_never_change_the_theory_of_an_index(act: str, gamma_b2: str, highest: int) -> None:
    few, many = (sampled(act, 2, k, 90, gamma_b2=gamma_b2).sample.eigenvalues for k in (highest, 12))
    for one, other in zip(few, many, strict=True):
        assert one.theory in (None, other.theory), one.index
    assert few[0].theory is not None


def test_samples_come_near_to_theory() -> None:
    found = sampled("relu", 2, 6, 1600, seed=1, top=9).sample.eigenvalues
    assert found[8].theory == found[4].theory != found[3].theory
    for row in found:
        # relatively √(N(d,k)/n) = 6 % where an eigenvalue occurs N = 5 times; three times that
        assert float(row.eigenvalue) == pytest.approx(float(row.theory), rel=0.18)


def test_a_sample_has_the_spectrum_of_its_points() -> None:
    found = sampled("erf", 4, 3, 50, seed=3)
    total = sum(float(e.eigenvalue or 0) for e in found.sample.eigenvalues)
    assert total == pytest.approx(float(Kernel.of("erf").total(64)), rel=1e-9)  # 50 numbers of 10 digits
    assert found.accuracy < 1e-12


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"top": 0}, "top must be at least 1, got 0"),
        ({"top": -3}, "top must be at least 1, got -3"),
        ({"top": 2.0}, "top must be a whole number, got 2.0"),
        ({"top": True}, "top must be a whole number, got True"),
        ({"memory": 8 * 30 * 30 - 1}, "all eigenvalues of 30 points are too many (at most 29): give --top N"),
        ({"memory": 0}, "(at most 0)"),
        ({"memory": -1}, "memory"),
        ({"digits": 0}, "digits"),
        ({"digits": -2}, "digits"),
        ({"act": "tahn"}, "Did you mean 'tanh'?"),
        ({"depth": 0}, "depth must be at least 1"),
        ({"x": np.zeros((2, 2))}, "row 1 is zero"),
        ({"x": [[1.0, np.nan]]}, "NaN"),
        ({"x": np.zeros((0, 3))}, "no points"),
        ({"x": [1.0, 2.0]}, "one point a row"),
        ({"x": [[1j]]}, "complex"),
    ],
    ids=lambda part: str(part)[:40],
)
def test_a_request_that_makes_no_sense_is_refused_in_words(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        matrix_spectrum(**{"x": 2 * normal(30, 4), "act": "relu"} | changes)
    assert said in str(caught.value)


def test_more_points_than_all_eigenvalues_are_computed_of_are_refused() -> None:
    with pytest.raises(InputError, match="at most 12000"):
        matrix_spectrum(normal(12_001, 2), act="relu", memory=1 << 40)


@pytest.mark.parametrize(
    ("n", "seed", "top", "said"),
    [
        (0, 0, None, "sample must lie in 1 to 12000, got 0"),
        (12_001, 0, None, "got 12001"),
        (10, -1, None, "seed must lie in 0 to 2^64 - 1, got -1"),
        (10, 1 << 64, None, "seed must lie in"),
        (10, 0.5, None, "seed must be a whole number"),
        (10, 0, 0, "top must be at least 1, got 0"),
    ],
)
def test_samples_that_make_no_sense_are_refused_in_words(n: int, seed: int, top: int | None, said: str) -> None:
    with pytest.raises(InputError) as caught:
        sampled("relu", 2, 2, n, seed, top)
    assert said in str(caught.value)


def test_samples_are_of_the_uniform_measure() -> None:
    kernel = Kernel.of("relu")
    with pytest.raises(InputError, match="uniform"):
        with_sample(kernel, kernel_spectrum(kernel, Sphere(2, 2, "surface"), None, 10), 10, 0)


def test_digits_that_are_not_there_are_an_error_where_they_were_asked_for() -> None:
    points = unit_rows(normal(30, 4), "x")
    kept = data_spectrum(Kernel.of("relu"), points, None, 5, strict=True)
    assert all(len((row.eigenvalue or Decimal(0)).as_tuple().digits) == 5 for row in kept.eigenvalues)
    with pytest.raises(AccuracyError, match="lower --digits or --top"):
        data_spectrum(Kernel.of("relu"), points, None, 16, strict=True)
