"""The program as its users meet it: what goes to stdout, to stderr, to a file, and the exit code."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
from itertools import product
from pathlib import Path
from typing import Any

import pexpect
import pytest
import shell
from interruption import HANGS, interrupted
from shell import ASCII, ENVELOPE, ENVIRONMENT, KERNEL, SHELL, inside, one_line_of_error, run

import ntkcalc
from ntkcalc.activations.catalogue import FAMILIES, WRITTEN


def output(*args: str, **environment: str) -> str:
    """What a successful and silent run of coeffs prints."""
    return shell.output(shlex.join(["coeffs", *args]), **environment)


# ---------------------------------------------------------------- formats


def test_json_has_the_fields_of_the_contract() -> None:
    found = json.loads(output("-a", "tanh", "-l", "3", "-T", "4", "--json"))
    assert list(found)[: len(ENVELOPE)] == ENVELOPE
    assert list(found["kernel"]) == KERNEL
    assert (found["schema"], found["version"]) == ("ntkcalc.coeffs/1", ntkcalc.__version__)
    assert (found["digits"], found["engine"]) == (12, "mpmath")
    assert (found["kernel"]["activation"], found["kernel"]["depth"]) == ("tanh", 3)
    assert [list(row) for row in found["coefficients"]] == [["p", "kappa", "share", "cumulative"]] * 5
    assert [row["p"] for row in found["coefficients"]] == [0, 1, 2, 3, 4]
    total = found["kernel"]["total"]
    sums = [sum(row["kappa"] for row in found["coefficients"][: p + 1]) for p in range(5)]
    # every number is rounded to 12 digits
    for row, partial in zip(found["coefficients"], sums, strict=True):
        assert row["share"] == pytest.approx(row["kappa"] / total, rel=2e-11)
        assert row["cumulative"] == pytest.approx(partial / total, rel=1e-11)
    assert found["tail"] == pytest.approx(total - sums[-1], rel=1e-10)


def numbers(found: dict[str, Any]) -> list[Any]:
    """All values of a result that are not counts or names."""
    rows = [row[key] for row in found["coefficients"] for key in ("kappa", "share", "cumulative")]
    return [*rows, *(found["kernel"][key] for key in KERNEL[2:8]), *found["kernel"]["variances"], found["tail"]]


@pytest.mark.parametrize(("digits", "kinds"), [("15", (int, float)), ("16", str)])
def test_json_has_numbers_up_to_15_digits_and_strings_beyond(digits: str, kinds: Any) -> None:
    found = json.loads(output("-a", "gelu", "-l", "3", "-T", "2", "-d", digits, "--engine", "mpmath", "--json"))
    assert found["digits"] == int(digits)
    assert all(isinstance(value, kinds) and not isinstance(value, bool) for value in numbers(found))
    assert all(isinstance(n, int) for n in (found["kernel"]["depth"], *(row["p"] for row in found["coefficients"])))


def test_json_has_strings_where_doubles_end() -> None:
    *_, row = json.loads(output("-a", "sin", "-T", "171", "--json"))["coefficients"]
    # Σ_2 = e⁻¹ sinh t, Θ_2 = Σ_2 + t e⁻¹ cosh t: κ_p = (1 + p)/(e p!), which is 5.0986e-308 for p = 171
    assert isinstance(row["kappa"], str)
    assert re.fullmatch(r"5\.0986\d{7}e-308", row["kappa"])


def test_json_lines_are_all_combinations_the_last_option_fastest() -> None:
    values = {
        "--act": ["relu", "leaky-relu:slope=0.5"],
        "--depth": ["3", "2"],
        "--sigma-w2": ["0.5", "0.25"],
        "--gamma-b2": ["0.5", "0"],
    }
    args = [word for option, those in values.items() for value in those for word in (option, value)]
    kernels = [json.loads(line)["kernel"] for line in output(*args, "-T", "0", "--json").splitlines()]
    found = [tuple(str(k[key]) for key in ("activation", "depth", "sigma_w2", "gamma_b2")) for k in kernels]
    assert found == list(product(*values.values()))


def test_depths_a_to_b_are_all_from_a_to_b() -> None:
    lines = output("-a", "relu", "-l", "2:5", "-T", "0", "--json").splitlines()
    assert [json.loads(line)["kernel"]["depth"] for line in lines] == [2, 3, 4, 5]


@pytest.mark.parametrize(("written", "canonical"), [("SiLU", "silu"), ("swish", "silu"), ("elu:alpha=1.0", "elu")])
def test_activations_are_named_canonically(written: str, canonical: str) -> None:
    assert json.loads(output("-a", written, "-l", "1", "-T", "0", "--json"))["kernel"]["activation"] == canonical


def test_csv_and_plain_hold_what_json_holds() -> None:
    options = ("-a", "erf", "-a", "gaussian:sigma=2", "-T", "3", "-d", "20")
    results = [json.loads(line) for line in output(*options, "--json").splitlines()]
    text = output(*options, "--format", "csv")
    assert text.splitlines()[0] == "activation,depth,sigma_w2,gamma_b2,p,kappa,share,cumulative"
    assert list(csv.DictReader(text.splitlines())) == [
        {key: str(r["kernel"][key]) for key in ("activation", "depth", "sigma_w2", "gamma_b2")}
        | {key: str(value) for key, value in row.items()}
        for r in results
        for row in r["coefficients"]
    ]
    plain = ["\n".join(row["kappa"] for row in r["coefficients"]) + "\n" for r in results]
    names = [f"# {r['kernel']['activation']}, depth 2, sigma_w2 = 1, gamma_b2 = 0, T = 3\n" for r in results]
    assert output(*options, "--format", "plain") == "\n".join(map("".join, zip(names, plain, strict=True)))
    (alone,) = plain[:1]
    assert output(*options[:2], *options[4:], "--format", "plain") == alone  # one kernel needs no name


def test_several_kernels_make_table_1_of_the_paper() -> None:
    names = ["relu", "tanh", "sigmoid", "gaussian"]
    text = output(*(word for name in names for word in ("-a", name)), "-T", "5")
    rows = [line.split() for line in text.splitlines()]
    heads = [row[0] for row in rows if row]
    assert [row for row in rows if row[:1] == ["T"]] == [["T", *"012345"]]
    assert [head for head in heads if head in names] == names
    # its relu row; test_truth has the others
    assert ["relu", "43.944", "77.277", "93.192", "93.192", "95.403", "95.403"] in rows


def test_mpmath_and_numpy_print_the_same_digits() -> None:
    engines = [output("-a", "erf", "-l", "3", "-T", "5", "--engine", name) for name in ("numpy", "mpmath")]
    assert engines[0] != engines[1]  # each names itself
    assert engines[0].replace("numpy", "mpmath") == engines[1]


# ---------------------------------------------------------------- where it goes


def test_a_file_gets_what_stdout_would_get(tmp_path: Path) -> None:
    target = tmp_path / "k.json"
    target.write_text("old")
    target.chmod(0o640)
    link = tmp_path / "link.json"
    link.symlink_to(target)
    assert output("-a", "relu", "--json", "-o", str(link)) == ""
    assert target.read_text() == output("-a", "relu", "--json", "-o", "-")
    assert target.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert sorted(tmp_path.iterdir()) == [target, link]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (f"{SHELL} coeffs -a relu --engine numpy -d 30 -o k.txt", 3),
        (
            f"ulimit -f 1; PYTHONDONTWRITEBYTECODE=1 {SHELL} coeffs -a relu -T 30 -d 200 -o k.txt",
            1,
        ),  # a file of at most 1 kB
    ],
)
def test_a_failed_run_leaves_the_old_file_and_nothing_else(line: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "k.txt").write_text("old")
    done = run(f"cd {shlex.quote(str(tmp_path))}; {line}")
    assert done.returncode == code
    one_line_of_error(done)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("k.txt", "old")]


def test_a_reader_that_has_seen_enough_ends_the_run_quietly() -> None:
    long = "coeffs -a relu -T 40 -d 1000 --format csv"  # 86 kB, more than a pipe holds
    done = run(f"{{ {SHELL} {long}; echo $? >&2; }} | head -n 1")
    assert (done.stdout.count("\n"), done.stderr) == (1, "0\n")


needs_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")


@needs_full
@pytest.mark.parametrize("arguments", ["coeffs -a relu", "--help", "coeffs --help", "--list-activations"])
def test_a_full_disk_is_a_line_and_exit_1(arguments: str) -> None:
    done = run(f"{SHELL} {arguments} > /dev/full")
    assert done.returncode == 1
    assert "No space left on device" in one_line_of_error(done)


def test_a_closed_stdout_is_a_line_and_exit_1() -> None:
    done = run(f"{SHELL} coeffs -a relu >&-")
    assert done.returncode == 1
    assert "stdout" in one_line_of_error(done)


def test_a_closed_stderr_changes_nothing_but_the_message() -> None:
    done = run(f"{SHELL} coeffs -a relu -T 1 --format plain 2>&-; {SHELL} coeffs -a tahn 2>&-; echo $?")
    assert done.stdout == "0.659154943092\n0.500000000000\n2\n"


def test_ctrl_c_exits_130_without_a_word_or_half_a_file(tmp_path: Path) -> None:
    (tmp_path / "k.txt").write_text("old")
    interrupted(shlex.split("coeffs -a sigmoid -l 4 -T 3000 -d 200 -o k.txt"), tmp_path, 1)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("k.txt", "old")]


# ---------------------------------------------------------------- screens

ESCAPE = "\x1b["


def words(text: str) -> set[str]:
    return set(re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text).split())


def test_a_narrow_screen_cuts_no_digit() -> None:
    options = ("-a", "relu", "-l", "3", "-T", "3", "-d", "30")
    values = set(output(*options, "--format", "plain").split())
    assert len(values) == 4
    assert values | {"0", "1", "2", "3"} <= words(output(*options, COLUMNS="40"))


def test_a_narrow_screen_cuts_no_column_of_table_1() -> None:
    options = ("-a", "gelu", "-a", "relu", "-l", "3", "-T", "12")
    wide, narrow = output(*options), output(*options, COLUMNS="40")
    shares = {word for word in words(wide) if re.fullmatch(r"\d+\.\d{3}", word)}
    assert len(shares) > 12
    assert shares | set(map(str, range(13))) <= words(narrow)


def test_what_is_piped_does_not_depend_on_the_terminal() -> None:
    options = ("-a", "relu", "-T", "3")
    tables = {output(*options, **env) for env in ({}, {"NO_COLOR": "1"}, {"TERM": "dumb"}, {"FORCE_COLOR": "0"})}
    assert len(tables) == 1
    assert ESCAPE not in tables.pop()
    assert ESCAPE in output(*options, FORCE_COLOR="1")


@pytest.mark.parametrize(
    ("environment", "colors"), [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False)]
)
def test_on_a_terminal(environment: dict[str, str], colors: bool) -> None:
    text, status = pexpect.run(
        f"{SHELL} coeffs -a relu -T 3 -d 25",
        env=ENVIRONMENT | environment,
        encoding="utf-8",
        withexitstatus=True,
        timeout=HANGS,
    )
    assert status == 0
    assert (ESCAPE in text) is colors
    assert set(output("-a", "relu", "-T", "3", "-d", "25", "--format", "plain").split()) <= words(text)


@pytest.mark.parametrize("options", [("-a", "erf", "--paper-truncation"), ("-a", "erf", "-a", "relu"), ("--help",)])
def test_an_ascii_locale_gets_ascii(options: tuple[str, ...]) -> None:
    assert output(*options, "-T", "3", **ASCII).isascii()


def test_an_ascii_locale_gets_messages_without_escapes() -> None:
    message = one_line_of_error(run(["coeffs", "-a", "relu", "-T", "-1"], **ASCII))
    assert message.isascii()
    assert "\\" not in message


# ---------------------------------------------------------------- help, and what it costs


def test_help_is_printed_on_request() -> None:
    short, long, command = (inside(args) for args in (["-h"], ["--help"], ["coeffs", "-h"]))
    assert short.stdout == long.stdout
    for done, said in ((short, "coeffs"), (command, "--paper-truncation")):
        assert (done.returncode, done.stderr) == (0, "")
        assert said in done.stdout
        assert ESCAPE not in done.stdout


def test_without_arguments_the_help_is_the_error() -> None:
    done = inside([])
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage:" in done.stderr


def test_version() -> None:
    done = inside(["--version"])
    assert (done.returncode, done.stdout, done.stderr) == (0, f"ntkcalc {ntkcalc.__version__}\n", "")


def test_values_of_several_kernels_stand_side_by_side_with_their_tails() -> None:
    options = ("-a", "relu", "-a", "gelu", "-T", "3", "-d", "12")
    shown = output(*options, "--values")
    assert shown.endswith(output(*options))  # the shares below
    rows = [line.split() for line in shown.partition("\n\n  p > 3")[0].splitlines()[4:]]
    results = [json.loads(line) for line in output(*options, "--json").splitlines()]
    wanted = [*zip(*([c["kappa"] for c in r["coefficients"]] + [r["tail"]] for r in results), strict=True)]
    assert [tuple(map(float, row[-2:])) for row in rows] == wanted


@pytest.mark.parametrize("option", ["-a", "-l", "--sigma-w2", "-T", "-d", "-o", "--plot", "--which", "--unknown"])
@pytest.mark.parametrize("value", ["z" * 3000, "1" * 3000, "z " * 1500, "\x1b[31m" * 500])
def test_messages_cut_long_values(option: str, value: str) -> None:
    done = inside(["coeffs", "-a", "relu", option, value])
    assert done.returncode in (1, 2)
    said = one_line_of_error(done)
    assert len(said) < 1500  # an escaped character is four
    assert said.strip().isprintable()


def test_all_activations_are_listed_with_their_parameters() -> None:
    done = inside(["--list-activations"])
    assert (done.returncode, done.stderr) == (0, "")
    named, written, words = done.stdout.split("\n\n")
    assert [line.split()[0] for line in named.splitlines()] == [family.usage for family in FAMILIES.values()]
    assert [line.split(":")[0].split()[0] for line in written.splitlines()] == [*WRITTEN]
    assert words.startswith("or a formula in x")


def test_auto_is_the_engine_that_is_done_sooner() -> None:
    def engine(*options: str) -> str:
        return str(json.loads(output("-a", "relu", "--json", *options))["engine"])

    assert engine("-T", "300", "-l", "3") == "mpmath"  # in less than the time that loading NumPy takes
    assert engine("-T", "1200", "-l", "2") == "numpy"
    assert engine("-T", "1200", "-l", "2", "-d", "16") == "mpmath"  # beyond double precision
    assert engine("-T", "50", "-l", "3", "--engine", "numpy") == "numpy"


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("arguments", "expected", "came"),
    [
        ("coeffs -a tahn", "Did you mean 'tanh'?", "'tahn'"),
        ("coeffs -a ''", "Known: linear, relu", "''"),
        ("coeffs -a leaky-relu:slop=1", "slope=0.01", "'slop=1'"),
        ("coeffs -a relu:slope=1", "no parameters", "'slope=1'"),
        ("coeffs -a gaussian:sigma=0", "positive", "got 0"),
        ("coeffs -a softplus:beta=-1", "positive", "got -1"),
        ("coeffs -a relu --sigma-w2 0", "positive", "got 0"),
        ("coeffs -a relu --sigma-w2 -1", "positive", "got -1"),
        ("coeffs -a relu --sigma-w2 x", "must be a number", "'x'"),
        ("coeffs -a relu --sigma-w2 nan", "must be a number", "'nan'"),
        ("coeffs -a relu --sigma-w2 3", "at most 2 ", "got 3"),
        ("coeffs -a relu --gamma-b2 1.5", "[0, 1]", "got 1.5"),
        ("coeffs -a relu --depth 0", "1 to 1000", "'0'"),
        ("coeffs -a relu --depth 2.5", "whole number", "'2.5'"),
        ("coeffs -a relu --depth 5:2", "A <= B", "'5:2'"),
        ("coeffs -a relu -T -1", "truncation must lie in 0", "got -1"),
        ("coeffs -a relu -T 1000000000", "20000", "got 1000000000"),
        ("coeffs -a relu -T ten", "int", "'ten'"),
        ("coeffs -a relu -d 0", "at least 1", "got 0"),
        ("coeffs -a relu -d 10000000", "10000", "got 10000000"),
        ("coeffs -a relu --format xml", "table, json, csv, plain", "'xml'"),
        ("coeffs -a relu --json --format csv", "one of them", "--format csv"),
        ("coeffs -a relu --which kapa", "Did you mean 'kappa'?", "'kapa'"),
        ("coeffs -a relu --engine fast", "auto, numpy, mpmath", "'fast'"),
        ("coeffs -a relu -o /no/such/folder/k.txt", "no such folder", "/no/such/folder/k.txt"),
        ("coeffs -a relu -o /", "it is a folder", "'/'"),
        ("coeffs", "--act tanh", "name an activation"),
        ("coefs", "Did you mean 'coeffs'?", "'coefs'"),
        ("coeffs -a relu --dept 3", "'--depth'", "'--dept'"),
    ],
)
@pytest.mark.quick(12)
def test_a_refusal_says_what_was_expected_and_what_came(arguments: str, expected: str, came: str) -> None:
    done = inside(shlex.split(arguments))
    assert done.returncode == 2
    message = one_line_of_error(done)
    assert expected in message
    assert came in message


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("coeffs --atc", "--act"), ("coeffs --sigma_w2=1", "--sigma-w2"), ("eigs --max-freq 3", "--max-frequency")],
)
def test_the_nearest_option_is_named(typed: str, meant: str) -> None:
    message = one_line_of_error(inside(shlex.split(typed)))
    assert f"Did you mean '{meant}'?" in message


@pytest.mark.parametrize("twice", ["-T 3 -T 4", "-d 3 --digits=4", "--which mu --which mu", "-o a -o b"])
def test_an_option_with_one_value_refuses_a_second(twice: str) -> None:
    done = inside(["coeffs", "-a", "relu", *shlex.split(twice)])
    assert done.returncode == 2
    assert "takes one value, got 2" in one_line_of_error(done)


def test_flags_may_be_repeated() -> None:
    assert inside(["coeffs", "-a", "relu", "-T1", "--json", "--json", "-qq"]).returncode == 0


def test_an_ending_that_stands_for_no_format_is_refused_until_one_is_named(tmp_path: Path) -> None:
    for line in ("coeffs -a relu -T 1 -o x.npy", "eigs -a relu --sphere-dim 2 -o x.tsv"):
        done = inside(shlex.split(line), cwd=tmp_path)
        assert done.returncode == 2
        assert "--format" in one_line_of_error(done)
    for line in ("coeffs -a relu -T 1 -o x.txt", "coeffs -a relu -T 1 -o x", "coeffs -a relu -o x.dat --format plain"):
        assert inside(shlex.split(line), cwd=tmp_path).returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x", "x.dat", "x.txt"]


def test_an_exponent_of_any_length_is_out_of_range_but_a_number() -> None:
    for number in ("1e9999", "1e999999999", "1e-" + "9" * 99):
        assert "must lie within 1e-1000 and 1e1000" in one_line_of_error(
            inside(["evaluate", "-a", "relu", "--rho", number])
        )


def test_digits_out_of_reach_are_exit_3_with_the_way_out() -> None:
    done = inside(["coeffs", "-a", "relu", "--engine", "numpy", "-d", "30"])
    assert done.returncode == 3
    message = one_line_of_error(done)
    assert "15 digits, not 30" in message
    assert "--engine mpmath" in message
