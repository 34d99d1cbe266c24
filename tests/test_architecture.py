"""The house: imports point one way, one room knows the terminal, and everything public is documented."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ntkcalc

# from the cellar to the roof: a room may know those before it, never those after it
ROOMS = [
    "errors",
    "precision",
    "rules",
    "trees",
    "grammar",
    "functions",
    "rounding",
    "intervals",
    "joints",
    "zeros",
    "pieces",
    "cutting",
    "faint",
    "scales",
    "packed",
    "engine",
    "mpmath_engine",
    "numpy_engine",
    "duals",
    "exponential_linear",
    "meromorphic",
    "splines",
    "labour",
    "integrand",
    "node_sums",
    "panels",
    "quadrature",
    "hermite_dual",
    "plane",
    "near_one",
    "formula_dual",
    "spline_dual",
    "kinked_dual",
    "formulas",
    "activations",
    "kernel",
    "recurrence",
    "zonal",
    "evaluation",
    "funk_hecke",
    "angles",
    "table",
    "gram",
    "krylov",
    "inputs",
    "neurons",
    "layers",
    "networks",
    "results",
    "coefficients",
    "series_file",
    "values",
    "matrix_summary",
    "trials",
    "rank",
    "sphere",
    "spectrum",
    "ensembles",
    "shallow",
    "laws",
    "decay_laws",
    "decay_fit",
    "decay",
    "arrays",
    "text",
    "sheet",
    "frame",
    "render_coeffs",
    "render_evaluate",
    "render_networks",
    "render_effrank",
    "render_eigs",
    "render_decay",
    "plots",
    "interrupt",
    "console",
    "options",
    "manual",
    "schemas",
    "cli",
    "__main__",
]
# who may know what of the world outside
KNOWERS = {
    "typer": {"options", "cli"},
    "rich": {"console"},
    "matplotlib": {"plots"},
    "sys": {"__main__", "console", "cli"},
    "os": {"inputs", "console", "interrupt"},
    "warnings": {"inputs"},
    "logging": set(),
}
# and who may act on it
ACTORS = {
    "print": {"console", "cli"},
    "open": {"inputs", "console", "options"},
    "input": set(),
    "exit": set(),
    "sys.exit": {"__main__", "cli"},
}

TREES = {
    path.stem: ast.parse(path.read_text(encoding="utf-8"))
    for path in Path(ntkcalc.__file__).parent.glob("*.py")
    if path.stem != "__init__"  # the door: it names rooms, and opens them when asked
}


def imported(tree: ast.Module) -> Iterator[str]:
    """All modules that a room imports, wherever in it; of ntkcalc the rooms, as ``ntkcalc.room``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            inside = node.module == "ntkcalc"
            yield from (f"ntkcalc.{alias.name}" for alias in node.names) if inside else [str(node.module)]


def neighbours(room: str) -> set[str]:
    found = {name.split(".")[1] for name in imported(TREES[room]) if name.startswith("ntkcalc.")}
    return found - {"__version__"}


def test_every_room_has_its_place() -> None:
    assert set(TREES) <= set(ROOMS)
    assert len(set(ROOMS)) == len(ROOMS)


@pytest.mark.parametrize("room", TREES)
def test_imports_point_one_way(room: str) -> None:
    assert neighbours(room) <= set(ROOMS[: ROOMS.index(room)])


@pytest.mark.parametrize("module", KNOWERS)
def test_few_rooms_know_the_world(module: str) -> None:
    knowers = {room for room, tree in TREES.items() if module in {name.split(".")[0] for name in imported(tree)}}
    assert knowers <= KNOWERS[module]


@pytest.mark.parametrize("act", ACTORS)
def test_few_rooms_act_on_the_world(act: str) -> None:
    calls = [(room, node) for room, tree in TREES.items() for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert {room for room, node in calls if ast.unparse(node.func) == act} <= ACTORS[act]


def undocumented(tree: ast.AST, inside: str) -> Iterator[str]:
    """Public functions, classes and methods without a docstring."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            if not ast.get_docstring(node):
                yield f"{inside}.{node.name}"
            if isinstance(node, ast.ClassDef):
                yield from undocumented(node, f"{inside}.{node.name}")


def test_all_that_is_public_has_a_docstring() -> None:
    assert all(ast.get_docstring(tree) for tree in TREES.values())
    assert [name for room, tree in TREES.items() for name in undocumented(tree, room)] == []


def documented(thing: object) -> list[str]:
    """The names in the section Parameters of a docstring."""
    section = re.search(
        r"^Parameters\n-+\n(.*?)(?=^\w[^\n]*\n-+$|\Z)", inspect.getdoc(thing) or "", re.DOTALL | re.MULTILINE
    )
    lines = section.group(1).splitlines() if section else []
    return [name for line in lines if re.match(r"\w", line) for name in re.split(r",\s*", line.partition(" :")[0])]


@pytest.mark.parametrize("name", ntkcalc.__all__)
def test_every_parameter_of_the_api_is_documented(name: str) -> None:
    thing = getattr(ntkcalc, name)
    if dataclasses.is_dataclass(thing):
        assert documented(thing) == [field.name for field in dataclasses.fields(thing)]
    elif inspect.isfunction(thing):
        assert documented(thing) == list(inspect.signature(thing).parameters)
    else:
        assert name == "__version__" or issubclass(thing, Exception)


def test_importing_the_package_costs_nothing() -> None:
    code = "import sys; before = set(sys.modules); import ntkcalc; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert {name for name in done.stdout.split() if name.split(".")[0] not in sys.stdlib_module_names} == {"ntkcalc"}


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nkt'"):
        ntkcalc.nkt  # noqa: B018
