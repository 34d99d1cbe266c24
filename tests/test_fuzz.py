"""Small, always equal samples of what the scripts in tests/fuzz do by the tens of thousands."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "fuzz" / "arguments.py"


def test_whatever_is_typed_or_fed_in_ends_as_the_contract_says(pytestconfig: pytest.Config) -> None:
    inside, processes = (250, 6) if pytestconfig.getoption("--thorough") else (30, 2)
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


@pytest.mark.parametrize(
    ("script", "few", "many", "seed", "said"),
    [("files.py", 60, 5000, 5, "damaged files"), ("kills.py", 4, 48, 3, "killed runs")],
)
def test_damaged_files_and_killed_runs_end_as_their_scripts_say(
    script: str, few: int, many: int, seed: int, said: str, pytestconfig: pytest.Config
) -> None:
    count = many if pytestconfig.getoption("--thorough") else few
    command = [sys.executable, str(SCRIPT.parent / script), "--count", f"{count}", "--seed", f"{seed}"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=1800)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{count} {said}" in done.stdout
