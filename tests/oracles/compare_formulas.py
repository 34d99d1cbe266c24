"""Compares the coefficients of written formulas with expressions.json, digit by digit.

python tests/oracles/compare_formulas.py                       42 formulas, depths 2 and 3, 15 and 30 digits, T = 200
python tests/oracles/compare_formulas.py --digits 12 -T 50     fewer digits, fewer coefficients
python tests/oracles/compare_formulas.py --only 'sinc(x)'      one of them
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Context, Decimal
from functools import cache
from pathlib import Path
from typing import Any

from ntkcalc import Coefficients, NtkcalcError, ntk_coefficients
from ntkcalc.activations.catalogue import activation
from ntkcalc.numerics.precision import bits_for, context, decimal, real

REFERENCES = Path(__file__).with_name("expressions.json")
WIDE = Context(prec=80, Emax=10**6, Emin=-(10**6))


@cache
def references() -> list[dict[str, Any]]:
    """The kernels of expressions.json."""
    return json.loads(REFERENCES.read_text(encoding="utf-8"))["values"]


def computed(reference: dict[str, Any], truncation: int, digits: int) -> Coefficients:
    """The coefficients of the same kernel."""
    options = {key: reference[key] for key in ("sigma_w2", "gamma_b2")}
    return ntk_coefficients(reference["expression"], reference["depth"], truncation, digits=digits, **options)


def pairs(reference: dict[str, Any], found: Coefficients) -> Iterator[tuple[str, Decimal, Decimal]]:
    """Yield what can be compared: κ_p, the total, E[φ²] and E[φ'²]; ours, then theirs."""
    for p, value in reference["kappa"].items():
        if int(p) < len(found.values):
            yield f"kappa_{p}", found.values[int(p)], Decimal(value)
    yield "total", found.kernel.total, Decimal(reference["total"])
    digits = found.digits
    dual, bits = activation(reference["expression"]).dual, bits_for(digits) + 8
    for name, value in (("mean_square", dual.mean_square(bits)), ("slope_square", dual.slope_square(bits))):
        yield (
            name,
            decimal(real(context(bits), value) if hasattr(value, "numerator") else value, digits),
            Decimal(reference[name]),
        )


def units_apart(ours: Decimal, theirs: Decimal, digits: int) -> Decimal:
    """By how many units in the last printed place two numbers differ; a zero has no other beside it."""
    if not ours or not theirs:
        return Decimal(0) if ours == theirs else Decimal("Infinity")
    return WIDE.divide(abs(WIDE.subtract(ours, theirs)), Decimal(1).scaleb(theirs.adjusted() - digits + 1, WIDE))


@dataclass
class Tally:
    """What a comparison found."""

    kernels: int = 0
    compared: int = 0
    zeros: int = 0
    worst: tuple[Decimal, str] = (Decimal(0), "-")
    failures: list[str] = field(default_factory=list)

    def compare(self, reference: dict[str, Any], found: Coefficients) -> None:
        """Compare one kernel."""
        self.kernels += 1
        for name, ours, theirs in pairs(reference, found):
            where = f"{reference['expression']}, depth {reference['depth']}, {found.digits} digits, {name}"
            apart = units_apart(ours, theirs, found.digits)
            self.compared, self.zeros = self.compared + 1, self.zeros + (not theirs)
            self.worst = max(self.worst, (apart, where))
            if apart > 1:
                self.failures.append(f"{where}: {ours}, should be {theirs}")

    def __str__(self) -> str:
        counts = f"{self.kernels} kernels, {self.compared} numbers ({self.zeros} zeros), {len(self.failures)} wrong"
        return "\n".join([*self.failures, counts, f"worst: {self.worst[0]:.3f} units at {self.worst[1]}"])


def main() -> int:
    """Compare, print counts."""
    parser = argparse.ArgumentParser(description="Compare the coefficients of written formulas with expressions.json.")
    parser.add_argument("-T", "--truncation", type=int, default=200)
    parser.add_argument("--digits", type=int, nargs="+", default=[15, 30])
    parser.add_argument("--depths", type=int, nargs="+", default=[2, 3])
    parser.add_argument("--only", help="a formula")
    args = parser.parse_args()
    tally = Tally()
    for reference in references():
        if reference["depth"] not in args.depths or args.only not in (None, reference["expression"]):
            continue
        for digits in args.digits:
            start, said = time.perf_counter(), "ok"
            before = len(tally.failures)
            try:
                tally.compare(reference, computed(reference, args.truncation, digits))
            except NtkcalcError as error:
                tally.failures.append(
                    f"{reference['expression']}, depth {reference['depth']}, {digits} digits: {error}"
                )
            said = "ok" if len(tally.failures) == before else "WRONG"
            took = time.perf_counter() - start
            print(f"{said:5} {took:7.2f} s  l={reference['depth']} d={digits}  {reference['expression']}", flush=True)
    print(tally)
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
