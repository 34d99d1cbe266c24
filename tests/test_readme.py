"""README's console examples print what README says, and its Python examples hold."""

import doctest
import inspect
import os
import pkgutil
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from shell import Done, inside, program

README = Path(__file__).parent.parent / "README.md"
CONSOLE = re.findall(r"```console\n\$ (.*?)\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


PIPE = r" \| (?=(?:[^']*'[^']*')*[^']*$)"
"""A pipe of the shell, not one inside quotes."""


@pytest.mark.parametrize(("command", "output"), CONSOLE, ids=[command for command, _ in CONSOLE])
def test_console_examples_print_what_readme_shows(command: str, output: str, tmp_path: Path) -> None:
    """The program runs in this process where no shell is needed for it, all else in the shell."""
    text = ""
    for part in re.split(PIPE, command):
        if part.startswith("ntkcalc ") and not re.search("[<>&;$]", part):
            done = inside(shlex.split(part)[1:], text)
        else:
            done = in_shell(part, text, tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        text = done.stdout
    assert text == output


def in_shell(line: str, stdin: str, folder: Path) -> Done:
    """Run a line of the shell that may call ntkcalc."""
    if line.startswith("jq "):
        program("jq")
    ours = folder / "ntkcalc"
    ours.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ntkcalc "$@"\n')
    ours.chmod(0o755)
    environment = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        line, shell=True, input=stdin, capture_output=True, encoding="utf-8", env=environment, timeout=900
    )


def test_there_are_console_examples() -> None:
    assert len(CONSOLE) >= 4


def test_python_examples() -> None:
    text = README.read_text(encoding="utf-8").replace("```", "")
    examples = doctest.DocTestParser().get_doctest(text, {}, "README", str(README), 0)
    assert examples.examples
    assert doctest.DocTestRunner().run(examples).failed == 0


# ---------------------------------------------------------------- the table of the paper's statements

LABEL = re.compile(r"(?:Theorem|Lemma|Corollary|Figure|Table|[Ss]ection) (?:[A-Z]\.)?\d+(?:\.\d+)*|\(\d+\)")


def statements() -> list[tuple[str, str, str]]:
    """The rows of the table: statement, dotted path under ntkcalc, command or nothing."""
    text = README.read_text(encoding="utf-8")
    section = re.search(r"^## Where the paper's statements are\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\|(.*)\|(.*)\|(.*)\|$", section[1] if section else "", re.MULTILINE)[2:]
    return [(statement.strip(), path.strip(" `"), command.strip(" `")) for statement, path, command in rows]


def test_the_table_of_statements() -> None:
    assert len(statements()) > 10
    for statement, path, command in statements():
        function = pkgutil.resolve_name(f"ntkcalc.{path}")
        assert callable(function), path
        module = inspect.getmodule(function)
        said = " ".join(f"{inspect.getdoc(function)} {inspect.getdoc(module)}".split())
        missing = [label for label in LABEL.findall(statement) if not re.search(rf"{re.escape(label)}(?!\.?\d)", said)]
        assert not missing, (path, missing)
        if command:
            program_name, *arguments = shlex.split(command)
            assert program_name == "ntkcalc"
            done = inside([*arguments, "-q"])
            assert (done.returncode, done.stderr) == (0, ""), command
            assert done.stdout
