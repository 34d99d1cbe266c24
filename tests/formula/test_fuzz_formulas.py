"""A small, always equal sample of what tests/fuzz/formulas.py does by the hundred thousand, and what once failed."""

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "fuzz"))

import formulas
from formulas import FaultError, Fuzz, cases, check_refusal, corpus, suspicion, text_of_name

from ntkcalc.errors import NtkcalcError


def run(*arguments: str) -> str:
    """What a run of the script without a fault prints."""
    command = [sys.executable, formulas.__file__, *arguments]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=1800)
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout


def test_a_sample_ends_in_results_and_refusals(pytestconfig: pytest.Config) -> None:
    count = 250 if pytestconfig.getoption("--thorough") else 30
    assert run("--count", f"{count}", "--seed", "6").startswith(f"{count} inputs, 0 faults")


@pytest.mark.thorough
def test_what_once_failed_ends_in_results_and_refusals() -> None:
    assert run("--corpus").startswith(f"{len(corpus())} inputs, 0 faults")


def test_every_case_depends_on_its_number_alone() -> None:
    assert list(cases(3, 40, 20)) == list(cases(3, 0, 60))[40:]
    assert {kind for kind, _ in cases(3, 0, 60)} == set(formulas.KINDS)


@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        ("import", ("os", None, None, None, None)),
        ("exec", (None,)),
        ("open", ("/etc/passwd", "r", 0)),
        ("os.system", (b"ls",)),
        ("subprocess.Popen", ("ls", [], None, None)),
        ("socket.connect", (None, None)),
        ("ctypes.dlopen", ("x",)),
        ("marshal.loads", (b"",)),
        ("compile", ("x", "<unknown>")),
        ("object.__getattr__", (None, "__globals__")),
    ],
)
def test_the_watch_sees_what_python_is_made_to_do(event: str, arguments: tuple[object, ...]) -> None:
    assert suspicion(event, arguments)


def test_the_watch_lets_what_is_harmless_pass() -> None:
    assert not suspicion("builtins.id", (1,))


def test_the_fuzz_keeps_faults(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(text: str) -> str:
        if text == "slow":
            while True:
                pass
        if text == "file":
            return Path(__file__).read_text()[:0] + "result"
        raise {"wrong": KeyError("a"), "long": NtkcalcError("a")}[text]

    fuzz = Fuzz(limit=0.2)
    monkeypatch.setattr(formulas, "attempt", fail)
    for text in ("wrong", "slow", "file", "long"):
        fuzz.run("test", text)
    assert [said.partition(" ")[0] for said in fuzz.faults] == ["KeyError", "no", "open", "NtkcalcError"]
    assert len(capsys.readouterr().err.splitlines()) == 4
    assert str(fuzz).startswith("4 inputs, 4 faults")


@pytest.mark.parametrize("said", ["", "a\nb\nc", "tab\there", "x" * 3000, "\x1b[31mred"])
def test_refusals_are_lines_of_text(said: str) -> None:
    with pytest.raises(FaultError):
        check_refusal(said)


def test_names_are_compared_with_their_normal_form() -> None:
    assert text_of_name("x * x") == "x*x"
    assert text_of_name("elu:alpha=0.5") == "elu:alpha=0.5"
