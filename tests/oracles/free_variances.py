r"""Coefficients of NTK and NNGP kernels of any variances, from their definition: an oracle that shares nothing.

    q_1 = gamma_w2 + gamma_b2            q_{l+1} = sigma_w2 E[phi(sqrt(q_l) Z)^2] + sigma_b2
    Sigma_1 = gamma_w2 t + gamma_b2      Sigma_{l+1} = sigma_w2 E[phi(X) phi(Y)] + sigma_b2
    Theta_1 = Sigma_1                    Theta_{l+1} = Sigma_{l+1} + Theta_l sigma_w2 E[phi'(X) phi'(Y)]

with X, Y centred normal of variance q_l and covariance Sigma_l(t), as power series in t. About a = Sigma_l(0)/q_l,
given their common part, X and Y are sqrt(q) (sqrt(a) y + sqrt(1 - a) x) with independent x, so that

    E[phi(X) phi(Y)] = sum_j d_j s^j,   s = (Sigma_l/q_l - a)/(1 - a),   d_j = E_y[m_j(y)^2],
    m_j(y) = E_x[phi(sqrt(q) (sqrt(a) y + sqrt(1 - a) x)) h_j(x)].

Both means are sums over nodes: of the trapezoidal rule where phi is analytic, else for x of Gauss's rule on panels
that end where phi bends. Numbers are balls of Arb; steps and nodes are not proven to be enough, so that all is computed
twice, with other steps, ranges, nodes and bits, and only digits on which both agree are written.

``python free_variances.py`` writes free_variances.json: alpha_0 ... alpha_12 and kappa_0 ... kappa_12, and both totals.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from flint import arb, arb_mat, arb_series, ctx, fmpq

DIGITS, DEGREE = 33, 12
FILE = Path(__file__).with_suffix(".json")

Function = Callable[[arb], arb]


def _logistic(x: arb) -> arb:
    return 1 / (1 + (-x).exp())


def _elu(x: arb) -> arb:
    return x if x > 0 else x.expm1()


def _selu(x: arb) -> arb:
    mean, square = ((arb(n * n) / 2).exp() * (arb(n) / arb(2).sqrt()).erfc() / 2 for n in (1, 2))  # E[e^{nZ}; Z < 0]
    alpha = 1 / ((2 * arb.pi()).sqrt() * (arb(1) / 2 - mean))
    scale = 1 / (arb(1) / 2 + alpha**2 * (square - 2 * mean + arb(1) / 2)).sqrt()
    return scale * (x if x > 0 else alpha * x.expm1())


def _softplus(x: arb) -> arb:
    return abs(x) * (x > 0) + (-abs(x)).exp().log1p()


KINKED: dict[str, Function] = {
    "relu": lambda x: x if x > 0 else arb(0),
    "leaky-relu:slope=0.1": lambda x: x if x > 0 else x / 10,
    "abs": abs,
    "elu": _elu,
    "selu": _selu,
}
SMOOTH: dict[str, Function] = {
    "gelu": lambda x: x * (-x / arb(2).sqrt()).erfc() / 2,
    "silu": lambda x: x * _logistic(x),
    "mish": lambda x: x * _softplus(x).tanh(),
    "softplus": _softplus,
    "tanh": arb.tanh,
    "sigmoid": _logistic,
    "erf": arb.erf,
    "gaussian": lambda x: (-x * x / 2).exp() / (2 * arb.pi()).sqrt(),
    "sin": arb.sin,
    "cos": arb.cos,
}
VARIANCES = (  # sigma_w2, sigma_b2, gamma_w2, gamma_b2
    ("1.7", "0.1", "0.8", "0"),
    ("2.25", "0.05", "sigma", "sigma"),
    ("0.6", "0", "1.3", "0.4"),
    ("1", "0.3", "0.25", "0.25"),
    ("3", "0.01", "1", "0.1"),
)
KERNELS = [
    (act, depth, *VARIANCES[(3 * i + depth) % len(VARIANCES)])
    for i, act in enumerate([*KINKED, *SMOOTH])
    for depth in (2, 3, 4)
]


def exact(text: str) -> arb:
    """Return a decimal number as a ball."""
    x = Fraction(text)
    return arb(fmpq(x.numerator, x.denominator))


class Rule:
    """Nodes x and weights under the standard normal density, how finely is told by `fine` (1 or more)."""

    def __init__(self, fine: float) -> None:
        self.fine = fine
        n = round(34 * fine)
        self.gauss = [arb.legendre_p_root(n, k, weight=True) for k in range(n)]
        self.reach = 17 + fine / 2

    def line(self, step: float) -> list[tuple[arb, arb]]:
        """The trapezoidal rule."""
        h = arb(step / self.fine)
        count = math.ceil(self.reach / float(h))
        scale = h / (2 * arb.pi()).sqrt()
        return [(h * i, scale * (-((h * i) ** 2) / 2).exp()) for i in range(-count, count + 1)]

    def panels(self, bend: arb) -> list[tuple[arb, arb]]:
        """Gauss's rule on panels of at most 4 that meet at the bend."""
        ends = [arb(-self.reach), arb(self.reach)]
        if abs(float(bend)) < self.reach:
            ends.insert(1, bend)
        found = []
        for left, right in pairwise(ends):
            count = math.ceil(float(right - left) / 4)
            half = (right - left) / (2 * count)
            for i in range(count):
                middle = left + half * (2 * i + 1)
                for t, w in self.gauss:
                    x = middle + half * t
                    found.append((x, w * half * (-x * x / 2).exp() / (2 * arb.pi()).sqrt()))
        return found


def hermite(x: arb, count: int) -> list[arb]:
    """Return h_0(x) ... h_{count-1}(x), normalised."""
    found = [arb(1), x]
    for k in range(1, count - 1):
        found.append((x * found[k] - arb(k).sqrt() * found[k - 1]) / arb(k + 1).sqrt())
    return found[:count]


def mean_square(act: str, q: arb, rule: Rule) -> arb:
    """Return E[phi(sqrt(q) Z)^2]."""
    nodes = rule.panels(arb(0)) if act in KINKED else rule.line(_step(q))
    phi = {**KINKED, **SMOOTH}[act]
    return sum((w * value * value for value, w in ((phi(q.sqrt() * x), w) for x, w in nodes)), arb(0))


def _step(q: arb) -> float:
    """A step for functions with poles 3 pi/4 from the real line, or as far as they are of order 1."""
    return 0.085 / max(1.0, float(q) ** 0.5)


def dual(act: str, q: arb, a: arb, rule: Rule) -> list[arb]:
    """Return d_0 ... d_{DEGREE+1} about a."""
    phi, count = {**KINKED, **SMOOTH}[act], DEGREE + 2
    root, rest = (q * a).sqrt(), (q * (1 - a)).sqrt()
    step = _step(q) if act in SMOOTH else 0.4 / float(1 + 2 * a / (1 - a)) ** 0.5
    outer = rule.line(step) if float(a) else [(arb(0), arb(1))]
    if act in SMOOTH:
        inner = rule.line(_step(q))
        values = arb_mat([[phi(root * y + rest * x) for x, _ in inner] for y, _ in outer])
        moments = (values * arb_mat([[w * h for h in hermite(x, count)] for x, w in inner])).tolist()
    else:
        moments = []
        for y, _ in outer:
            inner = rule.panels(-root * y / rest)
            row = [arb(0)] * count
            for x, w in inner:
                value = w * phi(root * y + rest * x)
                row = [m + value * h for m, h in zip(row, hermite(x, count), strict=True)]
            moments.append(row)
    return [
        sum((w * row[j] * row[j] for (_, w), row in zip(outer, moments, strict=True)), arb(0)) for j in range(count)
    ]


def series(kernel: tuple[str, int, str, str, str, str], fine: float) -> dict[str, list[arb]]:
    """Return alpha_p and kappa_p up to DEGREE, each followed by its total."""
    act, depth, sigma_w2, sigma_b2, gamma_w2, gamma_b2 = kernel
    s_w, s_b = exact(sigma_w2), exact(sigma_b2)
    g_w, g_b = (s if text == "sigma" else exact(text) for text, s in ((gamma_w2, s_w), (gamma_b2, s_b)))
    rule, q = Rule(fine), g_w + g_b
    sigma = theta = arb_series([g_b, g_w], DEGREE + 1)
    total = q
    for _ in range(depth - 1):
        a = (sigma[0] / q).mid()
        d = dual(act, q, a, rule)
        inside = arb_series([arb(0), *[sigma[p] / q / (1 - a) for p in range(1, DEGREE + 1)]], DEGREE + 1)
        value = s_w * _composed(d[:-1], inside) + s_b
        slope = s_w / q * _composed([(j + 1) * c / (1 - a) for j, c in enumerate(d[1:])], inside)
        sigma, theta = value, value + theta * slope
        chi = s_w * _slope_square(act, q, rule)
        q = s_w * mean_square(act, q, rule) + s_b
        total = q + chi * total
    rows = {"alpha": (sigma, q), "kappa": (theta, total)}
    return {name: [*[s[p] for p in range(DEGREE + 1)], whole] for name, (s, whole) in rows.items()}


def _composed(outer: list[arb], inner: arb_series) -> arb_series:
    found = arb_series([arb(0)], DEGREE + 1)
    for c in reversed(outer):
        found = found * inner + c
    return found


def _slope_square(act: str, q: arb, rule: Rule) -> arb:
    """Return E[phi'(sqrt(q) Z)^2], phi' by automatic differentiation."""
    nodes = rule.panels(arb(0)) if act in KINKED else rule.line(_step(q))
    return sum((w * s * s for s, w in ((_derivative(act, q.sqrt() * x), w) for x, w in nodes)), arb(0))


def _derivative(act: str, x: arb) -> arb:
    """Return phi'(x), by a central difference of order 8 in so many more bits that it is exact to 40 digits."""
    phi, before = {**KINKED, **SMOOTH}[act], ctx.prec
    ctx.prec = before + 200
    x = x.mid()
    h = min(arb(2) ** -40, abs(x) / 8) if act in KINKED else arb(2) ** -40
    weights = (arb(4) / 5, arb(-1) / 5, arb(4) / 105, arb(-1) / 280)
    found = sum((w * (phi(x + i * h) - phi(x - i * h)) for i, w in enumerate(weights, 1)), arb(0)) / h
    ctx.prec = before
    return found.mid()


def known(kernel: tuple[str, int, str, str, str, str]) -> dict[str, list[str]]:
    """Return the numbers with DIGITS digits, on which two computations agree."""
    found = []
    for prec, fine in ((190, 1.0), (230, 1.15)):
        ctx.prec = prec
        found.append(series(kernel, fine))
    first, second = found
    result = {}
    for name, row in second.items():
        whole = row[-1]
        result[name] = []
        for one, other in zip(first[name], row, strict=True):
            if abs(float(other / whole)) < 1e-37:
                result[name].append("0")
                continue
            assert abs(float((one - other) / other)) < 10.0**-DIGITS / 3, (kernel, name, one, other)
            result[name].append(other.str(DIGITS, radius=False))
    return result


def main() -> None:
    """Write the file."""
    ctx.cap = DEGREE + 1
    rows = []
    for kernel in KERNELS:
        rows.append({"kernel": list(kernel), **known(kernel)})
        print(*kernel, flush=True)
    FILE.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
