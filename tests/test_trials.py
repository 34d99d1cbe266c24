"""Trials: independent generators, and means whose intervals cover what they should."""

import numpy as np
import pytest

from ntkcalc import InputError
from ntkcalc.networks.trials import Sample, generator, numbered_trials


def test_each_trial_starts_from_its_child_of_the_seed() -> None:
    children = np.random.SeedSequence(7).spawn(4)
    for trial, child in enumerate(children):
        assert (generator(7, trial).standard_normal(5) == np.random.default_rng(child).standard_normal(5)).all()


def test_trials_are_numbered_from_0_and_differ() -> None:
    drawn = [generator(3, trial).integers(1 << 60) for trial in numbered_trials(3, 5)]
    assert len(set(drawn)) == 5


@pytest.mark.parametrize("n", [2, 3, 10, 100])
def test_mean_and_interval_are_those_of_numpy_and_scipy(n: int) -> None:
    from scipy.stats import t as student

    values = 1e6 + np.random.default_rng(0).standard_normal((n, 3))
    sample = Sample()
    for row in values:
        sample.add(row)
    assert sample.mean == pytest.approx(values.mean(axis=0), rel=1e-15)
    expected = student.ppf(0.975, n - 1) * values.std(axis=0, ddof=1) / n**0.5
    assert sample.half_width() == pytest.approx(expected, rel=1e-9)


def test_intervals_cover_the_mean_in_95_per_cent_of_cases() -> None:
    random, covered = np.random.default_rng(1), 0
    for _ in range(4000):
        sample = Sample()
        for value in random.standard_normal(4) + 5:
            sample.add(float(value))
        (found,) = sample.intervals(1e-12, 12, 0, 100)
        covered += found.low <= 5 <= found.high  # type: ignore[operator]
    assert covered == pytest.approx(0.95 * 4000, abs=3.5 * (4000 * 0.95 * 0.05) ** 0.5)


def test_ends_are_rounded_outwards_and_stay_in_range() -> None:
    sample = Sample()
    for value in (0.1, 0.9):
        sample.add(value)
    (wide,) = sample.intervals(1e-12, 3, 0, 1)
    assert (float(wide.low or 0), float(wide.high or 0), float(wide.mean or 0)) == (0, 1, 0.5)
    for value in (0.3, 0.4, 0.6, 0.7):
        sample.add(value)
    exact = float(sample.half_width())  # type: ignore[arg-type]
    (narrow,) = sample.intervals(1e-12, 2, 0, 1)
    assert float(narrow.low or 0) <= 0.5 - exact
    assert float(narrow.high or 0) >= 0.5 + exact


def test_what_there_is_not() -> None:
    sample = Sample()
    assert sample.intervals(1e-9, 5, 0, 1) == []
    sample.add(0.25)
    (one,) = sample.intervals(1e-9, 5, 0, 1)
    assert (str(one.mean), one.low, one.high, one.trials) == ("0.25", None, None, 1)
    (unseen,) = sample.intervals(0.3, 5, 0, 1)
    assert unseen.mean is None


@pytest.mark.parametrize(
    ("seed", "trials", "said"), [(0, 0, "trials"), (0, 10**7, "trials"), (-1, 1, "seed"), (2**64, 1, "seed")]
)
def test_refusals(seed: int, trials: int, said: str) -> None:
    with pytest.raises(InputError, match=said):
        numbered_trials(seed, trials)
