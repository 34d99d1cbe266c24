"""The stated accuracy of kernel matrices against ball arithmetic (`oracles/matrix_accuracy.py`)."""

from pathlib import Path
from random import Random

import pytest
from flint import ctx
from matrix_accuracy import BITS, Case, excess

SEEDS = ["7 8", "0 0", "0 5", "0 8", "0 25"]  # the first has its largest error at the smallest norm


@pytest.mark.parametrize("seed", SEEDS)
def test_no_entry_is_off_by_more_than_is_stated(seed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with ctx.workprec(BITS):
        case = Case.of(Random(seed))
    assert 0 < excess(case) <= 1


@pytest.mark.thorough
@pytest.mark.parametrize("number", range(60))
def test_nor_in_many_random_kernels(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    test_no_entry_is_off_by_more_than_is_stated(f"1 {number}", tmp_path, monkeypatch)
