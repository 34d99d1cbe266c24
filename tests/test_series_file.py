"""Someone else's series: what coeffs prints comes back digit by digit, and what is no nonnegative series is refused."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shell import inside

from ntkcalc import decay_theory, ntk_coefficients
from ntkcalc.decay.kernel_decay import given_decay
from ntkcalc.errors import InputError
from ntkcalc.report.formats import Screen, text_of
from ntkcalc.series.coefficients import MOST_TERMS
from ntkcalc.series.given_series import GivenSeries, array_series, parse_series
from ntkcalc.series.results import Coefficients

RESULTS = [
    ntk_coefficients("relu", 3, 4, sigma_w2="max", gamma_b2="0.1"),
    ntk_coefficients("tanh", 2, 7, digits=30),
    ntk_coefficients("sin", 2, 150),  # down to 1e-265
    ntk_coefficients("leaky-relu:slope=0.3", 40, 0, sigma_w2="0.25"),
]


def printed(style: str, results: list[Coefficients]) -> str:
    return text_of(results, style, Screen())


def one(text: str) -> GivenSeries:
    """The only series of a text."""
    (found,) = parse_series(text, "x")
    return found


def refusal(text: str) -> str:
    """What is said of a text that is refused: one short line with its name."""
    with pytest.raises(InputError) as caught:
        parse_series(text, "given.json")
    message = str(caught.value)
    assert message.startswith("given.json")
    assert "\n" not in message
    assert len(message) < 300
    return message


def fractions(result: Coefficients) -> list[Fraction]:
    return [Fraction(value) for value in result.values]


@pytest.mark.parametrize("result", RESULTS, ids=lambda r: r.kernel.activation)
def test_json_comes_back_digit_by_digit(result: Coefficients) -> None:
    found = one(printed("json", [result]))
    assert found.coefficients == fractions(result)
    assert found.tail == Fraction(result.tail)
    assert found.kernel == result.kernel


@pytest.mark.parametrize("result", RESULTS, ids=lambda r: r.kernel.activation)
def test_plain_numbers_come_back_digit_by_digit(result: Coefficients) -> None:
    assert one(printed("plain", [result])) == GivenSeries(None, fractions(result), None)


def test_json_lines_are_several_series_in_their_order() -> None:
    found = parse_series(printed("json", RESULTS), "x")
    assert [series.kernel for series in found] == [r.kernel for r in RESULTS]
    assert [series.coefficients for series in found] == [fractions(r) for r in RESULTS]


def test_empty_lines_part_series_of_plain_numbers() -> None:
    found = parse_series(printed("plain", RESULTS), "x")
    assert [series.coefficients for series in found] == [fractions(r) for r in RESULTS]
    spaced = parse_series("\n\n 1 \n\t.5\r\n\n  \n\n2e-3\n\n", "x")
    assert [series.coefficients for series in spaced] == [[1, Fraction(1, 2)], [Fraction(1, 500)]]


def test_csv_comes_back_with_its_kernels() -> None:
    results = [*RESULTS, ntk_coefficients("-x*tanh(x)", 2, 3)]
    found = parse_series(printed("csv", results), "x")
    assert [series.coefficients for series in found] == [fractions(r) for r in results]
    for series, r in zip(found, results, strict=True):
        assert series.kernel is not None
        names = ("activation", "depth", "sigma_w2", "gamma_b2")
        assert [getattr(series.kernel, name) for name in names] == [getattr(r.kernel, name) for name in names]
        assert series.digits == r.digits


def test_csv_of_one_kernel_that_was_joined_is_several_series() -> None:
    text = printed("csv", RESULTS[1:2])
    assert len(parse_series(text + text, "x")) == 2


@pytest.mark.parametrize("which", ["alpha", "beta"])
def test_csv_of_other_series_names_no_kernel(which: str) -> None:
    result = ntk_coefficients("gelu", 3, 5, which=which)
    assert one(printed("csv", [result])) == GivenSeries(None, fractions(result), None)


@pytest.mark.parametrize(
    "text",
    ["p,kappa\n0,1\n1,0.5\n", "\ufeffkappa\r\n1\r\n0.5\r\n", "1 0.5", "1, 0.5\n", "1;.5", "# comment\n1\n# 2\n0.5"],
)
def test_other_ways_to_write_a_series(text: str) -> None:
    assert one(text) == GivenSeries(None, [1, Fraction(1, 2)], None)


def test_an_array_is_a_series_or_one_in_each_row() -> None:
    assert [s.coefficients for s in array_series([0.1, 2.0], "x")] == [[Fraction(1, 10), 2]]
    found = array_series(np.array([[1, 2], [3, 4]]), "x")
    assert found == [GivenSeries(None, [1, 2], None), GivenSeries(None, [3, 4], None)]


@pytest.mark.parametrize("line", ["evaluate --rho 0.5 -d 5", "effrank -d 5", "decay --json"])
def test_an_array_on_stdin_is_read_as_its_file_would_be(line: str, tmp_path: Path) -> None:
    np.save(tmp_path / "c.npy", 0.5 ** np.arange(40))
    content = (tmp_path / "c.npy").read_bytes()
    from_file = inside([*line.split(), "-c", "c.npy"], cwd=tmp_path)
    found = inside([*line.split(), "-c", "-"], content)
    assert (found.returncode, found.stdout) == (0, from_file.stdout)
    for cut in (1, 5, 60, len(content) - 1):
        done = inside([*line.split(), "-c", "-"], content[:cut])
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("ntkcalc: cannot read stdin: ")


@pytest.mark.parametrize("array", [3.0, np.ones((2, 2, 2)), [-1.0], [np.nan], [1j], ["a"], [], [[]]])
def test_an_array_that_holds_no_series_is_refused(array: Any) -> None:
    with pytest.raises(InputError, match=r"^a\.npy"):
        array_series(array, "a.npy")


@pytest.mark.parametrize("style", ["json", "csv"])
def test_a_file_that_names_its_kernel_lets_theory_speak(style: str) -> None:
    series = one(printed(style, [ntk_coefficients("relu", 2, 120, sigma_w2="max")]))
    found = given_decay(series, sphere_dim=3, rank=8)
    theory = decay_theory("relu", 2, sigma_w2="max", sphere_dim=3, rank=8)
    assert found.theory.sphere_eigenvalues[: len(theory.sphere_eigenvalues)] == theory.sphere_eigenvalues
    assert found.theory.data_eigenvalues == theory.data_eigenvalues
    with pytest.raises(InputError, match="names no kernel"):
        given_decay(one("1"), sphere_dim=3)


@pytest.mark.parametrize("which", ["alpha", "beta"])
def test_other_nonnegative_series_of_the_theorem_are_read(which: str) -> None:
    result = ntk_coefficients("gelu", 3, 5, which=which)
    assert one(printed("json", [result])).coefficients == fractions(result)


def test_numbers_never_pass_through_a_float() -> None:
    digits = "0.1234567890123456789012345678901234567890"
    assert one(digits).coefficients == [Fraction(digits)]
    assert one(json.dumps(given([]), indent=None).replace("[]", f'[{{"kappa": {digits}}}]')).coefficients == [
        Fraction(digits)
    ]


def given(rows: Any, **fields: Any) -> dict[str, Any]:
    """An object such as coeffs prints."""
    return {"schema": "ntkcalc.coeffs/1", "coefficients": rows} | fields


def kappas(*values: Any) -> list[dict[str, Any]]:
    return [{"p": p, "kappa": value} for p, value in enumerate(values)]


def test_what_is_not_needed_may_be_missing() -> None:
    assert one(json.dumps(given([{"kappa": 1}, {"kappa": "0.5"}]))) == GivenSeries(None, [1, Fraction(1, 2)], None)


@pytest.mark.parametrize(
    "kernel",
    [None, 7, {}, {"activation": "relu"}, {"activation": 3}, {"activation": "relu", "depth": "two", "chi": []}],
)
def test_a_kernel_that_is_not_whole_is_unknown(kernel: Any) -> None:
    assert one(json.dumps(given(kappas(1), kernel=kernel))).kernel is None


@pytest.mark.parametrize("number", ["NaN", "Infinity", "sNaN", "1e999999999"])
def test_a_kernel_with_numbers_that_are_none_is_unknown(number: str) -> None:
    kernel = dict.fromkeys(("sigma_w2", "sigma_b2", "gamma_w2", "gamma_b2", "chi", "total"), "1")
    for name in ("total", "gamma_b2"):
        named = kernel | {"activation": "relu", "depth": 2, name: number}
        assert one(json.dumps(given(kappas(1), kernel=named))).kernel is None


def test_zero_and_no_tail_differ() -> None:
    assert one(json.dumps(given(kappas(1), tail=0))).tail == 0
    assert one(json.dumps(given(kappas(1), tail=None))).tail is None


def test_as_many_coefficients_as_coeffs_computes_are_read() -> None:
    assert len(one("1\n" * (MOST_TERMS + 1)).coefficients) == MOST_TERMS + 1


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "it is empty"),
        (" \n\n\t", "it is empty"),
        ("1\n-0.5\n", "line 2: coefficients must not be negative, got -0.5"),
        ("-1e-300", "must not be negative"),
        ("1\nnan\n", "line 2"),
        ("inf", "decimal number"),
        ("1,2\n3,4\n", "'1,2'"),
        ("1 2\n3\n", "'1 2'"),
        ("1\n2 3\n", "'2 3'"),
        ("p,gamma\n0,1\n", "'p,gamma'"),
        ("p,kappa\n", "only a header"),
        ("p,kappa\n1,1\n", "'p' must run 0, 1, 2"),
        ("p,kappa\n0,1\n2,1\n", "'p' must run 0, 1, 2"),
        ("p,kappa\n0,-1\n", "must not be negative"),
        ("p,kappa\n0\n", "2 fields"),
        ("p,kappa\n0,1,2\n", "2 fields"),
        ("p,kappa\n0,\n", "decimal number"),
        ("p,mu\n0,1\n", "nonnegative"),
        ("p,kappa\n" + "".join(f"{p},1\n" for p in range(MOST_TERMS + 2)), f"1 to {MOST_TERMS + 1}"),
        ("0x10", "'0x10'"),
        ("1_000", "'1_000'"),
        ("one", "'one'"),
        ("\x00\x01\x02", "decimal number"),
        ("[1, 2]", "'[1'"),
        ("1e100000000", "'1e100000000'"),
        ("1e-100000000", "'1e-100000000'"),
        ("1e9999", "1e1000"),
        ("1" * 3000, "2000 characters"),
        ("1\n" * (MOST_TERMS + 2), f"1 to {MOST_TERMS + 1} coefficients"),
        ("{", "line 1: JSON Lines"),
        ('{"schema": "ntkcalc.coeffs/1"} x', "JSON Lines"),
        ("{" * 100_000, "JSON Lines"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "JSON Lines"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "JSON Lines"),
    ],
    ids=lambda text: repr(text[:20]),
)
def test_a_text_that_holds_no_series_is_refused(text: str, expected: str) -> None:
    assert expected in refusal(text)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "schema ntkcalc.coeffs/1 is expected, got 'None'"),
        ({"schema": "ntkcalc.evaluate/1"}, "got 'ntkcalc.evaluate/1'"),
        ({"schema": 7}, "schema"),
        ({"schema": ["ntkcalc.coeffs/1"]}, "schema"),
        ({"schema": "ntkcalc.coeffs/1"}, "'coefficients' must be a list"),
        (given({"kappa": 1}), "'coefficients' must be a list"),
        (given([1, 2]), "'coefficients' must be a list"),
        (given([{"p": 0}]), "objects with 'kappa'"),
        (given([{"p": 0, "alpha": 1}]), "objects with 'kappa'"),
        (given([]), "1 to 20001 coefficients"),
        (given(kappas(1, -0.5)), "p = 1: coefficients must not be negative"),
        (given(kappas(1, "-1e-5")), "p = 1: coefficients must not be negative"),
        (given(kappas(1, None)), "p = 1: a number is expected, got None"),
        (given(kappas(1, True)), "p = 1: a number is expected, got True"),
        (given(kappas([1])), "p = 0: a number is expected"),
        (given(kappas({})), "p = 0: a number is expected"),
        (given(kappas("1/2")), "p = 0"),
        (given(kappas("1e9999")), "1e1000"),
        (given(kappas(1), tail=-1), "tail: coefficients must not be negative"),
        (given(kappas(1), tail="none"), "tail"),
        (given(kappas(1), tail=[]), "tail"),
        (given([{"p": 1, "kappa": 1}, {"p": 0, "kappa": 1}]), "'p' must run 0, 1, 2"),
        (given([{"p": 0, "kappa": 1}, {"p": 2, "kappa": 1}]), "'p' must run 0, 1, 2"),
        (given([{"p": None, "kappa": 1}]), "'p' must run 0, 1, 2"),
        (given([{"mu": 1}], which="mu"), "--which mu"),
        (given([{"x": 1}], which="x"), "--which x"),
        (given([{"x": 1}], which=["kappa"]), "nonnegative"),
        (given([{"x": 1}], which={}), "nonnegative"),
        (given(kappas(*[1] * (MOST_TERMS + 2))), f"1 to {MOST_TERMS + 1} coefficients"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_an_object_that_holds_no_series_is_refused(fields: dict[str, Any], expected: str) -> None:
    assert expected in refusal(json.dumps(fields))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_has_not_are_refused(number: str) -> None:
    text = json.dumps(given(kappas(1))).replace('"kappa": 1', f'"kappa": {number}')
    assert "p = 0" in refusal(text)


def test_the_line_at_fault_is_named() -> None:
    good = json.dumps(given(kappas(1)))
    assert "line 3" in refusal(f"{good}\n\n{good[:-2]}\n{good}\n")


def test_hermite_coefficients_are_no_kernel() -> None:
    assert "--which mu" in refusal(printed("json", [ntk_coefficients("tanh", 2, 3, which="mu")]))
