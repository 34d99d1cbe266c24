"""A kernel: activation, depth and the variances of weights and biases, and the quantities that follow from them."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction
from functools import cached_property
from typing import Annotated, Any, Self, TypeAlias

from ntkcalc.activations.activation import Activation
from ntkcalc.activations.catalogue import activation
from ntkcalc.errors import InputError, near_miss, one_of
from ntkcalc.kernel.phase import fixed_point, limits
from ntkcalc.kernel.results import KernelFacts
from ntkcalc.kernel.variances import SIGMA, CorrelationMap, Number, SigmaError, UnresolvedSigmaError, Variances
from ntkcalc.numerics.precision import Real, bits_for, context, decimal, dyadic, rational, real, short_text, whole

MOST_LAYERS = 1000
"""Largest depth."""

NAMES = ("ntk", "nngp")
"""Kernels of a network: Θ_l, the neural tangent kernel, and Σ_l, the network's own covariance."""

Given: TypeAlias = str | float | Fraction | None
"""A number as a caller gives it: decimal text and fractions such as ``"1/3"`` are exact."""


@dataclass(frozen=True)
class Kernel:
    """The NTK Θ_l of a network of `depth` layers, the linear output included, or its NNGP kernel Σ_l."""

    activation: Annotated[Activation, "the activation φ"]
    depth: Annotated[int, "l ≥ 1: the paper's κ_{p,l}; l = 2 is one hidden layer"]
    sigma_w2: Annotated[Fraction | None, "σ_w² > 0, or None for 1/E[φ²]"]
    gamma_b2: Annotated[Fraction | str, "γ_b² ≥ 0, or SIGMA for σ_b²"] = Fraction(0)
    sigma_b2: Annotated[Fraction | None, "σ_b² ≥ 0, or None for 1 − σ_w² E[φ²] (Assumption 2)"] = None
    gamma_w2: Annotated[Fraction | str | None, "γ_w² ≥ 0, or SIGMA for σ_w², or None for 1 − γ_b²"] = None
    name: Annotated[str, '"ntk" or "nngp"'] = "ntk"

    @classmethod
    def of(
        cls,
        act: str | Activation,
        depth: int = 2,
        sigma_w2: Given = None,
        gamma_b2: Given = 0,
        sigma_b2: Given = None,
        gamma_w2: Given = None,
        kernel: str = "ntk",
    ) -> Self:
        """Return the kernel that names and numbers describe.

        Without `sigma_w2`, σ_w² is 1, or 1/E[φ²] where Assumption 2 allows no more than that and that is no larger.
        An InputError refuses an unknown activation or a value that no activation admits; see also `checked`.
        """
        if not isinstance(act, str | Activation):
            raise InputError(f"an activation is named by text such as 'tanh', got {act!r:.40}")
        phi = activation(act) if isinstance(act, str) else act
        if not 1 <= whole(depth, "depth") <= MOST_LAYERS:
            raise InputError(f"depth must be at least 1 and at most {MOST_LAYERS}, got {depth}")
        one_of(kernel, NAMES, "kernel")
        weights, biases = (
            None if value is None else _variance(value, name, SIGMA)
            for value, name in ((gamma_w2, "gamma_w2"), (gamma_b2, "gamma_b2"))
        )
        if biases is None:
            raise InputError("gamma_b2 must be a number, got None")
        if weights is None and isinstance(biases, Fraction) and biases > 1:
            raise InputError(
                f"gamma_b2 must lie in [0, 1], got {short_text(biases)} (gamma_w2 = 1 - gamma_b2, unless it is given)"
            )
        if weights == 0 and biases == 0:
            raise InputError("gamma_w2 and gamma_b2 must not both be 0: the first layer would compute nothing")
        bias = None if sigma_b2 is None else _number(sigma_b2, "sigma_b2")
        sigma = Fraction(1) if sigma_w2 is None else _variance(sigma_w2, "sigma_w2", "max")
        found = cls(phi, depth, None if isinstance(sigma, str) else sigma, biases, bias, weights, kernel)
        try:
            given = sigma_w2 is not None or found._fits()
        except UnresolvedSigmaError:
            given = False
        return found if given else replace(found, sigma_w2=None)

    def __reduce__(self) -> tuple[Any, ...]:
        """Describe the kernel to other processes by name and numbers; activations hold functions."""
        return _again, (self.activation.name, *(getattr(self, f.name) for f in fields(self)[1:]))

    def checked(self) -> Self:
        """Return the kernel itself; an InputError refuses what its layers do not admit.

        Under Assumption 2 that is σ_w² E[φ²] > 1, else variances q_l beyond the range of doubles.
        """
        if not self._fits():
            raise self._too_large()
        if self.variances.gamma_w2 is None and self.gamma_b2 == SIGMA and self.variances.gamma_b2_at(64) > 1:
            raise InputError("gamma_b2 = sigma_b2 must lie in [0, 1] (gamma_w2 = 1 - gamma_b2, unless it is given)")
        self.variances.variance(self.depth, 64)
        return self

    @cached_property
    def variances(self) -> Variances:
        """The activation with its variances."""
        return Variances(self.activation, self.sigma_w2, self.sigma_b2, self.gamma_w2, self.gamma_b2)

    def at_depth(self, depth: int) -> Self:
        """Return the same kernel at another depth."""
        return replace(self, depth=depth)

    def on_sphere(self, radius: Fraction) -> Self:
        """Return the kernel of inputs of another norm: γ_w² times its square."""
        gamma_w2 = self.variances.gamma_w2_at(128)
        exactly = gamma_w2 if isinstance(gamma_w2, Fraction) else dyadic(gamma_w2, 128)
        return replace(self, gamma_w2=exactly * radius**2)

    def maps(self) -> list[CorrelationMap]:
        """Return the correlation maps of the layers 2 … l."""
        return [self.variances.correlation_map(layer) for layer in range(2, self.depth + 1)]

    @property
    def constant(self) -> bool:
        """Whether the first layer has no weights, so that Θ_l does not depend on its inputs."""
        return self.gamma_w2 == 0 or (self.gamma_w2 is None and not self.variances.gamma_w2_at(64))

    @property
    def input_bias(self) -> bool:
        """Whether the first layer has biases."""
        return bool(self.variances.gamma_b2_at(64))

    def variance(self, bits: int) -> Fraction:
        """Return q_l = Σ_l(1), relative error below 2**-bits."""
        return self.variances.variance(self.depth, bits)

    def steps(self, bits: int) -> Iterator[tuple[Fraction, Real]]:
        """Yield q_j and χ_j of the layers j = 2 … l."""
        slope = self.variances.slope(2, bits) if self.depth > 1 else None
        for layer in range(2, self.depth + 1):
            yield self.variances.variance(layer, bits), slope if self._unit else self.variances.slope(layer, bits)

    def chi(self, bits: int) -> Real:
        """Return χ_l = σ_w² E[φ'(√q_{l−1} Z)²], of a single layer what a second one would have."""
        return self.variances.slope(max(self.depth, 2), bits)

    def total(self, bits: int) -> Real:
        """Return Θ_l(1) = S_l = q_l + χ_l S_{l−1}, S_1 = q_1, or of the NNGP kernel Σ_l(1) = q_l."""
        ctx = context(bits + 2 * self.depth.bit_length() + 8)
        if self.name == "nngp":
            return real(ctx, self.variance(ctx.prec))
        total = real(ctx, self.variances.variance(1, ctx.prec))
        for q, chi in self.steps(ctx.prec):
            total = real(ctx, q) + ctx.convert(chi) * total
        return total

    @property
    def _unit(self) -> bool:
        return self.variances.unit

    def _fits(self) -> bool:
        """Return whether σ_b² is not negative."""
        try:
            self.variances.sigma_b2_at(64)
        except SigmaError:
            return False
        return True

    def _too_large(self) -> InputError:
        ctx, square = context(64), self.activation.dual.mean_square(64)
        largest = 1 / square if isinstance(square, Fraction) else 1 / ctx.convert(square) * (1 - ctx.ldexp(1, -48))
        bound = decimal(largest, 12, ROUND_FLOOR)
        return InputError(
            f"sigma_w2 must be at most {short_text(Fraction(bound))} for {self.activation.name} "
            "(sigma_w2 E[phi^2] <= 1; 'max' says it exactly) unless sigma_b2 is given, "
            f"got {short_text(self.sigma_w2 or Fraction(0))}"
        )


def _variance(value: str | float | Fraction, what: str, word: str) -> Fraction | str:
    """Read a variance, or a word in its place."""
    text = value.strip().lower() if isinstance(value, str) else ""
    if text == word:
        return word
    if text[:1].isalpha() and text not in ("nan", "inf") and text not in _WORDS:
        raise InputError(f"{what} must be a number or '{word}', got '{value!s:.40}'.{near_miss(text, [word])}")
    return _number(value, what, f" (or '{word}')")


_WORDS = {"max": "--sigma-w2", SIGMA: "--gamma-w2 and --gamma-b2"}
"""The words that may stand for a number, and where."""


def _number(value: str | float | Fraction, what: str, instead: str = "") -> Fraction:
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in _WORDS:
        raise InputError(f"{what} must be a number{instead}, got '{word}', which is for {_WORDS[word]}")
    found = rational(value, what + instead)
    if found < 0 or (not found and what == "sigma_w2"):
        needed = "be positive" if what == "sigma_w2" else "not be negative"
        raise InputError(f"{what} must {needed}, got {value if isinstance(value, str) else short_text(found):.60}")
    return found


def _again(name: str, *more: Any) -> Kernel:
    return Kernel(activation(name), *more)


def kernel_of(facts: KernelFacts) -> Kernel:
    """Return the kernel that a file names, whose variances are rounded.

    Under Assumption 2 σ_w² and γ_b² say them all, and σ_w² beyond the largest is the largest.
    """
    act, depth, name = facts.activation, facts.depth, facts.name
    sigma_w2, gamma_b2, sigma_b2, gamma_w2 = (
        None if v is None else str(v) for v in (facts.sigma_w2, facts.gamma_b2, facts.sigma_b2, facts.gamma_w2)
    )
    from_csv = facts.variances is None and facts.chi is None  # which names σ_b² and γ_w² only where they are free
    free = from_csv and sigma_b2 is not None and gamma_w2 is not None
    if free or any(q != 1 for q in facts.variances or ()):
        return Kernel.of(act, depth, sigma_w2, gamma_b2 or "0", sigma_b2, gamma_w2, name).checked()
    if facts.sigma_b2 != 0:
        with suppress(InputError):
            return Kernel.of(act, depth, sigma_w2 or "1", gamma_b2 or "1", kernel=name).checked()
    return Kernel.of(act, depth, "max", gamma_b2 or "1", kernel=name)


def kernel_facts(kernel: Kernel, digits: int) -> KernelFacts:
    """Return a kernel with its derived quantities, rounded to so many digits."""
    bits, v = bits_for(digits), kernel.variances
    steps = list(kernel.steps(bits))

    def shown(value: Number) -> Decimal:
        return decimal(value, digits)

    sigma_w2 = v.sigma_w2_at(bits) if v.sigma_w2 is None else v.sigma_w2
    sigma_b2 = v.sigma_b2_at(bits) if v.sigma_b2 is None else v.sigma_b2
    return KernelFacts(
        kernel.activation.name,
        kernel.depth,
        shown(sigma_w2),
        shown(sigma_b2),
        shown(v.gamma_w2_at(bits)),
        shown(v.gamma_b2_at(bits)),
        shown(kernel.chi(bits)),
        shown(kernel.total(bits)),
        kernel.name,
        tuple(shown(q) for q in (v.variance(1, bits), *(q for q, _ in steps))),
        tuple(shown(chi) for _, chi in steps),
        fixed_point(v, kernel.variance(96), digits),
        limits(v),
    )
