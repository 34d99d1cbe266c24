"""Compares ntkcalc with the ball-arithmetic oracle, digit by digit.

python tests/oracles/compare.py                          the whole grid at T = 200, references computed (hours)
python tests/oracles/compare.py --grid FILE              the whole grid, references from FILE
python tests/oracles/compare.py --sample 20 --seed 1     a random sample of it
python tests/oracles/compare.py --long                   T = 2000 without references, all activations
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))  # the oracle stands beside, whoever imports us

import arb_ntk
from flint import arb, ctx

from ntkcalc import AccuracyError, Coefficients, ntk_coefficients
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.numerics.engine import Engine
from ntkcalc.numerics.mpmath_engine import MpmathEngine
from ntkcalc.numerics.numpy_engine import NumpyEngine
from ntkcalc.numerics.precision import bits_for, decimal
from ntkcalc.series.recurrence import layers

DIGITS = (10, 12, 15, 30)
REFERENCE_DIGITS = 34
WIDE = Context(prec=80, Emax=10**6, Emin=-(10**6))

Key = tuple[str, int, str, str]
"""Activation, depth, sigma_w2, gamma_b2."""


@dataclass(frozen=True)
class Reference:
    """κ_0 … κ_T and the tail, with all digits that balls guarantee; exact zeros are "0"."""

    kappa: Sequence[str]
    tail: str


@dataclass
class Tally:
    """What a comparison found: printed numbers compared and wrong, raw runs refused, worst raw relative errors."""

    coefficients: int = 0
    refused: int = 0
    failures: list[str] = field(default_factory=list)
    worst: dict[str, tuple[Decimal, str]] = field(default_factory=dict)

    def relative_error(self, engine: str, error: Decimal, where: str) -> None:
        """Note a relative error."""
        if error > self.worst.get(engine, (Decimal(0), ""))[0]:
            self.worst[engine] = (error, where)

    def __str__(self) -> str:
        lines = [f"compared {self.coefficients} printed numbers, {len(self.failures)} wrong"]
        lines += [f"float64 refused {self.refused} kernels, whose coefficients leave its range"]
        lines += [
            f"worst relative error, {name}: {error:.2e} at {where}" for name, (error, where) in self.worst.items()
        ]
        return "\n".join([*self.failures, *lines])


def keys(depths: Sequence[int] = (2, 3, 4, 5)) -> Iterator[Key]:
    """Yield all admissible kernels of the grid."""
    values = itertools.product(arb_ntk.ACTIVATIONS, depths, ("1", "0.7", "max"), ("0", "0.1", "0.5"))
    for act, depth, sigma_w2, gamma_b2 in values:
        if sigma_w2 == "max" or arb(sigma_w2) * arb_ntk.activation_second(act) <= 1:
            yield act, depth, sigma_w2, gamma_b2


def computed(key: Key, truncation: int, digits: int = REFERENCE_DIGITS) -> Reference:
    """Return the oracle's numbers."""
    act, depth, sigma_w2, gamma_b2 = key
    arguments = (act, depth, truncation, sigma_w2, gamma_b2)
    kappa = arb_ntk.reference_coefficients(*arguments, digits + 2)
    tail = arb_ntk.reference_tail(*arguments, digits + 2)
    return Reference([_text(x, digits) for x in kappa], _text(tail, digits))


def _text(x: arb, digits: int) -> str:
    with ctx.workprec(4 * digits + 64):
        return "0" if x.is_zero() else x.mid().str(digits, radius=False)


def loaded(path: Path) -> dict[Key, Reference]:
    """Read a file of references: ``{"act|depth|sigma_w2|gamma_b2": {"kappa": […], "tau": …}}``."""
    with gzip.open(path, "rt") as stream:
        table = json.load(stream)
    found = {}
    for name, row in table.items():
        act, depth, sigma_w2, gamma_b2 = name.split("|")
        found[act, int(depth), sigma_w2, gamma_b2] = Reference(row["kappa"], row["tau"])
    return found


def is_right(printed: Decimal, reference: str, digits: int) -> bool:
    """Whether a printed number is right to one unit in the last of its digits; zero stands for exact zero alone."""
    true = Decimal(reference)
    if not true or not printed:
        return not true and not printed
    known = len(true.as_tuple().digits)  # the reference may be off by one unit in its own last place
    unit = Decimal(1).scaleb(true.adjusted() - digits + 1) + Decimal(1).scaleb(true.adjusted() - known + 1)
    return abs(WIDE.subtract(printed, true)) <= unit and len(printed.as_tuple().digits) <= digits


def compare_printed(key: Key, reference: Reference, tally: Tally, digits: int, engine: str = "auto") -> None:
    """Compare every digit that `ntk_coefficients` gives."""
    act, depth, sigma_w2, gamma_b2 = key
    found = ntk_coefficients(
        act, depth, len(reference.kappa) - 1, sigma_w2=sigma_w2, gamma_b2=gamma_b2, digits=digits, engine=engine
    )
    names = [*(f"kappa_{p}" for p in range(len(reference.kappa))), "tail"]
    for name, printed, true in zip(names, [*found.values, found.tail], [*reference.kappa, reference.tail], strict=True):
        tally.coefficients += 1
        if not is_right(printed, true, digits):
            tally.failures.append(f"WRONG {key} {name} digits={digits} {found.engine}: {printed}, reference {true}")


def compare_raw(key: Key, reference: Reference, tally: Tally, engine: Engine[Any]) -> None:
    """Note the relative errors of an engine's own numbers, before any rounding."""
    act, depth, sigma_w2, gamma_b2 = key
    try:
        *_, layer = layers(engine, Kernel.of(act, depth, sigma_w2, gamma_b2), len(reference.kappa) - 1)
    except AccuracyError:  # coefficients below the range of floats
        tally.refused += 1
        return
    numbers = [*engine.scalars(layer.kappa), engine.scalars(layer.kappa_tail)[-1]]
    for p, (number, text) in enumerate(zip(numbers, [*reference.kappa, reference.tail], strict=True)):
        found, true = decimal(number, 50), Decimal(text)
        if not true or not found:
            if true or found:
                tally.failures.append(f"WRONG ZERO {key} p={p} {engine.name}: {found}, reference {true}")
            continue
        if len(true.as_tuple().digits) >= REFERENCE_DIGITS - 2:
            tally.relative_error(engine.name, abs(WIDE.divide(WIDE.subtract(found, true), true)), f"{key} p={p}")


def compare(key: Key, reference: Reference, tally: Tally, digits: Sequence[int] = DIGITS) -> None:
    """Compare one kernel in every way."""
    for wanted in digits:
        compare_printed(key, reference, tally, wanted)
    compare_raw(key, reference, tally, NumpyEngine())
    compare_raw(key, reference, tally, MpmathEngine(bits_for(30)))


def check_long(key: Key, truncation: int, digits: int = 12) -> str:
    """Return what is wrong with a series for which there is no reference, or ``""``."""
    act, depth, sigma_w2, gamma_b2 = key
    parameters: dict[str, Any] = {"sigma_w2": sigma_w2, "gamma_b2": gamma_b2}
    rough = ntk_coefficients(act, depth, truncation, digits=digits, **parameters)
    fine = ntk_coefficients(act, depth, truncation, digits=digits + 13, engine="mpmath", **parameters)
    laws = {
        "a coefficient is not finite": all(c.is_finite() for c in [*rough.values, rough.tail]),
        "a coefficient is negative": all(c >= 0 for c in [*rough.values, rough.tail]),
        "two precisions disagree": all(
            is_right(a, str(b), digits) for a, b in zip(_row(rough), _row(fine), strict=True)
        ),
        "coefficients and tail do not sum to the total": is_right(
            WIDE.plus(sum(_row(fine))), str(fine.kernel.total), 22
        )
        or abs(sum(_row(fine)) - fine.kernel.total) <= len(_row(fine)) * Decimal(10) ** -(digits + 10),
    }
    return "; ".join(wrong for wrong, holds in laws.items() if not holds)


def _row(found: Coefficients) -> list[Decimal]:
    return [*found.values, found.tail]


def main() -> int:
    """Run the comparison that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grid", type=Path, metavar="FILE", help="precomputed references (gzipped JSON)")
    parser.add_argument("--sample", type=int, metavar="N", help="kernels to draw at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--truncation", type=int, default=200, help="T, where references are computed")
    parser.add_argument("--long", action="store_true", help="laws at T = 2000, depths 2 and 3")
    args = parser.parse_args()
    if args.long:
        return _long()
    table = loaded(args.grid) if args.grid else None
    chosen = list(table or keys())
    if args.sample is not None:
        chosen = random.Random(args.seed).sample(chosen, args.sample)
    tally = Tally()
    for n, key in enumerate(chosen, 1):
        start, failures = time.perf_counter(), len(tally.failures)
        compare(key, table[key] if table else computed(key, args.truncation), tally)
        print(f"{n}/{len(chosen)} {key}: {time.perf_counter() - start:.1f} s", flush=True)
        print(*tally.failures[failures:], sep="\n", end="\n" * (len(tally.failures) > failures), flush=True)
    print(tally)
    return bool(tally.failures)


def _long() -> int:
    wrong = 0
    for act, depth, gamma_b2 in itertools.product(arb_ntk.ACTIVATIONS, (2, 3), ("0", "0.1")):
        start = time.perf_counter()
        found = check_long((act, depth, "max", gamma_b2), 2000)
        print(
            f"{act} depth {depth} gamma_b2={gamma_b2}: {found or 'ok'}, {time.perf_counter() - start:.1f} s", flush=True
        )
        wrong += bool(found)
    print(f"{wrong} series wrong")
    return bool(wrong)


if __name__ == "__main__":
    raise SystemExit(main())
