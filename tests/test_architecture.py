"""The architecture: packages import one way and through their public modules, few modules know the world outside."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import pydoc
import re
import subprocess
import sys
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import ntkcalc

HERE = Path(ntkcalc.__file__).parent

PACKAGES = ["errors", "numerics", "activations", "kernel", "series", "spectrum", "decay", "networks", "report", "cli"]
"""A package may import from those before it, never from those after it."""

TOP = {"__init__", "__main__", "errors"}
"""Modules that stand at the top; all others live in a package."""

KNOWERS = {
    "typer": {"cli"},
    "rich": {"report", "cli"},
    "matplotlib": {"report", "cli"},
    "sys": {"__main__", "cli"},
    "dask": {"cli"},
    "distributed": {"cli"},
    "zarr": {"cli"},
    "os": {"__main__", "cli"},
    "warnings": {"cli"},
    "logging": {"cli"},
}
"""Which packages may import what of the world outside."""

ACTORS = {"print": {"cli"}, "open": {"cli"}, "input": set(), "exit": set(), "sys.exit": {"__main__", "cli"}}
"""Which packages may act on it."""

PATHS = {".".join(path.relative_to(HERE).with_suffix("").parts): path for path in HERE.rglob("*.py")}
MODULES = [name for name in PATHS if not name.endswith("__init__")]


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(PATHS[module].read_text(encoding="utf-8"))


def package(module: str) -> str:
    return module.split(".")[0]


@cache
def imported(module: str) -> set[str]:
    """All modules that a module imports, wherever in it: with ``from a import b`` both a and a.b."""
    found: set[str] = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found.update([str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)])
    return found


@cache
def calls(module: str) -> set[str]:
    """All that a module calls, as it is written there."""
    return {ast.unparse(node.func) for node in ast.walk(tree(module)) if isinstance(node, ast.Call)}


def neighbours(module: str) -> set[str]:
    """The modules of ours that a module imports, such as ``kernel.points``."""
    found = {name.removeprefix("ntkcalc.") for name in imported(module) if name.startswith("ntkcalc.")}
    return {name for name in found if name in MODULES or f"{name}.__init__" in PATHS}


def test_every_module_has_its_package() -> None:
    assert {name for name in PATHS if "." not in name} == TOP
    assert {package(name) for name in PATHS} - TOP <= set(PACKAGES)


@pytest.mark.parametrize("module", MODULES)
def test_imports_between_packages_go_one_way(module: str) -> None:
    if package(module) in PACKAGES:
        below = {package(name) for name in neighbours(module)}
        assert below <= set(PACKAGES[: PACKAGES.index(package(module)) + 1])


@pytest.mark.parametrize("module", MODULES)
def test_other_packages_are_entered_by_what_they_export(module: str) -> None:
    for name in neighbours(module):
        other, _, inside = name.partition(".")
        if other != package(module) and inside:
            assert inside in importlib.import_module(f"ntkcalc.{other}").__all__, name


def test_formulas_are_known_to_activations_alone() -> None:
    knowers = {package(m) for m in MODULES if any(n.startswith("activations.formula") for n in neighbours(m))}
    assert knowers <= {"activations"}


FORMULA = ["expressions", "bounds", "smooth", "piecewise"]
"""The packages inside `activations.formula`, in the order of `PACKAGES`; the modules beside them may import all."""


def test_imports_inside_formulas_go_one_way() -> None:
    inside = {m: m.split(".")[2] for m in MODULES if m.startswith("activations.formula.") and m.count(".") == 3}
    assert {*inside.values()} == {*FORMULA}
    for module, own in inside.items():
        below = {n.split(".")[2] for n in neighbours(module) if n.startswith("activations.formula.")}
        assert below <= {*FORMULA[: FORMULA.index(own) + 1], "ladder"}, module


def test_what_a_package_exports_is_there() -> None:
    for name in PACKAGES[1:]:
        for inside in importlib.import_module(f"ntkcalc.{name}").__all__:
            assert f"{name}.{inside}" in MODULES or f"{name}.{inside}.__init__" in PATHS


@pytest.mark.parametrize("world", KNOWERS)
def test_few_packages_know_the_world(world: str) -> None:
    knowers = {package(m) for m in MODULES if world in {name.split(".")[0] for name in imported(m)}}
    assert knowers <= KNOWERS[world]


@pytest.mark.parametrize("act", ACTORS)
def test_few_packages_act_on_the_world(act: str) -> None:
    assert {package(m) for m in MODULES if act in calls(m)} <= ACTORS[act]


def undocumented(parent: ast.AST, inside: str) -> Iterator[str]:
    """Public functions, classes and methods without a docstring."""
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            if not ast.get_docstring(node):
                yield f"{inside}.{node.name}"
            if isinstance(node, ast.ClassDef):
                yield from undocumented(node, f"{inside}.{node.name}")


def test_all_that_is_public_has_a_docstring() -> None:
    assert [module for module in PATHS if not ast.get_docstring(tree(module))] == []
    assert [name for module in MODULES for name in undocumented(tree(module), module)] == []


def test_what_docstrings_refer_to_is_there() -> None:
    for path in PATHS.values():
        for name in re.findall(r"`(ntkcalc[.\w]*\w)`", path.read_text(encoding="utf-8")):
            assert pydoc.locate(name) is not None, f"{name}, in {path.relative_to(HERE)}"


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
        hints = typing.get_type_hints(thing, include_extras=True)
        meanings = {field.name: hints[field.name].__metadata__[-1] for field in dataclasses.fields(thing)}
        assert [name for name, meaning in meanings.items() if not (isinstance(meaning, str) and meaning)] == []
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


LONGEST = 59  # lines of a function, with its docstring


@pytest.mark.parametrize("module", MODULES)
def test_functions_are_short(module: str) -> None:
    functions = [node for node in ast.walk(tree(module)) if isinstance(node, ast.FunctionDef)]
    lengths = {f.name: f.end_lineno - f.lineno + 1 for f in functions if f.end_lineno is not None}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}
