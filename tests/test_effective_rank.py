"""Effective ranks: the theorems on any data and series, and measurements against dense eigenvalues."""

import json
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shell import Done, inside

from ntkcalc import InputError, effective_rank, effective_rank_bounds, ntk_matrix, ntk_values
from ntkcalc.activations.catalogue import FAMILIES
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.points import Points, unit_rows
from ntkcalc.numerics.precision import context
from ntkcalc.series.given_series import parse_series
from ntkcalc.spectrum.effective_rank import effective_ranks
from ntkcalc.spectrum.rank_bounds import given_bounds, series_bounds
from ntkcalc.spectrum.results import EffectiveRanks

CTX = context(80)


def isotropic(n: int, d: int, seed: int = 0) -> Points:
    return unit_rows(np.random.default_rng(seed).standard_normal((n, d)), "isotropic")


def low_rank(n: int, d: int) -> Points:
    draw = np.random.default_rng(1)
    return unit_rows(
        draw.standard_normal((n, 3)) @ draw.standard_normal((3, d)) + 0.01 * draw.standard_normal((n, d)), ""
    )


@cache
def digits() -> Points:
    from sklearn.datasets import load_digits

    return unit_rows(load_digits().data, "digits")


def first(points: Points, n: int) -> Points:
    return Points(points.source, points.rows[:n].copy(), points.scaled)


def measured(act: str, depth: int, points: Points, **options: object) -> EffectiveRanks:
    return effective_ranks(Kernel.of(act, depth), points, digits=15, **options)  # type: ignore[arg-type]


def dense(act: str, depth: int, points: Points) -> tuple[float, float]:
    """eff(K) and eff(K − c_0 11ᵀ/n) from all eigenvalues."""
    k = ntk_matrix(points.rows, act=act, depth=depth)
    at = {v.rho: v for v in ntk_values(["0", "1"], act, depth, 0, digits=20).points}
    constant, rest = float(at[0].series), float(at[1].error)
    n = len(k)
    return n * k[0, 0] / np.linalg.eigvalsh(k)[-1], n * rest / np.linalg.eigvalsh(k - constant)[-1]


def resolution(printed: Decimal) -> float:
    """Half a unit in the last place that is printed, relatively; 1e-10 at least."""
    return max(1e-10, 10.0 ** (1 - len(printed.as_tuple().digits)))


SERIES = st.lists(st.floats(0, 1, allow_subnormal=False).map(lambda x: 0.0 if x < 1e-3 else x), min_size=3, max_size=8)


@given(SERIES, st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 6))
def test_both_theorems_hold_for_any_series_and_any_points(c: list[float], seed: int, n: int, d: int) -> None:
    x = isotropic(n, d, seed).rows
    gram = np.clip(x @ x.T, -1, 1)
    np.fill_diagonal(gram, 1)
    tails = [sum(c[p + 1 :]) for p in range(len(c))]
    bounds = series_bounds([CTX.mpf(a) for a in c], [CTX.mpf(a) for a in tails], None, 15, 53)
    powers = [gram**p for p in range(len(c))]
    whole = sum(a * g for a, g in zip(c, powers, strict=True))
    if bounds.bound is not None:
        assert effective_rank(whole) <= float(bounds.bound) * (1 + 1e-9)  # eigvalsh's error
    if bounds.centered_ratio is not None:
        assert effective_rank(whole - c[0]) <= effective_rank(gram) * float(bounds.centered_ratio) * (1 + 1e-9)
    if bounds.leading is not None and bounds.leading_ratio is not None:
        leading = effective_rank(powers[bounds.leading])
        assert effective_rank(whole - c[0]) <= leading * float(bounds.leading_ratio) * (1 + 1e-9)


@given(st.integers(0, 10_000), st.integers(1, 20), st.floats(1e-100, 1e100))
def test_effective_rank_does_not_depend_on_scale_or_basis(seed: int, n: int, scale: float) -> None:
    draw = np.random.default_rng(seed)
    factor = draw.standard_normal((n, n + 1))
    a, q = factor @ factor.T, np.linalg.qr(draw.standard_normal((n, n)))[0]
    assert effective_rank(scale * a) == pytest.approx(effective_rank(a), rel=1e-12)
    assert effective_rank(q @ a @ q.T) == pytest.approx(effective_rank(a), rel=1e-11)
    assert 1 - 1e-12 <= effective_rank(a) <= n * (1 + 1e-12)


@pytest.mark.parametrize("act", FAMILIES)
@pytest.mark.quick(2)
def test_measured_ranks_are_those_of_dense_matrices_and_below_their_bounds(act: str) -> None:
    for depth, points in product((2, 3, 5), (first(digits(), 120), isotropic(80, 20), low_rank(80, 30))):
        found = measured(act, depth, points)
        whole, centered = dense(act, depth, points)
        if found.bounds.bound is not None:
            assert float(found.kernel_effrank) == pytest.approx(whole, rel=1e-10)
            assert found.kernel_effrank <= found.bounds.bound
        assert found.centered_effrank is not None
        # it may be 1e-6 of the whole, whose entries are right to 1e-15 of it: then fewer digits are printed
        assert float(found.centered_effrank) == pytest.approx(
            centered, rel=resolution(found.centered_effrank or Decimal(0))
        )
        if found.centered_bound is not None:
            assert found.centered_effrank <= found.centered_bound


@pytest.mark.parametrize(("act", "depth"), [("relu", 2), ("tanh", 3), ("gaussian", 5)])
@pytest.mark.quick(1)
def test_block_krylov_finds_what_dense_eigenvalues_are(act: str, depth: int) -> None:
    points = first(digits(), 1300)
    found = measured(act, depth, points, epsilons=[Fraction(1, 100)])
    whole, centered = dense(act, depth, points)
    assert float(found.kernel_effrank) == pytest.approx(whole, rel=1e-10)
    assert float(found.centered_effrank or 0) == pytest.approx(
        centered, rel=resolution(found.centered_effrank or Decimal(0))
    )
    assert found.passes <= 10
    values = np.linalg.eigvalsh(ntk_matrix(points.rows, act=act, depth=depth))
    (count,) = found.counts
    assert count.count == (values >= values[-1] / 100).sum()
    assert count.count <= count.bound


def test_a_matrix_that_does_not_fit_gives_the_same() -> None:
    points = isotropic(1300, 30)
    held, streamed = measured("relu", 3, points), measured("relu", 3, points, memory=0)
    assert float(held.kernel_effrank) == pytest.approx(float(streamed.kernel_effrank), rel=1e-12)
    assert float(held.centered_effrank or 0) == pytest.approx(float(streamed.centered_effrank or 1), rel=1e-11)


@pytest.mark.parametrize("n", [1, 2, 40, 1300])
def test_equal_points_have_rank_one(n: int) -> None:
    found = measured("relu", 3, unit_rows(np.tile([[3.0, 4.0]], (n, 1)), ""))
    assert [float(x or 0) for x in (found.gram_effrank, found.kernel_effrank, found.centered_effrank)] == pytest.approx(
        [1, 1, 1], rel=1e-11
    )


def test_points_of_one_dimension_have_two_places() -> None:
    points = unit_rows([[1.0], [-1.0], [-2.0], [5.0]], "")
    whole, centered = dense("tanh", 3, points)
    found = measured("tanh", 3, points)
    assert float(found.gram_effrank) == 1
    assert (float(found.kernel_effrank), float(found.centered_effrank or 0)) == pytest.approx(
        (whole, centered), rel=1e-12
    )


def test_fewer_points_than_dimensions() -> None:
    points = isotropic(5, 300)
    assert float(measured("erf", 2, points).gram_effrank) == pytest.approx(
        effective_rank(points.rows @ points.rows.T), rel=1e-12
    )


def test_the_bounds_of_table_1() -> None:
    found = effective_rank_bounds("relu", digits=7)
    pi = np.pi
    assert float(found.bound or 0) == pytest.approx(1.5 / (1 / (2 * pi) + 0.5), rel=1e-6)  # S = 3/2, c_0 = 1/2π + 1/2
    assert float(found.centered_ratio or 0) == pytest.approx((1 - 1 / (2 * pi)) / 0.5, rel=1e-6)  # c_1 = 1/2


def test_where_the_theorems_are_silent() -> None:
    even, odd = effective_rank_bounds("gaussian"), effective_rank_bounds("tanh", sigma_w2="max")
    assert even.bound is not None
    assert (even.centered_ratio, even.leading) == (None, 2)
    assert odd.bound is None
    assert odd.centered_ratio is not None
    assert effective_rank_bounds("cos", 3, gamma_b2="0.1").centered_ratio is not None
    constant = effective_rank_bounds("relu", 3, gamma_b2=1)
    assert constant.bound == 1
    assert constant.leading is None


def run(*arguments: str, stdin: str = "") -> Done:
    return inside(arguments, stdin)


def test_sweeps_are_json_lines_in_order() -> None:
    lines = run(
        "effrank", "-a", "relu", "-a", "erf", "-l", "2:3", "--gamma-b2", "0", "--gamma-b2", "0.1", "--json"
    ).stdout
    kernels = [json.loads(line)["kernel"] for line in lines.splitlines()]
    order = [(k["activation"], k["depth"], k["gamma_b2"]) for k in kernels]
    assert order == [(a, l, g) for a in ("relu", "erf") for l in (2, 3) for g in (0, 0.1)]  # noqa: E741


def test_data_from_a_pipe() -> None:
    fields = json.loads(
        run("effrank", "-a", "relu", "--data", "-", "--epsilon", "0.5", "--json", stdin="1 0\n0 1\n").stdout
    )
    off = 1 / np.pi / 2 + 0.5
    assert fields["kernel_effrank"] == pytest.approx(2 * 1.5 / (1.5 + off), rel=1e-11)
    assert fields["counts"] == [{"epsilon": 0.5, "count": 1, "bound": pytest.approx(4 * 1.5 / (1.5 + off), rel=1e-11)}]
    assert fields["data"] == {"source": "stdin", "n": 2, "d": 2, "rank": 2, "normalized_rows": False}


def test_bounds_of_a_piped_series() -> None:
    series = run("coeffs", "-a", "relu", "--json").stdout
    assert json.loads(run("effrank", "-c", "-", "--json", stdin=series).stdout)["bound"] == pytest.approx(2.27564097899)
    unknown = json.loads(run("effrank", "-c", "-", "--json", stdin="1\n0.5\n").stdout)
    assert (unknown["bound"], unknown["kernel"]) == (None, None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["effrank"], "name an activation"),
        (["effrank", "-a", "relu", "--epsilon", "0.1"], "--data"),
        (["effrank", "-a", "relu", "--data", "-", "--epsilon", "2"], "(0, 1]"),
        (["effrank", "-a", "relu", "--data", "-", "--memory", "much"], "500M"),
        (["effrank", "-a", "relu", "-c", "-"], "--coeffs"),
        (["effrank", "-a", "relu", "--data", "-", "--engine", "mpmath"], "--engine"),
        (["effrank", "-a", "relu", "--data", "-"], "empty"),
    ],
)
def test_refusals(arguments: list[str], said: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_more_digits_than_there_are() -> None:
    assert run("effrank", "-a", "relu", "--data", "-", "-d", "40", stdin="1 0\n0 1\n").returncode == 3


def test_what_has_no_effective_rank() -> None:
    for wrong, said in ((np.zeros((2, 2)), "trace 0"), (np.ones((2, 3)), "square")):
        with pytest.raises(InputError, match=said):
            effective_rank(wrong)


@pytest.mark.parametrize("digits", [0, 10_001, 10**30])
def test_digits_beyond_the_limit_are_refused(digits: int) -> None:
    with pytest.raises(InputError, match=f"digits must lie in 1 to 10000, got {digits}"):
        effective_rank_bounds("relu", digits=digits)
    with pytest.raises(InputError, match="digits must lie in 1 to 10000"):
        given_bounds(parse_series("1\n0.5\n", "series")[0], digits)
