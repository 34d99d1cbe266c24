r"""Θ_l(ρ) from its definition: an oracle for tests that shares nothing with the package.

With U, V standard normal of correlation t,

    R(t) = sigma_w2 E[phi(U) phi(V)] + sigma_b2        R'(t) = sigma_w2 E[phi'(U) phi'(V)]
    Sigma_1 = Theta_1 = gamma_w2 rho + gamma_b2        Sigma_l = R(Sigma_{l-1})
                                                       Theta_l = Sigma_l + Theta_{l-1} R'(Sigma_{l-1})

and both expectations are integrals over the plane:

* analytic phi: U = c P + s Q, V = c P - s Q with c, s = sqrt((1 +- t)/2) and P, Q independent, by the
  trapezoidal rule in P and Q, which converges geometrically;
* phi with a kink at 0: U = r cos(theta), V = r cos(theta - alpha), cos(alpha) = t. The radial integral is
  elementary, the angle is cut at the rays where U or V is zero and integrated by Gauss's rule.

Numbers are balls of Arb, so that rounding errors are known; steps and nodes are not proven to be enough.
`known_theta` therefore computes everything at two goals, with other steps, ranges, nodes and bits, and
gives the digits in which the two agree. E[phi^2] comes from the same integrals at t = 1.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from functools import lru_cache

from flint import arb, ctx, fmpq

Pair = tuple[arb, arb]
"""Of a function and its derivative."""


@dataclass(frozen=True)
class Smooth:
    """An analytic activation.

    Attributes
    ----------
    both
        x -> (phi(x), phi'(x)).
    strip
        Half-width of the strip around the real line in which phi is analytic.
    growth
        g for which |phi(x + iy)| stays near exp(g y^2/2) times a polynomial.
    """

    both: Callable[[arb], Pair]
    strip: float = math.inf
    growth: float = 0.0


@dataclass(frozen=True)
class Kinked:
    """An activation analytic on either side of 0.

    Attributes
    ----------
    above, mixed, below
        From a, b > 0 the integrals of exp(-r^2/2) r phi(U) phi(V) and of the same with phi', over r > 0, for
        (U, V) = (ra, rb), (ra, -rb), (-ra, -rb).
    """

    above: Callable[[arb, arb], Pair]
    mixed: Callable[[arb, arb], Pair]
    below: Callable[[arb, arb], Pair]


# ---------------------------------------------------------------- activations


def activation(text: str) -> Smooth | Kinked:
    """Return an activation by its name, such as ``tanh`` or ``leaky-relu:slope=0.1``."""
    name, _, written = text.partition(":")
    value = [exact(Fraction(written.partition("=")[2]))] if written else []
    return ACTIVATIONS[name](*value)


def _bent(slope: arb) -> Kinked:
    """X for x > 0, slope x for x < 0."""
    return Kinked(
        lambda a, b: (2 * a * b, arb(1)),
        lambda a, b: (-2 * slope * a * b, slope),
        lambda a, b: (2 * slope**2 * a * b, slope**2),
    )


def _moments(b: arb) -> tuple[arb, arb, arb]:
    """Integrals of r^n exp(-r^2/2 - r b) over r > 0, n = 0, 1, 2, by parts."""
    zeroth = (arb.pi() / 2).sqrt() * (b * b / 2).exp() * (b / arb(2).sqrt()).erfc()
    first = 1 - b * zeroth
    return zeroth, first, zeroth - b * first


def _elu(alpha: arb, scale: arb) -> Kinked:
    """Scale times: x for x > 0, alpha (e^x - 1) for x < 0."""
    square = scale**2

    def above(a: arb, b: arb) -> Pair:
        return square * 2 * a * b, square

    def mixed(a: arb, b: arb) -> Pair:
        _, first, second = _moments(b)
        return square * alpha * a * (second - _moments(arb(0))[2]), square * alpha * first

    def below(a: arb, b: arb) -> Pair:
        both, one, other, none = (_moments(x)[1] for x in (a + b, a, b, arb(0)))
        return (square * alpha**2 * (both - one - other + none), square * alpha**2 * both)

    return Kinked(above, mixed, below)


def _selu() -> Kinked:
    """Elu with E[phi] = 0 and E[phi^2] = 1."""
    half = arb(1) / 2
    once, twice = (arb(n * n / 2).exp() * (n / arb(2).sqrt()).erfc() / 2 for n in (1, 2))  # E[e^{nZ}; Z < 0]
    alpha = 1 / ((2 * arb.pi()).sqrt() * (half - once))
    return _elu(alpha, 1 / (half + alpha**2 * (twice - 2 * once + half)).sqrt())


def _logistic(x: arb) -> Pair:
    f = 1 / (1 + (-x).exp())
    return f, f * (1 - f)


def _tanh(x: arb) -> Pair:
    f = x.tanh()
    return f, 1 - f * f


def _silu(x: arb) -> Pair:
    f, slope = _logistic(x)
    return x * f, f + x * slope


def _mish(x: arb) -> Pair:
    e = x.exp()
    square = (1 + e) ** 2  # e^{2 log(1 + e^x)}
    f = (square - 1) / (square + 1)  # tanh(log(1 + e^x))
    return x * f, f + x * (1 - f * f) * e / (1 + e)


def _softplus(beta: arb) -> Callable[[arb], Pair]:
    return lambda x: ((beta * x).exp().log1p() / beta, _logistic(beta * x)[0])


def _erf(x: arb) -> Pair:
    return x.erf(), 2 / arb.pi().sqrt() * (-x * x).exp()


def _gelu(x: arb) -> Pair:
    below = (-x / arb(2).sqrt()).erfc() / 2
    return x * below, below + x * (-x * x / 2).exp() / (2 * arb.pi()).sqrt()


def _gaussian(sigma: arb) -> Callable[[arb], Pair]:
    def both(x: arb) -> Pair:
        y = x / sigma
        f = (-y * y / 2).exp() / (sigma * (2 * arb.pi()).sqrt())
        return f, -y / sigma * f

    return both


def _sin(x: arb) -> Pair:
    return x.sin_cos()


def _cos(x: arb) -> Pair:
    sine, cosine = x.sin_cos()
    return cosine, -sine


ACTIVATIONS: dict[str, Callable[..., Smooth | Kinked]] = {
    "linear": lambda: _bent(arb(1)),
    "relu": lambda: _bent(arb(0)),
    "leaky-relu": lambda slope=None: _bent(arb(1) / 100 if slope is None else slope),
    "abs": lambda: _bent(arb(-1)),
    "elu": lambda alpha=None: _elu(arb(1) if alpha is None else alpha, arb(1)),
    "selu": _selu,
    "gelu": lambda: Smooth(_gelu, growth=1),
    "silu": lambda: Smooth(_silu, math.pi),
    "mish": lambda: Smooth(_mish, 3 * math.pi / 4),
    "softplus": lambda beta=None: Smooth(_softplus(beta or arb(1)), math.pi / float(beta or 1)),
    "tanh": lambda: Smooth(_tanh, math.pi / 2),
    "sigmoid": lambda: Smooth(_logistic, math.pi),
    "erf": lambda: Smooth(_erf, growth=2),
    "gaussian": lambda sigma=None: Smooth(_gaussian(sigma or arb(1)), growth=1 / float(sigma or 1) ** 2),
    "sin": lambda: Smooth(_sin, growth=0.2),  # |sin(x + iy)| < e^y, less than e^{0.1 y^2} where it counts
    "cos": lambda: Smooth(_cos, growth=0.2),
}


# ---------------------------------------------------------------- the two expectations


def expectations(text: str, t: arb, digits: int) -> Pair:
    """Return E[phi(U) phi(V)] and E[phi'(U) phi'(V)] for an exact t, to about so many digits."""
    phi = activation(text)
    return _on_the_plane(phi, t, digits) if isinstance(phi, Smooth) else _by_angle(phi, t, digits)


def _on_the_plane(phi: Smooth, t: arb, digits: int) -> Pair:
    """Trapezoidal rule in P and Q; Q -> -Q swaps U and V, so that half of the plane is enough."""
    c, s = ((1 + t) / 2).sqrt(), ((1 - t) / 2).sqrt()
    reach = math.sqrt(2 * (digits + 4) * math.log(10))
    columns = list(_line(_step(phi, float(c), digits), reach, c))
    value = slope = arb(0)
    for q, shift, weight in _line(_step(phi, float(s), digits), reach, s):
        if q < 0:
            continue
        row_value = row_slope = arb(0)
        for p, place, density in columns:
            if p * p + q * q > reach * reach:
                continue
            (f, df), (g, dg) = phi.both(place + shift), phi.both(place - shift)
            row_value += density * f * g
            row_slope += density * df * dg
        once = weight if q == 0 else 2 * weight
        value += once * row_value
        slope += once * row_slope
    return value, slope


def _step(phi: Smooth, factor: float, digits: int) -> float:
    """Return the step h for an error of exp(kappa y^2/2 - 2 pi y/h), the integrand analytic in |Im| < y."""
    goal = (digits + 4) * math.log(10)
    kappa = 1 + 2 * phi.growth * factor**2
    y = min(phi.strip / factor if factor else math.inf, math.sqrt(2 * goal / kappa))
    return 2 * math.pi * y / (goal + kappa * y * y / 2)


def _line(step: float, reach: float, factor: arb) -> Iterator[tuple[float, arb, arb]]:
    """Yield nodes x with factor x and their Gaussian weights."""
    scale = arb(step) / (2 * arb.pi()).sqrt()
    for n in range(-int(reach / step), int(reach / step) + 1):
        x = arb(step) * n
        yield n * step, factor * x, scale * (-x * x / 2).exp()


def _by_angle(phi: Kinked, t: arb, digits: int) -> Pair:
    """Gauss's rule between the rays; in each sector U and V are +- r times the sines of its two parts."""
    alpha = arb.atan2(((1 - t) * (1 + t)).sqrt(), t)
    parts = [(1, phi.above, arb.pi() - alpha), (2, phi.mixed, alpha), (1, phi.below, arb.pi() - alpha)]
    value = slope = arb(0)
    for times, radial, width in parts:
        for x, weight in _gauss(digits + 16, ctx.prec):
            f, df = radial((width * x).sin(), (width * (1 - x)).sin())
            value += times * weight * width * f
            slope += times * weight * width * df
    return value / (2 * arb.pi()), slope / (2 * arb.pi())


@lru_cache(maxsize=8)
def _gauss(count: int, _: int) -> list[tuple[arb, arb]]:
    """Return the nodes and weights of Gauss's rule on (0, 1)."""
    pairs = (arb.legendre_p_root(count, k, True) for k in range(count))
    return [((1 + x) / 2, w / 2) for x, w in pairs]


# ---------------------------------------------------------------- the recursion


def exact(value: Fraction) -> arb:
    """Return the ball of a fraction."""
    return arb(fmpq(value.numerator, value.denominator))


@contextlib.contextmanager
def _precision(text: str, digits: int) -> Iterator[None]:
    """Compute with guard digits, and twice as many for a kink: R' of relu errs by the square root of the error of t."""
    with ctx.workprec(int(3.33 * (digits + 20 if isinstance(activation(text), Smooth) else 2 * digits + 40))):
        yield


@lru_cache(maxsize=64)
def _squares(text: str, digits: int) -> Pair:
    """Return E[phi^2] and E[phi'^2]."""
    with _precision(text, digits):
        return expectations(text, arb(1), digits)


def thetas(text: str, sigma_w2: str, gamma_b2: str, rho: str, depth: int, digits: int) -> list[arb]:
    """Return Theta_1(rho) ... Theta_depth(rho), absolute errors about 10^-digits times Theta(1)."""
    square, chi = _squares(text, digits)
    with _precision(text, digits):
        scale = 1 / square if sigma_w2 == "max" else exact(Fraction(sigma_w2))
        bias = arb(0) if sigma_w2 == "max" else 1 - scale * square
        gamma = Fraction(gamma_b2)
        t = exact(gamma + (1 - gamma) * Fraction(rho))
        found = [t]
        for _ in range(depth - 1):
            if t == 1:
                image, slope = t, scale * chi
            else:
                value, derivative = expectations(text, t, digits)
                image, slope = scale * value + bias, scale * derivative
            found.append(image + found[-1] * slope)
            t = _clipped(image)
        return found


def _clipped(t: arb) -> arb:
    """Return the middle of a ball in [-1, 1]."""
    t = t.mid()
    return arb(1) if t > 1 else arb(-1) if t < -1 else t


def known_thetas(text: str, sigma_w2: str, gamma_b2: str, rho: str, depth: int, digits: int) -> list[str]:
    """Return Theta_1(rho) ... Theta_depth(rho), each with those of its digits on which two computations agree.

    At most `digits` digits are given, the last one rounded. What is below 10^-digits is taken for the zero
    that parity makes it.
    """
    first, second = (thetas(text, sigma_w2, gamma_b2, rho, depth, goal) for goal in (digits + 2, digits + 7))
    with _precision(text, digits):
        return [_agreed(f, s, digits) for f, s in zip(first, second, strict=True)]


def _agreed(first: arb, second: arb, digits: int) -> str:
    """Return the digits of `second` that its distance from `first` leaves."""
    distance = float(abs(first - second).upper()) + 10.0 ** (-digits - 3)
    size = float(abs(second).mid())
    if size < 10.0 ** (-digits):
        return "0"
    known = min(digits, math.floor(math.log10(size / distance)) - 1)
    text = second.str(known + 20, radius=False)
    return f"{Context(prec=known, rounding=ROUND_HALF_EVEN).create_decimal(Decimal(text)):f}"
