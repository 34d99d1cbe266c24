"""Small, always equal samples of what the scripts in tests/fuzz do by the tens of thousands."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "fuzz" / "arguments.py"


def test_whatever_is_typed_or_fed_in_ends_as_the_contract_says(pytestconfig: pytest.Config) -> None:
    inside, processes = (250, 6) if pytestconfig.getoption("--thorough") else (60, 2)
    command = [sys.executable, str(SCRIPT), "--inside", f"{inside}", "--processes", f"{processes}", "--seed", "7"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=1800)
    assert done.stderr == ""
    assert done.returncode == 0
    assert f"{inside} runs in this process" in done.stdout
    assert f"{processes} runs as processes" in done.stdout


def test_the_script_sees_what_is_wrong() -> None:
    sys.path.insert(0, str(SCRIPT.parent))
    from arguments import verdict
    from shell import Done

    good = [(0, "1\n", ""), (2, "", "ntkcalc: no\n"), (0, "1\n", "ntkcalc: a remark\n"), (2, "", "Example: x\n")]
    assert [verdict(Done([], *case)) for case in good] == [""] * len(good)
    bad = [
        (139, "", ""),
        (1, "", "ntkcalc: internal error, which is a fault of ntkcalc: KeyError: 1\n"),
        (1, "", "Traceback (most recent call last):\n"),
        (2, "1\n", "ntkcalc: no\n"),
        (2, "", ""),
        (2, "", "ntkcalc: a\nb\nc\n"),
    ]
    assert all(verdict(Done([], *case)) for case in bad)


def test_damaged_files_are_read_or_refused_without_another_word(pytestconfig: pytest.Config) -> None:
    count = 5000 if pytestconfig.getoption("--thorough") else 150
    command = [sys.executable, str(SCRIPT.parent / "files.py"), "--count", f"{count}", "--seed", "5"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=1800)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{count} damaged files" in done.stdout


def test_killed_runs_leave_the_old_file_or_the_whole_new_one(pytestconfig: pytest.Config) -> None:
    count = 48 if pytestconfig.getoption("--thorough") else 4
    command = [sys.executable, str(SCRIPT.parent / "kills.py"), "--count", f"{count}", "--seed", "3"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=1800)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{count} killed runs" in done.stdout
