"""The accuracy that `evaluate --data` states, against ball arithmetic, for random kernels and points.

``python matrix_accuracy.py [COUNT] [SEED]`` prints the worst error over the stated one, of COUNT cases. Points come in
pairs at distances from 1e-16 to 1 of each other or of their mirror images; every entry of the matrix is compared.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from contextlib import chdir
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from random import Random

import mpmath
import numpy as np
from arb_ntk import _activation, reference_mu
from flint import arb, arb_mat, arb_poly, ctx
from free_variances import exact

sys.path.insert(0, str(Path(__file__).parent.parent))

from shell import inside

BITS = 500
DEGREE = 900  # where µ_k² k of tanh, the last to vanish, are below 1e-38
CLOSED = ["linear", "relu", "leaky-relu:slope=0.1", "abs", "erf", "sin", "cos", "gaussian"]
SERIES = ["tanh", "sigmoid", "softplus:beta=1", "silu", "mish", "gelu"]

Dual = Callable[[arb, arb, arb], tuple[arb, arb]]
"""From q_x, q_y and c = Cov(X, Y): E[φ(X)φ(Y)] and E[φ'(X)φ'(Y)]."""


def root(square: arb) -> arb:
    """The root of 1 − ρ² of doubles: a ball that reaches below 0 stands for 0, for the least others are near 1e-33."""
    assert square > 0 or abs(square) < arb(10) ** -60
    return square.sqrt() if square > 0 else arb(0)


def piecewise(slope: arb) -> Dual:
    """The dual of max(x, slope x): relu's D(t) = (√(1−t²) + t (π − arccos t))/(2π), (1+s²) D(t) − 2s D(−t)."""

    def dual(qx: arb, qy: arb, c: arb) -> tuple[arb, arb]:
        size, area = (qx * qy).sqrt(), root(qx * qy - c * c)
        angle = arb.atan2(area, c)
        there, back = (area + c * (arb.pi() - angle)) / (2 * arb.pi()), (area - c * angle) / (2 * arb.pi())
        rise, fall = (arb.pi() - angle) / (2 * arb.pi()), angle / (2 * arb.pi())
        assert size > 0
        square = 1 + slope * slope
        return square * there - 2 * slope * back, square * rise + 2 * slope * fall

    return dual


def wave(qx: arb, qy: arb, c: arb) -> tuple[arb, arb]:
    """The dual of sin; that of cos is the same, exchanged."""
    size = (-(qx + qy) / 2).exp()
    return size * c.sinh(), size * c.cosh()


def bell(qx: arb, qy: arb, c: arb) -> tuple[arb, arb]:
    """The dual of the normal density, and its derivative by c."""
    area = (1 + qx) * (1 + qy) - c * c
    return 1 / (2 * arb.pi() * area.sqrt()), c / (2 * arb.pi() * area * area.sqrt())


def erf(qx: arb, qy: arb, c: arb) -> tuple[arb, arb]:
    """The dual of erf (Williams)."""
    sizes = (1 + 2 * qx) * (1 + 2 * qy)
    return 2 / arb.pi() * (2 * c / sizes.sqrt()).asin(), 4 / arb.pi() / (sizes - 4 * c * c).sqrt()


@cache
def series(act: str) -> Dual:
    """The dual at unit variance: Σ µ_k² t^k, and what is left of E[φ²] and of E[φ'²] as an error."""
    squares = arb_poly([mu * mu for mu in reference_mu(act, DEGREE, 45)])
    known = _activation(act)
    wholes = arb(1) * known.second(), arb(1) * known.slope()
    parts = [
        (part, arb(0, 1) * abs(whole - part(1)).upper())
        for part, whole in zip((squares, squares.derivative()), wholes, strict=True)
    ]
    return lambda qx, qy, c: tuple(part(c) + left for part, left in parts)


def dual_of(act: str) -> Dual:
    """The dual of an activation."""
    slopes = {"linear": arb(1), "relu": arb(0), "leaky-relu:slope=0.1": exact("0.1"), "abs": arb(-1)}
    if act in slopes:
        return piecewise(slopes[act])
    closed = {"erf": erf, "sin": wave, "cos": lambda *given: wave(*given)[::-1], "gaussian": bell}
    return closed[act] if act in closed else series(act)


@dataclass(frozen=True)
class Case:
    """A kernel, the options that say it, and points."""

    options: list[str]
    dual: Dual
    depth: int
    nngp: bool
    variances: list[arb]  # σ_w², σ_b², γ_w², γ_b²
    rows: np.ndarray
    normalized: bool

    @classmethod
    def of(cls, random: Random) -> Case:
        """Draw one."""
        normalized, plain = random.random() < 0.7, random.random() < 0.6
        act = random.choice(CLOSED + SERIES if normalized and plain else CLOSED)
        depth, nngp, dual = random.choice([1, 2, 2, 3, 3, 4, 5, 6, 8, 10]), random.random() < 0.3, dual_of(act)
        options = ["-a", act, "-l", f"{depth}", "--kernel", "nngp" if nngp else "ntk"]
        if plain:  # Assumption 2
            sigma, gamma = random.choice(["0.7", "0.95", "max"]), random.choice(["0", "0", "0.1", "0.5"])
            options += ["--sigma-w2", sigma, "--gamma-b2", gamma]
            square = dual(arb(1), arb(1), arb(1))[0]
            sigma_w2 = 1 / square if sigma == "max" else exact(sigma)
            variances = [sigma_w2, 1 - sigma_w2 * square if sigma != "max" else arb(0), 1 - exact(gamma), exact(gamma)]
        else:
            texts = [random.choice(choice) for choice in FREE]
            options += [word for pair in zip(NAMES, texts, strict=True) for word in pair]
            variances = [*map(exact, texts)]
        return cls(options, dual, depth, nngp, variances, some_rows(random, normalized), normalized)

    def entry(self, dots: tuple[arb, arb, arb]) -> arb:
        """The kernel of two points, from ⟨x, x⟩, ⟨y, y⟩ and ⟨x, y⟩."""
        sigma_w2, sigma_b2, gamma_w2, gamma_b2 = self.variances
        qx, qy, sigma = (gamma_w2 * dot + gamma_b2 for dot in dots)
        theta = sigma
        for _ in range(self.depth - 1):
            value, slope = self.dual(qx, qy, sigma)
            theta = sigma_w2 * value + sigma_b2 + theta * sigma_w2 * slope
            qx, qy, sigma = (
                sigma_w2 * v + sigma_b2 for v in (self.dual(qx, qx, qx)[0], self.dual(qy, qy, qy)[0], value)
            )
        return sigma if self.nngp else theta

    def matrix(self) -> list[list[arb]]:
        """The kernel matrix, on and above the diagonal, as rows."""
        points = arb_mat([[arb(value) for value in row] for row in self.rows.astype(float).tolist()])
        gram = (points * points.transpose()).tolist()
        if self.normalized:
            sizes = [gram[i][i].sqrt() for i in range(len(gram))]
            gram = [
                [1 if i == j else gram[i][j] / sizes[i] / sizes[j] for j in range(len(gram))] for i in range(len(gram))
            ]
        return [
            [self.entry((gram[i][i], gram[j][j], gram[i][j])) for j in range(i, len(gram))] for i in range(len(gram))
        ]


FREE = (["0.5", "1", "1.5", "2"], ["0", "0.05", "0.3"], ["0.3", "1", "2"], ["0", "0", "0.2"])
NAMES = ("--sigma-w2", "--sigma-b2", "--gamma-w2", "--gamma-b2")


def some_rows(random: Random, normalized: bool) -> np.ndarray:
    """Pairs of points, every other one close to the one before it or to its mirror image."""
    draw = np.random.default_rng(random.getrandbits(32))
    n, d, found = random.randint(5, 12), random.randint(2, 20), []
    while len(found) < n:
        x, aside = draw.standard_normal((2, d))
        if random.random() < 0.5:  # coordinates near 0 keep what others round off
            x[random.randrange(d) :] = 0
            x[0] = 1.0
        aside -= (aside @ x) / (x @ x) * x
        aside *= 10.0 ** draw.uniform(-16, 0) * np.linalg.norm(x) / np.linalg.norm(aside)
        size = 10.0 ** draw.uniform(-3, 3, 2)
        if not normalized:
            size = draw.uniform(0.2, 2) * np.array([1, random.choice([1, 1.01, 2])]) / np.linalg.norm(x)
        found += [size[0] * x, size[1] * random.choice([1, -1]) * (x + aside)]
    return np.array(found[:n], dtype=random.choice([np.float32, np.float64]))


def excess(case: Case) -> float:
    """The worst error of an entry over the stated one; raises AssertionError for a printed digit that is wrong."""
    options = [*case.options, "--data", "x.npy", *([] if case.normalized else ["--no-normalize"]), "-q"]
    np.save("x.npy", case.rows)
    stated = json.loads(output(["evaluate", *options, "-o", "K.npy", "--json"]))["accuracy"]
    printed = output(["evaluate", *options, "--format", "plain"]).split()
    lines = [line.split()[1] for line in output(["eigs", *options, "--format", "plain"]).splitlines()]
    found, n = np.load("K.npy").tolist(), len(case.rows)
    with ctx.workprec(BITS):
        true = case.matrix()
        largest = max(true[i][0] for i in range(n))
        errors = [abs(true[i][j - i] - arb(found[i][j])) for i in range(n) for j in range(i, n)]
        worst = max(float(error.upper() / largest) for error in errors)
    with mpmath.workdps(60):
        whole = mpmath.matrix(n)
        for i in range(n):
            for j in range(i, n):
                whole[i, j] = whole[j, i] = mpmath.mpf(true[i][j - i].mid().str(60, radius=False))
        entries = [*whole]
        facts = [min(entries), mpmath.fsum(entries) / n**2, max(entries)]
        spectrum = sorted(mpmath.eigsy(whole / n, eigvals_only=True), reverse=True)
        for text, value in [*zip(printed, facts, strict=True), *zip(lines, spectrum, strict=True)]:
            if text[0].isdigit() or text[0] == "-":
                unit = mpmath.mpf(10) ** Decimal(text).as_tuple().exponent
                assert abs(mpmath.mpf(text) - value) <= unit, f"{text} is printed for {value}"
    return worst / stated


def output(arguments: list[str]) -> str:
    """What a run prints that must succeed."""
    done = inside(arguments)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def main(count: int = 200, seed: int = 0) -> None:
    """Draw and compare."""
    ratios = []
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        for number in range(count):
            with ctx.workprec(BITS):
                case = Case.of(Random(f"{seed} {number}"))
            ratios.append(excess(case))
            print(
                number,
                f"{ratios[-1]:.3f}",
                *case.options,
                case.rows.shape,
                case.rows.dtype,
                case.normalized,
                flush=True,
            )
    beyond = sum(ratio > 1 for ratio in ratios)
    print(f"{count} cases, {beyond} beyond the stated accuracy; the worst {max(ratios):.2f} of it")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
