"""Completions and man page are those of the command line as it is, and Tab in real shells gives what it should."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest
from shell import program

HERE = Path(__file__).parent.parent / "completions"
sys.path.insert(0, str(HERE))

import generate  # noqa: E402

COMMANDS = ["coeffs", "evaluate", "effrank", "eigs", "decay"]


@pytest.mark.parametrize("file", generate.FILES)
def test_what_is_stored_is_what_the_command_line_gives(file: str) -> None:
    assert (HERE / file).read_text(encoding="utf-8") == generate.texts()[file], "run python completions/generate.py"


def test_nothing_else_is_stored() -> None:
    assert {path.name for path in HERE.iterdir() if path.is_file()} == {*generate.FILES, "generate.py"}


# ---------------------------------------------------------------- Tab, in real shells

SHOWN = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)


class Shell:
    """An interactive shell in a pseudo-terminal that has the completion loaded."""

    def __init__(self, command: str, setup: list[str], folder: Path) -> None:
        environment = {"PATH": os.environ["PATH"], "TERM": "dumb", "HOME": str(folder), "LC_ALL": "C.UTF-8"}
        environment |= {"fish_greeting": "", "PS1": "$ "}
        name, *arguments = command.split()
        self.child = pexpect.spawn(
            name, arguments, env=environment, cwd=str(folder), encoding="utf-8", timeout=900, dimensions=(50, 200)
        )
        self.child.delaybeforesend = None
        for line in setup:
            self.child.sendline(line)
        self.child.sendline("echo rea''dy")
        self.child.expect("ready\r")

    def press(self, line: str, keys: str = "\t") -> str:
        """The line after these keys: Ctrl-X p prints it, Ctrl-U empties it."""
        self.child.send(line + keys + "\x18p")
        self.child.expect(SHOWN)
        shown = self.child.match.group(1)
        self.child.send("\x15")
        return str(shown)


def bash(folder: Path) -> Shell:
    setup = [
        "bind 'set enable-bracketed-paste off'",
        r"""bind -x '"\C-xp": echo "[[$READLINE_LINE]]"'""",
        f"source '{HERE}/ntkcalc.bash'",
    ]
    return Shell(f"{program('bash')} --norc --noprofile -i", setup, folder)


def zsh(folder: Path) -> Shell:
    setup = [
        f"fpath=('{HERE}' $fpath); autoload -U compinit; compinit -u -D",
        "show() { print -r -- \"[[$BUFFER]]\" }; zle -N show; bindkey '^Xp' show; bindkey '^U' kill-whole-line",
        "setopt no_always_last_prompt no_list_beep",
    ]
    return Shell(f"{program('zsh')} -f -i", setup, folder)


def fish(folder: Path) -> Shell:
    setup = [
        f"source '{HERE}/ntkcalc.fish'",
        'bind \\cXp \'echo "[["(commandline)"]]"\'; bind \\cU \'commandline ""\'',
    ]
    return Shell(f"{program('fish')} --no-config --private -i", setup, folder)


@pytest.fixture(scope="module", params=[bash, zsh, fish], ids=lambda start: start.__name__)
def shell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    folder = tmp_path_factory.mktemp("home")
    for name in ("points.npy", "plain.txt", "pages.md", "series.json"):
        (folder / name).touch()
    (folder / "pictures").mkdir()
    start: Callable[[Path], Shell] = request.param
    running = start(folder)
    yield running
    running.child.close(force=True)


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("co", "coeffs "),
        ("ef", "effrank "),
        ("--v", "--version "),
        ("coeffs --dep", "--depth"),
        ("eigs --max-f", "--max-frequency"),
        ("coeffs -a mis", "mish "),
        ("coeffs --act m", "mish "),
        ("coeffs --act=m", "--act=mish "),
        ("coeffs -a quick", "quick-gelu "),
        ("coeffs -a celu:", "celu:alpha="),
        ("coeffs -a relu -a swi", "swish "),
        ("coeffs -a leaky-relu:s", "leaky-relu:slope="),
        ("decay --act=gaussian:", "--act=gaussian:sigma="),
        ("evaluate --format p", "plain "),
        ("evaluate --format=j", "--format=json "),
        ("effrank --engine m", "mpmath "),
        ("eigs --measure s", "surface "),
        ("coeffs --which b", "beta "),
        ("coeffs --sigma-w2 m", "max "),
        ("evaluate --data po", "points.npy "),
        ("eigs --data pl", "plain.txt "),
        ("effrank -c s", "series.json "),
        ("evaluate --data=po", "--data=points.npy "),
        ("coeffs -a relu -o pag", "pages.md "),
        ("eigs --plot pi", "pictures/"),
        ("coeffs --json --parallel", "--parallel"),
        ("coeffs --depth p", "p"),
        ("decay --whic", "--whic"),
        ("coeffs -a quux", "quux"),
    ],
)
def test_tab_completes(shell: Shell, typed: str, completed: str) -> None:
    before, _, _ = typed.rpartition(" ")
    line = " ".join(word for word in ("ntkcalc", before, completed) if word)
    assert shell.press(f"ntkcalc {typed}").rstrip("= ") == line.rstrip("= ")


def test_files_of_another_kind_come_only_where_there_are_no_others(shell: Shell) -> None:
    assert shell.press("ntkcalc eigs --data p") == "ntkcalc eigs --data p"  # points, plain, pictures, but not pages
    assert shell.press("ntkcalc eigs --data pag") == "ntkcalc eigs --data pages.md "


def test_the_end_of_a_word_is_where_it_should_be(shell: Shell) -> None:
    assert shell.press("ntkcalc coeffs -a mi") == "ntkcalc coeffs -a mish "
    assert shell.press("ntkcalc coeffs -a elu:a") == "ntkcalc coeffs -a elu:alpha="
    assert shell.press("ntkcalc eigs --plot pi") == "ntkcalc eigs --plot pictures/"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_every_command_is_completed(shell: Shell, command: str) -> None:
    page = next(
        p
        for p in generate.pages(generate.get_command(generate.application()), "ntkcalc")[1]
        if p.path.endswith(command)
    )
    for entry in page.entries:
        name = entry.names[-1]
        longer = [e.names[-1] for e in page.entries if e.names[-1].startswith(name[:-1])]
        if longer == [name]:
            assert shell.press(f"ntkcalc {command} {name[:-1]}").rstrip("= ") == f"ntkcalc {command} {name}"


def test_bash_cuts_words_at_what_comp_wordbreaks_says(tmp_path: Path) -> None:
    shell = bash(tmp_path)
    for breaks in (" ", " :", " =", " :="):
        shell.child.sendline(f"COMP_WORDBREAKS='{breaks}'")
        assert shell.press("ntkcalc coeffs --act=leaky-relu:s") == "ntkcalc coeffs --act=leaky-relu:slope="
        assert shell.press("ntkcalc coeffs --act=mi") == "ntkcalc coeffs --act=mish "
    shell.child.close(force=True)


def test_bash_completes_in_the_middle_of_a_line(tmp_path: Path) -> None:
    shell = bash(tmp_path)
    left = "\x02" * len(" --json")
    assert shell.press("ntkcalc coeffs -a mi --json", left + "\t") == "ntkcalc coeffs -a mish --json"
    shell.child.close(force=True)


def test_fish_lists_activations_with_their_formulas() -> None:
    script = f"source '{HERE}/ntkcalc.fish'; complete -C 'ntkcalc coeffs -a s'"
    done = subprocess.run([program("fish"), "--no-config", "-c", script], capture_output=True, encoding="utf-8")
    assert "sigmoid\t1/(1 + exp(-x))\n" in done.stdout
    assert {line.split("\t")[0] for line in done.stdout.splitlines()} == {
        "selu", "silu", "softplus", "sigmoid", "sin", "swish", "softsign", "softshrink", "squareplus",
    }  # fmt: skip


# ---------------------------------------------------------------- the man page


def test_the_man_page_has_no_warnings_and_names_every_option() -> None:
    page = HERE / "ntkcalc.1"
    text = page.read_text(encoding="utf-8").replace("\\-", "-")
    for command in generate.pages(generate.get_command(generate.application()), "ntkcalc")[1]:
        assert all(f".B {entry.usage}\n" in text.replace(r"\(ha", "^") for entry in command.entries)
    groff = [program("groff"), "-man", "-Tutf8", "-ww", "-z", str(page)]
    done = subprocess.run(groff, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
