"""A kernel: activation, depth and the two free variances of Assumption 2, and the quantities that follow from them."""

from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR
from fractions import Fraction
from typing import Annotated, Self

from ntkcalc.activations.activation import Activation
from ntkcalc.activations.catalogue import activation
from ntkcalc.errors import InputError
from ntkcalc.kernel.results import KernelFacts
from ntkcalc.numerics.precision import (
    Real,
    bits_for,
    bits_lost,
    context,
    decimal,
    decimal_text,
    exact,
    real,
    whole,
    with_enough_bits,
)

MOST_LAYERS = 1000
"""Largest depth."""


@dataclass(frozen=True)
class Kernel:
    """The NTK of a network of `depth` layers, the linear output included, under Assumption 2."""

    activation: Annotated[Activation, "the activation φ"]
    depth: Annotated[int, "l ≥ 1: the paper's κ_{p,l}; l = 2 is one hidden layer"]
    sigma_w2: Annotated[Fraction | None, "σ_w² in (0, 1/E[φ²]], or None for 1/E[φ²] itself, where σ_b² = 0"]
    gamma_b2: Annotated[Fraction, "γ_b² in [0, 1]; γ_w² = 1 − γ_b²"]

    @classmethod
    def of(
        cls,
        act: str | Activation,
        depth: int = 2,
        sigma_w2: str | float | Fraction = 1,
        gamma_b2: str | float | Fraction = 0,
    ) -> Self:
        """Return the kernel that names and decimal text describe.

        An InputError refuses an unknown activation or a value that no activation admits; see also `checked`.
        """
        if not isinstance(act, str | Activation):
            raise InputError(f"an activation is named by text such as 'tanh', got {act!r:.40}")
        phi = activation(act) if isinstance(act, str) else act
        if not 1 <= whole(depth, "depth") <= MOST_LAYERS:
            raise InputError(f"depth must be at least 1 and at most {MOST_LAYERS}, got {depth}")
        gamma = exact(gamma_b2, "gamma_b2")
        if not 0 <= gamma <= 1:
            raise InputError(f"gamma_b2 must lie in [0, 1], got {decimal_text(gamma)}")
        if isinstance(sigma_w2, str) and sigma_w2.strip().lower() == "max":
            return cls(phi, depth, None, gamma)
        sigma = exact(sigma_w2, "sigma_w2 (or 'max')")
        if sigma <= 0:
            raise InputError(f"sigma_w2 must be positive, got {decimal_text(sigma)}")
        return cls(phi, depth, sigma, gamma)

    def checked(self) -> Self:
        """Return the kernel itself; an InputError refuses σ_w² E[φ²] > 1, which Assumption 2 excludes."""
        self.sigma_b2(64)
        return self

    def at_depth(self, depth: int) -> Self:
        """Return the same kernel at another depth."""
        return replace(self, depth=depth)

    def sigma_w2_at(self, bits: int) -> Real:
        """Return σ_w², relative error below 2**-bits."""
        ctx = context(bits + 8)
        if self.sigma_w2 is not None:
            return real(ctx, self.sigma_w2)
        return 1 / real(ctx, self.activation.dual.mean_square(ctx.prec))

    def sigma_b2(self, bits: int) -> Real:
        """Return σ_b² = 1 − σ_w² E[φ²], relative error below 2**-bits, 0 where it vanishes; InputError if negative."""
        square = self.activation.dual.mean_square(bits)
        if self.sigma_w2 is None:
            return context(bits + 8).zero
        if isinstance(square, Fraction):
            rest = 1 - self.sigma_w2 * square
            if rest < 0:
                raise self._too_large()
            return real(context(bits + 8), rest)
        sigma_w2 = self.sigma_w2

        def difference(work: int) -> tuple[Real, float]:
            ctx = context(work)
            rest = 1 - real(ctx, sigma_w2) * real(ctx, self.activation.dual.mean_square(ctx.prec))
            return rest, bits_lost(rest, ctx.ldexp(1, 8 - work), work)

        found = with_enough_bits(difference, bits, 32, self.activation.dual.most_bits)
        if found is None:
            raise InputError("sigma_w2 is too close to its largest value; say 'max'")
        if found < 0:
            raise self._too_large()
        return found

    def chi(self, bits: int) -> Real:
        """Return χ = R'(1) = σ_w² E[φ'²]."""
        return real(context(bits + 16), self.activation.dual.slope_square(bits + 8)) * self.sigma_w2_at(bits + 8)

    def total(self, bits: int) -> Real:
        """Return Θ_l(1) = S_l = 1 + χ S_{l−1}, S_1 = 1."""
        ctx = context(bits + 2 * self.depth.bit_length() + 8)
        chi, total = ctx.convert(self.chi(ctx.prec)), ctx.one
        for _ in range(self.depth - 1):
            total = 1 + chi * total
        return total

    def _too_large(self) -> InputError:
        ctx, square = context(64), self.activation.dual.mean_square(64)
        largest = 1 / square if isinstance(square, Fraction) else 1 / ctx.convert(square) * (1 - ctx.ldexp(1, -48))
        bound = decimal(largest, 12, ROUND_FLOOR)
        return InputError(
            f"sigma_w2 must be at most {decimal_text(Fraction(bound))} for {self.activation.name} "
            f"(sigma_w2 E[phi^2] <= 1; 'max' says it exactly), got {decimal_text(self.sigma_w2 or Fraction(0))}"
        )


def kernel_of(facts: KernelFacts) -> Kernel:
    """Return the kernel that a file names, whose variances are rounded: σ_w² beyond the largest is the largest."""
    act, depth = facts.activation, facts.depth
    sigma_w2, gamma_b2 = ("1" if v is None else str(v) for v in (facts.sigma_w2, facts.gamma_b2))
    if facts.sigma_b2 != 0:
        with suppress(InputError):
            return Kernel.of(act, depth, sigma_w2, gamma_b2).checked()
    return Kernel.of(act, depth, "max", gamma_b2)


def kernel_facts(kernel: Kernel, digits: int) -> KernelFacts:
    """Return a kernel with its derived quantities, rounded to so many digits."""
    bits, sigma_w2 = bits_for(digits), kernel.sigma_w2
    return KernelFacts(
        kernel.activation.name,
        kernel.depth,
        decimal(sigma_w2 if sigma_w2 is not None else kernel.sigma_w2_at(bits), digits),
        decimal(kernel.sigma_b2(bits), digits),
        decimal(1 - kernel.gamma_b2, digits),
        decimal(kernel.gamma_b2, digits),
        decimal(kernel.chi(bits), digits),
        decimal(kernel.total(bits), digits),
    )
