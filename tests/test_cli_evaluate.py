"""`ntkcalc evaluate` as its users meet it: values, someone else's series, matrices of data, pictures, refusals."""

import csv
import json
import shlex
import signal
import subprocess
import time
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shell
from shell import ASCII, DATA, ENVELOPE, ENVIRONMENT, KERNEL, PROGRAM, SHELL, Done, one_line_of_error

import ntkcalc
from ntkcalc import ntk_matrix

VALUE = ["rho", "theta", "series", "error", "bound"]
MATRIX = ["data", "other", "minimum", "mean", "maximum", "diagonal", "accuracy", "output"]


def run(command: str | Sequence[str], stdin: str = "", cwd: Path | None = None, **environment: str) -> Done:
    """Run `evaluate` with these arguments in this process; a string instead is a line for the shell."""
    if isinstance(command, str):
        return shell.run(command, stdin, cwd, **environment)
    return shell.inside(["evaluate", *command], stdin, cwd, **environment)


def output(line: str, stdin: str = "", cwd: Path | None = None, **environment: str) -> str:
    """What a successful and silent run prints."""
    return shell.output(f"evaluate {line}", stdin, cwd, **environment)


def objects(line: str, stdin: str = "", cwd: Path | None = None) -> list[dict[str, Any]]:
    """The JSON Lines that a run prints."""
    return [json.loads(text) for text in output(f"{line} --json", stdin, cwd).splitlines()]


# ---------------------------------------------------------------- values


def test_json_has_the_fields_of_the_contract() -> None:
    (found,) = objects("-a tanh -l 3 --rho 0.3 --rho -1 -T 4")
    assert list(found)[: len(ENVELOPE)] == ENVELOPE
    assert list(found["kernel"]) == KERNEL
    assert (found["schema"], found["version"]) == ("ntkcalc.evaluate/1", ntkcalc.__version__)
    assert (found["digits"], found["truncation"], found["paper_truncation"]) == (12, 4, False)
    assert [list(value) for value in found["values"]] == [VALUE, VALUE]
    assert [value["rho"] for value in found["values"]] == [0.3, -1]
    for value in found["values"]:
        # twelve digits of numbers below 2
        assert value["theta"] - value["series"] == pytest.approx(value["error"], abs=2e-11)
        assert 0 < abs(value["error"]) <= value["bound"]


@pytest.mark.parametrize(("digits", "kind"), [(15, (int, float)), (16, str)])
def test_json_has_numbers_up_to_15_digits_and_strings_beyond(digits: int, kind: Any) -> None:
    (found,) = objects(f"-a gelu --rho 0.8 -T 3 -d {digits}")
    value = found["values"][0]
    assert all(isinstance(value[name], kind) and not isinstance(value[name], bool) for name in VALUE[1:])
    assert found["kernel"]["depth"] == 2


def test_csv_and_plain_hold_what_json_holds() -> None:
    line = "-a relu -a gaussian:sigma=2 --rho 0.75 --rho -0.9 -T 2 -d 20"
    results = objects(line)
    text = output(f"{line} --format csv")
    assert text.splitlines()[0] == "activation,depth,sigma_w2,gamma_b2,truncation,rho,theta,series,error,bound"
    assert list(csv.DictReader(text.splitlines())) == [
        {name: str(r["kernel"][name]) for name in ("activation", "depth", "sigma_w2", "gamma_b2")}
        | {"truncation": "2"}
        | {name: str(value[name]) for name in VALUE}
        for r in results
        for value in r["values"]
    ]
    blocks = [
        f"# {r['kernel']['activation']}, depth 2, sigma_w2 = 1, gamma_b2 = 0, T = 2\n"
        + "".join(f"{value['rho']} {value['theta']}\n" for value in r["values"])
        for r in results
    ]
    assert output(f"{line} --format plain") == "\n".join(blocks)


def test_results_come_in_the_order_of_the_options_the_truncation_last() -> None:
    line = "-a gelu -a relu -l 3 -l 1:2 --sigma-w2 0.5 --sigma-w2 0.25 --gamma-b2 0.5 --gamma-b2 0 -T 3 -T 0 --rho 0.9"
    kernels = [
        (act, depth, sigma_w2, gamma_b2, truncation)
        for act in ("gelu", "relu")
        for depth in (3, 1, 2)
        for sigma_w2 in (0.5, 0.25)
        for gamma_b2 in (0.5, 0)
        for truncation in (3, 0)
    ]
    names = ("activation", "depth", "sigma_w2", "gamma_b2")
    assert [(*(r["kernel"][name] for name in names), r["truncation"]) for r in objects(line)] == kernels


def test_forty_digits_next_to_one_are_those_of_the_definition() -> None:
    # quadrature of the definition, 45 digits: tests/oracles/kernel_values.json
    records = json.loads((Path(__file__).parent / "oracles" / "kernel_values.json").read_text())
    record = next(r for r in records if (r["activation"], r["sigma_w2"], r["gamma_b2"]) == ("relu", "1", "0"))
    rhos = ("-0.999999999999", "0.999999999999")
    text = output(f"-a relu -l 5 --rho {rhos[0]} --rho {rhos[1]} -T 0 -d 40 --format plain")
    for line, rho in zip(text.splitlines(), rhos, strict=True):
        theirs = Decimal(record["theta"][rho][record["depths"].index(5)])
        printed, theta = line.split()
        assert printed == rho
        assert len(theta.replace(".", "").lstrip("0")) == 40
        assert abs(Decimal(theta) - theirs) <= Decimal("1e-39")


def test_ranges_have_both_ends_and_decimal_points_between() -> None:
    def rhos(options: str) -> list[str]:
        return [line.split()[0] for line in output(f"-a relu {options} -T 0 --format plain").splitlines()]

    assert rhos("--rho -1:1:5 --rho 0.9") == ["-1", "-0.5", "0", "0.5", "1", "0.9"]
    assert rhos("--rho 0.8:0.6:3") == ["0.8", "0.7", "0.6"]
    assert rhos("--rho 0:1:4 -d 20") == ["0", "0.33333333333333333333", "0.66666666666666666667", "1"]


def test_stdin_gives_numbers_apart_by_white_space() -> None:
    text = output("-a relu --rho 1 --rho - --rho 0 -T 0 --format plain", stdin=" 0.5\t-0.5\n\n1e-1\n")
    assert [line.split()[0] for line in text.splitlines()] == ["1", "0.5", "-0.5", "0.1", "0"]


def test_rho_never_passes_through_a_float() -> None:
    rho = "0.1234567890123456789012345678901234567890123"
    (found,) = objects(f"-a linear --rho {rho} -T 1 -d 43")
    assert found["values"][0]["rho"] == rho
    assert Fraction(found["values"][0]["theta"]) == 2 * Fraction(rho)


def test_the_papers_series_is_named_as_such() -> None:
    (found,) = objects("-a relu -l 3 --rho 0.9 -T 5 --paper-truncation")
    assert found["paper_truncation"] is True
    assert "paper" in output("-a relu -l 3 --rho 0.9 -T 5 --paper-truncation")


def test_a_table_has_the_digits_of_plain() -> None:
    line = "-a relu --rho -0.9 --rho 1 -d 25"
    table = output(line)
    for word in output(f"{line} --format plain").split():
        assert word in table.split()
    assert "bound" in table


def test_a_table_of_many_values_of_several_kernels_has_the_largest_error_of_each() -> None:
    text = output("-a relu -a abs --rho 0.7:1:25 -T 2")
    rows = [line.split() for line in text.splitlines()]
    # at rho = 1 error and bound are the tail: S_2 less the first three coefficients of relu; the bound is rounded up
    tail = sum(r["values"][0]["error"] for r in objects("-a relu --rho 1 -T 2"))
    (row,) = [r for r in rows if r[:1] == ["relu"]]
    assert [row[i] for i in (1, 2, 4)] == ["2", f"{tail:.3e}".replace("e-0", "e-"), "1"]
    assert tail <= float(row[3]) <= tail * 1.001


@pytest.mark.parametrize(
    "line",
    ["-a relu -l 3 --rho 0.8:1:20 -T 2 --paper-truncation", "-a relu -a abs --rho 0.7:1:25 -T 2", "--help"],
)
def test_an_ascii_locale_gets_ascii(line: str) -> None:
    assert output(line, **ASCII).isascii()


# ---------------------------------------------------------------- someone else's series


def test_the_pipe_from_coeffs_has_its_bound() -> None:
    done = run(f"{SHELL} coeffs -a tanh -l 3 --json | {SHELL} evaluate --coeffs - --rho 0.3 --json")
    assert (done.returncode, done.stderr) == (0, "")
    piped = json.loads(done.stdout)
    (direct,) = objects("-a tanh -l 3 --rho 0.3 -d 15")
    assert piped["kernel"]["activation"] == "tanh"
    assert piped["truncation"] == 10
    ours, theirs = piped["values"][0], direct["values"][0]
    assert (ours["theta"], ours["error"]) == (None, None)
    # of coefficients of 12 digits, 11 are right in their sum, and the bound allows for their rounding
    assert ours["series"] == pytest.approx(theirs["series"], rel=1e-10)
    assert len(str(ours["series"])) <= 12
    assert abs(theirs["error"]) <= ours["bound"] == pytest.approx(theirs["bound"], rel=1e-10)


def test_a_series_that_ends_is_the_kernel_itself() -> None:
    (found,) = objects("--coeffs - --rho -0.3 -T 0", shell.output("coeffs -a linear -T 2 --json"))
    (value,) = found["values"]
    bound = value.pop("bound")
    assert value == {"rho": -0.3, "theta": -0.6, "series": 0, "error": -0.6}
    assert 0.6 <= bound <= 0.6 * (1 + 2e-11)  # of numbers of 12 digits


def test_few_digits_in_a_file_are_few_digits_of_its_sums() -> None:
    (found,) = objects("-c - --rho 0.9 -d 12", shell.output("coeffs -a tanh -T 300 -d 3 --json"))
    (value,) = found["values"]
    (exact,) = objects("-a tanh -T 300 --rho 0.9")[0]["values"]
    assert value["series"] == pytest.approx(exact["series"], abs=0.1)  # two digits
    assert len(str(value["series"])) <= 3  # 1.3
    assert value["bound"] >= exact["bound"]


def test_plain_numbers_are_a_series_of_unknown_origin(tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_text("1\n0.5\n\n2\n")
    first, second = objects("--coeffs c.txt --rho 0.5 --rho -1", cwd=tmp_path)
    assert (first["kernel"], first["truncation"], second["truncation"]) == (None, 1, 0)
    assert [value["series"] for value in first["values"]] == [1.25, 0.5]
    assert [value["series"] for value in second["values"]] == [2, 2]
    assert {value["bound"] for value in first["values"]} == {None}
    assert (
        output("-c c.txt --rho 0.5 --format plain", cwd=tmp_path)
        == "# series, T = 1\n0.5 1.25\n\n# series, T = 0\n0.5 2\n"
    )
    assert output("-c c.txt --rho 0.5 --format csv", cwd=tmp_path).splitlines()[1] == ",,,,1,0.5,,1.25,,"


# ---------------------------------------------------------------- matrices of data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data: x.npy (unit rows), y.csv (others), xy.npz."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(7)
    x, y = rng.standard_normal((40, 3)), rng.standard_normal((25, 3))
    x[-1] = x[0]
    x /= np.linalg.norm(x, axis=1)[:, None]
    np.save(folder / "x.npy", x)
    np.savetxt(folder / "y.csv", y, delimiter=",", header="a,b,c", comments="")
    np.savez(folder / "xy.npz", x=x, y=y)
    (folder / "c.txt").write_text("1\n0.5\n")
    return folder


def test_the_matrix_goes_to_its_file_and_the_summary_to_stdout(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "K.npy"
    (found,) = objects(f"-a elu -l 3 --gamma-b2 0.1 --data x.npy -o {target}", cwd=folder)
    matrix, x = np.load(target, allow_pickle=False), np.load(folder / "x.npy")
    assert list(tmp_path.iterdir()) == [target]
    assert matrix.dtype == np.float64
    assert (matrix == ntk_matrix(x, act="elu", depth=3, gamma_b2="0.1")).all()
    assert list(found) == [*ENVELOPE, *MATRIX]
    assert (list(found["kernel"]), list(found["data"])) == (KERNEL, DATA)
    assert found["data"] == {"source": "x.npy", "n": 40, "d": 3, "rank": 3, "normalized_rows": False}
    assert (found["engine"], found["other"], found["output"]) == ("numpy", None, str(target))
    for name, value in (("minimum", matrix.min()), ("mean", matrix.mean()), ("maximum", matrix.max())):
        assert found[name] == pytest.approx(value, rel=1e-11)  # 12 digits
    assert found["diagonal"] == found["kernel"]["total"] == pytest.approx(matrix[0, 0], rel=1e-11)
    assert 0 < found["accuracy"] < 1e-13


def test_other_points_make_a_cross_matrix(folder: Path, tmp_path: Path) -> None:
    (found,) = objects(f"-q -a relu --data xy.npz:y --other x.npy -o {tmp_path / 'K.npy'}", cwd=folder)
    with np.load(folder / "xy.npz") as arrays:
        expected = ntk_matrix(arrays["y"], arrays["x"], act="relu")
    assert (np.load(tmp_path / "K.npy") == expected).all()
    assert [found[name]["n"] for name in ("data", "other")] == [25, 40]
    assert found["other"]["source"] == "x.npy"
    assert found["diagonal"] is None


def test_rows_that_had_to_be_scaled_are_a_remark(folder: Path) -> None:
    done = run(shlex.split("-a relu --data x.npy --other y.csv --format plain"), cwd=folder)
    assert done.returncode == 0
    named = "ntkcalc: 'y.csv': the first line holds names (a, b, c), not a point\n"
    assert done.stderr == named + "ntkcalc: y.csv: rows scaled to unit norm\n"
    assert output("-q -a relu --data x.npy --other y.csv --format plain", cwd=folder) == done.stdout


def test_several_kernels_are_several_summaries(folder: Path) -> None:
    line = "-a relu -a sin -l 2:3 --data x.npy"
    results = objects(line, cwd=folder)
    assert [(r["kernel"]["activation"], r["kernel"]["depth"]) for r in results] == [
        (act, depth) for act in ("relu", "sin") for depth in (2, 3)
    ]
    rows = list(csv.DictReader(output(f"{line} --format csv", cwd=folder).splitlines()))
    names = ("minimum", "mean", "maximum", "diagonal")
    assert [[float(row[name]) for name in names] for row in rows] == [[r[name] for name in names] for r in results]
    plain = output(f"{line} --format plain", cwd=folder)
    assert [list(map(float, row.split())) for row in plain.splitlines() if row[:1] not in ("#", "")] == [
        [r[name] for name in names[:3]] for r in results
    ]


def test_data_come_from_stdin() -> None:
    text = output("-a relu --data -", stdin="1 0\n0 1\n")
    assert "stdin: n = 2, d = 2, rank 2" in text
    assert "0.6591549431" in text  # Θ_2(0) = 1/(2π) + 1/2
    assert text.count("1.5") >= 2


def test_an_ascii_locale_gets_ascii_of_matrices(folder: Path) -> None:
    assert output("-a relu --data x.npy", cwd=folder, **ASCII).isascii()


def test_digits_beyond_float64_are_exit_3_where_they_were_asked_for(folder: Path) -> None:
    done = run(["-a", "relu", "--data", "x.npy", "-d", "20"], cwd=folder)
    assert done.returncode == 3
    message = one_line_of_error(done)
    assert "15 of 20 digits" in message
    assert "--digits" in message


def old_file(tmp_path: Path) -> Path:
    (tmp_path / "K.npy").write_text("old")
    return tmp_path / "K.npy"


def contents(folder: Path) -> list[tuple[str, str]]:
    return [(path.name, path.read_text()) for path in folder.iterdir()]


def written_in(folder: Path, pid: int) -> list[str]:
    """Files in a folder, with a name or without, that a process maps into its memory."""
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return [line for line in maps if f" {folder}/" in line]


def test_ctrl_c_leaves_the_old_file_and_nothing_else(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    source = tmp_path_factory.mktemp("large") / "x.npy"
    np.save(source, np.random.default_rng(1).standard_normal((6000, 3)))
    target = old_file(tmp_path)
    process = subprocess.Popen(
        [*PROGRAM, "evaluate", "-q", "-a", "relu", "--data", str(source), "-o", str(target)],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # a shell that runs the tests in the background would have them ignore Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
    )
    limit = time.monotonic() + 900
    while not written_in(tmp_path, process.pid) and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.005)
    assert process.poll() is None  # at work on the file beside
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=900) == (b"", b"")
    assert process.returncode == 130
    assert contents(tmp_path) == [("K.npy", "old")]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    target = old_file(tmp_path)
    # a file of at most 8 kB, where the matrix takes 12.8
    done = run(
        f"ulimit -f 8; PYTHONDONTWRITEBYTECODE=1 {SHELL} evaluate -a relu --data x.npy -o {shlex.quote(str(target))}",
        cwd=folder,
    )
    assert done.returncode == 1
    assert "K.npy: File too large" in one_line_of_error(done)
    assert contents(tmp_path) == [("K.npy", "old")]


def test_the_new_file_takes_the_place_of_the_old_one(folder: Path, tmp_path: Path) -> None:
    target = old_file(tmp_path)
    target.chmod(0o640)
    output(f"-a relu --data x.npy -o {target}", cwd=folder)
    assert np.load(target).shape == (40, 40)
    assert target.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [target]


# ---------------------------------------------------------------- pictures


@pytest.mark.parametrize(
    ("kind", "first", "line"),
    [
        ("png", b"\x89PNG\r\n", "-a relu -l 2:3 -T 1 -T 5 --rho -1:1:9"),
        ("svg", b"<?xml", "--coeffs c.txt --rho -1:1:9"),  # no error is known
        ("pdf", b"%PDF-", "-a linear -T 1 --rho -1:1:9"),  # all errors are zero
        ("PNG", b"\x89PNG\r\n", "-a sin --rho 0.8"),
    ],
)
@pytest.mark.quick(2)
def test_a_picture_is_drawn_beside_the_output(kind: str, first: bytes, line: str, folder: Path, tmp_path: Path) -> None:
    picture = tmp_path / f"figure.{kind}"
    text = output(f"{line} --format plain --plot {picture}", cwd=folder)
    assert text == output(f"{line} --format plain", cwd=folder)
    assert picture.read_bytes().startswith(first)
    assert list(tmp_path.iterdir()) == [picture]


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("line", "expected", "came"),
    [
        ("-a relu", "--rho 0.3", "say where"),
        ("--rho 0.3", "--act tanh", "name an activation"),
        ("-a tahn --rho 0.3", "Did you mean 'tanh'?", "'tahn'"),
        ("-a relu --rho 1.5", "[-1, 1]", "got 1.5"),
        ("-a relu --rho 1e1000", "[-1, 1]", "rho"),
        ("-a relu --rho half", "decimal number", "'half'"),
        ("-a relu --rho nan", "decimal number", "'nan'"),
        ("-a relu --rho ''", "decimal number", "''"),
        ("-a relu --rho 0:1", "START:STOP:COUNT", "'0:1'"),
        ("-a relu --rho 0:1:x", "START:STOP:COUNT", "'0:1:x'"),
        ("-a relu --rho 0:1:1", "2 to 100000", "got 1"),
        ("-a relu --rho 0:1:999999", "2 to 100000", "got 999999"),
        ("-a relu --rho 0:3:3", "[-1, 1]", "got 1.5"),
        ("-a relu --rho -", "at least one", "none"),
        ("-a relu --rho - --rho -", "only one", "stdin"),
        ("--rho - --coeffs -", "only one", "stdin"),
        ("-a relu --data - --other -", "only one", "stdin"),
        ("-a relu --rho 0.3 -T -1", "truncation must lie in 0", "got -1"),
        ("-a relu --rho 0.3 -T 20001", "20000", "got 20001"),
        ("-a relu --rho 0.3 -d 0", "at least 1", "got 0"),
        ("-a relu --rho 0.3 -d 10001", "10000", "got 10001"),
        ("-a relu --rho 0.3 --engine numpy", "mpmath", "--engine numpy"),
        ("-a relu --data x.npy --engine mpmath", "numpy", "--engine mpmath"),
        ("-a relu --rho 0.3 --format xml", "table, json, csv, plain", "'xml'"),
        ("-a relu --rho 0.3 --data x.npy", "exclude each other", "--data"),
        ("-a relu --rho 0.3 -o /no/such/k.txt", "no such folder", "/no/such/k.txt"),
        ("-a relu --rho 0.3 --plot f.gif", ".png, .svg, .pdf", "'f.gif'"),
        ("-a relu --rho 0.3 --plot /no/such/f.png", "no such folder", "/no/such/f.png"),
        ("-a relu --data x.npy --plot f.png", "--rho", "--plot"),
        ("-c c.txt --rho 0.3 -a relu", "leave out", "--coeffs"),
        ("-c c.txt --rho 0.3 -l 3", "leave out", "--coeffs"),
        ("-c c.txt", "--rho 0.3", "say where"),
        ("-c none.txt --rho 0.3", "No such file", "'none.txt'"),
        ("-c x.npy --rho 0.3", "must not be negative", "x.npy, p = 2"),
        ("-c y.csv --rho 0.3", "decimal number", "'a,b,c'"),
        ("-a relu --data none.npy", "no such file", "'none.npy'"),
        ("-a relu --data x.npy --other none.npy", "no such file", "'none.npy'"),
        ("-a relu --data xy.npz", "say which", "2 arrays"),
        ("-a clip(x,-1,1) --data y.csv --no-normalize", "--no-normalize", "kinks away from 0"),
        ("-a relu --data x.npy -o k.txt", ".npy", "'k.txt'"),
        ("-a relu -l 2:3 --data x.npy -o k.npy", "one by one", "2 kernels"),
        ("-a relu --data x.npy -o /no/such/k.npy", "no such folder", "/no/such/k.npy"),
    ],
)
@pytest.mark.quick(14)
def test_a_refusal_says_what_was_expected_and_what_came(line: str, expected: str, came: str, folder: Path) -> None:
    before = sorted(folder.iterdir())
    done = run(shlex.split(line), cwd=folder)
    assert done.returncode == 2
    message = one_line_of_error(done)
    assert expected in message
    assert came in message
    assert sorted(folder.iterdir()) == before


def test_data_of_other_dimensions_are_refused(folder: Path) -> None:
    done = run(["-a", "relu", "--data", "x.npy", "--other", "-"], stdin="1 0\n", cwd=folder)
    assert done.returncode == 2
    assert "one dimension, got 3 and 2" in one_line_of_error(done)


@pytest.mark.parametrize("text", ['{"schema": 1}', "1\n-1\n", "", '{"a":' * 9999, "1e999999999"])
def test_a_series_that_is_none_is_refused_on_stdin(text: str) -> None:
    done = run(["--coeffs", "-", "--rho", "0.3"], stdin=text)
    assert done.returncode == 2
    assert "stdin" in one_line_of_error(done)


@pytest.mark.parametrize("number", ["NaN", "1e999999999"])
def test_a_kernel_that_a_file_names_in_nonsense_is_unknown(number: str) -> None:
    kernel = dict.fromkeys(KERNEL[2:], number) | {"activation": "relu", "depth": 2}
    series = {"schema": "ntkcalc.coeffs/1", "kernel": kernel, "coefficients": [{"p": 0, "kappa": 1}]}
    (found,) = objects("--coeffs - --rho 0.3", stdin=json.dumps(series))
    assert found["kernel"] is None
    assert found["values"][0]["series"] == 1


# ---------------------------------------------------------------- how data files are read


def test_options_say_how_a_text_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("label;a;b\n1;3,5;4\n2;1;0,5\n")
    (tmp_path / "y.txt").write_text("3.5 4\n1 0.5\n")
    options = ["--columns", "-label", "--decimal", ",", "--format", "plain", "-a", "relu", "-q"]
    found = run(["--data", str(tmp_path / "x.csv"), *options])
    expected = run(["--data", str(tmp_path / "y.txt"), "--format", "plain", "-a", "relu", "-q"])
    assert (found.returncode, found.stdout) == (0, expected.stdout)


def test_a_header_is_remarked_on_stderr() -> None:
    done = run(["-a", "relu", "--data", "-", "--format", "plain"], "a,b\n1,0\n")
    assert done.stderr == "ntkcalc: stdin: the first line holds names (a, b), not a point\n"


@pytest.mark.parametrize("option", ["columns", "header", "delimiter", "decimal"])
def test_options_of_texts_need_a_data_file(option: str) -> None:
    message = one_line_of_error(run(["-a", "relu", "--rho", "0", f"--{option}", "1"]))
    assert f"--{option}" in message
