"""What follows from a kernel's hyperparameters, rounded to the digits asked for."""

from __future__ import annotations

from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.results import KernelFacts
from ntkcalc.numerics.precision import bits_for, decimal


def kernel_facts(kernel: Kernel, digits: int) -> KernelFacts:
    """Return the kernel's derived quantities to `digits` digits."""
    bits = bits_for(digits)
    sigma_w2 = kernel.sigma_w2
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
