"""Enclosures of NTK power-series coefficients in ball arithmetic.

An oracle for tests.  For a fully connected network on the unit sphere with unit preactivation
variance it encloses the coefficients of

    Sigma_1 = gamma_w2 t + gamma_b2,   Sigma_l = R(Sigma_{l-1}),
    Theta_1 = Sigma_1,                 Theta_l = Sigma_l + Theta_{l-1} R'(Sigma_{l-1}),

where ``R(t) = sigma_w2 E[phi(U) phi(V)] + sigma_b2``, ``corr(U, V) = t`` and ``R(1) = 1``.
``R`` is expanded about ``a = Sigma_{l-1}(0)`` and the series are composed.  The expansion of the
dual ``D(t) = E[phi(U) phi(V)]`` about ``a``, in the variable ``(t - a) / (1 - a)``, comes from

* its closed form (linear, relu family, abs, gelu, erf, gaussian, sin, cos), by power series
  arithmetic with balls;
* the whole sum over ``k`` of ``mu_k^2 C(k, j) a^(k - j)`` (elu, selu), with the mass beyond ``K``
  known from ``E[phi^2]`` and ``C(k, j) a^(k - j)`` maximal at ``k = K + 1``;
* conditioning (tanh, sigmoid, softplus, silu, mish).  Given their common part ``y ~ N(0, a)``,
  ``U`` and ``V`` are ``y + sqrt(1 - a) X`` with correlation ``(t - a) / (1 - a)`` left, so the
  coefficients are ``E_y[m_j(y)^2]`` with ``m_j(y) = E_X[phi(y + sqrt(1 - a) X) h_j(X)]``.  No sum
  over ``k`` is left.  Both means are trapezoidal sums on the line; their discretisation and
  truncation errors are bounded by Mehler's formula, Cauchy's estimate and Parseval's identity.

Every returned ball encloses the true number.  Error bounds of quadratures are evaluated as
logarithms in double precision with slack far above the rounding errors of doubles.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from flint import arb, arb_mat, arb_poly, arb_series, ctx, fmpq

LN10 = math.log(10.0)
SLACK = 0.1  # added to every logarithm of an error bound


# ---------------------------------------------------------------- small tools


@contextlib.contextmanager
def _workspace(prec: int, terms: int) -> Iterator[None]:
    """Work with `prec` bits and series of up to `terms` terms."""
    cap = ctx.cap
    ctx.cap = terms
    try:
        with ctx.workprec(prec):
            yield
    finally:
        ctx.cap = cap


def _bits(digits: float) -> int:
    """Working precision in bits for `digits` decimal digits."""
    return int(digits * 3.4) + 64


def _arb(value: Fraction) -> arb:
    """Ball of a rational number."""
    return arb(fmpq(value.numerator, value.denominator))


def _error(log_bound: float) -> arb:
    """Ball of midpoint 0 and radius at least ``exp(log_bound)``."""
    return arb(0, 1) * arb(log_bound + SLACK).exp()


def _log(x: arb) -> float:
    """Natural logarithm of the size of a ball, as a float."""
    return float(abs(x).upper().log()) if abs(x).upper() > 0 else -math.inf


def _accurate(values: Sequence[arb], digits: int) -> bool:
    """Whether every ball is exactly zero or has relative radius at most ``10^-digits``."""
    tol = arb(10) ** (-digits)
    return all(v.is_zero() or v.rad() <= (abs(v).lower() * tol).lower() for v in values)


def _normal_density(x: arb, variance: arb) -> arb:
    """Density of ``N(0, variance)`` at `x`."""
    return (-x * x / (2 * variance)).exp() / (2 * arb.pi() * variance).sqrt()


def _hermite_at_zero(count: int) -> list[arb]:
    """Values ``h_k(0)`` of the normalised Hermite polynomials, ``k < count``."""
    values = [arb(0)] * count
    for k in range(0, count, 2):
        values[k] = arb(1) if k == 0 else -values[k - 2] * _arb(Fraction(k - 1, k)).sqrt()
    return values


# ---------------------------------------------------------------- activations


@dataclass(frozen=True)
class Strip:
    """An activation analytic in ``|Im z| < width``, less its exactly known part.

    Attributes
    ----------
    psi
        The function of ``(x, exp(rate x))``; acts on balls and on series.
    width, rate
        Half-width of the strip of analyticity; rate of the exponential passed to `psi`.
    bound
        ``d -> (A, B)`` with ``|psi(z)| <= A + B |z|`` on ``|Im z| <= d < width``.
    parity
        1 odd, 0 even, None neither.
    constant, linear
        ``phi = psi + constant + linear * x``, each of a parity that `psi` has not.
    """

    psi: Callable[..., Any]
    width: float
    rate: Fraction
    bound: Callable[[float], tuple[float, float]]
    parity: int | None
    constant: Fraction = Fraction(0)
    linear: Fraction = Fraction(0)


@dataclass(frozen=True)
class Activation:
    """What the oracle knows about an activation.

    Attributes
    ----------
    second, slope
        ``E[phi^2]`` and ``E[phi'^2]``; a Fraction where the value is rational.
    base, extra, missing
        Indices of nonzero Hermite coefficients: all of ``"all"``, ``"even"``, ``"odd"`` or
        ``"none"``, with `extra`, without `missing`.
    mu
        ``(count, digits) -> mu_0 ... mu_{count-1}``, signed.
    dual
        Closed form of ``E[phi(U) phi(V)]`` acting on a series in the correlation.
    strip
        Data for the conditioned quadrature.
    """

    second: Callable[[], Fraction | arb]
    slope: Callable[[], Fraction | arb]
    base: str
    extra: tuple[int, ...]
    missing: tuple[int, ...]
    mu: Callable[[int, int], list[arb]]
    dual: Callable[[arb_series], arb_series] | None = None
    strip: Strip | None = None

    def support(self, count: int) -> int:
        """Bit mask of the ``k < count`` with ``mu_k != 0``."""
        start, step = {"all": (0, 1), "even": (0, 2), "odd": (1, 2), "none": (count, 1)}[self.base]
        bits = set(range(start, count, step)) | set(self.extra)
        return sum(1 << k for k in bits - set(self.missing) if k < count)


def _kink_mu(count: int, left: arb, right: arb, jump: arb) -> list[arb]:
    """Hermite coefficients of ``right x`` (x > 0), ``left (exp x - 1)`` (x < 0); `jump` in slope.

    ``phi'' = left exp(x) [x < 0] + jump delta_0``, and the coefficients ``nu_k`` of
    ``exp(x) [x < 0]`` obey ``sqrt(k) nu_k = nu_{k-1} - w(0) h_{k-1}(0)``.
    """
    w0 = 1 / (2 * arb.pi()).sqrt()
    at_zero = _hermite_at_zero(count)
    p = (arb(1) / 2).exp() * (1 / arb(2).sqrt()).erfc() / 2  # nu_0 = e^(1/2) Phi(-1)
    mus = [left * (p - arb(1) / 2) + right * w0, left * p + right / 2]
    nu = p
    for k in range(count - 2):
        if k:
            nu = (nu - w0 * at_zero[k - 1]) / arb(k).sqrt()
        mus.append((left * nu + jump * w0 * at_zero[k]) / (arb(k + 1) * (k + 2)).sqrt())
    return mus[:count]


def _piecewise_linear_mu(count: int, left: Fraction, right: Fraction) -> list[arb]:
    """Hermite coefficients of ``right * x`` (x > 0), ``left * x`` (x < 0)."""
    w0 = 1 / (2 * arb.pi()).sqrt()
    kink = _arb(right - left)
    at_zero = _hermite_at_zero(count)
    rest = (kink * w0 * at_zero[k] / (arb(k + 1) * (k + 2)).sqrt() for k in range(count - 2))
    return [kink * w0, _arb((left + right) / 2), *rest][:count]


def _gaussian_mu(count: int, variance: Fraction) -> list[arb]:
    """Hermite coefficients of the ``N(0, variance)`` density; ``E[phi(z + Z)]`` is one too."""
    total = _arb(1 + variance)
    mus = [arb(0)] * count
    for k in range(0, count, 2):
        if k == 0:
            mus[0] = 1 / (2 * arb.pi() * total).sqrt()
        else:
            mus[k] = -mus[k - 2] * _arb(Fraction(k - 1, k)).sqrt() / total
    return mus


def _erf_mu(count: int) -> list[arb]:
    """Hermite coefficients of erf, whose derivative is twice the ``N(0, 1/2)`` density."""
    slope = _gaussian_mu(count, Fraction(1, 2))
    return [arb(0), *(2 * slope[k] / arb(k + 1).sqrt() for k in range(count - 1))][:count]


def _gelu_mu(count: int) -> list[arb]:
    """Hermite coefficients of ``x Phi(x)``: ``phi'' = n - n''`` with the normal density ``n``."""
    n = _gaussian_mu(count + 2, Fraction(1))
    mus = [1 / (2 * arb.pi().sqrt()), arb(1) / 2]
    for k in range(count - 2):
        second = n[k] - (arb(k + 1) * (k + 2)).sqrt() * n[k + 2]
        mus.append(second / (arb(k + 1) * (k + 2)).sqrt())
    return mus[:count]


def _wave_mu(count: int, first: int) -> list[arb]:
    """Hermite coefficients of cos (first = 0) or sin (first = 1), parts of ``i^k / sqrt(e k!)``."""
    scale = (arb(-1) / 2).exp()
    return [scale * (1 - 2 * (k // 2 % 2)) / arb(k).fac().sqrt() if k % 2 == first else arb(0) for k in range(count)]


def _relu_dual(t: arb_series) -> arb_series:
    """``E[relu(U) relu(V)]``."""
    return ((1 - t * t).sqrt() + t * (arb.pi() - t.acos())) / (2 * arb.pi())


def _gelu_dual(t: arb_series) -> arb_series:
    """``E[U Phi(U) V Phi(V)]``, by Stein's identity from the duals of Phi and of its density."""
    return t / 4 + t * (t / 2).asin() / (2 * arb.pi()) + (4 - t * t).rsqrt() / (2 * arb.pi())


def _selu_constants() -> tuple[arb, arb]:
    """Alpha and lambda of selu, from its fixed point mean 0, variance 1."""
    e, pi, half = arb(1).exp(), arb.pi(), (1 / arb(2).sqrt()).erfc()
    alpha = -(2 / pi).sqrt() / (half * e.sqrt() - 1)
    root = 2 * arb(2).sqrt().erfc() * e * e + pi * half * half * e
    root += -2 * (2 + pi) * half * e.sqrt() + pi + 2
    return alpha, (1 - half * e.sqrt()) * (2 * pi).sqrt() / root.sqrt()


def _elu_moments(alpha: arb) -> tuple[arb, arb]:
    """``E[phi^2]`` and ``E[phi'^2]`` of elu: ``E[e^(sZ); Z < 0] = e^(s^2/2) Phi(-s)``."""
    e1 = (arb(1) / 2).exp() * (1 / arb(2).sqrt()).erfc() / 2
    e2 = arb(2).exp() * arb(2).sqrt().erfc() / 2
    return arb(1) / 2 + alpha * alpha * (e2 - 2 * e1 + arb(1) / 2), arb(1) / 2 + alpha * alpha * e2


@functools.cache
def _activation(spec: str) -> Activation:
    """Parse ``name`` or ``name:key=value``."""
    name, _, argument = spec.partition(":")
    value = Fraction(argument.partition("=")[2]) if argument else Fraction(1)
    half, one, zero = Fraction(1, 2), Fraction(1), Fraction(0)
    if name == "linear":
        linear_mu = lambda n, _d: [arb(int(k == 1)) for k in range(n)]  # noqa: E731
        return Activation(lambda: one, lambda: one, "none", (1,), (), linear_mu, lambda t: t)
    if name in ("relu", "leaky-relu"):
        s = zero if name == "relu" else (value if argument else Fraction(1, 100))
        return Activation(
            lambda: (1 + s * s) / 2,
            lambda: (1 + s * s) / 2,
            "none" if s == 1 else "even",
            () if s == -1 else (1,),
            (),
            lambda n, _d: _piecewise_linear_mu(n, s, one),
            lambda t: _relu_dual(t) * _arb((1 - s) ** 2) + t * _arb(s),
        )
    if name == "abs":
        return Activation(
            lambda: one,
            lambda: one,
            "even",
            (),
            (),
            lambda n, _d: _piecewise_linear_mu(n, -one, one),
            lambda t: ((1 - t * t).sqrt() + t * t.asin()) * 2 / arb.pi(),
        )
    if name == "elu":
        return Activation(
            lambda: _elu_moments(_arb(value))[0],
            lambda: _elu_moments(_arb(value))[1],
            "all",
            (),
            (),
            lambda n, _d: _kink_mu(n, _arb(value), arb(1), _arb(1 - value)),
        )
    if name == "selu":

        def selu_mu(count: int, _digits: int) -> list[arb]:
            alpha, scale = _selu_constants()
            mus = _kink_mu(count, scale * alpha, scale, scale * (1 - alpha))
            return [arb(0), *mus[1:]][:count]  # E[selu] = 0 by definition

        def selu_slope() -> arb:
            alpha, scale = _selu_constants()
            return scale * scale * _elu_moments(alpha)[1]

        return Activation(lambda: one, selu_slope, "all", (), (0,), selu_mu)
    if name == "gelu":
        return Activation(
            lambda: _gelu_dual(arb_series([1], 1))[0],
            lambda: _gelu_dual(arb_series([1, 1], 2))[1],
            "even",
            (1,),
            (),
            lambda n, _d: _gelu_mu(n),
            _gelu_dual,
        )
    if name == "erf":
        return Activation(
            lambda: (arb(2) / 3).asin() * 2 / arb.pi(),
            lambda: 4 / (arb.pi() * arb(5).sqrt()),
            "odd",
            (),
            (),
            lambda n, _d: _erf_mu(n),
            lambda t: (t * 2 / 3).asin() * 2 / arb.pi(),
        )
    if name == "gaussian":
        v = value * value

        def gaussian_dual(t: arb_series) -> arb_series:
            return (_arb((1 + v) ** 2) - t * t).rsqrt() / (2 * arb.pi())

        return Activation(
            lambda: gaussian_dual(arb_series([1], 1))[0],
            lambda: gaussian_dual(arb_series([1, 1], 2))[1],
            "even",
            (),
            (),
            lambda n, _d: _gaussian_mu(n, v),
            gaussian_dual,
        )
    if name in ("sin", "cos"):
        odd = int(name == "sin")
        sign = 1 - 2 * odd

        def wave(t: arb_series, sign: int) -> arb_series:
            return (t.exp() + (-t).exp() * sign) / 2 * arb(-1).exp()

        return Activation(
            lambda: wave(arb_series([1], 1), sign)[0],
            lambda: wave(arb_series([1], 1), -sign)[0],
            "odd" if odd else "even",
            (),
            (),
            lambda n, _d: _wave_mu(n, odd),
            lambda t: wave(t, sign),
        )
    strips = {
        "tanh": lambda: Strip(
            lambda x, e: (e - 1) / (e + 1),
            math.pi / 2,
            Fraction(2),
            lambda d: (max(1.0, math.tan(d)), 0.0),
            1,
        ),
        "sigmoid": lambda: Strip(
            lambda x, e: (e - 1) / (e + 1) / 2,
            math.pi,
            one,
            lambda d: (max(1.0, math.tan(d / 2)) / 2, 0.0),
            1,
            constant=half,
        ),
        "silu": lambda: Strip(
            lambda x, e: x * ((e - 1) / (e + 1)) / 2,
            math.pi,
            one,
            lambda d: (0.0, max(1.0, math.tan(d / 2)) / 2),
            0,
            linear=half,
        ),
        "softplus": lambda: Strip(
            lambda x, e: (1 + e).log() / _arb(value) - x / 2,
            math.pi / float(value),
            value,
            lambda d: (math.log(2) / value, max(1.0, math.tan(d * value / 2)) / 2),
            0,
            linear=half,
        ),
        "mish": lambda: Strip(
            lambda x, e: x * (1 - 2 / (e * (e + 2) + 2)),
            3 * math.pi / 4,
            one,
            lambda d: (0.0, 1 + 1 / math.sin(3 * math.pi / 4 - max(d, math.pi / 4)) ** 2),
            None,
        ),
    }
    if name not in strips:
        raise ValueError(f"unknown activation {spec!r}")
    strip = strips[name]()
    return Activation(
        lambda: _strip_moments(spec, ctx.prec)[0],
        lambda: _strip_moments(spec, ctx.prec)[1],
        "all" if strip.parity is None else ("even", "odd")[strip.parity],
        (0,) if strip.constant else (1,) if strip.linear else (),
        (),
        lambda n, d: _strip_mu(strip, n, d),
        strip=strip,
    )


# ---------------------------------------------------------------- quadrature in a strip


@functools.lru_cache(maxsize=4)
def _hermite_weights(q: int, n_max: int, columns: range, prec: int) -> tuple[list[arb], arb_mat, arb_mat]:
    """Nodes ``x_n = n q / 128 >= 0`` and, for even and odd j, ``(q / 128) w(x_n) h_j(x_n)``.

    The polynomials are exact integers over powers of two, so nothing is lost to cancellation.
    """
    unit = 128
    top = columns[-1]
    with ctx.workprec(prec):
        grid = arb(64)  # adding and subtracting rounds to a common last bit: faster products
        norms = [arb(1)]
        for j in range(1, top + 1):
            norms.append(norms[-1] / (arb(j).sqrt() * unit))
        halves: tuple[list[list[arb]], list[list[arb]]] = ([], [])
        for n in range(n_max + 1):
            x = n * q
            weight = _normal_density(arb(x) / unit, arb(1)) * q / (unit if n else 2 * unit)
            rows: tuple[list[arb], list[arb]] = ([], [])
            previous, current = 0, 1
            for j in range(top + 1):
                if j in columns:
                    rows[j % 2].append((weight * norms[j] * arb(current) + grid) - grid)
                previous, current = current, x * current - j * unit * unit * previous
            halves[0].append(rows[0])
            halves[1].append(rows[1])
        return [arb(n * q) / unit for n in range(n_max + 1)], arb_mat(halves[0]), arb_mat(halves[1])


def _inner_plan(strip: Strip, c: float, y_max: float, top: int, log_tol: float) -> tuple[int, int, float]:
    """Step ``q / 128``, node count and log error of the trapezoidal rule for ``m_j``, j <= top.

    Shifting the line by ``theta`` (``c theta`` inside the strip) costs, by Mehler's formula,
    ``|h_j(x + i theta)|^2 <= r^-j (1 - r^2)^(-1/2) exp(r x^2 / (1 + r) + r theta^2 / (1 - r))``
    for any ``0 < r < 1``; the truncation uses the same with ``theta = 0``.
    """
    d = 0.98 * strip.width
    big_a, big_b = strip.bound(d)
    options = []
    for i in range(1, 41):
        theta = min(d / c, 80.0) * i / 40
        for k in range(1, 60):
            gap = 2.0 ** (-k / 4)  # 1 - r
            r = 1 - gap
            size = (big_a + big_b * (y_max + d)) * math.sqrt(1 + r)
            size += big_b * c * math.sqrt(2 / math.pi) * (1 + r)
            cost = theta**2 / (2 * gap) - top / 2 * math.log(r) - math.log(gap * (1 + r)) / 4
            options.append((theta, cost + math.log(size)))
    for q in range(64, 0, -1):
        log_error = min(
            (math.log(2) + SLACK + cost - 128 * 2 * math.pi * theta / q for theta, cost in options if theta * 200 > q),
            default=math.inf,
        )
        if log_error <= log_tol:
            break
    else:
        raise ArithmeticError("no step is small enough")
    tails = [(1 + r, -top / 2 * math.log(r) - math.log(1 - r * r) / 4) for r in (0.03 * k for k in range(1, 33))]
    n_max = 1
    while True:
        # beyond x: exp(-x^2 / (2 v)) (A + B (|y| + c x)) / sqrt(2 pi), with v = 1 + r
        x = n_max * q / 128
        log_tail = min(
            math.log((big_a + big_b * y_max) * v / x + big_b * c * v) + cost - x * x / (2 * v) for v, cost in tails
        )
        if x > 2 and log_tail <= log_tol:
            return q, n_max, max(log_tail, log_error) + math.log(2)
        n_max += 1


def _envelope(c: float, rho: float, top: int) -> list[float]:
    """Bound in logarithms: ``min_m c^2m (j-m)!/j! (m! / rho^m)^2``, j <= top.

    ``m_j`` is ``c^m sqrt((j-m)!/j!)`` times a Hermite coefficient of the m-th derivative, which
    Cauchy's estimate bounds with ``m! / rho^m``.
    """
    base = 2 * math.log(c / rho)

    def value(j: int, m: int) -> float:
        return m * base + math.lgamma(j - m + 1) - math.lgamma(j + 1) + 2 * math.lgamma(m + 1)

    out, m = [], 0
    for j in range(top + 1):
        while m < j and value(j, m + 1) < value(j, m):
            m += 1
        out.append(value(j, m))
    return out


def _outer_plan(strip: Strip, a: float, columns: range, log_rel: float) -> tuple[int, int, list[float]]:
    """Step ``q / 512``, node count and log errors for ``E_y[m_j(y)^2]``, ``y ~ N(0, a)``.

    On ``Im y = s``, ``E|m_j|^2 <= envelope(rho) E[(A + B(|Z| + d))^2]`` with ``d = s + rho``.
    """
    c = math.sqrt(1 - a)
    d = 0.98 * strip.width
    big_a, big_b = strip.bound(d)
    flat = big_a + big_b * d
    log_size = math.log(flat**2 + 2 * flat * big_b * math.sqrt(2 / math.pi) + big_b**2)
    top = columns[-1]
    wanted = [v + log_rel for v in _envelope(c, strip.width, top)]
    shifts = [(s := d * i / 20, _envelope(c, d - s, top)) for i in range(1, 20)]

    def log_error(j: int, q: int) -> float:
        return min(
            math.log(2) + SLACK + s * s / (2 * a) - 2 * math.pi * s * 512 / q + table[j] + log_size
            for s, table in shifts
            if s * 900 > q
        )

    sample = sorted({*columns[:3], *columns[::10], top})
    q = 256
    while any(log_error(j, q) > wanted[j] for j in sample):
        q -= 1
        if q == 0:
            raise ArithmeticError("no step is small enough")
    table = _envelope(c, d, top)

    def log_tail(j: int, y: float) -> float:
        size = 2 * (flat + big_b) ** 2 + 2 * big_b**2 * c * c
        mass = (a * y + a * a / y) / math.sqrt(2 * math.pi * a)
        return table[j] + math.log(2 * size * mass) - y * y / (2 * a)

    n_max = 1
    while (y := n_max * q / 512) < 1.5 or any(log_tail(j, y) > wanted[j] for j in sample):
        n_max += 1
    return q, n_max, [max(log_error(j, q), log_tail(j, y)) + math.log(2) for j in columns]


def _conditional_moments(
    strip: Strip, ys: Sequence[arb], c: arb, plan: tuple[int, int, float], columns: range
) -> list[list[arb]]:
    """For each of `ys`, ``m_j(y)`` with the bound of the quadrature error, j in `columns`."""
    nodes, *weights = _hermite_weights(plan[0], plan[1], columns, ctx.prec)
    rate = _arb(strip.rate)
    offsets = [c * x for x in nodes]
    factors = [((rate * x).exp(), (-rate * x).exp()) for x in offsets]
    grid = arb(64)
    even, odd = [], []
    for y in ys:
        e = (rate * y).exp()
        right = [strip.psi(y + x, e * f) for x, (f, _) in zip(offsets, factors, strict=True)]
        left = [strip.psi(y - x, e * f) for x, (_, f) in zip(offsets, factors, strict=True)]
        even.append([(u + v + grid) - grid for u, v in zip(right, left, strict=True)])
        odd.append([(u - v + grid) - grid for u, v in zip(right, left, strict=True)])
    error = _error(plan[2])
    sides = (arb_mat(even) * weights[0]).tolist(), (arb_mat(odd) * weights[1]).tolist()
    out = []
    for pair in zip(*sides, strict=True):
        values = iter(pair[0]), iter(pair[1])
        out.append([next(values[j % 2]) + error for j in columns])
    return out


def _strip_hermite(strip: Strip, count: int, digits: float) -> list[arb]:
    """Hermite coefficients of ``psi``, aimed at relative accuracy ``10^-digits``."""
    top = count - 1
    log_tol = _envelope(1.0, strip.width, top)[top] / 2 - digits * LN10 - 10
    plan = _inner_plan(strip, 1.0, 0.0, top, log_tol)
    with ctx.workprec(int(-log_tol / math.log(2)) + 40):
        row = _conditional_moments(strip, [arb(0)], arb(1), plan, range(count))[0]
        skip = None if strip.parity is None else 1 - strip.parity
        return [arb(0) if j % 2 == skip else m for j, m in enumerate(row)]


def _strip_mu(strip: Strip, count: int, digits: int) -> list[arb]:
    """Hermite coefficients of a `Strip` activation."""
    mus = _strip_hermite(strip, max(count, 2), digits)
    mus[0] += _arb(strip.constant)
    mus[1] += _arb(strip.linear)
    return mus[:count]


@functools.cache
def _strip_moments(spec: str, prec: int) -> tuple[arb, arb]:
    """``E[phi^2]`` and ``E[phi'^2]`` by the trapezoidal rule with step ``q / 512``."""
    strip = _activation(spec).strip
    assert strip is not None
    s = 0.49 * strip.width
    big_a, big_b = strip.bound(2 * s)
    flat = big_a + big_b * 2 * s  # |psi|, |psi'| s <= flat + B |Re z| on |Im z| <= s
    log_scale = max(0.0, -2 * math.log(s))
    log_size = math.log(flat**2 + 2 * flat * big_b * math.sqrt(2 / math.pi) + big_b**2) + log_scale
    log_tol = -prec * math.log(2)
    q = 512
    while math.log(2) + SLACK + s * s / 2 - 2 * math.pi * s * 512 / q + log_size > log_tol:
        q -= 1
    n_max = 1
    while (y := n_max * q / 512) < 1.5 or (
        math.log(2 * (flat + big_b) ** 2 * (y + 1 / y)) + log_scale - y * y / 2 > log_tol
    ):
        n_max += 1
    with ctx.workprec(prec + 40):
        step = arb(q) / 512
        second, slope = 2 * _error(log_tol), 2 * _error(log_tol)
        for n in range(-n_max, n_max + 1):
            x = arb_series([step * n, 1], 2)
            value = strip.psi(x, (x * _arb(strip.rate)).exp())
            weight = _normal_density(step * n, arb(1)) * step
            second += weight * value[0] * value[0]
            slope += weight * value[1] * value[1]
        second += _arb(strip.constant**2 + strip.linear**2)
        return second, slope + _arb(strip.linear**2)


@functools.cache
def _strip_expansion(spec: str, numerator: int, exponent: int, top: int, goal: float) -> list[arb]:
    """``E_y[m_j(y)^2]``, j <= top, for ``psi`` at the exact ``a = numerator / 2^exponent``."""
    strip = _activation(spec).strip
    assert strip is not None
    a_float = numerator / 2**exponent
    c_float = math.sqrt(1 - a_float)
    sizes = _envelope(c_float, strip.width, top)
    log_rel = -goal * LN10 - 10
    sums = [arb(0)] * (top + 1)
    groups = top // 256 + 1  # higher coefficients are smaller and need more bits and nodes
    for group in range(groups):
        columns = range((top + 1) * group // groups, (top + 1) * (group + 1) // groups)
        q, n_max, log_errors = _outer_plan(strip, a_float, columns, log_rel)
        log_tol = sizes[columns[-1]] / 2 + log_rel
        plan = _inner_plan(strip, c_float, n_max * q / 512, columns[-1], log_tol)
        prec = 64 * math.ceil((-log_tol / math.log(2) + 40) / 64)
        with ctx.workprec(max(prec, exponent + 10)):
            a = arb(numerator) / arb(2) ** exponent
            c = (1 - a).sqrt()
        with ctx.workprec(prec):
            for low in range(-n_max if strip.parity is None else 0, n_max + 1, 256):
                indices = range(low, min(low + 256, n_max + 1))
                ys = [arb(n * q) / 512 for n in indices]
                rows = _conditional_moments(strip, ys, c, plan, columns)
                for n, y, row in zip(indices, ys, rows, strict=True):
                    weight = _normal_density(y, a) * q / 512
                    if strip.parity is not None and n:
                        weight *= 2
                    for j, m in zip(columns, row, strict=True):
                        sums[j] += weight * m * m
            for j, log_error in zip(columns, log_errors, strict=True):
                sums[j] += _error(log_error)
    return sums


# ---------------------------------------------------------------- expansions of the dual


def _split(a: arb, goal: float) -> tuple[int, int, arb]:
    """Find an exact dyadic number near `a`: ``(numerator, exponent)`` and the ball."""
    exponent = _bits(goal)
    with ctx.workprec(exponent + 32):
        found = (a.mid() * arb(2) ** exponent).floor().unique_fmpz()
        if found is None:
            raise ArithmeticError("not a finite number")
        numerator = int(found)
        return numerator, exponent, arb(numerator) / arb(2) ** exponent


def _expand_strip(spec: str, act: Activation, a: arb, scale: arb, top: int, goal: float) -> list[arb]:
    """Expansion of the dual of a `Strip` activation."""
    strip = act.strip
    assert strip is not None
    if a.is_zero():
        return [m * m for m in _strip_mu(strip, top + 1, int(goal))]
    numerator, exponent, centre = _split(a, goal)
    x = (a - centre) / scale
    log_x = _log(x)
    size = _envelope(math.sqrt(float(scale)), strip.width, top)[top]
    extra = 2
    while (extra + 1) * log_x + _log_binomial(extra + 1 + top, extra + 1) > size - goal * LN10 - 20:
        extra += 1
    if log_x + math.log((top + extra + 2) / 2) > 0:
        raise ArithmeticError("centre too far")
    about_centre = _strip_expansion(spec, numerator, exponent, top + extra, goal)
    second = act.second()
    log_second = _log(second if isinstance(second, arb) else _arb(second)) + math.log(2)
    out = []
    for j in range(top + 1):  # Taylor shift by x; coefficients beyond are at most E[phi^2]
        total = arb(0)
        for i in range(extra, -1, -1):
            total = total * x + about_centre[i + j] * math.comb(i + j, i)
        log_rest = log_second + (extra + 1) * log_x + _log_binomial(extra + 1 + j, extra + 1)
        out.append(total + _error(log_rest))
    out[0] += _arb(strip.constant**2) + _arb(strip.linear**2) * a
    if top:
        out[1] += _arb(strip.linear**2) * scale
    return out


def _log_binomial(n: int, k: int) -> float:
    """Logarithm of a binomial coefficient."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


@functools.cache
def _squares(spec: str, count: int, prec: int) -> list[arb]:
    """``mu_k^2`` for ``k < count``."""
    with ctx.workprec(prec):
        return [m * m for m in _activation(spec).mu(count, int(prec * 0.29))]


def _expand_sum(spec: str, act: Activation, a: arb, scale: arb, top: int, goal: float) -> list[arb]:
    """Expansion of the dual from the whole sum over k."""
    prec = ctx.prec + 160
    if a.is_zero():
        return _squares(spec, top + 1, prec)
    af, cf = float(a), float(scale)
    last = 2 * int(top / cf) + 64
    log_tol = -goal * LN10 - 10 * math.log(top + 2) - 20
    while _log_binomial(last + 1, top) + (last + 1 - top) * math.log(af) + top * math.log(cf) > log_tol:
        last = last * 5 // 4
    block = 64
    last = 2 ** math.ceil(math.log2(last + 2)) - 1  # few distinct lengths, for the cache
    squares = _squares(spec, last + 1, prec)
    with ctx.workprec(prec):
        second = act.second()
        mass = (second if isinstance(second, arb) else _arb(second)) - sum(squares, arb(0))
        if not (last + 1) * (1 - a) > top:
            raise ArithmeticError("sum too short")
        linear = arb_poly([a, scale])
        shift = arb_series((linear**block).coeffs(), top + 1)
        total = arb_series([0], top + 1)
        for low in range(last + 1 - block, -1, -block):
            part = arb_poly(squares[low : low + block])(linear)
            total = total * shift + arb_series(part.coeffs(), top + 1)
        out = []
        term = arb(last + 1) * a.log()
        tail = mass.upper() * term.exp()  # mass * C(last + 1, j) a^(last + 1 - j) scale^j
        for j in range(top + 1):
            out.append(total[j] + tail.upper() * arb("0.5 +/- 0.5"))
            tail = tail * (last + 1 - j) / (j + 1) * scale / a
        return out


def _expand(spec: str, a: arb, scale: arb, top: int, goal: float) -> list[arb]:
    """Coefficients in ``(t - a) / scale``, up to `top`, of ``E[phi(U) phi(V)]``."""
    act = _activation(spec)
    if act.dual is not None:
        series = act.dual(arb_series([a, scale], top + 1))
        return [series[j] for j in range(top + 1)]
    expand = _expand_strip if act.strip is not None else _expand_sum
    return expand(spec, act, a, scale, top, goal)


# ---------------------------------------------------------------- structural zeros


def _mask_product(left: int, right: int, count: int) -> int:
    """Support of a product of two series with coefficients >= 0."""
    out = 0
    for i in range(count):
        if left >> i & 1:
            out |= right << i
    return out & ((1 << count) - 1)


def _mask_compose(outer: int, inner: int, count: int) -> int:
    """Support of a composition; `inner` has no constant term."""
    out = 0
    for j in range(count - 1, -1, -1):
        out = _mask_product(out, inner, count) | (outer >> j & 1)
    return out


def _masked(series: arb_series, mask: int, count: int) -> list[arb]:
    """Coefficients, exactly zero where `mask` says so."""
    return [series[p] if mask >> p & 1 else arb(0) for p in range(count)]


# ---------------------------------------------------------------- the kernel


@dataclass(frozen=True)
class Layer:
    """Coefficients of one layer.

    Attributes
    ----------
    depth
        Number of layers including the linear output.
    alpha, kappa
        Coefficients of the NNGP kernel and of the NTK.
    total
        ``Theta_l(1)``, the sum of all kappa.
    """

    depth: int
    alpha: list[arb]
    kappa: list[arb]
    total: arb


def _chain(spec: str, depth: int, top: int, sigma_w2: str, gamma_b2: str, goal: float) -> list[Layer]:
    """Layers 1 ... depth at the current working precision."""
    act = _activation(spec)
    second = act.second()
    if sigma_w2 == "max":
        weight, bias = 1 / (second if isinstance(second, arb) else _arb(second)), arb(0)
    elif isinstance(second, Fraction):
        weight, bias = _arb(Fraction(sigma_w2)), _arb(1 - Fraction(sigma_w2) * second)
    else:
        weight = _arb(Fraction(sigma_w2))
        bias = 1 - weight * second
    if bias < 0 or not weight > 0:
        raise ValueError("sigma_w2 E[phi^2] must be in (0, 1]")
    slope = act.slope()
    chi = weight * (slope if isinstance(slope, arb) else _arb(slope))
    gamma = Fraction(gamma_b2)
    if not 0 <= gamma <= 1:
        raise ValueError("gamma_b2 must be in [0, 1]")

    count = top + 1
    dual_mask = act.support(count + 1) | (0 if bias.is_zero() else 1)
    sigma_mask = theta_mask = (1 if gamma > 0 else 0) | (2 if gamma < 1 and top else 0)
    sigma = [_arb(gamma), _arb(1 - gamma), *[arb(0)] * top][:count]
    theta, total = list(sigma), arb(1)
    layers = [Layer(1, sigma, theta, total)]
    for level in range(2, depth + 1):
        total = 1 + chi * total
        if gamma == 1:
            theta = [1 + chi * theta[0], *[arb(0)] * top]
            layers.append(Layer(level, sigma, theta, total))
            continue
        a = sigma[0]
        if a.is_zero():
            outer_mask, scale = dual_mask, arb(1)
        else:
            degree = act.support(2 * count + 8).bit_length()
            outer_mask = (1 << min(degree, count + 1)) - 1
            scale = 1 - _split(a, goal)[2]
        outer = [weight * v for v in _expand(spec, a, scale, count, goal)]
        outer[0] += bias
        outer = [v if outer_mask >> j & 1 else arb(0) for j, v in enumerate(outer)]
        slopes = arb_series([j * outer[j] / scale for j in range(1, count + 1)], count)
        inner = arb_series([arb(0), *(v / scale for v in sigma[1:])], count)
        inner_mask = sigma_mask & ~1
        slope_mask = _mask_compose(outer_mask >> 1, inner_mask, count)
        sigma_mask = _mask_compose(outer_mask, inner_mask, count)
        theta_mask = sigma_mask | _mask_product(theta_mask, slope_mask, count)
        next_sigma = arb_series(outer, count)(inner)
        product = arb_series(theta, count) * slopes(inner)
        theta = _masked(next_sigma + product, theta_mask, count)
        sigma = _masked(next_sigma, sigma_mask, count)
        layers.append(Layer(level, sigma, theta, total))
    return layers


def reference_layers(
    act: str, depth: int, T: int, sigma_w2: str, gamma_b2: str, digits: int, tail_digits: int = 0
) -> list[Layer]:
    """Enclosures for layers 1 ... depth, with relative radius at most ``10^-digits``.

    With `tail_digits` > 0 the tails ``total - sum(kappa)`` have that relative accuracy as well.
    """
    extra = 20
    for bits in (0, 500, 1500, 4000, 10000, 25000):
        goal = digits + extra
        with _workspace(_bits(goal) + bits + 40, max(T, 1) + 2):
            layers = [
                replace(x, alpha=x.alpha[: T + 1], kappa=x.kappa[: T + 1])
                for x in _chain(act, depth, max(T, 1), sigma_w2, gamma_b2, goal)
            ]
            good = all(_accurate(x.alpha, digits) and _accurate(x.kappa, digits) for x in layers)
            if good and tail_digits:
                tails = [_tail(x, act, gamma_b2) for x in layers]
                good = _accurate(tails, tail_digits)
                sizes = [-_log(t) / LN10 for t in tails if not t.is_zero()]
                extra = max([extra, *(int(s) + 20 + tail_digits - digits for s in sizes)])
            elif not good and bits:
                extra = 2 * extra + 20
            if good:
                return layers
    raise ArithmeticError("accuracy not reached")


def _tail(layer: Layer, act: str, gamma_b2: str) -> arb:
    """``Theta_l(1)`` less the sum of the coefficients; exactly zero if no power is left out."""
    constant, linear = Fraction(gamma_b2) == 1, _activation(act).base == "none" or layer.depth == 1
    if constant or (linear and len(layer.kappa) > 1):
        return arb(0)
    return layer.total - sum(layer.kappa, arb(0))


def reference_coefficients(act: str, depth: int, T: int, sigma_w2: str, gamma_b2: str, digits: int) -> list[arb]:
    """Enclosures of the NTK coefficients ``kappa_{p, depth}``, p <= T.

    Parameters
    ----------
    act
        Activation, ``name`` or ``name:key=value``.
    depth
        Number of layers including the linear output.
    T
        Last power.
    sigma_w2
        Decimal text, or ``"max"`` for ``1 / E[phi^2]``.
    gamma_b2
        Decimal text.
    digits
        Relative radius at most ``10^-digits``; structural zeros are exact.
    """
    return reference_layers(act, depth, T, sigma_w2, gamma_b2, digits)[-1].kappa


def reference_alpha(act: str, depth: int, T: int, sigma_w2: str, gamma_b2: str, digits: int) -> list[arb]:
    """Enclosures of the NNGP coefficients ``alpha_{p, depth}``, p <= T."""
    return reference_layers(act, depth, T, sigma_w2, gamma_b2, digits)[-1].alpha


def reference_tail(act: str, depth: int, T: int, sigma_w2: str, gamma_b2: str, digits: int) -> arb:
    """Enclosure of ``Theta_depth(1) - sum_{p <= T} kappa_p``, relative radius ``10^-digits``."""
    layers = reference_layers(act, depth, T, sigma_w2, gamma_b2, digits, digits)
    with ctx.workprec(100000):
        return _tail(layers[-1], act, gamma_b2)


def reference_mu(act: str, K: int, digits: int) -> list[arb]:
    """Enclosures of the signed Hermite coefficients ``mu_k``, k <= K."""
    found = _activation(act)
    for extra in (20, 60, 200, 800, 3000):
        with ctx.workprec(_bits(digits + extra)):
            mus = found.mu(K + 1, digits + extra)
        mask = found.support(K + 1)
        mus = [m if mask >> k & 1 else arb(0) for k, m in enumerate(mus)]
        if _accurate(mus, digits):
            return mus
    raise ArithmeticError("accuracy not reached")


def activation_second(act: str) -> arb:
    """Enclosure of ``E[phi(Z)^2]``."""
    with _workspace(200, 2):
        second = _activation(act).second()
        return second if isinstance(second, arb) else _arb(second)


ACTIVATIONS = (
    "linear",
    "relu",
    "leaky-relu:slope=0.01",
    "abs",
    "elu:alpha=1",
    "selu",
    "gelu",
    "silu",
    "mish",
    "softplus:beta=1",
    "tanh",
    "sigmoid",
    "erf",
    "gaussian:sigma=1",
    "sin",
    "cos",
)
