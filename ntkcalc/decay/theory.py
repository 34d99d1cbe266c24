r"""What theory says of the decay of a kernel's coefficients and of its eigenvalues, each statement with its standing.

*Proven in the paper*: Lemma 3.2, Corollary 4.7, Theorem 4.8. *Derived here*, from the singularity of Θ_l nearest to the
disc of convergence; it lies on the positive axis, for all coefficients are nonnegative (Pringsheim):

* φ^(m) jumps: µ_k² falls like k^{−m−3/2} and Θ_l has a term (1 − t)^{m−1/2} at t = 1, so κ_p = Θ(p^{−m−1/2}). For
  m = 1, with the jump J and s = σ_w² J², R'(1 − ε) = χ − s √(2ε)/(2π) + …, and Θ_l(1 − ε) = S_l − B_l √ε + … with
  B_l = χ B_{l−1} + S_{l−1} s √(2 χ^{l−2} γ_w²)/(2π), B_1 = 0. Hence κ_p ~ B_l p^{−3/2}/(2√π). For γ_b = 0 t = −1
  is singular too, with B'_2 = B_2, B'_l = B'_{l−1} R'(Σ_{l−1}(−1)) (B'_l = B_l for even φ): then even and odd p have
  B_l ± B'_l.
* φ is analytic but for poles, the nearest at distance y from the real line: a_k falls like e^{−2y√k}, R is singular
  at 1 like e^{−y²/(1 − t)}, and 1 − Σ_{l−1}(t) = γ_w² χ^{l−2} (1 − t) + …; the outermost of the layers' singularities
  counts: the rate of e^{−a√p} is a = 2y/√(γ_w² max(1, χ^{l−2})).
* R is singular at c > 1 like (c − t)^q, and R' like (c − t)^{q−1}: κ_p ~ C p^{−q} η^{−p}, where η > 1 is the least t
  with Σ_j(t) = c for a j < l.

For any variances the same holds of C_l = Σ_l/q_l and Θ_l/q_l, each layer with the poles, jumps and singularity of φ_q.
The NNGP kernel Σ_l has one power of the distance to the singularity more than Θ_l, so that α_p is κ_p's law over p.
"""

from dataclasses import replace
from fractions import Fraction
from math import log, pi, sqrt

import numpy as np

from ntkcalc.activations.dual import Correlation, ExpansionPoint
from ntkcalc.decay.results import DecayTheory, Statement
from ntkcalc.errors import InputError
from ntkcalc.kernel.hyperparameters import Given, Kernel
from ntkcalc.kernel.recursion import layer_map
from ntkcalc.kernel.variances import CorrelationMap
from ntkcalc.numerics.precision import context, log2, python_integers, whole

PROVEN, DERIVED = "proven in the paper", "derived here"
_BITS = 64
_TERMS = 20_000  # of R's power series beyond 1


@python_integers
def decay_theory(
    act: str,
    depth: int = 2,
    *,
    sigma_w2: Given = None,
    gamma_b2: Given = 0,
    sigma_b2: Given = None,
    gamma_w2: Given = None,
    kernel: str = "ntk",
    sphere_dim: int | None = None,
    rank: int | None = None,
) -> DecayTheory:
    """Return what theory says of a kernel's decay (Lemma 3.2, Corollary 4.7, Theorem 4.8).

    Parameters
    ----------
    act, depth, sigma_w2, gamma_b2, sigma_b2, gamma_w2, kernel : the kernel: see `ntk_coefficients`
    sphere_dim : d ≥ 2 of S^d, for statements on the eigenvalues there
    rank : r ≥ 1, for statements on kernel matrices of data of that rank

    Returns
    -------
    DecayTheory
        Statements on coefficients, on λ_k of the sphere and on λ_n of data.

    Raises
    ------
    InputError
        For a kernel, sphere or rank that makes no sense.

    Examples
    --------
    >>> [s.exponent for s in decay_theory("relu").coefficients]
    [-1.5, -1.5]
    """
    found = Kernel.of(act, depth, sigma_w2, gamma_b2, sigma_b2, gamma_w2, kernel).checked()
    return kernel_theory(found, sphere_dim, rank)


def kernel_theory(kernel: Kernel, sphere_dim: int | None = None, rank: int | None = None) -> DecayTheory:
    """Return what theory says about a kernel: see `decay_theory`."""
    if sphere_dim is not None:
        whole(sphere_dim, "sphere_dim", 2)
    if rank is not None:
        whole(rank, "rank", 1)
    sharp, proven = _derived(kernel), _lemma_3_2(kernel)
    if kernel.name == "nngp":
        sharp = [replace(s, law=s.law.replace("κ_p", "α_p")) for s in sharp]
    leading = sharp[0] if sharp else None
    return DecayTheory(
        (*proven, *sharp),
        () if sphere_dim is None or leading is None else sphere_statements(leading, sphere_dim),
        () if rank is None or leading is None else data_statements(leading, rank),
    )


def _lemma_3_2(kernel: Kernel) -> list[Statement]:
    """Return the statement of Lemma 3.2 on two layers."""
    law, bias = kernel.activation.lemma_3_2, kernel.input_bias
    if law is None or kernel.depth != 2 or kernel.constant or (bias and law.needs_zero_bias):
        return []
    if kernel.name != "ntk" or not kernel.variances.unit:
        return []
    said = f"κ_p = {law.order}" + (f" for {law.parity} p" if law.parity and not bias else "")
    return [Statement(law.model, said, PROVEN, "Lemma 3.2", exponent=law.exponent, rate=law.rate, ratio=law.ratio)]


def _derived(kernel: Kernel) -> list[Statement]:
    """Return what the nearest singularity says, the slowest class first."""
    activation, dual = kernel.activation, kernel.activation.dual
    smoother = int(kernel.name == "nngp")  # Σ_l has one power of the distance to a singularity more than Θ_l
    if kernel.depth == 1 or kernel.constant or dual.degree is not None:
        return [Statement("finite", "finitely many coefficients", DERIVED, "Θ_l is a polynomial")]
    if activation.jumps:
        return _from_jumps(kernel)
    if activation.roughness is not None:
        power = -activation.roughness - 0.5 - smoother
        said = f"κ_p = O(p^({power:g}))"
        return [Statement("power", said, DERIVED, _jump_of(activation.roughness), exponent=power)]
    parity = _parity(kernel)
    where = f" for {parity} p" if parity else ""
    if activation.pole_distance is not None:
        rate = 2 * activation.pole_distance() / sqrt(_widest_spread(kernel))
        said = f"κ_p = exp(−{rate:.6g} √p (1 + o(1))){where}"
        return [Statement("stretched-exponential", said, DERIVED, "nearest poles of φ", rate=rate, parity=parity)]
    if activation.singularity is not None:
        ratio, power = _radius(kernel), -activation.singularity.exponent - smoother
        said = f"κ_p ~ C p^({power:g}) {ratio:.6g}^(−p){where}"
        return [Statement("exponential", said, DERIVED, "singularity of R", exponent=power, ratio=ratio, parity=parity)]
    if activation.entire:
        return [Statement("entire", "κ_p falls faster than any exponential", DERIVED, "R is entire")]
    return []


def _jump_of(order: int) -> str:
    return f"φ^({order}) jumps" if order > 1 else "φ' jumps"


def _parity(kernel: Kernel) -> str | None:
    """Return "even" or "odd" where only such coefficients κ_p, p ≥ 2, are there."""
    activation = kernel.variances.correlation_map(2).activation(_BITS)
    if kernel.input_bias:
        return None
    if activation.parity == "even" or (activation.parity == "odd" and not kernel.variances.sigma_b2_at(_BITS)):
        return activation.parity
    mu = activation.hermite(9, 32)
    if kernel.depth == 2 and not any(mu[3::2]):
        return "even"
    return "odd" if kernel.depth == 2 and not any(mu[2::2]) else None


def _from_jumps(kernel: Kernel) -> list[Statement]:
    """Return the power laws of a φ with kinks: one for each parity class where they differ."""
    (first, size), *others = sorted(kernel.activation.jumps, key=lambda jump: jump[0])
    apart, smoother = not kernel.input_bias and kernel.depth == 2, int(kernel.name == "nngp")
    if first == 1:
        even, odd = _constants(kernel, float(size(context(_BITS))))
        found = [_power(1, smoother, "even", even)] if even else []
        found += [_power(1, smoother, "odd", odd)] if odd and not apart else []
        return found + [_power(order, smoother, "odd") for order, _ in others[:1] if apart]
    if not apart:
        return [_power(first, smoother)]
    return [_power(order, smoother, "odd" if order % 2 == 0 else "even") for order in [first, *(m for m, _ in others)]]


def _power(order: int, smoother: int, parity: str | None = None, constant: float | None = None) -> Statement:
    """Return the law that a jump of φ^(order) gives."""
    exponent = -order - 0.5 - smoother
    size = f"~ {constant:.6g} p^({exponent:g})" if constant else f"= Θ(p^({exponent:g}))"
    said = f"κ_p {size}" + (f" for {parity} p" if parity else "")
    return Statement("power", said, DERIVED, _jump_of(order), exponent=exponent, constant=constant, parity=parity)


def _constants(kernel: Kernel, jump: float) -> tuple[float, float]:
    """Return C of κ_p ~ C p^{−3/2}, or of α_p ~ C p^{−5/2}, for even and for odd p.

    Every layer has s = σ_w² q J²/q_l and χ as C_l has them, and 1 − C_{l−1} = g (1 − t) + …
    """
    bias, weight = kernel.variances.first_layer(_BITS)
    spread, total, plus, minus = float(weight), 1.0, 0.0, 0.0
    t = Correlation.of(Fraction(2 * bias - 1), _BITS) if isinstance(bias, Fraction) else None  # C_1(−1)
    for layer in kernel.maps():
        chi, q = float(layer.slope(_BITS)), float(layer.variances.variance(layer.layer - 1, _BITS))
        bend = float(layer.weight(_BITS)) * q * jump**2 * sqrt(2) / (2 * pi)
        rise = 2 / 3 * bend * spread**1.5 if kernel.name == "nngp" else total * bend * sqrt(spread)
        first, spread, total = not plus, spread * chi, 1 + chi * total
        plus = chi * plus + rise
        if t is not None:
            t, slope = layer_map(layer, t, _BITS)
            minus = plus if first else minus * float(slope)
    if kernel.input_bias:
        minus = 0.0
    elif kernel.activation.parity == "even":
        minus = plus
    divisor, q = 4 / 3 * sqrt(pi) if kernel.name == "nngp" else 2 * sqrt(pi), float(kernel.variance(_BITS))
    return q * (plus + minus) / divisor, q * (plus - minus) / divisor


def _widest_spread(kernel: Kernel) -> float:
    """Return the largest q_{j−1} g_{j−1} of the layers, 1 − C_{j−1} = g_{j−1} (1 − t) + …: poles of φ_q are over √q."""
    spread, widest = float(kernel.variances.first_layer(_BITS)[1]), 0.0
    for layer in kernel.maps():
        widest = max(widest, float(layer.variances.variance(layer.layer - 1, _BITS)) * spread)
        spread *= float(layer.slope(_BITS))
    return widest


def _radius(kernel: Kernel) -> float:
    """Return the least t > 1 at which some C_j(t), j < l, is where the next R is singular: backwards from the last."""
    target = float("inf")
    for layer in reversed(kernel.maps()):
        target = _preimage(layer, target)
    bias, weight = (float(x) for x in kernel.variances.first_layer(_BITS))
    return (target - bias) / weight


def _preimage(layer: CorrelationMap, target: float) -> float:
    """Return the t > 1 with R(t) = target, or the place where R is singular if that comes first."""
    singularity = layer.activation(_BITS).singularity
    assert singularity is not None
    c, weight, bias = float(singularity.place), float(layer.weight(_BITS)), float(layer.bias(_BITS))
    if target == float("inf"):
        return c
    series = layer.dual(_BITS).taylor(ExpansionPoint.origin(), _TERMS, _BITS)
    logs = np.array([log2(x) * log(2) if x else -np.inf for x in series])
    degrees = np.arange(len(logs))

    def image(t: float) -> float:
        return bias + weight * float(np.exp(logs + degrees * log(t)).sum())

    if image(c) <= target:  # this layer is singular before the next one is
        return c
    low, high = 1.0, c
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if image(middle) < target else (low, middle)
    return low


def geometric_layers(eta: Fraction, depth: int) -> tuple[Fraction, Fraction]:
    """Return C_l and η_l of α_{p,l} = C_l η_l^{−p}, p ≥ 1, where α_{p,2} = (η − 1) η^{−p} (Lemma B.7, (44)).

    Notes
    -----
    η_{l+1} = η_l η_2/(η_2 + C_l) and C_{l+1} = C_l C_2/(η_2 + C_l): Möbius maps composed. κ_{p,l} is
    O(p^{2l−3} η_l^{−p}) by Lemma B.9, and of order p η_l^{−p} in truth.

    Examples
    --------
    >>> geometric_layers(Fraction(2), 3)
    (Fraction(1, 3), Fraction(4, 3))
    """
    if eta <= 1 or depth < 2:
        raise InputError(f"geometric layers need eta > 1 and depth of at least 2, got {eta} and {depth}")
    c, first, ratio = eta - 1, eta - 1, eta
    for _ in range(depth - 2):
        c, ratio = c * first / (eta + c), ratio * eta / (eta + c)
    return c, ratio


def sphere_statements(law: Statement, d: int) -> tuple[Statement, ...]:
    """Return what follows for λ_k on S^d (Corollary 4.7), and sharper laws."""
    name = "Corollary 4.7"
    if law.model == "power" and law.exponent is not None:
        power = -d + 2 + 2 * law.exponent
        where = f" for {law.parity} k" if law.parity else ""
        index = f"λ_ℓ = Θ(ℓ^({power / d:.6g})), ℓ counting multiplicities"
        return (
            Statement("power", f"λ_k = Θ(k^({power:g})){where}", PROVEN, name, exponent=power),
            Statement("power", index, PROVEN, name, exponent=power / d),
        )
    if law.model == "stretched-exponential" and law.rate is not None:
        a, sharp = law.rate, 1.5 * law.rate ** (2 / 3)
        said = f"λ_k = O(k^({0.5 - d:g}) exp(−a √k)) for all a < {a:.6g}"
        return (
            Statement("stretched-exponential", said, PROVEN, name, rate=a),
            Statement("stretched-exponential", f"λ_k = exp(−{sharp:.6g} k^(2/3) (1 + o(1)))", DERIVED, "saddle point"),
        )
    if law.model == "exponential" and law.ratio is not None:
        r, power = law.ratio, 1 - d / 2
        sharp, factor = r + sqrt(r * r - 1), f"k^({power:g}) " if power else ""
        said = f"λ_k = Θ({factor}{sharp:.6g}^(−k))"
        found = [Statement("exponential", f"λ_k = O(k^({1 - d}) {r:.6g}^(−k))", PROVEN, name, ratio=r)]
        if law.exponent == 0.5:
            found.append(Statement("exponential", said, DERIVED, "saddle point", exponent=power, ratio=sharp))
        return tuple(found)
    if law.model == "finite":
        return (Statement("finite", "λ_k = 0 for k beyond the degree", DERIVED, "Theorem 4.6"),)
    return (Statement("entire", "λ_k falls faster than any exponential", DERIVED, "Theorem 4.6"),)


def data_statements(law: Statement, r: int) -> tuple[Statement, ...]:
    """Return what follows for λ_n of kernel matrices of data of rank r (Theorem 4.8, r ≥ 7, n ≥ 2 r^r)."""
    name, where = "Theorem 4.8", " for n ≥ 2 r^r"
    always = Statement("power", "λ_n ≤ S_l/n", DERIVED, "the trace", exponent=-1.0)
    if law.model == "finite":
        return (always, Statement("finite", "λ_n = 0 beyond the rank of the polynomial", DERIVED, "Lemma C.20"))
    if r < 7 and law.model != "entire":
        return (always, Statement("undecided", f"{name} needs r ≥ 7", PROVEN, name))
    if law.model == "power" and law.exponent is not None:
        a = -law.exponent
        if a <= r + 1:
            return (always, Statement("undecided", f"{name} needs a > r + 1, here a = {a:g}", PROVEN, name))
        power = -(a - 1) / r
        return (always, Statement("power", f"λ_n = O(n^({power:.6g})){where}", PROVEN, name, exponent=power))
    if law.model == "stretched-exponential" and law.rate is not None:
        limit = law.rate * 2 ** (-1 / (2 * r))
        said = f"λ_n = O(n^(1/{2 * r}) exp(−a' n^(1/{2 * r}))) for all a' < {limit:.6g}{where}"
        return (always, Statement("stretched-exponential", said, PROVEN, name, rate=limit))
    if law.model == "exponential" and law.ratio is not None:
        limit = log(law.ratio) * 2 ** (-1 / r)
        said = f"λ_n = O(exp(−a' n^(1/{r}))) for all a' < {limit:.6g}{where}"
        return (always, Statement("exponential", said, PROVEN, name, rate=limit))
    return (always,)
