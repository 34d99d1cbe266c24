"""Coefficients against ball arithmetic that shares no formula with the program (`oracles/arb_ntk.py`)."""

import random
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from flint import arb, ctx

from ntkcalc import ntk_coefficients
from ntkcalc.activations.catalogue import FAMILIES

sys.path.insert(0, str(Path(__file__).parent / "oracles"))
from arb_ntk import reference_coefficients, reference_tail

DRAW = random.Random(2023)
KERNELS = [
    (family.usage, DRAW.choice([2, 3, 4]), DRAW.choice(["1", "0.7", "max"]), DRAW.choice(["0", "0.1", "0.5"]))
    for family in FAMILIES.values()
]


def agrees(ours: Decimal, theirs: arb, digits: int) -> bool:
    """Whether a printed number is right to one unit in its last place; exact zeros must be exact."""
    if ours == 0 or theirs == 0:
        return bool(ours == 0 and theirs == 0)
    ctx.prec = 200
    unit = Decimal(1).scaleb(ours.adjusted() - digits + 1)
    return bool(abs(arb(str(ours)) - theirs) <= arb(str(unit)))


@pytest.mark.parametrize(("act", "depth", "sigma_w2", "gamma_b2"), KERNELS)
@pytest.mark.parametrize("digits", [12, 30])
@pytest.mark.quick(12)
def test_every_digit_is_right(act: str, depth: int, sigma_w2: str, gamma_b2: str, digits: int) -> None:
    theirs = reference_coefficients(act, depth, 40, sigma_w2, gamma_b2, 34)
    result = ntk_coefficients(act, depth, 40, sigma_w2=sigma_w2, gamma_b2=gamma_b2, digits=digits)
    wrong = [p for p, (a, b) in enumerate(zip(result.values, theirs, strict=True)) if not agrees(a, b, digits)]
    assert wrong == []
    assert agrees(result.tail, reference_tail(act, depth, 40, sigma_w2, gamma_b2, 34), digits)
