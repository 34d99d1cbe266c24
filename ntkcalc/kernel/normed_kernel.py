r"""Kernel matrices of rows of different norms, in float64: q_1(x) = γ_w² ‖x‖² + γ_b², each row with its own q_l.

With ρ the correlation of two rows, Θ_l/√(Θ_l(x,x) Θ_l(y,y)) is a function f(ρ; x, y) of ρ and both norms.

* φ analytic on the line: f is analytic in all three, and :math:`\sum_k T_k(ρ) \sum_r λ_{kr} v_{kr}(x) v_{kr}(y)` is a
  sum of Chebyshev polynomials in ρ with symmetric coefficients, each of a few terms in functions of the norm. They
  come from the recursion at Chebyshev nodes, where :math:`Σ_{l+1}(x, y) = σ_w² \sum_k µ_k(q_x) µ_k(q_y) C^k + σ_b²`.
* φ homogeneous (`PairRecursion`): the recursion entry by entry, with the layer map of unit variance.
* φ with a kink at 0 (`PairRecursion` too): with means over the plane in polar coordinates, U = r cos θ,
  V = r cos(θ − ψ), cut where U or V changes sign: some 50 µs an entry and layer.

The state of the recursion is C with 1 − |C|, in sums of positive terms: with a = σ_w² E[φ_q²], b = σ_b² and R the
correlation of the two φ_q,

.. math::  \sqrt{q'_x q'_y} - Σ' = \frac{b (\sqrt{a_x} - \sqrt{a_y})²}{\sqrt{q'_x q'_y} + b + \sqrt{a_x a_y}}
           + \sqrt{a_x a_y} (1 - R) .
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.polynomial.chebyshev import chebval, chebvander

from ntkcalc.activations.activation import Activation
from ntkcalc.errors import AccuracyError, InputError
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.layer_interpolant import LayerMap, interpolated_layer_map, lobatto_series
from ntkcalc.kernel.variances import Variances
from ntkcalc.numerics.types import Array, Flags

_NEGLIGIBLE = 1e-14  # of the largest Chebyshev coefficient
_DROPPED = 1e-16  # terms that are left out
_NODES = (12, 128)  # of the norm: first, and most
_DEGREES = (32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)  # in ρ
_MOST_HERMITE = 1 << 17
_BLOCK = 64  # Hermite coefficients at a time
_QUIET = 6  # successive µ_k that are negligible
_VANISHING = 42.0  # −ln of what is left out of a sum of powers, beside its first terms
_MOST_CORRELATIONS = 2048  # degree of D in the correlation
_SAMPLES = 9  # norms at which the error is measured
_REACH = 13.0  # |z| beyond which φ √ω is nothing


class RowKernel(Protocol):
    """A kernel between rows of given norms."""

    @property
    def accuracy(self) -> float:
        """Bound on the errors of entries over √(Θ(x,x) Θ(y,y)), beside that of correlations; measured."""

    def roots(self, norms: Array) -> Array:
        """Return √Θ_l(x,x)."""

    def side(self, norms: Array) -> list[Array]:
        """Return what `between` needs of rows of these norms: arrays with a row for each."""

    def between(self, rows: list[Array], columns: list[Array], negative: Flags, delta: Array) -> Array:
        """Return Θ_l between rows and columns, given by `side`, at |ρ| = 1 − δ, ρ < 0 where `negative`."""

    def tile(self, rows: Array, columns: Array, negative: Flags, delta: Array) -> Array:
        """Return the same between rows and columns of these norms."""


def row_kernel(kernel: Kernel, least: float, largest: float) -> RowKernel:
    """Return the kernel between rows with norms from `least` to `largest`."""
    phi = kernel.activation
    if phi.homogeneous or phi.jumps:
        return PairRecursion.of(kernel)
    if phi.roughness is not None:
        raise InputError(
            f"{phi.name}: rows of different norms need a phi without kinks away from 0; leave out --no-normalize"
        )
    return SeparableKernel.of(kernel, least, largest)


class _Constants(NamedTuple):
    """The four variances in float64."""

    sigma_w2: float
    sigma_b2: float
    gamma_w2: float
    gamma_b2: float

    @classmethod
    def of(cls, v: Variances) -> _Constants:
        return cls(*(float(f(64)) for f in (v.sigma_w2_at, v.sigma_b2_at, v.gamma_w2_at, v.gamma_b2_at)))


# ---------------------------------------------------------------- analytic φ


class _LayerMeans:
    """E[φ_q²] and E[φ_q'²], and of all pairs of q the dual D and its derivative, from Hermite coefficients.

    Those come from the trapezoidal rule on the line. D(t) = Σ µ_k(q_x) µ_k(q_y) t^k is summed at Chebyshev nodes, which
    give its Chebyshev series: it takes fewer terms, and correlations of all pairs at once.
    """

    def __init__(self, phi: Activation, q: Array) -> None:
        self.phi, self.functions, self.root = phi, phi.on_arrays(), np.sqrt(q)
        step, squares = 1 / 8, self._squares(1 / 8)
        while True:
            step, before, squares = step / 2, squares, self._squares(step / 2)
            if all(np.abs(a - b).max() < 1e-14 * b.max() for a, b in zip(before, squares, strict=True)):
                break
            if step < 1 / 512:
                raise _too_steep(phi)
        self.square, self.slope = squares
        self.mu = self._moments(step / 2)
        self.series = self._series()

    def pairs(self, c: Array) -> tuple[Array, Array]:
        """Return D and D' at correlations c, shape (n, pairs), or (n, 1) where they are those of all pairs."""

        def sums(series: Array) -> Array:
            if c.shape[1] == 1:
                return np.asarray(chebvander(c[:, 0], len(series) - 1) @ series)
            return np.asarray(chebval(c, series[:, None], tensor=False), dtype=np.float64)

        value, slope = map(sums, self.series)
        return value, slope

    def _squares(self, step: float) -> tuple[Array, Array]:
        z = _line(step)
        weight = np.exp(-(z**2) / 2) * (step / math.sqrt(2 * math.pi))
        phi, slope = (f(self.root[:, None] * z) for f in self.functions)
        return phi**2 @ weight, self.root**2 * (slope**2 @ weight)

    def _moments(self, step: float) -> Array:
        """Return µ_0, µ_1, … until they are negligible for all q, shape (K, m)."""
        z = _line(step)
        root_weight = np.exp(-(z**2) / 4) / (2 * math.pi) ** 0.25
        weighted = np.ascontiguousarray((self.functions[0](self.root[:, None] * z) * (root_weight * step)).T)
        before, here, found, quiet = np.zeros_like(z), root_weight, list[Array](), 0
        least = 5e-9 * np.sqrt(np.maximum(self.square, 1e-300))  # k µ_k² is what counts
        for start in range(0, _MOST_HERMITE, _BLOCK):
            rows = []
            for k in range(start, start + _BLOCK):
                rows.append(here)
                before, here = here, (z * here - math.sqrt(k) * before) / math.sqrt(k + 1)
            block = np.stack(rows) @ weighted
            found.append(block)
            quiet = (np.abs(block) * np.sqrt(np.arange(start, start + _BLOCK) + 1)[:, None] <= least).all(axis=1)
            if quiet[-_QUIET:].all():
                loud = np.flatnonzero(~quiet)
                return np.concatenate(found)[: start + (int(loud[-1]) + 1 if len(loud) else 0) + _QUIET]
        raise _too_steep(self.phi)

    def _series(self) -> list[Array]:
        """Return D and D' of all pairs x ≤ y as Chebyshev series in the correlation, shape (J, pairs)."""
        n, values = 16, self._at(np.pi * np.arange(17) / 16)
        while True:
            between = self._at(np.pi * (np.arange(n) + 0.5) / n)
            n, values = 2 * n, np.insert(values, np.arange(1, n + 1), between, axis=1)
            series = [lobatto_series(v) for v in values]
            if all(np.abs(s[-3:]).max() <= _NEGLIGIBLE / 10 * np.abs(s).max() for s in series):
                return [_short(s) for s in series]
            if n >= _MOST_CORRELATIONS:
                raise _too_steep(self.phi)

    def _at(self, angles: Array) -> Array:
        """Return D and D' of all pairs at the cosines of angles, symmetric about π/2, shape (2, n, pairs)."""
        half, m = (len(angles) + 1) // 2, len(self.root)
        found, k, (x, y) = np.zeros((2, len(angles), m * (m + 1) // 2)), np.arange(len(self.mu)), np.triu_indices(m)
        for i, angle in enumerate(angles[:half]):
            log = math.log(max(math.cos(angle), 1e-300))
            terms = min(len(k), math.ceil(_VANISHING / max(-log, 1e-9)) + 8)
            powers = np.exp(k[:terms] * log)
            rises = np.concatenate([[0.0], k[1:terms] * powers[:-1]])
            for part, weight in zip(found, (powers, rises), strict=True):
                even, odd = (
                    (self.mu[first:terms:2] * weight[first:terms:2, None]).T @ self.mu[first:terms:2]
                    for first in (0, 1)
                )
                sign = -1 if weight is rises else 1
                part[len(angles) - 1 - i] = (sign * (even - odd))[x, y]
                part[i] = (even + odd)[x, y]
        return found


def _short(series: Array) -> Array:
    """Return a Chebyshev series without its last terms that are negligible."""
    sizes = np.abs(series).reshape(len(series), -1).max(axis=1)
    count = int(np.flatnonzero(sizes > _DROPPED / 10 * sizes.max())[-1]) + 1
    return np.asarray(series[:count])


def _line(step: float) -> Array:
    return np.asarray(np.arange(-round(_REACH / step), round(_REACH / step) + 1) * step, dtype=np.float64)


def _too_steep(phi: Activation) -> AccuracyError:
    return AccuracyError(f"{phi.name} is too steep for float64 on rows of such norms; scale the data")


@dataclass(frozen=True)
class SeparableKernel:
    """f(ρ; x, y) as a sum of products; the norm enters as u = asinh(γ_w ‖x‖), from `low` to `high`."""

    scale: float  # γ_w
    low: float
    high: float
    terms: list[tuple[Array, Array]]  # of each T_k: λ, shape (r,), and v as Chebyshev series in u, shape (m, r)
    diagonal: Array  # of Θ_l(x,x)/(‖x‖² γ_w² + floor), a Chebyshev series in u
    floor: float
    accuracy: float

    @classmethod
    def of(cls, kernel: Kernel, least: float, largest: float) -> SeparableKernel:
        """Return the kernel for norms between two bounds."""
        constants = _Constants.of(kernel.variances)
        scale = math.sqrt(constants.gamma_w2)
        low, high = math.asinh(scale * least), math.asinh(scale * largest)
        high = max(high, low + 1e-6 * (1 + low))
        count, degree = _NODES[0], 0
        while count <= _NODES[1]:
            places = _nodes(count)
            recursion = _Recursion(kernel, constants, _norms(low, high, places))
            for degree in (d for d in _DEGREES if d >= degree):
                along_rho = lobatto_series(recursion.at(np.cos(np.pi * np.arange(degree + 1) / degree)))
                if np.abs(along_rho[-3:]).max() <= _NEGLIGIBLE * np.abs(along_rho).max():
                    break
            else:
                raise _too_steep(kernel.activation)
            to_series = _series_matrix(places)
            tensor = to_series @ along_rho @ to_series.T
            norms, roots = recursion.norms, recursion.roots
            floor = _floor(kernel, constants, roots[np.argmin(norms)])
            diagonal = to_series @ (roots**2 / (norms**2 + floor))
            tail = max(np.abs(a[..., -2:, :]).max() / np.abs(a).max() for a in (tensor, diagonal[:, None]))
            if tail <= _NEGLIGIBLE:
                found = cls(scale, low, high, _terms(tensor), diagonal, floor, 0.0)
                return replace(found, accuracy=found._measured(kernel, constants))
            rate = min(math.log(_NEGLIGIBLE) / math.log(min(tail, 0.5)), 3.0)  # errors fall geometrically
            count = math.ceil(count * max(rate, 1.2)) + 2
        raise _too_steep(kernel.activation)

    def _measured(self, kernel: Kernel, constants: _Constants) -> float:
        """Return four times the largest difference from the recursion, between some norms and correlations."""
        places = np.concatenate([[-1.0, 1.0], np.cos(np.arange(_SAMPLES - 2) + 0.5)])  # errors peak at the ends
        recursion = _Recursion(kernel, constants, np.maximum(_norms(self.low, self.high, places), 1e-60))
        side = self.side(recursion.norms / self.scale) if self.scale else self.side(np.zeros(_SAMPLES))
        rho = np.concatenate([[-1.0, 0.0, 1.0], np.cos(np.arange(40) + 0.25)])
        values, whole = recursion.at(rho), np.outer(side[0], side[0])
        flat = [np.full((_SAMPLES, _SAMPLES), r) for r in rho]
        found = np.stack([self._sum(side[1:], side[1:], r) for r in flat])
        beside = np.abs(whole / np.outer(recursion.roots, recursion.roots) - 1).max()
        return max(1e-13, 4 * float(np.abs(found - values).max() + beside))

    def _place(self, norms: Array) -> Array:
        return (np.arcsinh(self.scale * norms) - self.low) * (2 / (self.high - self.low)) - 1

    def roots(self, norms: Array) -> Array:
        """See `RowKernel.roots`."""
        size = (self.scale * norms) ** 2 + self.floor
        return np.sqrt(size * chebval(self._place(norms), self.diagonal))

    def side(self, norms: Array) -> list[Array]:
        """See `RowKernel.side`: √Θ_l(x,x) and the functions v_{kr} of each T_k."""
        basis = chebvander(self._place(norms), len(self.diagonal) - 1)
        return [self.roots(norms), *(basis @ v for _, v in self.terms)]

    def tile(self, rows: Array, columns: Array, negative: Flags, delta: Array) -> Array:
        """See `RowKernel.tile`."""
        return self.between(self.side(rows), self.side(columns), negative, delta)

    def between(self, rows: list[Array], columns: list[Array], negative: Flags, delta: Array) -> Array:
        """See `RowKernel.between`: Clenshaw's rule."""
        rho = np.where(negative, delta - 1, 1 - delta)
        return self._sum(rows[1:], columns[1:], rho) * np.outer(rows[0], columns[0])

    def _sum(self, rows: list[Array], columns: list[Array], rho: Array) -> Array:
        twice = 2 * rho
        above, here = np.zeros_like(rho), np.zeros_like(rho)
        for (sizes, _), mine, others in zip(self.terms[:0:-1], rows[:0:-1], columns[:0:-1], strict=True):
            following = (mine * sizes) @ others.T
            following -= above
            above = here
            following += twice * here
            here = following
        found: Array = (rows[0] * self.terms[0][0]) @ columns[0].T
        return found + rho * here - above


def _floor(kernel: Kernel, c: _Constants, least: float) -> float:
    """Return about Θ_l(0, 0), so that Θ_l(x,x) over its sum with γ_w² ‖x‖² is bounded and far from 0."""
    silent = c.gamma_b2 + c.sigma_b2 == 0 and not kernel.activation.on_arrays()[0](np.zeros(1))[0]
    return 0.0 if silent else least**2


def _norms(low: float, high: float, places: Array) -> Array:
    """Return norms times γ_w at places of [−1, 1]."""
    return np.asarray(np.sinh(low + (high - low) * (places + 1) / 2))


def _nodes(count: int) -> Array:
    return np.cos(np.pi * (np.arange(count) + 0.5) / count)


def _series_matrix(places: Array) -> Array:
    """Return the matrix from values at Chebyshev nodes to the coefficients of their interpolant."""
    n = len(places)
    found = 2 / n * chebvander(places, n - 1).T
    found[0] /= 2
    return np.asarray(found, dtype=np.float64)


class _Recursion:
    """f between all pairs of norms (times γ_w)."""

    def __init__(self, kernel: Kernel, c: _Constants, norms: Array) -> None:
        self.kernel, self.constants, self.norms = kernel, c, norms
        self.layers: list[tuple[Array, _LayerMeans]] = []
        q = norms**2 + c.gamma_b2
        own = q
        for _ in range(kernel.depth - 1):
            means = _LayerMeans(kernel.activation, q)
            self.layers.append((q, means))
            own = c.sigma_w2 * means.square + c.sigma_b2 + own * c.sigma_w2 * means.slope / q
            q = c.sigma_w2 * means.square + c.sigma_b2
        self.roots = np.sqrt(q if kernel.name == "nngp" else own)

    def at(self, rho: Array) -> Array:
        """Return f at correlations, shape (n,), of all pairs, shape (n, m, m)."""
        c, m = self.constants, len(self.norms)
        x, y = np.triu_indices(m)
        sigma = theta = rho[:, None] * (self.norms[x] * self.norms[y]) + c.gamma_b2
        correlation = np.empty(0) if c.gamma_b2 else rho[:, None]
        for q, means in self.layers:
            size = np.sqrt(q[x] * q[y])
            value, slope = means.pairs(correlation if correlation.size else np.clip(sigma / size, -1, 1))
            sigma = c.sigma_w2 * value + c.sigma_b2
            theta = sigma + theta * c.sigma_w2 * slope / size
            correlation = np.empty(0)
        found = np.empty((len(rho), m, m))
        found[:, x, y] = (sigma if self.kernel.name == "nngp" else theta) / (self.roots[x] * self.roots[y])
        found[:, y, x] = found[:, x, y]
        return found


def _terms(tensor: Array) -> list[tuple[Array, Array]]:
    """Return λ and v of each symmetric coefficient, without what is negligible."""
    least, found = _DROPPED * float(np.abs(tensor).max()), []
    for matrix in tensor:
        values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
        kept = np.abs(values) > least
        found.append((values[kept], vectors[:, kept]))
    while len(found) > 2 and not len(found[-1][0]):
        found.pop()
    return found


# ---------------------------------------------------------------- entry by entry

PairMap = Callable[[Array, Array, Flags, Array], tuple[Array, Array, Array, Array, Array]]
"""From q_x, q_y, the sign of C and ψ, |C| = cos ψ: E[φ_q²] of both, 1 − R, 1 + R and D'/√(q_x q_y)."""


@dataclass(frozen=True)
class PairRecursion:
    """The recursion of every entry by itself."""

    kernel: Kernel
    constants: _Constants
    pair_map: PairMap
    accuracy: float

    @classmethod
    def of(cls, kernel: Kernel) -> PairRecursion:
        """Return the recursion of a homogeneous φ, or of one with a kink at 0."""
        phi, constants = kernel.activation, _Constants.of(kernel.variances)
        if not phi.homogeneous:
            return cls(kernel, constants, _PolarMeans(phi), 1e-12)
        unit = Variances(phi, None, None, None, Fraction(0)).correlation_map(2)
        square = float(phi.dual.mean_square(64))
        return cls(kernel, constants, _HomogeneousMap(interpolated_layer_map(unit), square), 1e-13)

    def __reduce__(self) -> tuple[Any, ...]:
        """Describe the recursion to other processes without functions."""
        numbers = self.pair_map if isinstance(self.pair_map, _HomogeneousMap) else None
        return _again, (self.kernel, self.constants, numbers, self.accuracy)

    def roots(self, norms: Array) -> Array:
        """See `RowKernel.roots`."""
        together = np.zeros(len(norms), dtype=np.bool_), np.zeros(len(norms))
        return np.sqrt(self._values(norms, norms, *together))

    def side(self, norms: Array) -> list[Array]:
        """See `RowKernel.side`: the norms themselves."""
        return [norms]

    def between(self, rows: list[Array], columns: list[Array], negative: Flags, delta: Array) -> Array:
        """See `RowKernel.between`."""
        return self.tile(rows[0], columns[0], negative, delta)

    def tile(self, rows: Array, columns: Array, negative: Flags, delta: Array) -> Array:
        """See `RowKernel.tile`."""
        x, y = (a.reshape(-1) for a in np.broadcast_arrays(rows[:, None], columns[None, :]))
        return self._values(x, y, negative.reshape(-1), delta.reshape(-1)).reshape(delta.shape)

    def _values(self, x: Array, y: Array, negative: Flags, delta: Array) -> Array:
        c = self.constants
        ax, ay, bias = c.gamma_w2 * x**2, c.gamma_w2 * y**2, c.gamma_b2
        below_one, above = np.where(negative, 2 - delta, delta), np.where(negative, delta, 2 - delta)
        theta, qx, qy, negative, angle = _joined(ax, ay, bias, below_one, above)
        for _ in range(self.kernel.depth - 1):
            dx, dy, below_one, above, slope = self.pair_map(qx, qy, negative, angle)
            before, (sigma, qx, qy, negative, angle) = (
                theta,
                _joined(c.sigma_w2 * dx, c.sigma_w2 * dy, c.sigma_b2, below_one, above),
            )
            theta = sigma + (before * c.sigma_w2 * slope if self.kernel.name == "ntk" else 0.0)
        return theta


def _joined(
    ax: Array, ay: Array, bias: float, below_one: Array, above: Array
) -> tuple[Array, Array, Array, Flags, Array]:
    """Return Σ' = √(a_x a_y) R + b, q'_x, q'_y, the sign of C' and ψ' from 1 − R and 1 + R."""
    root, qx, qy = np.sqrt(ax) * np.sqrt(ay), ax + bias, ay + bias
    size = np.sqrt(qx) * np.sqrt(qy)  # the product may be below what float64 has
    safe = np.where(size > 0, size, 1.0)
    apart = bias * (np.sqrt(ax) - np.sqrt(ay)) ** 2 / np.where(size > 0, size + bias + root, 1.0)
    from_one = np.where(size > 0, (apart + root * below_one) / safe, 0.0)
    from_minus_one = np.where(size > 0, 2 - from_one, 2.0)
    if bias == 0:
        from_minus_one = np.where(size > 0, above, 2.0)
    sigma = np.where(from_one < 1, size * (1 - from_one), size * (from_minus_one - 1))
    gap = np.minimum(from_one, from_minus_one)
    return sigma, qx, qy, from_minus_one < from_one, 2 * np.arcsin(np.sqrt(np.clip(gap, 0, 1) / 2))


@dataclass(frozen=True)
class _HomogeneousMap:
    """The map of a homogeneous φ, D_q = q D, from that of unit variance and E[φ²]."""

    layer: LayerMap
    square: float

    def __call__(self, qx: Array, qy: Array, negative: Flags, angle: Array) -> tuple[Array, Array, Array, Array, Array]:
        below, image, slope = self.layer(negative, angle)
        near, far = 2 * np.sin(image / 2) ** 2, 2 * np.cos(image / 2) ** 2
        from_one, from_minus_one = np.where(below, far, near), np.where(below, near, far)
        return self.square * qx, self.square * qy, from_one, from_minus_one, self.square * slope


def _again(kernel: Kernel, constants: _Constants, numbers: _HomogeneousMap | None, accuracy: float) -> PairRecursion:
    return PairRecursion(kernel, constants, numbers or _PolarMeans(kernel.activation), accuracy)


class _PolarMeans:
    """Means over the plane, of a φ that is analytic on either side of 0."""

    def __init__(self, phi: Activation, radii: int = 48, angles: int = 24) -> None:
        self.phi, self.slope = phi.on_arrays()
        r, w = np.polynomial.legendre.leggauss(radii)
        self.radius = (r + 1) * 5.5
        self.radial = w * 5.5 * self.radius * np.exp(-(self.radius**2) / 2) / (2 * math.pi)
        self.angle, self.angular = np.polynomial.legendre.leggauss(angles)
        self.block = max(1, (1 << 21) // (4 * radii * angles))

    def __call__(self, qx: Array, qy: Array, negative: Flags, angle: Array) -> tuple[Array, Array, Array, Array, Array]:
        parts = [
            self._means(qx[part], qy[part], np.where(negative[part], math.pi - angle[part], angle[part]))
            for part in (slice(i, i + self.block) for i in range(0, len(qx), self.block))
        ]
        dx, dy, mixed, apart, slope = (np.concatenate(column) for column in zip(*parts, strict=True))
        size = np.sqrt(dx) * np.sqrt(dy)
        size = np.where(size > 0, size, 1.0)
        below_one = np.maximum(apart - (np.sqrt(dx) - np.sqrt(dy)) ** 2 / 2, 0) / size
        return dx, dy, below_one, 1 + mixed / size, slope

    def _means(self, qx: Array, qy: Array, angle: Array) -> tuple[Array, ...]:
        """Return E[φ_x²], E[φ_y²], E[φ_x φ_y], E[(φ_x − φ_y)²]/2 and E[φ'(X) φ'(Y)]."""
        totals = [np.zeros_like(qx) for _ in range(5)]
        half = math.pi / 2
        ends = (
            (angle - half, half),
            (0 * angle - half, angle - half),
            (angle + half, 3 * half),
            (0 * angle + half, angle + half),
        )
        for start, end in ends:
            width = (end - start) / 2
            theta = start[:, None] + width[:, None] * (self.angle + 1)
            u = (np.sqrt(qx)[:, None] * np.cos(theta))[:, :, None] * self.radius
            v = (np.sqrt(qy)[:, None] * np.cos(theta - angle[:, None]))[:, :, None] * self.radius
            fu, fv = self.phi(u), self.phi(v)
            weight = width[:, None] * self.angular
            products = (fu * fu, fv * fv, fu * fv, (fu - fv) ** 2 / 2, self.slope(u) * self.slope(v))
            for total, product in zip(totals, products, strict=True):
                total += ((product @ self.radial) * weight).sum(axis=1)
        return tuple(totals)
