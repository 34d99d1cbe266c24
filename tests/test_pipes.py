"""Every command in every format where shells put it: pipes, full disks, closed streams, narrow and plain screens."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import product
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pexpect
import pytest
from interruption import HANGS, interrupted
from shell import ENVIRONMENT, PROGRAM, SHELL, Done, inside, one_line_of_error, run

from ntkcalc.cli.files import whole_file
from ntkcalc.cli.interruption import UNFINISHED
from ntkcalc.cli.options import FORMATS

POINTS = "1 0 0\n0 1 0\n1 1 1\n-1 2 0\n"
LINES = {
    "coeffs": "coeffs -a tanh -T 12",
    "table 1": "coeffs -a relu -a tanh -T 12",
    "values": "evaluate -a relu --rho -1:1:9",
    "many values": "evaluate -a relu -a erf -l 2:3 --rho -1:1:41",
    "matrix": "evaluate -a relu --data - -q",
    "bounds": "effrank -a relu -a gaussian",
    "ranks": "effrank -a relu -a gaussian --data - --epsilon 0.1 -q",
    "sphere": "eigs -a relu --sphere-dim 2 --max-frequency 6 --sample 5",
    "spectrum": "eigs -a relu -a tanh --data - -q",
    "decay": "decay -a relu -a gaussian -T 60 --rank 5 --all",
}
CASES = list(product(LINES, FORMATS))
SIMPLEST = ("coeffs", "values", "bounds", "sphere", "decay")  # one of each command


def shown(name: str, style: str = "table", encoding: str = "utf-8", **environment: str) -> str:
    """What a command prints in this process."""
    done = inside([*shlex.split(LINES[name]), "--format", style], POINTS, encoding=encoding, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def at_once(lines: list[str], cwd: Path | None = None) -> list[Done]:
    """Run lines of the shell beside each other: what they have to say, and in the end their exit codes."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda line: run(line, POINTS, cwd), lines))


# ---------------------------------------------------------------- pipes, full disks, closed streams


@pytest.mark.parametrize("style", FORMATS)
@pytest.mark.quick(1)
def test_head_ends_every_command_quietly(style: str) -> None:
    lines = [f"{{ {SHELL} {LINES[n]} --format {style}; echo $? >&2; }} | head -n 1" for n in SIMPLEST]
    for name, done in zip(SIMPLEST, at_once(lines), strict=True):
        assert (done.stdout, done.stderr) == (shown(name, style).splitlines(keepends=True)[0], "0\n")


@pytest.mark.parametrize(("target", "said"), [("/dev/full", "No space left on device"), ("&-", "Bad file descriptor")])
@pytest.mark.parametrize("style", FORMATS)
@pytest.mark.quick(2)
def test_what_cannot_be_written_is_a_line_and_exit_1(style: str, target: str, said: str) -> None:
    for done in at_once([f"{SHELL} {LINES[name]} --format {style} >{target}" for name in SIMPLEST]):
        assert done.returncode == 1
        assert one_line_of_error(done) == f"ntkcalc: cannot write stdout: {said}\n"


@pytest.mark.parametrize("arguments", ["--help", "coeffs --help", "--version", "--list-activations", "eigs --schema"])
def test_so_it_is_with_what_is_no_result(arguments: str) -> None:
    quiet, closed = at_once([f"{{ {SHELL} {arguments}; echo $? >&2; }} | true", f"{SHELL} {arguments} >&-"])
    assert (quiet.stdout, quiet.stderr) == ("", "0\n")
    assert closed.returncode == 1
    assert one_line_of_error(closed) == "ntkcalc: cannot write stdout: Bad file descriptor\n"


def test_a_file_does_not_get_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    done = run(f"{SHELL} evaluate -a relu --data - -o K.npy >&- 2>&-; echo $? >code", POINTS, tmp_path)
    assert (done.stdout, done.stderr, (tmp_path / "code").read_text()) == ("", "", "1\n")
    assert np.load(tmp_path / "K.npy").shape == (4, 4)


ALIASES = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")


@pytest.mark.parametrize("output", ALIASES)
@pytest.mark.parametrize("redirection", [">", ">>"])
@pytest.mark.quick(2)
def test_an_alias_of_stdout_is_written_where_stdout_is(output: str, redirection: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("before\n")
    line = f"{{ echo a; {SHELL} coeffs -a relu -T 1 --format plain -o {output}; echo b; }} {redirection} f"
    assert run(line, "", tmp_path).stderr == ""
    kept = ["before"] * (redirection == ">>")
    numbers = inside(["coeffs", "-a", "relu", "-T", "1", "--format", "plain"]).stdout.splitlines()
    assert (tmp_path / "f").read_text().splitlines() == [*kept, "a", *numbers, "b"]
    assert os.listdir(tmp_path) == ["f"]


@pytest.mark.parametrize("output", ["/dev/fd/3", "link"])
def test_so_are_aliases_of_other_descriptors_and_links_to_them(output: str, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/fd/3")
    line = f"{{ echo a >&3; {SHELL} coeffs -a relu -T 0 --which mu --format plain -o {output}; echo b >&3; }} 3> f"
    assert run(line, "", tmp_path).stderr == ""
    assert len((tmp_path / "f").read_text().splitlines()) == 3
    assert (tmp_path / "link").is_symlink()


def test_a_named_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "K.npy")
    line = f"cat K.npy > copy.npy & {SHELL} evaluate -a relu --data - -q -o K.npy; wait"
    assert run(line, POINTS, tmp_path).stderr == ""
    assert (tmp_path / "K.npy").is_fifo()
    assert np.load(tmp_path / "copy.npy").shape == (4, 4)


def test_a_link_to_a_regular_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("old")
    (tmp_path / "link").symlink_to("there")
    inside(["coeffs", "-a", "relu", "-o", "link", "--json"], "", tmp_path)
    assert (tmp_path / "link").is_symlink()
    assert json.loads((tmp_path / "there").read_text())["kernel"]["activation"] == "relu"


def test_a_descriptor_that_is_not_open_is_a_line_and_exit_1(tmp_path: Path) -> None:
    done = inside(["coeffs", "-a", "relu", "-o", "/dev/fd/99"])
    assert (done.returncode, one_line_of_error(done)) == (1, "ntkcalc: cannot write /dev/fd/99: Bad file descriptor\n")


@pytest.mark.parametrize(
    "arguments", [["evaluate", "-a", "relu", "--data", "-"], ["eigs", "--sphere-dim", "2", "-c", "-"]]
)
@pytest.mark.parametrize("redirection", ["</dev/null", "<&-"])
def test_stdin_without_anything_is_a_line_and_exit_2(arguments: list[str], redirection: str) -> None:
    done = run(f"{SHELL} {shlex.join(arguments)} {redirection}")
    assert done.returncode == 2
    assert "it is empty" in one_line_of_error(done)


@pytest.mark.parametrize("option", ["effrank -c", "evaluate -a relu --rho", "evaluate -a relu --data"])
def test_bytes_that_are_no_text_are_refused_on_stdin(option: str) -> None:
    for content in (b"1\n\xff\xfe\n0.5\n", b"1\n\0\0\n"):
        done = inside([*shlex.split(option), "-"], content)
        assert done.returncode == 2
        assert "cannot read stdin" in one_line_of_error(done) or "NUL" in done.stderr


def test_no_command_reads_a_stdin_that_it_was_not_asked_to_read() -> None:
    for name in ("coeffs", "values", "decay"):
        line = [*PROGRAM, *shlex.split(LINES[name])]
        with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=ENVIRONMENT) as process:
            assert process.wait(timeout=HANGS) == 0  # with a pipe that nobody writes to and nobody closes


# ---------------------------------------------------------------- signals


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("coeffs -a sigmoid -l 4 -T 3000 -d 200 -o out.json", 1),
        ("evaluate -a mish -l 9 --rho -1:1:99999 -d 100 -o out.json", 1),
        ("effrank -a relu --data points.npy -o out.json --memory 1M", 1.2),
        ("eigs -a relu --data points.npy --memory 2G -o out.json", 4),  # in LAPACK, half a minute
        ("decay -a mish -a sigmoid -l 9 -T 9000 -o out.json", 1),
        ("evaluate -a relu --data points.npy -o out.npy", 1),
    ],
)
@pytest.mark.quick(2)
def test_ctrl_c_ends_a_long_run_at_once_without_a_word_or_half_a_file(line: str, after: float, tmp_path: Path) -> None:
    points = 30_000 if "eigs" not in line else 5000
    np.save(tmp_path / "points.npy", np.eye(points, 4, dtype=np.float32) + 1 / np.arange(1, points + 1)[:, None])
    assert interrupted([*shlex.split(line), "-q"], tmp_path, after) < 6  # seconds of CPU time
    assert [path.name for path in tmp_path.iterdir()] == ["points.npy"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_other_signals_leave_the_old_file_too_and_nothing_else(number: int, tmp_path: Path) -> None:
    np.save(tmp_path / "points.npy", np.random.default_rng(0).standard_normal((9000, 3)))
    (tmp_path / "out.npy").write_text("old")
    interrupted(shlex.split("evaluate -a relu --data points.npy -o out.npy -q"), tmp_path, 1, number)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.npy", "points.npy"]
    assert (tmp_path / "out.npy").read_text() == "old"


STARTING = """
import os, signal, sys

class Finder:
    def find_spec(self, name, *_):
        if name == "typer":
            for number in {numbers}:
                os.kill(os.getpid(), number)

sys.meta_path.insert(0, Finder())
sys.argv = ["ntkcalc", "coeffs", "-a", "relu", "-T", "{truncation}", "-d", "99", "--format", "plain"]
from ntkcalc.__main__ import main
main()
"""


def started(numbers: list[int], ignored: tuple[int, ...] = (), truncation: int = 9000) -> tuple[int, bytes]:
    """How a run ends that gets signals while it loads its libraries: the exit code and what is said on stderr."""

    def ignore() -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)

    code = STARTING.format(numbers=numbers, truncation=truncation)
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, env=ENVIRONMENT, preexec_fn=ignore, capture_output=True, timeout=HANGS)
    return done.returncode, done.stderr


def test_signals_while_the_program_starts_and_repeated_ones_end_it_without_a_word() -> None:
    for first in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        assert started([first.value, signal.SIGINT.value, signal.SIGINT.value]) == (128 + first, b"")


def test_signals_that_nohup_and_shells_have_ignored_stay_ignored() -> None:
    hangup, interrupt = signal.SIGHUP.value, signal.SIGINT.value
    assert started([hangup, interrupt], (hangup, interrupt), truncation=1) == (0, b"")


def test_where_files_need_names_a_failure_removes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    (tmp_path / "file").write_text("old")
    with suppress(KeyError), whole_file(str(tmp_path / "file")) as temporary:
        assert {temporary} == UNFINISHED
        raise KeyError
    assert (os.listdir(tmp_path), UNFINISHED) == (["file"], set())
    with whole_file(str(tmp_path / "file")) as temporary:
        Path(temporary).write_text("new")
        assert (tmp_path / "file").read_text() == "old"
    assert (os.listdir(tmp_path), UNFINISHED, (tmp_path / "file").read_text()) == (["file"], set(), "new")


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("before", [None, 0o640])
def test_files_have_the_rights_of_those_they_replace_or_those_of_new_files(
    before: int | None, named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if named:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    path = tmp_path / "file"
    if before is not None:
        path.touch(before)
    (tmp_path / "new").touch()
    with whole_file(str(path)) as temporary:
        Path(temporary).write_text("new")
    assert path.stat().st_mode & 0o777 == (before or (tmp_path / "new").stat().st_mode & 0o777)


def test_a_file_whose_folder_takes_no_new_one_is_refused_before_the_work(tmp_path: Path) -> None:
    for path in ("/proc/out.json", str(tmp_path / ("long" * 99)), f"{tmp_path}/no/out.json"):
        with patch("ntkcalc.series.coefficients.coefficients_of_kernels", side_effect=AssertionError("the work")):
            done = inside(["coeffs", "-a", "relu", "-o", path])
        assert done.returncode == 2
        assert "cannot write" in one_line_of_error(done)


# ---------------------------------------------------------------- screens

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def numbers(text: str) -> set[str]:
    """All that has digits and is no part of a sentence."""
    return set(re.findall(r"(?<![\w.^-])-?\d+\.\d+(?:e-?\d+)?(?![\w.])", ESCAPE.sub("", text)))


@pytest.mark.parametrize("columns", [40, 60, 80])
@pytest.mark.parametrize("name", LINES)
@pytest.mark.quick(6)
def test_a_narrow_screen_is_kept_to_and_loses_no_digit(name: str, columns: int) -> None:
    wide, narrow = shown(name), shown(name, COLUMNS=str(columns))
    assert numbers(wide) - numbers(narrow) - seconds(wide) == set()
    longest = max(len(line) for line in narrow.replace("\u0303", "").splitlines())
    assert longest <= columns


def seconds(text: str) -> set[str]:
    """What a computation took, which is never the same."""
    column = [line.split()[-1] for line in text.splitlines() if "diagonal" not in line and line.startswith("  relu")]
    return {*re.findall(r"(\d+\.\d+) s,", text), *column}


@pytest.mark.parametrize("name", LINES)
@pytest.mark.quick(4)
def test_plain_screens_get_plain_tables(name: str) -> None:
    plain = shown(name, FORCE_COLOR="", NO_COLOR="1")
    assert ESCAPE.search(plain) is None
    assert ESCAPE.search(shown(name, FORCE_COLOR="1"))
    assert ESCAPE.search(shown(name, FORCE_COLOR="1", NO_COLOR="1")) is None


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize(("name", "style"), CASES)
@pytest.mark.quick(6)
def test_every_encoding_gets_letters_that_it_has(name: str, style: str, encoding: str) -> None:
    text = shown(name, style, encoding)
    assert text.isascii()
    assert style == "json" or "\\u" not in text
    if style == "json":
        laws = [json.loads(row) | {"version": ""} for row in text.splitlines()]
        assert json.dumps(laws) == json.dumps(
            [json.loads(row) | {"version": ""} for row in shown(name, style).splitlines()]
        )


def test_every_letter_of_a_law_on_the_sphere_is_said_in_ascii() -> None:
    done = inside(["decay", "-a", "relu", "-T", "60", "--sphere-dim", "2"], encoding="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "lambda_l = Theta(l^(-1.5))" in done.stdout
    assert "\\u" not in done.stdout


@pytest.mark.parametrize(
    ("environment", "columns", "colors"),
    [
        ({"TERM": "xterm-256color"}, 80, True),
        ({"TERM": "dumb"}, 80, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, 40, False),
    ],
)
@pytest.mark.parametrize("name", SIMPLEST)
@pytest.mark.quick(3)
def test_on_terminals(name: str, environment: dict[str, str], columns: int, colors: bool) -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "ntkcalc", *shlex.split(LINES[name]), "-q"],
        env=ENVIRONMENT | environment,
        encoding="utf-8",
        dimensions=(60, columns),
        timeout=HANGS,
    )
    text = child.read()
    child.close()
    assert child.exitstatus == 0
    assert (ESCAPE.search(text) is not None) is colors
    assert max(len(line) for line in ESCAPE.sub("", text).replace("\u0303", "").splitlines()) <= columns


def test_a_locale_that_is_not_utf_8() -> None:
    environment = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for name in ("coeffs", "decay"):
        done = run(shlex.split(LINES[name]), **environment)
        assert (done.returncode, done.stderr, done.stdout.isascii()) == (0, "", True), name


@pytest.mark.parametrize("option", ["-l", "--rho", "--data", "-a", "-d", "--format", "--sigma-w2"])
@pytest.mark.quick(3)
def test_what_was_typed_moves_no_cursor(option: str) -> None:
    done = run(["evaluate", "-a", "relu", option, "1\x1c\r\x1b[2J\n\u202e"])
    assert done.returncode == 2
    assert done.stderr.endswith("\n")
    assert done.stderr[:-1].isprintable()
