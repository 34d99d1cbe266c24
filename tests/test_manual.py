"""Help, and what the environment presets."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from shell import inside, one_line_of_error
from typer.main import get_command

from ntkcalc.cli.main import app
from ntkcalc.cli.manual import GROUPS, OWN, help_text, pages
from ntkcalc.cli.terminal import VARIABLES

TOP, COMMANDS = pages(get_command(app), "ntkcalc")
NAMES = [page.path for page in COMMANDS]


@pytest.mark.parametrize("page", [TOP, *COMMANDS], ids=lambda page: page.path)
def test_help_starts_with_an_example_that_works(page) -> None:
    words = page.path.split()
    text = inside([*words[1:], "--help"]).stdout
    first = text.splitlines()[0]
    assert first == f"Example: {page.example}"
    example = shlex.split(page.example)
    assert example[: len(words)] == words
    done = inside(example[1:])
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) > 5


@pytest.mark.parametrize("page", [TOP, *COMMANDS], ids=lambda page: page.path)
def test_help_is_plain_and_fits_80_columns(page) -> None:
    done = inside([*page.path.split()[1:], "-h"], COLUMNS="200")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()
    assert done.stdout.isprintable() is False  # newlines
    assert done.stdout.replace("\n", "").isprintable()  # and nothing else
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize("page", COMMANDS, ids=lambda page: page.path)
def test_options_are_grouped_and_all_are_there(page) -> None:
    text = inside([*page.path.split()[1:], "--help"]).stdout
    titles = [line for line in text.splitlines() if line in GROUPS]
    assert titles == ["Kernel", OWN, "Workers", "Output"]
    blocks = dict(block.split("\n", 1) for block in text.rstrip("\n").split("\n\n") if block.split("\n")[0] in titles)
    for entry in page.entries:
        assert re.search(rf"^  {re.escape(entry.usage)}( |$)", blocks[entry.group], re.MULTILINE)
    # what is common to all commands is in the common groups, and is the same everywhere
    everywhere = set.intersection(*({e.names for e in p.entries} for p in COMMANDS))
    assert everywhere <= {e.names for e in page.entries if e.group != OWN}


def test_help_of_the_program_lists_commands_and_exit_codes() -> None:
    text = inside(["--help"]).stdout
    assert [
        line.split()[0] for line in text.split("Commands\n")[1].split("\n\n")[0].splitlines() if line[2] != " "
    ] == [name.split()[1] for name in NAMES]
    for code in ("0 done", "1 ", "2 ", "3 ", "130 "):
        assert code in text


def test_help_is_narrower_on_a_narrow_screen() -> None:
    text = help_text(COMMANDS[0], 50)
    assert max(map(len, text.splitlines())) <= 50


def test_every_group_names_options_that_exist() -> None:
    known = {e.names[-1].lstrip("-").replace("-", "_") for page in COMMANDS for e in page.entries}
    assert {name for members in GROUPS.values() for name in members} <= known


# ---------------------------------------------------------------- the environment


def plain(*arguments: str, **environment: str) -> list[str]:
    done = inside(["coeffs", "-a", "relu", "-T", "1", *arguments], **environment)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_digits_are_preset_and_the_flag_wins() -> None:
    assert plain("--format", "plain") == ["0.659154943092", "0.500000000000"]
    assert plain("--format", "plain", NTKCALC_DIGITS="5") == ["0.65915", "0.50000"]
    assert plain("--format", "plain", "-d", "3", NTKCALC_DIGITS="5") == ["0.659", "0.500"]
    assert plain("--format", "plain", "-d", "3", NTKCALC_DIGITS="nonsense") == ["0.659", "0.500"]
    assert "0.65915 " in plain(NTKCALC_DIGITS="5")[4]
    assert plain(NTKCALC_DIGITS="") == plain()


def test_a_format_is_preset_and_the_flag_wins() -> None:
    csv = plain("--format", "csv")
    assert plain(NTKCALC_FORMAT="csv") == csv
    assert json.loads(plain("--json", NTKCALC_FORMAT="csv")[0])["digits"] == 12
    assert plain("--format", "csv", NTKCALC_FORMAT="nonsense") == csv
    assert plain(NTKCALC_FORMAT="") == plain()


@pytest.mark.parametrize("bad", ["0", "-1", "ten", "1.5", "10001", "9" * 5000, "٣"])
def test_bad_digits_are_refused_by_the_name_of_the_variable(bad: str) -> None:
    done = inside(["coeffs", "-a", "relu"], NTKCALC_DIGITS=bad)
    assert done.returncode == 2
    assert one_line_of_error(done).startswith("ntkcalc: NTKCALC_DIGITS must be a whole number from 1 to 10000, got '")


def test_a_bad_format_is_refused_by_the_name_of_the_variable() -> None:
    done = inside(["coeffs", "-a", "relu"], NTKCALC_FORMAT="jsn")
    assert done.returncode == 2
    message = one_line_of_error(done)
    assert message == (
        "ntkcalc: NTKCALC_FORMAT must be one of table, json, csv, plain, got 'jsn'. Did you mean 'json'?\n"
    )


def test_preset_digits_are_no_demand_on_what_is_measured() -> None:
    line = ["evaluate", "-a", "relu", "--data", "-", "--format", "plain", "-q"]
    assert inside([*line, "-d", "30"], "1 0\n0 1\n").returncode == 3
    done = inside(line, "1 0\n0 1\n", NTKCALC_DIGITS="30")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.split()[0]) < 20


@pytest.mark.parametrize(
    ("file", "start"), [("a.json", '{"schema"'), ("a.JSONL", '{"schema"'), ("a.csv", "activation,"), ("a.txt", "relu,")]
)
def test_the_name_of_the_output_file_says_its_format(file: str, start: str, tmp_path: Path) -> None:
    assert plain("-o", str(tmp_path / file), NTKCALC_FORMAT="" if file != "a.json" else "csv") == []
    assert (tmp_path / file).read_text().startswith(start)
    assert plain("--format", "plain", "-o", str(tmp_path / file)) == []  # but a flag wins
    assert (tmp_path / file).read_text() == "0.659154943092\n0.500000000000\n"


def test_no_other_variable_is_read() -> None:
    sources = "".join(path.read_text() for path in (Path(__file__).parent.parent / "ntkcalc").rglob("*.py"))
    assert set(re.findall(r"NTKCALC_\w+", sources)) == {"NTKCALC_DIGITS", "NTKCALC_FORMAT"} < set(VARIABLES)
