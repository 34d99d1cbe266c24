"""Activations of torch.nn, jax.nn, Keras and papers: every verb, against their definitions in float64."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from published import PUBLISHED, REFUSED, VERBS
from shell import inside

Array = Any
HALF, STEP = 8.5, 0.0625
"""Of the rule for integrals against the normal density: beyond 8.5 are 2e-17 of the mass."""


def normal(f: Callable[[Array, Array], Array], t: float) -> float:
    """E[f(U, V)], corr(U, V) = t, by the trapezoidal rule in the plane."""
    x = np.arange(-HALF, HALF, STEP) + STEP / 2  # kinks, multiples of the step, in the middle of two nodes
    weights = np.exp(-x * x / 2) * STEP / np.sqrt(2 * np.pi)
    if abs(t) == 1:
        return float(weights @ f(x, t * x))
    u, w = x[:, None], x[None, :]
    return float(weights @ f(u, t * u + np.sqrt((1 - t) * (1 + t)) * w) @ weights)


def slope(phi: Callable[[Array], Array], x: Array) -> Array:
    """φ' by a central difference: at a kink the mean of both sides."""
    h = 2.0**-20
    return (phi(x + h) - phi(x - h)) / (2 * h)


@cache
def defined(name: str, depth: int, sigma_w2: float, sigma_b2: float, t: float) -> tuple[float, float]:
    """Σ_l and Θ_l at correlation t by (11) and (12), from the definition of φ."""
    if depth == 1:
        return t, t
    phi = PUBLISHED[name].phi
    inner, theta = defined(name, depth - 1, sigma_w2, sigma_b2, t)
    inner = min(max(inner, -1.0), 1.0)
    image = sigma_w2 * normal(lambda u, v: phi(u) * phi(v), inner) + sigma_b2
    rise = sigma_w2 * normal(lambda u, v: slope(phi, u) * slope(phi, v), inner)
    return image, image + theta * rise


class Kernel:
    """A kernel of the program, and the same by the definition."""

    def __init__(self, name: str, depth: int, verb: str, folder: Path) -> None:
        (folder / "points.txt").write_text("1 1 0\n1 0 1\n0 1 1\n")  # three points of mutual correlation 1/2
        command = VERBS[verb].format(folder / "points.txt").split()
        done = inside([*command, "-l", str(depth), "-a", PUBLISHED[name].text, "--json"])
        assert done.returncode == 0, f"{shlex.join(command)} -l {depth} -a '{PUBLISHED[name].text}': {done.stderr}"
        self.found: dict[str, Any] = json.loads(done.stdout)
        self.total = self.found["kernel"]["total"]
        self._of = name, depth, *(float(self.found["kernel"][key]) for key in ("sigma_w2", "sigma_b2"))
        self.error = 2e-3 * self.total  # of the rule where φ has kinks; 1e-8 where it has none

    def theta(self, t: float) -> float:
        """Θ_l(t) by the definition."""
        return defined(*self._of, t)[1]


def evaluate(kernel: Kernel) -> None:
    """Θ_l(ρ), and Θ_l(1) as the total."""
    assert kernel.total == pytest.approx(kernel.theta(1), abs=kernel.error)
    for row in kernel.found["values"]:
        assert row["theta"] == pytest.approx(kernel.theta(row["rho"]), abs=kernel.error)


def coeffs(kernel: Kernel) -> None:
    """Θ_l(t) = Σ_p κ_p t^p, but for τ_T |t|^{T+1} at most."""
    kappa, tail = [row["kappa"] for row in kernel.found["coefficients"]], kernel.found["tail"]
    assert min(kappa) >= 0
    assert sum(kappa) + tail == pytest.approx(kernel.total)
    for t in (0.5, -0.9):
        rest = tail * abs(t) ** len(kappa) + kernel.error
        assert sum(c * t**p for p, c in enumerate(kappa)) == pytest.approx(kernel.theta(t), abs=rest)


def eigs(kernel: Kernel) -> None:
    """Θ_l(t) = Σ_k N(k) λ_k P_k(t) on S², and |P_k| ≤ 1."""
    shares = [row["multiplicity"] * row["eigenvalue"] for row in kernel.found["eigenvalues"]]
    rest = kernel.total - sum(shares)
    assert min(shares) >= 0
    assert rest >= -1e-9 * kernel.total
    for t in (0.5, -0.9):
        series = np.polynomial.legendre.legval(t, shares)
        assert series == pytest.approx(kernel.theta(t), abs=rest + kernel.error)


def effrank(kernel: Kernel) -> None:
    """Tr/λ_1 of three points with Θ(1) on the diagonal and Θ(1/2) beside it; at most Θ(1)/Θ(0) by Theorem 4.1."""
    one, half, zero = (kernel.theta(t) for t in (1.0, 0.5, 0.0))
    assert kernel.found["kernel_effrank"] == pytest.approx(3 * one / max(one + 2 * half, one - half), rel=6e-3)
    bound = kernel.found["bound"]
    assert (0 if bound is None else one / bound) == pytest.approx(zero, abs=kernel.error)


def decay(kernel: Kernel) -> None:
    """Where Θ_l is even or odd, so are the p of its coefficients."""
    right, left, parity = kernel.theta(0.9), kernel.theta(-0.9), kernel.found["parity"]
    if abs(left) == pytest.approx(right, rel=1e-9):
        assert parity == ("even" if left > 0 else "odd")
    assert kernel.total == pytest.approx(kernel.theta(1), abs=kernel.error)


CHECKS = {check.__name__: check for check in (coeffs, evaluate, eigs, effrank, decay)}
VERB, DEPTH = pytest.mark.parametrize("verb", CHECKS), pytest.mark.parametrize("depth", [2, 3, 5])


def test_every_verb_is_here() -> None:
    assert [*CHECKS] == [*VERBS]


@pytest.mark.parametrize("name", ["PReLU", "Serf", "Snake", "sinc"])
@VERB
@DEPTH
@pytest.mark.quick(5)
def test_every_verb_says_of_some_what_their_definition_says(name: str, verb: str, depth: int, tmp_path: Path) -> None:
    CHECKS[verb](Kernel(name, depth, verb, tmp_path))


@pytest.mark.thorough
@pytest.mark.parametrize("name", PUBLISHED)
@VERB
@DEPTH
def test_every_verb_says_of_all_what_their_definition_says(name: str, verb: str, depth: int, tmp_path: Path) -> None:
    CHECKS[verb](Kernel(name, depth, verb, tmp_path))


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_theory_excludes_is_refused(name: str) -> None:
    _, text, said = REFUSED[name]
    done = inside(["coeffs", "-a", text])
    assert done.returncode in (2, 3)
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
