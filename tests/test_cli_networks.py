"""`--width` as its users meet it: eigs on networks and images, effrank with the theorems of section C.2."""

import csv
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shell
from shell import ASCII, DATA, ENVELOPE, KERNEL, one_line_of_error, output

from ntkcalc import empirical_ntk

POINTS = "1 0\n0 1\n1 1\n-1 2\n"
ROW = [
    "index",
    "eigenvalue",
    "normalized",
    "normalized_low",
    "normalized_high",
    "infinite_normalized",
    "gram_normalized",
    "bound_effrank",
    "bound_tail",
    "resolved",
]
INTERVAL = ["mean", "low", "high", "trials"]


def objects(line: str, stdin: str = POINTS, cwd: Path | None = None) -> list[dict[str, Any]]:
    return [json.loads(row) for row in output(f"{line} --json", stdin, cwd).splitlines()]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    path = tmp_path / "images.npy"
    np.save(path, np.random.default_rng(0).standard_normal((6, 2, 7, 6)))
    return path


# ---------------------------------------------------------------- eigs


def test_json_of_networks() -> None:
    (found,) = objects("eigs -q -a relu -l 3 --data - --width 30 --trials 4 --seed 5")
    own = ["data", "network", "trials", "eigenvalues", "kernel_effrank", "kernel_effrank_low", "kernel_effrank_high"]
    own += ["gram_effrank", "distance", "accuracy"]
    assert [*found] == [*ENVELOPE, *own]
    assert ([*found["kernel"]], [*found["data"]]) == (KERNEL, DATA)
    assert found["network"] == {
        "arch": "mlp",
        "width": 30,
        "parametrization": "ntk",
        "padding": None,
        "image_shape": None,
        "seed": 5,
    }
    assert found["trials"] == 4
    assert [[*e] for e in found["eigenvalues"]] == [ROW] * 4
    for e in found["eigenvalues"][1:]:
        assert 0 <= e["normalized_low"] < e["normalized"] < e["normalized_high"] <= 1
        assert e["bound_tail"] is None
    assert 1 <= found["kernel_effrank_low"] < found["kernel_effrank"] < found["kernel_effrank_high"] <= 4
    x = np.loadtxt(POINTS.splitlines())
    kernels = [empirical_ntk(x, act="relu", depth=3, widths=30, seed=s) for s in np.random.SeedSequence(5).spawn(4)]
    values = np.mean([np.linalg.eigvalsh(k)[::-1] / 4 for k in kernels], axis=0)
    assert [e["eigenvalue"] for e in found["eigenvalues"]] == pytest.approx(values, rel=1e-10)


def test_standard_networks_have_no_variances() -> None:
    (found,) = objects("eigs -q -a softplus:beta=0.1 --data - --width 3 --trials 2 --parametrization standard")
    own = {"activation": "softplus:beta=0.1", "depth": 2, "name": "ntk"}
    assert found["kernel"] == dict.fromkeys(KERNEL) | own
    assert found["distance"] is None


def test_kernels_and_data_sets_in_order() -> None:
    found = objects("eigs -q -a relu -a erf -l 2:3 --data - --isotropic 5,3 --width 4 --trials 2")
    named = [(f["data"]["source"], f["kernel"]["activation"], f["kernel"]["depth"]) for f in found]
    assert named == [
        (source, act, depth)
        for source in ("stdin", "isotropic Gaussian")
        for act in ("relu", "erf")
        for depth in (2, 3)
    ]


def test_images_from_their_array_or_by_their_shape(images: Path, tmp_path: Path) -> None:
    line = "eigs -q -a tanh -l 2 --width 3 --trials 2 --arch cnn --parametrization standard --data"
    whole = objects(f"{line} {images}")
    flat = tmp_path / "flat.npy"
    np.save(flat, np.load(images).reshape(6, -1))
    assert whole[0]["network"]["image_shape"] == [2, 7, 6]
    assert whole[0]["network"]["padding"] == "valid"
    assert whole[0]["eigenvalues"] == objects(f"{line} {flat} --image-shape 2,7,6")[0]["eigenvalues"]
    assert whole[0]["eigenvalues"] != objects(f"{line} {images} --padding same")[0]["eigenvalues"]
    assert objects(f"{line} {images} --image-shape 2,7,6")[0]["eigenvalues"] == whole[0]["eigenvalues"]


def test_csv_and_plain_carry_what_json_does() -> None:
    line = "eigs -q -a relu --data - --width 6 --trials 3"
    rows = objects(line)[0]["eigenvalues"]
    table = list(csv.DictReader(output(f"{line} --format csv", POINTS).splitlines()))
    for name in ("eigenvalue", "normalized", "normalized_low", "normalized_high", "infinite_normalized"):
        assert [float(r[name] or "nan") for r in table] == pytest.approx([r[name] for r in rows], rel=1e-12)
    assert {(r["source"], r["arch"], r["width"], r["parametrization"]) for r in table} == {("stdin", "mlp", "6", "ntk")}
    plain = [row.split() for row in output(f"{line} --format plain", POINTS).splitlines()]
    assert [float(value) for _, value in plain] == pytest.approx([r["eigenvalue"] for r in rows], rel=1e-12)


@pytest.mark.parametrize(
    "line",
    [
        "eigs -q -a relu -l 3 --data - --width 40 --trials 3 --json",
        "eigs -q -a gelu --isotropic 60,20 --width 300 --parametrization standard --trials 3 -d 9 --format csv --top 5",
        "effrank -q -a relu --isotropic 60,20 --width 300 --outer sign --trials 3 --json",
    ],
)
@pytest.mark.quick(2)
def test_same_seed_same_bytes_whatever_the_threads(line: str) -> None:
    one, again, threads = output(line, POINTS), output(line, POINTS), output(line, POINTS, OPENBLAS_NUM_THREADS="2")
    assert one == again == threads
    assert one != output(f"{line} --seed 1", POINTS)


def test_tables_in_ascii_and_narrow() -> None:
    wide = output("eigs -q -a relu --data - --width 6 --trials 3", POINTS)
    assert "width ∞" in wide
    assert "(root mean square)" in wide
    plain = output("eigs -q -a relu --data - --width 6 --trials 3", POINTS, **ASCII)
    assert plain.isascii()
    ranks = output("effrank -q -a relu --data - --width 6 --trials 3", POINTS, **ASCII)
    assert ranks.isascii()


@pytest.mark.parametrize("command", ["eigs", "effrank"])
def test_one_network_has_no_columns_of_intervals(command: str) -> None:
    one = output(f"{command} -q -a relu --data - --width 6 --trials 1", POINTS)
    assert "95 %" not in one
    assert "?" not in one
    assert "one network has no interval" in one


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
@pytest.mark.quick(1)
def test_a_picture_of_networks(kind: str, tmp_path: Path) -> None:
    picture = tmp_path / f"p.{kind}"
    line = "eigs -q -a linear -a abs -l 2 -l 3 --data - --isotropic 6,3 --width 4 --trials 2 --format plain"
    assert output(f"{line} --plot {picture}", POINTS)
    assert picture.stat().st_size > 10_000


# ---------------------------------------------------------------- effrank


def test_json_of_effective_ranks() -> None:
    (found,) = objects("effrank -q -a relu --data - --width 60 --trials 4 --outer sign --seed 2")
    assert [*found][-3:] == ["data", "counts", "finite_width"]
    finite = found["finite_width"]
    assert [*finite] == ["width", "trials", "seed", "outer_weights", "inner", "outer", "full", "theorems", "accuracy"]
    assert [finite[name] for name in ("width", "trials", "seed", "outer_weights")] == [60, 4, 2, "sign"]
    assert [[*finite[name]] for name in ("inner", "outer", "full")] == [INTERVAL] * 3
    names = [t["name"] for t in finite["theorems"]]
    c = ["Theorem C.1", "Corollary C.3", "Theorem C.5", "Corollary C.10", "Theorem C.17", "Theorem C.17, sharp"]
    assert names == c
    for t in finite["theorems"]:
        assert [*t] == ["name", "about", "applies", "measured", "lower", "upper", "holds_fraction", "trials", "note"]
        assert t["holds_fraction"] == (1 if t["applies"] else None)
    without = objects("effrank -q -a relu --data -")[0]
    assert {name: value for name, value in found.items() if name != "finite_width"} == without


def test_other_formats_of_effective_ranks() -> None:
    line = "effrank -q -a relu --data - --width 30 --trials 3"
    finite = objects(line)[0]["finite_width"]
    (row,) = csv.DictReader(output(f"{line} --format csv", POINTS).splitlines())
    plain = dict(r.split() for r in output(f"{line} --format plain", POINTS).splitlines())
    for name in ("inner", "outer", "full"):
        for end, suffix in (("mean", ""), ("low", "_low"), ("high", "_high")):
            assert float(row[f"{name}_effrank{suffix}"]) == pytest.approx(finite[name][end], rel=1e-12)
            assert plain[f"{name}_effrank{suffix}"] == row[f"{name}_effrank{suffix}"]
    table = output(line, POINTS)
    assert "Theorem C.1 " in table
    assert "Corollary C.3 is silent" in table


def test_activations_that_need_a_smaller_sigma() -> None:
    (found,) = objects("effrank -q -a leaky-relu:slope=3 --sigma-w2 max --data - --width 30 --trials 3")
    c3 = found["finite_width"]["theorems"][1]
    assert (c3["applies"], c3["holds_fraction"]) == (True, 1)


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("eigs -a relu --data - --width 0", ["width must be at least 1", "got 0"]),
        ("eigs -a relu --data - --width -3", ["width must be at least 1", "got -3"]),
        ("eigs -a relu --data - --width x", ["--width"]),
        ("eigs -a relu --width 5", ["--width", "--data FILE", "--isotropic N,D"]),
        ("eigs -a relu --data - --trials 5", ["--trials", "--width M"]),
        ("eigs -a relu --data - --arch cnn", ["--arch", "--width M"]),
        ("eigs -a relu --data - --seed 5", ["--seed", "--width"]),
        ("eigs -a relu --data - --width 5 --trials 0", ["trials", "got 0"]),
        ("eigs -a relu --data - --width 5 --seed -1", ["seed", "got -1"]),
        ("eigs -a relu --data - --width 5 --top 0", ["top", "got 0"]),
        ("eigs -a relu --data - --width 5 --arch rnn", ["mlp, cnn", "got 'rnn'"]),
        ("eigs -a relu --data - --width 5 --arch mpl", ["Did you mean 'mlp'?"]),
        ("eigs -a relu --data - --width 5 --parametrization pytorch", ["ntk, standard", "got 'pytorch'"]),
        ("eigs -a relu --data - --width 5 --arch cnn", ["images", "--image-shape C,H,W"]),
        ("eigs -a relu --data - --width 5 --arch cnn --image-shape 1,2,3", ["1,2,3", "6 numbers", "d = 2"]),
        ("eigs -a relu --data - --width 5 --arch cnn --image-shape 2,1", ["C,H,W", "got '2,1'"]),
        ("eigs -a relu --data - --width 5 --arch cnn --image-shape 0,1,2", ["at least 1"]),
        ("eigs -a relu --data - --width 5 --arch cnn --image-shape 1,1,2", ["1 x 2", "--padding same"]),
        ("eigs -a relu --data - --width 5 --arch cnn --image-shape 1,1,2 --padding none", ["valid, same"]),
        ("eigs -a relu --data - --width 5 --image-shape 1,1,2", ["--arch cnn"]),
        ("eigs -a relu --data - --width 5 --padding same", ["--arch cnn"]),
        ("eigs -a relu --data - --width 5 --parametrization standard --sigma-w2 1", ["--sigma-w2", "leave out"]),
        ("eigs -a relu --isotropic 5", ["N,D", "got '5'"]),
        ("eigs -a relu --isotropic 5,0", ["at least 1", "got '5,0'"]),
        ("eigs -a relu --isotropic 5,-3", ["N,D", "got '5,-3'"]),
        ("eigs -a relu --isotropic 999999999,999999999", ["268435456"]),
        ("eigs -a relu --isotropic 5,3 --sphere-dim 3", ["sphere"]),
        ("eigs -a relu --isotropic 5,3 --data -", ["--width"]),
        ("eigs -a relu --data - --width 5 --engine mpmath", ["numpy", "--engine mpmath"]),
        ("eigs -a relu --data - --width 5 --plot p.gif", [".png"]),
        ("effrank -a relu --width 5", ["--width", "--data FILE"]),
        ("effrank -a relu --data - --outer sign", ["--outer", "--width M"]),
        ("effrank -a relu --data - --width 5 --outer sgin", ["Did you mean 'sign'?"]),
        ("effrank -a relu --data - --width 0", ["width must be at least 1", "got 0"]),
        ("effrank -a relu --data - --width 5 -l 3", ["one hidden layer", "--depth"]),
        ("effrank -a relu --data - --isotropic 4,4", ["exclude"]),
        ("effrank -a relu --data - --width 5 --trials 99999999", ["trials", "got 99999999"]),
    ],
)
@pytest.mark.quick(14)
def test_a_refusal_says_what_was_expected_and_what_came(line: str, expected: Sequence[str], tmp_path: Path) -> None:
    done = shell.inside([*shlex.split(line), "-q"], POINTS, tmp_path)
    assert done.returncode == 2
    said = one_line_of_error(done)
    assert [words for words in expected if words not in said] == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("eigs -q -a relu --data - --width 1000000000000", 1),
        ("eigs -q -a relu --data - --width 500 --memory 9K", 1),
        ("effrank -q -a relu --data - --width 1000000000000", 1),
        ("eigs -q -a relu --data - --width 5 -d 15", 3),
        ("effrank -q -a relu --data - --width 5 -d 15", 3),
        ("eigs -q -a sin -l 500 --sigma-w2 max --data - --width 5", 3),
        ("eigs -q -a 'exp(x)' -l 12 --sigma-w2 max --isotropic 3,2 --width 300", 3),
    ],
)
def test_what_memory_or_double_precision_does_not_give(line: str, code: int) -> None:
    done = shell.inside(shlex.split(line), POINTS)
    assert done.returncode == code
    assert ("--memory" if code == 1 else "lower --d") in one_line_of_error(done)
