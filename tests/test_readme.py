"""README's console examples print what README says, and its Python examples hold."""

import doctest
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from shell import inside, program

README = Path(__file__).parent.parent / "README.md"
CONSOLE = re.findall(r"```console\n\$ (.*?)\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize(("command", "output"), CONSOLE, ids=[command for command, _ in CONSOLE])
def test_console_examples_print_what_readme_shows(command: str, output: str, tmp_path: Path) -> None:
    if not re.search("[|<>&;$]", command):  # no shell is needed
        done = inside(shlex.split(command)[1:])
        assert (done.returncode, done.stdout, done.stderr) == (0, output, "")
        return
    if "| jq " in command:
        program("jq")
    ours = tmp_path / "ntkcalc"
    ours.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ntkcalc "$@"\n')
    ours.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        command, shell=True, capture_output=True, encoding="utf-8", env=environment, timeout=900, check=True
    )
    assert done.stdout == output
    assert done.stderr == ""


def test_there_are_console_examples() -> None:
    assert len(CONSOLE) >= 4


def test_python_examples() -> None:
    text = README.read_text(encoding="utf-8").replace("```", "")
    examples = doctest.DocTestParser().get_doctest(text, {}, "README", str(README), 0)
    assert examples.examples
    assert doctest.DocTestRunner().run(examples).failed == 0
