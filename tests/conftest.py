"""What all tests share: the oracles' folder, Hypothesis without clocks or dice, and how much of the volume runs.

By default a test marked ``quick(n)`` runs for `n` of its parameter sets, chosen so that they hold as many values of
every parameter as they can; ``quick()`` takes as many as hold all values. What is marked ``thorough``, a test or one of
its parameter sets, does not run.
``pytest --thorough`` runs everything, with as many Hypothesis examples as tests ask for.
"""

import os
import sys
from collections import defaultdict
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # on small matrices threads only wait for each other

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent / "oracles"))

for variable in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "TERM", "LINES", "NTKCALC_DIGITS", "NTKCALC_FORMAT"):
    os.environ.pop(variable, None)  # no test depends on the terminal it is run in

settings.register_profile("law", deadline=None, derandomize=True, max_examples=25)
settings.register_profile("thorough", deadline=None, derandomize=True, max_examples=60)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--thorough", action="store_true", help="run all parameter sets and examples")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("thorough" if config.getoption("--thorough") else "law")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what only ``--thorough`` runs, but nothing that was named on the command line with its parameters."""
    if config.getoption("--thorough") or any("[" in argument for argument in config.args):
        return
    families = defaultdict(list)
    for item in items:
        families[item.nodeid.split("[")[0]].append(item)
    kept = {item for family in families.values() for item in representatives(family)}
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]


def representatives(family: list[pytest.Item]) -> list[pytest.Item]:
    """The parameter sets of one test that run by default, in their order."""
    family = [item for item in family if not item.get_closest_marker("thorough")]
    if not family:
        return []
    mark = family[0].get_closest_marker("quick")
    if mark is None:
        return family
    most = mark.args[0] if mark.args else len(family)
    sets = {item: item.callspec.params if hasattr(item, "callspec") else {} for item in family}
    values = {item: {(name, id(value)) for name, value in chosen.items()} for item, chosen in sets.items()}
    # multiples of the golden ratio are spread evenly, and in step with no parameter
    order = sorted(family, key=lambda item: family.index(item) * 0.6180339887 % 1)
    chosen: list[pytest.Item] = []
    missing = set().union(*values.values())
    while order and len(chosen) < most and (missing or mark.args):
        best = max(order, key=lambda item: len(values[item] & missing))
        order.remove(best)
        chosen.append(best)
        missing -= values[best]
    return [item for item in family if item in chosen]
