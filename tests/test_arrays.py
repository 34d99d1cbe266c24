"""The kernel on arrays and matrices of data, in float64, against Θ_l(ρ) at the exact correlations."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest

from ntkcalc import ntk, ntk_matrix
from ntkcalc.activations.catalogue import FAMILIES
from ntkcalc.errors import InputError
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.kernel_lookup import kernel_lookup
from ntkcalc.kernel.kernel_matrix import KernelMatrix
from ntkcalc.kernel.points import unit_rows
from ntkcalc.kernel.recursion import theta
from ntkcalc.numerics.precision import context

RNG = np.random.default_rng(2023)

EDGES = [0.0, 1.0, 1e-300, 1 - 2.0**-53, 1 - 1e-12, 1 - 2.0**-40]
"""Where the table begins, ends and hands over; with both signs."""


def true(kernel: Kernel, rho: float | Fraction) -> float:
    """Θ at a double taken exactly."""
    return float(theta(kernel, Fraction(rho), 100))


def total(kernel: Kernel) -> float:
    """S_l."""
    return float(kernel.total(64))


def points(count: int) -> list[float]:
    """Edges and random doubles, half of them on a logarithmic scale next to 1, with both signs."""
    near_one = 1 - 10.0 ** RNG.uniform(-15, 0, count)
    sizes = [*EDGES, *RNG.uniform(0, 1, count), *near_one]
    return [size * sign for size, sign in zip(sizes, RNG.choice([-1.0, 1.0], len(sizes)), strict=True)]


# ---------------------------------------------------------------- ntk

DEPTHS = dict(zip(FAMILIES, [(i % 8 + 1, (i + 3) % 8 + 1) for i in range(16)], strict=True))
"""Two depths for each activation, so that each of 1 to 8 has four."""


@pytest.mark.parametrize("act", FAMILIES)
@pytest.mark.quick(5)
def test_every_entry_is_right_to_1e_13(act: str) -> None:
    for depth, sigma_w2, gamma_b2 in zip(DEPTHS[act], ("1", "max"), ("0", "0.1"), strict=True):
        kernel = Kernel.of(act, depth, sigma_w2, gamma_b2)
        rhos = points(4)
        found = ntk(rhos, act, depth, sigma_w2=sigma_w2, gamma_b2=gamma_b2)
        for rho, ours in zip(rhos, found, strict=True):
            theirs = true(kernel, rho)
            # issue 3: 1e-13 of Θ, or of S/1000 where Θ crosses zero
            assert abs(ours - theirs) <= 1e-13 * max(abs(theirs), 1e-3 * total(kernel)), rho


@pytest.mark.parametrize("act", FAMILIES)
@pytest.mark.quick(8)
def test_entries_at_one_are_the_total(act: str) -> None:
    depth = DEPTHS[act][0]
    assert ntk([1.0], act, depth)[0] == total(Kernel.of(act, depth))


@pytest.mark.parametrize("act", ["relu", "abs", "gelu", "sin", "tanh"])
@pytest.mark.quick(2)
def test_deep_networks_keep_the_accuracy_that_the_table_states(act: str) -> None:
    kernel = Kernel.of(act, 50, "max")
    table = kernel_lookup(kernel)
    rhos = [0.3, -0.77, 0.9997, -0.99999999, 1 - 2.0**-39, 1 - 2.0**-45, 1 - 2.0**-53]
    worst = max(
        abs(ours - true(kernel, rho)) for rho, ours in zip(rhos, ntk(rhos, act, 50, sigma_w2="max"), strict=True)
    )
    assert worst <= table.accuracy * table.total
    assert table.accuracy < 1e-13


def test_pieces_of_the_table_meet() -> None:
    """At the ends of octaves and of their sixteenths, one double to either side."""
    kernel = Kernel.of("relu", 3)
    edges = 1 - np.array([1, 17 / 16, 31 / 16])[:, None] * 2.0 ** -np.arange(1, 40, 6)
    rhos = np.stack([np.nextafter(edges, -2), edges, np.nextafter(edges, 2)])
    found = ntk(rhos, "relu", 3)
    theirs = np.vectorize(lambda rho: true(kernel, rho))(rhos)
    assert found == pytest.approx(theirs, abs=1e-15 * total(kernel))


@pytest.mark.parametrize("shape", [(), (0,), (7,), (2, 0, 3), (2, 3, 4), (1, 1, 1, 1, 1)])
def test_shapes_are_kept(shape: tuple[int, ...]) -> None:
    rho = np.linspace(-1, 1, int(np.prod(shape))).reshape(shape)
    found = ntk(rho, "relu")
    assert (found.shape, found.dtype) == (shape, np.float64)
    assert found.reshape(-1).tolist() == [ntk(x, "relu").item() for x in rho.reshape(-1)]


def test_arrays_of_any_layout_are_read() -> None:
    grid = RNG.uniform(-1, 1, (30, 40))
    found = ntk(grid, "tanh")
    for array, theirs in (
        (np.asfortranarray(grid), found),
        (grid.T, found.T),
        (grid[::-2, ::3], found[::-2, ::3]),
        (grid.astype(">f8"), found),
        (np.broadcast_to(grid[0], (5, 40)), np.broadcast_to(found[0], (5, 40))),
    ):
        assert (ntk(array, "tanh") == theirs).all()


def test_more_than_a_block_of_entries_is_the_same_as_each_alone() -> None:
    rho = RNG.uniform(-1, 1, 20_000)
    found = ntk(rho, "relu")
    assert found[[0, 8191, 8192, 19_999]].tolist() == [ntk(x, "relu").item() for x in rho[[0, 8191, 8192, 19_999]]]


def test_other_numbers_are_taken_as_the_doubles_that_they_are() -> None:
    ends = ntk([-1.0, 0.0, 1.0], "relu").tolist()
    assert ntk([-1, 0, 1], "relu").tolist() == ends
    assert ntk(np.array([-1, 0, 1], dtype=np.int8), "relu").tolist() == ends
    assert ntk(-0.0, "relu") == ends[1]
    single = np.float32(0.1)
    assert ntk(single, "relu") == ntk(float(single), "relu") != ntk(0.1, "relu")


def test_what_was_given_is_not_changed() -> None:
    rho, x = np.array([0.5, -0.5]), np.array([[3.0, 4], [1, 0]])
    ntk(rho, "relu")
    ntk_matrix(x, act="relu")
    assert (rho.tolist(), x.tolist()) == ([0.5, -0.5], [[3, 4], [1, 0]])


# ---------------------------------------------------------------- ntk_matrix


def unit_points(n: int, d: int) -> Any:
    x = RNG.standard_normal((n, d))
    return x / np.linalg.norm(x, axis=1)[:, None]


def exact_rho(x: Sequence[float], y: Sequence[float]) -> Fraction:
    """The correlation of two rows of doubles, to 80 digits."""
    ctx = mpmath.mp.clone()
    ctx.dps = 80
    dot, one, other = (
        ctx.fsum(ctx.mpf(a) * ctx.mpf(b) for a, b in zip(*p, strict=True)) for p in ((x, y), (x, x), (y, y))
    )
    rho = dot / ctx.sqrt(one * other)
    mantissa, exponent = rho.man_exp
    size = Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
    return max(Fraction(-1), min(Fraction(1), size if rho >= 0 else -size))


@pytest.mark.parametrize("act", FAMILIES)
@pytest.mark.quick(8)
def test_matrices_are_positive_semidefinite_symmetric_with_the_total_on_the_diagonal(act: str) -> None:
    x = unit_points(460, 10)
    x = np.concatenate([x, x[:20], -x[20:40]])  # duplicates and antipodal rows
    matrix = ntk_matrix(x, act=act, depth=3)
    assert (matrix == matrix.T).all()
    assert set(matrix.diagonal()) == {total(Kernel.of(act, 3))}
    spectrum = np.linalg.eigvalsh(matrix)
    assert spectrum[0] >= -1e-12 * spectrum[-1]  # issue 3


@pytest.mark.parametrize("act", ["relu", "abs", "elu", "tanh"])
def test_entries_are_right_to_1e_12(act: str) -> None:
    kernel = Kernel.of(act, 3)
    x = RNG.standard_normal((4, 60))
    near = [x[0] + size * RNG.standard_normal(60) for size in (1e-2, 1e-4, 1e-6, 1e-9)]
    rows = np.concatenate([x, near, np.negative(near), x[:1], -x[:1]])
    matrix = ntk_matrix(rows, act=act, depth=3)
    for j in range(len(rows)):
        rho = exact_rho(rows[0].tolist(), rows[j].tolist())
        assert abs(matrix[0, j] - true(kernel, rho)) <= 1e-12, (j, float(rho))  # issue 3
    assert matrix[0, -2] == total(kernel)  # an equal row
    assert matrix[0, -1] == ntk(-1.0, act, 3)  # the opposite one


def test_scaled_rows_are_the_same_points() -> None:
    x = RNG.standard_normal((20, 5))
    plain = ntk_matrix(x, act="relu")
    assert (ntk_matrix(x * 2.0 ** RNG.integers(-900, 900, (20, 1)), act="relu") == plain).all()
    # a factor that is no power of two rounds each coordinate once
    for size in (1e300, 1e-300):
        assert ntk_matrix(x * size, act="relu") == pytest.approx(plain, abs=1e-13)


@pytest.mark.parametrize(("act", "gamma_b2"), [("relu", "0"), ("tanh", "0.2")])
def test_a_cross_matrix_is_a_block_of_the_joint_one(act: str, gamma_b2: str) -> None:
    x, y = unit_points(540, 7), unit_points(30, 7)  # more than one tile
    y[:3], y[3:6] = x[[0, 520, 539]], -x[[0, 520, 539]]
    joint = ntk_matrix(np.concatenate([x, y]), act=act, gamma_b2=gamma_b2)
    cross = ntk_matrix(x, y, act=act, gamma_b2=gamma_b2)
    assert cross.shape == (540, 30)
    # products of another shape may round otherwise, by 1e-16, seen through √δ ≥ 2^-6
    assert cross == pytest.approx(joint[:540, 540:], abs=1e-13)
    assert ntk_matrix(y, x, act=act, gamma_b2=gamma_b2) == pytest.approx(cross.T, abs=1e-13)


def test_points_on_a_line_are_plus_and_minus_one() -> None:
    kernel = Kernel.of("relu", 2)
    signs = np.array([[3.0], [-0.5], [1e-200]])
    expected = np.where(np.sign(signs) == np.sign(signs.T), total(kernel), true(kernel, -1.0))
    assert ntk_matrix(signs, act="relu") == pytest.approx(expected, abs=1e-15)


def test_one_point_is_the_total() -> None:
    assert ntk_matrix([[0.3, 0.4]], act="gelu", depth=4).tolist() == [[total(Kernel.of("gelu", 4))]]


def test_images_are_points() -> None:
    images = RNG.standard_normal((6, 2, 3, 3))
    assert (ntk_matrix(images, act="relu") == ntk_matrix(images.reshape(6, -1), act="relu")).all()


def test_the_matrix_is_written_where_it_shall_go(tmp_path: Path) -> None:
    x = unit_points(30, 4)
    there = np.lib.format.open_memmap(tmp_path / "k.npy", mode="w+", dtype=np.float64, shape=(30, 30))
    assert ntk_matrix(x, act="relu", out=there) is there
    there.flush()
    assert (np.load(tmp_path / "k.npy") == ntk_matrix(x, act="relu")).all()


def test_unit_rows_need_no_scaling() -> None:
    x = unit_points(5, 3)
    assert (ntk_matrix(x, act="relu", normalize=False) == ntk_matrix(x, act="relu")).all()


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize("rho", [1 + 2.0**-52, -1.1, np.nan, np.inf, -np.inf, [0.0, 2.0], [[0.5], [np.nan]]])
def test_correlations_outside_the_interval_are_refused(rho: Any) -> None:
    with pytest.raises(InputError, match=r"\[-1, 1\]"):
        ntk(rho, "relu")


@pytest.mark.parametrize("rho", [np.array([0.5 + 0.5j]), [1j], "half", ["a"], [[0.1], [0.1, 0.2]], object()])
def test_correlations_that_are_no_numbers_are_refused(rho: Any) -> None:
    with pytest.raises((TypeError, ValueError)):  # NumPy's own words will do
        ntk(rho, "relu")


@pytest.mark.parametrize(
    ("x", "y", "options", "expected"),
    [
        ([[1.0, 2], [np.nan, 1]], None, {}, "x: finite numbers are needed, row 2"),
        ([[1.0, 2]], [[0.0, 0]], {}, "y: row 1 is zero"),
        ([1.0, 2], None, {}, "1 dimensions"),
        (np.ones((0, 2)), None, {}, "no points"),
        ([[1j]], None, {}, "complex"),
        ([["a"]], None, {}, "real numbers"),
        ([[1.0, 2]], [[1.0, 2, 3]], {}, "one length, got 2 and 3"),
        ([[1e200, 2]], None, {"normalize": False}, "row 1 has a norm above"),
        ([[1.0, 2]], None, {"out": np.empty((2, 2))}, r"of shape \(1, 1\)"),
        ([[1.0, 2]], None, {"out": np.empty((1, 1), dtype=np.int64)}, "out"),
        ([[1.0, 2]], None, {"act": "tahn"}, "'tanh'"),
        ([[1.0, 2]], None, {"depth": 0}, "at least 1"),
        ([[1.0, 2]], None, {"sigma_w2": 3}, "at most 2"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(x: Any, y: Any, options: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        ntk_matrix(x, y, **{"act": "relu"} | options)


ACTIVATIONS = ["relu", "abs", "tanh", "gelu", "selu", "cos"]


@pytest.mark.parametrize("act", ACTIVATIONS)
@pytest.mark.parametrize(("depth", "variance"), [(2, "1"), (6, "max"), (10, "max")])
@pytest.mark.quick(8)
def test_the_stated_error_of_entries_holds_from_nearly_equal_rows_to_orthogonal_ones(
    act: str, depth: int, variance: str
) -> None:
    random = np.random.default_rng(depth)
    kernel = Kernel.of(act, depth, variance, "0.1")
    rows = []
    for delta in 10.0 ** random.uniform(-16, 0, 6):
        one, other = np.linalg.qr(random.standard_normal((300, 2)))[0].T
        side = random.choice([-1.0, 1.0]) * ((1 - delta) * one + (delta * (2 - delta)) ** 0.5 * other)
        rows += [one * 10.0 ** random.uniform(-3, 3), side * 10.0 ** random.uniform(-3, 3)]
    matrix = KernelMatrix(kernel_lookup(kernel), unit_rows(np.array(rows), "rows").rows)
    found = np.empty(matrix.shape)
    matrix.fill(found)
    for i in range(0, len(rows), 2):
        exact = theta(kernel, exact_correlation(rows[i], rows[i + 1]), 90)
        assert abs(float(exact - float(found[i, i + 1]))) <= matrix.entry_error
    assert matrix.entry_error < 1e-12 * matrix.table.total


@pytest.mark.parametrize(("act", "depth", "variance"), [("abs", 10, "max"), ("relu", 10, "max"), ("abs", 6, "1")])
def test_the_stated_error_knows_the_rounding_of_long_sums(act: str, depth: int, variance: str) -> None:
    random, rows = np.random.default_rng(1), []
    for delta in random.uniform(0.008, 0.03, 8):  # as near as correlations themselves are used
        one, other = np.linalg.qr(random.standard_normal((3000, 2)))[0].T
        rows += [3.3 * one, 7.7 * ((1 - delta) * one + (delta * (2 - delta)) ** 0.5 * other)]
    matrix = KernelMatrix(kernel_lookup(Kernel.of(act, depth, variance)), unit_rows(np.array(rows), "rows").rows)
    found = np.empty(matrix.shape)
    matrix.fill(found)
    pairs = [(exact_correlation(rows[i], rows[i + 1]), float(found[i, i + 1])) for i in range(0, len(rows), 2)]
    worst = max(abs(float(theta(matrix.table.kernel, rho, 90) - ours)) for rho, ours in pairs)
    assert matrix.table.accuracy * matrix.table.total < worst <= matrix.entry_error


def exact_correlation(x: Any, y: Any) -> Fraction:
    """The correlation of two rows as they are, to 280 bits."""
    ctx = context(320)
    u, v = ([ctx.mpf(entry) for entry in row.tolist()] for row in (x, y))
    rho = ctx.fdot(u, v) / ctx.sqrt(ctx.fdot(u, u) * ctx.fdot(v, v))
    return Fraction(int(ctx.ldexp(rho, 280)), 1 << 280)
