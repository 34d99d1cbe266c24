"""Data files: every format gives the same points, and whatever is not a matrix of numbers is refused in words."""

import gzip
import io
import os
import pickle
import re
import struct
import threading
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ntkcalc
from ntkcalc.cli.data_files import load_points
from ntkcalc.cli.delimited_text import Layout
from ntkcalc.errors import InputError
from ntkcalc.kernel.points import Points, as_images, isotropic_points, unit_rows

ROWS = np.array([[3.0, 4.0], [-1.0, 0.0], [0.25, -0.5]])
UNIT = np.array([[0.6, 0.8], [-1.0, 0.0], [1 / 5**0.5, -2 / 5**0.5]])
ROUNDING = 4e-16  # of coordinates of at most 1: two units in their last place


def load(source: Path | str, text: str = "", **options: Any) -> Points:
    """The points of a file, or of a text on stdin."""
    return load_points(str(source), io.StringIO(text), **options)[0]


def refusal(source: Path | str, text: str = "", **options: Any) -> str:
    """What is said of a file that is refused: one line."""
    with pytest.raises(InputError) as caught:
        load(source, text, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    return message


def save_npz(path: Path, **arrays: Any) -> None:
    with path.open("wb") as stream:
        np.savez(stream, **arrays)


def write(content: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(content)


FORMATS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "npy": ("x.npy", lambda path: np.save(path, ROWS)),
    "npy-fortran": ("x.npy", lambda path: np.save(path, np.asfortranarray(ROWS))),
    "npy-big-endian": ("x.npy", lambda path: np.save(path, ROWS.astype(">f8"))),
    "npy-float32": ("x.npy", lambda path: np.save(path, ROWS.astype(np.float32))),
    "NPY": ("X.NPY", lambda path: path.write_bytes(npy_bytes(ROWS))),
    "npz": ("x.npz", lambda path: save_npz(path, rows=ROWS)),
    "npz-compressed": ("x.npz", lambda path: np.savez_compressed(path, rows=ROWS)),
    "csv": ("x.csv", write("3,4\n-1,0\n0.25,-0.5\n")),
    "csv-with-a-header": ("x.csv", write("first,second\n3,4\n-1,0\n2.5e-1,-5e-1\n")),
    "csv-with-spaces-and-comments": ("x.csv", write("# made by hand\n\n 3 , 4\n-1,0  # west\n\n.25,-.5\n")),
    "csv-of-windows": ("x.csv", lambda path: path.write_bytes(b"a,b\r\n3,4\r\n-1,0\r\n0.25,-0.5\r\n")),
    "csv-with-a-byte-order-mark": ("x.csv", write("\ufeff3,4\n-1,0\n0.25,-0.5\n")),
    "tsv": ("x.tsv", write("3\t4\n-1\t0\n0.25\t-0.5\n")),
    "tsv-with-a-header": ("x.tsv", write("first name\tsecond name\n3\t4\n-1\t0\n0.25\t-0.5\n")),
    "text": ("x.txt", write("3   4\n  -1 0\n0.25\t-0.5\n")),
    "text-with-a-header": ("x.dat", write("u v\n3 4\n-1 0\n0.25 -0.5\n")),
    "no-suffix": ("x", write("3 4\n-1 0\n0.25 -0.5\n")),
    "name-with-a-colon": ("a:b.csv", write("3,4\n-1,0\n0.25,-0.5\n")),
    "semicolons": ("x.csv", write("3;4\n-1;0\n0.25;-0.5\n")),
    "quoted": ("x.csv", write('"3","4"\n"-1","0"\n0.25,"-0.5"\n')),
    "quoted-names": ("x.csv", write('"a, b","c"\n3,4\n-1,0\n0.25,-0.5\n')),
    "commas-in-text": ("x.txt", write("3, 4\n-1, 0\n0.25, -0.5\n")),
    "csv-gz": ("x.csv.gz", lambda path: path.write_bytes(gzip.compress(b"a,b\n3,4\n-1,0\n0.25,-0.5\n"))),
    "npy-gz": ("x.npy.gz", lambda path: path.write_bytes(gzip.compress(npy_bytes(ROWS)))),
    "gzipped-unnamed": ("x", lambda path: path.write_bytes(gzip.compress(b"3 4\n-1 0\n0.25 -0.5\n"))),
    "npy-unnamed": ("x", lambda path: path.write_bytes(npy_bytes(np.asfortranarray(ROWS)))),
}


def npy_bytes(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def npy_header(shape: object) -> bytes:
    """The head of an .npy file that claims a shape."""
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_the_same_points(tmp_path: Path, kind: str) -> None:
    name, make = FORMATS[kind]
    make(tmp_path / name)
    points = load(tmp_path / name)
    assert points.rows == pytest.approx(UNIT, abs=ROUNDING)
    assert (points.rows.dtype, points.rows.flags.c_contiguous) == (np.float64, True)
    assert points.scaled
    assert points.source == str(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 2\n3 x\n", "a number is needed in row 2, column 2, got 'x'"),
        ("a b\n1 2\n# a remark\n\n3 1e\n", "a number is needed in row 2, column 2, got '1e'"),
        ("1 2\n3\n", "every row needs as many numbers as the first, 2, but row 2 has 1"),
        ("a b\n1 2\n3 4 5\n", "every row needs as many numbers as the first, 2, but row 2 has 3"),
    ],
)
def test_rows_and_columns_are_counted_from_one_in_our_own_words(text: str, said: str) -> None:
    with pytest.raises(InputError, match=re.escape(f"cannot read stdin: {said}") + "$"):
        load_points("-", io.StringIO(text))


def test_stdin_is_text() -> None:
    for text in ("3 4\n-1 0\n0.25 -0.5\n", "u v\n3 4\n-1 0\n0.25 -0.5", "\n\n3\t4\n-1\t0\n0.25\t-0.5\n"):
        points = load("-", text)
        assert points.rows == pytest.approx(UNIT, abs=ROUNDING)
        assert points.source == "stdin"


def test_an_array_of_an_npz_file_is_chosen_by_name(tmp_path: Path) -> None:
    save_npz(tmp_path / "x.npz", train=ROWS, test=-ROWS)
    for name, sign in (("train", 1), ("test", -1)):
        points = load(f"{tmp_path / 'x.npz'}:{name}")
        assert points.rows == pytest.approx(sign * UNIT, abs=ROUNDING)


def test_images_are_flattened(tmp_path: Path) -> None:
    images = np.random.default_rng(5).integers(0, 256, (7, 3, 2, 4), dtype=np.uint8)
    np.save(tmp_path / "x.npy", images)
    flat = images.reshape(7, -1).astype(float)
    expected = flat / np.linalg.norm(flat, axis=1)[:, None]
    assert load(tmp_path / "x.npy").rows == pytest.approx(expected, abs=ROUNDING)


@pytest.mark.parametrize("dtype", ["int8", "uint64", "bool", "float16", "longdouble"])
def test_all_real_types_are_numbers(dtype: str) -> None:
    points = unit_rows(np.array([[1, 0], [1, 1]], dtype=dtype), "x")
    assert points.rows == pytest.approx(np.array([[1, 0], [0.5**0.5, 0.5**0.5]]), abs=ROUNDING)


@pytest.mark.parametrize("size", [1e300, 1e-300, 5e-324])
def test_rows_of_any_size_come_onto_the_sphere(size: float) -> None:
    rows = unit_rows(np.array([[size, 0, -size], [0, size, 0]]), "x").rows
    assert rows == pytest.approx(np.array([[0.5**0.5, 0, -(0.5**0.5)], [0, 1, 0]]), abs=ROUNDING)


def test_one_number_is_a_point(tmp_path: Path) -> None:
    assert load("-", "-2.5\n").rows.tolist() == [[-1.0]]
    (tmp_path / "x.csv").write_text("\ufeff-2.5\n4\n")  # a byte order mark makes no word of a number
    assert load(tmp_path / "x.csv").rows.tolist() == [[-1.0], [1.0]]


def test_unit_rows_are_not_said_to_be_scaled() -> None:
    assert not unit_rows(UNIT, "x").scaled
    assert not unit_rows(UNIT, "x", normalize=False).scaled


def test_what_was_given_is_not_changed() -> None:
    array = ROWS.copy()
    unit_rows(array, "x").rows[0] = 7
    assert (array == ROWS).all()


# ---------------------------------------------------------------- refusals


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_the_bomb_goes_off_where_it_is_unpickled(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Bomb(tmp_path / "boom")))
    assert (tmp_path / "boom").exists()


def object_npy(bomb: Bomb) -> bytes:
    return npy_bytes(np.array([[bomb, bomb]], dtype=object))


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.csv", "x.txt"])
@pytest.mark.parametrize("content", [object_npy, pickle.dumps], ids=["objects", "bare-pickle"])
def test_nothing_is_ever_unpickled(tmp_path: Path, name: str, content: Callable[[Bomb], bytes]) -> None:
    harmful = content(Bomb(tmp_path / "boom"))
    if name == "x.npz":
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("rows.npy", harmful)
    else:
        (tmp_path / name).write_bytes(harmful)
    message = refusal(tmp_path / name)
    assert str(tmp_path / name) in message
    assert not (tmp_path / "boom").exists()


def test_objects_are_refused_in_words(tmp_path: Path) -> None:
    objects = np.array([[None, 1]], dtype=object)
    np.save(tmp_path / "x.npy", objects, allow_pickle=True)
    save_npz(tmp_path / "x.npz", rows=objects)
    for name in ("x.npy", "x.npz"):
        assert "Python objects, which are never loaded; save plain numbers" in refusal(tmp_path / name)


@pytest.mark.parametrize(
    ("array", "expected", "came"),
    [
        (np.array([[1j, 1]]), "real numbers", "complex"),
        (np.array([["a", "b"]]), "real numbers", "<U1"),
        (np.array([[b"a"]]), "real numbers", "|S1"),
        (np.zeros((2, 2), dtype="datetime64[s]"), "real numbers", "datetime64"),
        (np.zeros(2, dtype=[("a", "f8")]), "real numbers", "('a', '<f8')"),
        (np.array([[1.0, 2], [np.nan, 1]]), "finite numbers", "row 2 has NaN"),
        (np.array([[np.inf, 2], [3, 1]]), "finite numbers", "row 1 has NaN or infinity"),
        (np.array([[1.0, 2], [1, 1], [0, -0.0]]), "sphere", "row 3 is zero"),
        (np.ones(3), "one point a row", "1 dimensions"),
        (np.ones((1, 1, 1, 1, 1)), "images n x channels x height x width", "5 dimensions"),
        (np.ones((1, 1, 1, 1, 1)), "one point a row", "5 dimensions"),
        (np.float64(1), "one point a row", "0 dimensions"),
        (np.ones((0, 3)), "no points", "0 x 3"),
        (np.ones((3, 0)), "no points", "3 x 0"),
    ],
)
def test_an_array_that_is_no_set_of_points_is_refused(tmp_path: Path, array: Any, expected: str, came: str) -> None:
    np.save(tmp_path / "x.npy", array)
    for message in (refusal(tmp_path / "x.npy"), in_words(lambda: unit_rows(array, "points"))):
        assert expected in message
        assert came in message


RAGGED = [[1, 2], [3]]


@pytest.mark.parametrize(
    "reader",
    [
        lambda: ntkcalc.ntk(RAGGED, "relu"),
        lambda: ntkcalc.ntk_matrix(RAGGED, act="relu"),
        lambda: ntkcalc.ntk_matrix(ROWS, RAGGED, act="relu"),
        lambda: ntkcalc.matrix_spectrum(RAGGED, act="relu"),
        lambda: ntkcalc.empirical_ntk(RAGGED, act="relu", widths=[5]),
        lambda: ntkcalc.effective_rank(RAGGED),
    ],
)
def test_rows_of_several_lengths_are_refused_wherever_they_are_given(reader: Callable[[], object]) -> None:
    assert "every row needs as many numbers as the first" in in_words(reader)


def in_words(action: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        action()
    return str(caught.value)


def test_rows_keep_their_norms_where_nothing_is_scaled() -> None:
    rows = np.array([[0.6, 0.8], [3.0, -4.0], [0.0, 0.0]])
    points = unit_rows(rows, "x", normalize=False)
    assert points.norms is not None
    assert points.norms == pytest.approx([1, 5, 0], abs=1e-15)
    assert points.inputs == pytest.approx(rows, abs=1e-15)
    assert not points.scaled
    assert unit_rows(UNIT, "x", normalize=False).norms is None


def test_norms_beyond_reach_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", [[0.6, 0.8], [0.6, 1e200]])
    assert "row 2 has a norm above 1e+100" in refusal(tmp_path / "x.npy", normalize=False)


def damaged_npz(path: Path) -> None:
    save_npz(path, rows=np.ones((50, 50)))
    content = bytearray(path.read_bytes())
    content[300:400] = b"\xff" * 100  # the checksum of the member no longer fits
    path.write_bytes(bytes(content))


def member_that_claims(size: int) -> Callable[[Path], None]:
    """A small archive whose directory says that its member is large."""

    def make(path: Path) -> None:
        save_npz(path, rows=ROWS)
        content = bytearray(path.read_bytes())
        directory = content.rindex(b"PK\x01\x02")
        content[directory + 24 : directory + 28] = struct.pack("<I", size)
        path.write_bytes(bytes(content))

    return make


REFUSED: dict[str, tuple[str, Callable[[Path], object], list[str]]] = {
    "missing": ("none.npy", lambda path: None, ["no such file"]),
    "folder": ("x.npy", lambda path: path.mkdir(), ["cannot read"]),
    "folder-as-csv": ("x.csv", lambda path: path.mkdir(), ["Is a directory"]),
    "empty-npy": ("x.npy", lambda path: path.write_bytes(b""), ["cannot read"]),
    "short-npy": ("x.npy", lambda path: path.write_bytes(npy_bytes(ROWS)[:-9]), ["cannot read", "it is cut short"]),
    "npy-header-cut": ("x.npy", lambda path: path.write_bytes(npy_bytes(ROWS)[:20]), ["cannot read", "cut short"]),
    "text-as-npy": ("x.npy", write("1 2\n3 4\n"), ["cannot read", "it is no .npy file"]),
    "zip-as-npy": ("x.npy", lambda path: zip_of(path, "rows.npy", npy_bytes(ROWS)), ["it is no .npy file"]),
    "npz-with-two": ("x.npz", lambda path: save_npz(path, a=ROWS, b=ROWS), ["2 arrays", "say which", "x.npz:a"]),
    "npz-with-none": ("x.npz", save_npz, ["0 arrays"]),
    "npz-no-zip": ("x.npz", lambda path: path.write_bytes(b"PK\x03\x04 not really"), ["damaged"]),
    "npz-cut": ("x.npz", lambda path: (save_npz(path, a=ROWS), path.write_bytes(path.read_bytes()[:150])), ["damaged"]),
    "npz-damaged": ("x.npz", damaged_npz, ["damaged"]),
    "npz-too-large": ("x.npz", member_that_claims(0xFFFFFF00), ["larger than", "take fewer points"]),
    "npz-of-text": ("x.npz", lambda path: zip_of(path, "rows.npy", b"hello"), ["cannot read"]),
    "npz-short": ("x.npz", lambda path: zip_of(path, "rows.npy", npy_bytes(ROWS)[:-9]), ["cannot read"]),
    "npz-that-claims": ("x.npz", lambda path: zip_of(path, "rows.npy", npy_header((10**9, 10**3))), []),
    "npy-that-claims": ("x.npy", lambda path: path.write_bytes(npy_header((10**9, 10**3))), ["cannot read"]),
    "npy-of-negative-shape": (
        "x.npy",
        lambda path: path.write_bytes(npy_header((-1, 100)) + bytes(80)),
        ["cannot read"],
    ),
    "npy-of-boolean-shape": (
        "x.npy",
        lambda path: path.write_bytes(npy_header((True, 2)) + bytes(80)),
        ["cannot read"],
    ),
    "npy-with-code": ("x.npy", lambda path: path.write_bytes(npy_header("exit()") + bytes(80)), ["cannot read"]),
    "binary-as-csv": ("x.csv", lambda path: path.write_bytes(bytes(range(256))), ["damaged or not of the kind"]),
    "npy-as-csv": ("x.csv", lambda path: path.write_bytes(npy_bytes(ROWS)), ["cannot read"]),
    "zeros-as-text": ("x.txt", lambda path: path.write_bytes(b"\0" * 1000), []),
    "ragged": ("x.csv", write("1,2\n3,4,5\n"), ["cannot read", "row 2"]),
    "words": ("x.csv", write("a,b\n1,two\n"), ["cannot read", "two"]),
    "empty-field": ("x.csv", write("1,2\n3,\n"), ["cannot read"]),
    "empty-file": ("x.csv", write(""), ["no points", "empty"]),
    "comments-only": ("x.txt", write("# nothing\n\n"), ["no points"]),
    "header-only": ("x.csv", write("a,b\n"), ["no points"]),
    "nan": ("x.csv", write("1,2\nnan,1\n"), ["row 2 has NaN"]),
    "overflow": ("x.csv", write("1,2\n1e999,1\n"), ["row 2 has NaN or infinity"]),
    "zero-row": ("x.csv", write("0,0\n1,2\n"), ["row 1 is zero"]),
    "complex-text": ("x.txt", write("1 2\n1+2j 3\n"), ["cannot read"]),
}


def zip_of(path: Path, name: str, content: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, content)


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_read_is_refused_in_words(tmp_path: Path, kind: str) -> None:
    name, make, words = REFUSED[kind]
    make(tmp_path / name)
    message = refusal(tmp_path / name)
    assert str(tmp_path / name) in message
    assert message.count("cannot read") <= 1
    assert [word for word in words if word not in message] == []


def test_an_array_that_the_npz_file_has_not_is_refused_with_those_that_it_has(tmp_path: Path) -> None:
    save_npz(tmp_path / "x.npz", train=ROWS, test=ROWS)
    message = refusal(f"{tmp_path / 'x.npz'}:tset")
    assert "no array 'tset'" in message
    assert "train, test" in message


def test_empty_stdin_is_refused() -> None:
    assert "stdin: there are no points in it" in refusal("-", "\n")


def test_text_that_is_no_matrix_is_refused_on_stdin() -> None:
    assert "cannot read stdin" in refusal("-", "1 2\n3\n")


# ---------------------------------------------------------------- how text is read


def rows_of(text: str, **options: Any) -> list[list[float]]:
    """The rows of a text on stdin, before they are scaled: their directions times their largest entries."""
    points = load("-", text, **options).rows
    return [[round(x / max(map(abs, row)), 9) for x in row] for row in points.tolist()]


@pytest.mark.parametrize(
    "text",
    [
        "NA,NA\n1,2\n",
        "1D0,2D0\n1,2\n",
        "\u22121,\u22122\n1,2\n",
        "1,NA\n1,2\n",
        "a,\n1,2\n",
        "a,1\n1,2\n",
        "x,NaN\n1,2\n",
    ],
)
def test_no_first_line_is_dropped_that_may_be_a_point(text: str) -> None:
    assert "--header" in refusal("-", text)


def test_a_line_of_names_is_said_to_be_one() -> None:
    points, remarks = load_points("-", io.StringIO("first,second\n3,4\n"))
    assert points.rows.tolist() == [[0.6, 0.8]]
    assert remarks == ("stdin: the first line holds names (first, second), not a point",)
    for text in ("3,4\n", '"3","4"\n'):
        assert load_points("-", io.StringIO(text))[1] == ()


def test_what_is_said_of_the_header_holds() -> None:
    counted = "0,1,2\n5,6,7\n"
    assert "--header" in refusal("-", counted)
    assert len(rows_of(counted, layout=Layout(header="no"))) == 2
    assert len(rows_of(counted, layout=Layout(header="yes"))) == 1
    assert "row 1, column 1, got 'a'" in refusal("-", "a,b\n1,2\n", layout=Layout(header="no"))
    assert len(rows_of("NA,NA\n1,2\n", layout=Layout(header="yes"))) == 1


def test_two_columns_may_begin_with_zero_and_one() -> None:
    assert rows_of("0 1\n1 0\n") == [[0, 1], [1, 0]]
    assert "--header" in refusal("-", "0,1\n0.25,0.5\n")  # as pandas writes a frame without names of columns


PANDAS = ",a,b\n0,3,4\n1,-1,0\n2,0.25,-0.5\n"


@pytest.mark.parametrize(
    "text", [PANDAS, "label,a,b\n7,3,4\n3,-1,0\n", "a,b,target\n3,4,1\n", "Unnamed: 0,a,b\n5,3,4\n", "a,b,ID\n3,4,9\n"]
)
def test_what_is_hardly_a_coordinate_is_refused_until_columns_are_named(text: str) -> None:
    assert "--columns" in refusal("-", text)
    assert rows_of(text, layout=Layout(header="yes", columns="a,b"))[0] == [0.75, 1]


def test_an_index_is_left_out() -> None:
    assert rows_of(PANDAS, layout=Layout(header="yes", columns="-1")) == [[0.75, 1], [-1, 0], [0.5, -1]]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("1-3", [4, 3, 2]),
        ("3,1", [2, 4]),
        ("b", [3]),
        ("-b", [4, 2]),
        ("-1,-3", [3]),
        ("1-3,-b", [4, 2]),
        ("a,b,c", [4, 3, 2]),
    ],
)
def test_columns_are_chosen_by_name_and_number(columns: str, expected: list[float]) -> None:
    found = rows_of("a,b,c\n4,3,2\n", layout=Layout(columns=columns))[0]
    assert found == [x / max(expected) for x in expected]


@pytest.mark.parametrize(
    ("columns", "said"),
    [("d", "no column 'd'"), ("4", "from 1 to 3"), ("0", "from 1 to 3"), ("3-2", "from 1 to 3"), ("-1-3", "leaves no")],
)
def test_columns_that_are_not_there_are_refused(columns: str, said: str) -> None:
    assert said in refusal("-", "a,b,c\n4,3,2\n", layout=Layout(columns=columns))


def test_decimal_commas() -> None:
    text = "0,3;0,4\n-1;0\n0,25;-0,5\n"
    assert "--decimal ," in refusal("-", text)
    assert load("-", text, layout=Layout(decimal=",")).rows == pytest.approx(UNIT, abs=ROUNDING)
    assert rows_of("a|b\n0,5|1\n", layout=Layout(decimal=",", delimiter="|")) == [[0.5, 1]]


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        ("x y\n1 0.5 0.2\n2 0.3 0.4\n", Layout()),  # R's write.table: rows have numbers, their column has no name
        ("body height\tweight\n1\t2\n3\t-4 5\n", Layout(columns="height")),
        ("id,x,y\n1,2,3\n5,3,4\n", Layout()),
        ('"","x"\n"1",5\n"2",6\n"3",1\n', Layout(header="yes")),
        ("17,5,6\n18,7,9\n19,3,3\n", Layout(header="yes", columns="x")),
        ("0,5,6\n1,7,9\n2,3,3\n3,1,1\n", Layout()),
        ("1\t2\t3\n4\t\t6\n", Layout(columns="2")),
        ("1,2,3\n4,5\n6,7,8,9\n", Layout(columns="1-2")),
        ("1.234;5\n2;3\n", Layout(decimal=",")),
        ("1,2,3\n0.5,1,1\n", Layout()),
    ],
)
def test_nothing_shifts_and_nothing_slips_in(text: str, layout: Layout) -> None:
    refusal("-", text, layout=layout)


def test_numbers_in_columns_are_places_and_never_names() -> None:
    text = ",0,1,2\n0,.5,.6,.7\n1,.8,.9,.3\n"
    found = rows_of(text, layout=Layout(header="yes", columns="-1"))
    assert found == rows_of(".5,.6,.7\n.8,.9,.3\n")
    assert found == rows_of(text, layout=Layout(header="yes", columns="2-4"))


def test_options_of_texts_are_refused_for_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", ROWS)
    for layout in (Layout(columns="1"), Layout(header="yes")):
        assert "about text files" in refusal(tmp_path / "x.npy", layout=layout)
    assert "columns" in in_words(lambda: Layout(columns=" "))
    assert "delimiter" in in_words(lambda: Layout(delimiter="e"))


def test_the_header_is_judged_by_the_columns_that_are_taken() -> None:
    assert len(rows_of("a,1,2\nb,3,4\n", layout=Layout(columns="-1"))) == 2
    assert len(rows_of("1,2,a\n3,4,b\n", layout=Layout(columns="-3"))) == 2


def test_columns_with_words_are_left_out() -> None:
    text = "5.1,3.5,setosa\n4.9,3.0,setosa\n"
    assert "--columns" in refusal("-", text)
    assert len(rows_of(text, layout=Layout(header="no", columns="-3"))) == 2
    assert "--columns" in refusal("-", "cat,1,2\ndog,3,4\n")


@pytest.mark.parametrize(
    ("option", "value"), [("header", "maybe"), ("decimal", ";"), ("delimiter", ""), ("delimiter", "1.")]
)
def test_options_of_layout_are_checked(option: str, value: str) -> None:
    assert option in in_words(lambda: Layout(**{option: value}))


def test_columns_of_a_parquet_file_are_points(tmp_path: Path) -> None:
    import pandas

    frame = pandas.DataFrame({"a": ROWS[:, 0], "b": ROWS[:, 1], "word": ["x", "y", "z"]})
    frame.to_parquet(tmp_path / "x.parquet")
    assert "--columns -word" in refusal(tmp_path / "x.parquet")
    for columns in ("-word", "1-2", "a,b"):
        assert load(tmp_path / "x.parquet", layout=Layout(columns=columns)).rows == pytest.approx(UNIT, abs=ROUNDING)
    (tmp_path / "x.parquet").write_bytes(b"PAR1 not really")
    assert "cannot read" in refusal(tmp_path / "x.parquet")


def test_stdin_may_hold_an_array() -> None:
    assert load_points("-", io.BytesIO(npy_bytes(ROWS)))[0].rows == pytest.approx(UNIT, abs=ROUNDING)


@pytest.mark.parametrize("kind", ["npy", "npz-compressed", "csv-with-a-header", "csv-gz", "npy-gz", "npy-unnamed"])
def test_a_pipe_with_a_writer_is_read_as_the_file_would_be(kind: str, tmp_path: Path) -> None:
    name, make = FORMATS[kind]
    make(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    writer = threading.Thread(target=(tmp_path / name).write_bytes, args=(content,))
    writer.start()
    assert load(tmp_path / name).rows == pytest.approx(UNIT, abs=ROUNDING)
    writer.join()


def test_images_of_one_channel_and_those_whose_channels_come_last(tmp_path: Path) -> None:
    images = np.random.default_rng(5).standard_normal((4, 6, 5, 3))
    assert unit_rows(images[..., 0], "grey").image == (1, 6, 5)
    last = unit_rows(images, "last")
    assert last.image is None  # a cnn asks for --image-shape
    first = unit_rows(images.transpose(0, 3, 1, 2), "first")
    moved, expected = (as_images(points, (3, 6, 5)) for points in (last, first))
    assert moved.rows == pytest.approx(expected.rows, abs=ROUNDING)


def test_a_masked_array_is_refused() -> None:
    masked = np.ma.masked_array([[1.0, 2], [3, 4]], mask=[[0, 1], [0, 0]])
    assert "masked" in in_words(lambda: unit_rows(masked, "x"))


def test_the_largest_and_the_least_numbers_are_scaled_without_warnings() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rows_of("1.7e308,1.7e308\n5e-324,0\n") == [[1, 1], [1, 0]]


DAMAGED: dict[str, bytes] = {
    "deep": b"\x93NUMPY\x01\x00" + struct.pack("<H", 6000) + b"(" * 5999 + b"\n",
    "strange-descr": npy_header((1, 2)).replace(b"'<f8'", b"{1:2}"),
    "no-dict": b"\x93NUMPY\x01\x00" + struct.pack("<H", 4) + b"[1]\n",
    "missing-keys": b"\x93NUMPY\x01\x00" + struct.pack("<H", 4) + b"{ }\n",
    "no-such-version": b"\x93NUMPY\x09\x00" + bytes(200),
    "odd-type": npy_header((1, 2)).replace(b"'<f8'", b"'<q9'"),
    "half-a-string": npy_header((1, 2)).replace(b"'<f8'", b"'<f8 "),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_arrays_are_refused_in_words(tmp_path: Path, kind: str) -> None:
    (tmp_path / "x.npy").write_bytes(DAMAGED[kind])
    refusal(tmp_path / "x.npy")
    zip_of(tmp_path / "x.npz", "rows.npy", DAMAGED[kind])
    refusal(tmp_path / "x.npz")
    with pytest.raises(InputError):
        load_points("-", io.BytesIO(DAMAGED[kind]))


@pytest.mark.parametrize("place", [8, 6], ids=["method", "encrypted"])
def test_archives_that_cannot_be_opened_are_refused(tmp_path: Path, place: int) -> None:
    save_npz(tmp_path / "x.npz", rows=ROWS)
    content = bytearray((tmp_path / "x.npz").read_bytes())
    for magic, offset in ((b"PK\x03\x04", place), (b"PK\x01\x02", place + 2)):
        at = content.index(magic) + offset
        content[at] = 9 if place == 8 else 1  # deflate64; an encrypted member
    (tmp_path / "x.npz").write_bytes(bytes(content))
    assert "cannot read" in refusal(tmp_path / "x.npz")


def test_text_that_is_no_utf8_is_damaged() -> None:
    with pytest.raises(InputError, match="damaged"):
        load_points("-", io.BytesIO(b"\xff\xfe1\n"))


def test_a_line_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ntkcalc.cli.delimited_text._LONGEST_LINE", 1000)
    assert "characters" in refusal("-", "1" * 2000)
    monkeypatch.setattr("ntkcalc.cli.data_files.MOST_ENTRIES", 5)
    assert "more than 5 numbers" in refusal("-", "1 2\n3 4\n5 6\n")


# ---------------------------------------------------------------- images and Gaussian points


def test_images_keep_their_shape_and_rows_can_be_given_one() -> None:
    array = np.random.default_rng(0).standard_normal((4, 3, 2, 5))
    points = unit_rows(array, "images")
    assert points.image == (3, 2, 5)
    assert points.rows.shape == (4, 30)
    flat = unit_rows(array.reshape(4, 30), "rows")
    assert flat.image is None
    assert as_images(flat, (3, 2, 5)).image == as_images(points, (3, 2, 5)).image == (3, 2, 5)
    assert as_images(flat, (1, 5, 6)).image == (1, 5, 6)


def test_gaussian_points_are_on_the_sphere_and_repeat() -> None:
    one, again, other = (isotropic_points(50, 7, seed) for seed in (3, 3, 4))
    assert (one.rows == again.rows).all()
    assert (one.rows != other.rows).all()
    assert np.linalg.norm(one.rows, axis=1) == pytest.approx(1, rel=1e-15)
    assert np.abs(isotropic_points(40_000, 3, 0).rows.mean(axis=0)).max() < 0.012  # 4 standard errors of 1/√(3n)


def test_shapes_that_do_not_fit_are_refused() -> None:
    images = unit_rows(np.ones((2, 3, 4, 5)), "x.npy")
    with pytest.raises(InputError, match="images are 3,4,5, not 3,5,4"):
        as_images(images, (3, 5, 4))
    with pytest.raises(InputError, match="1,2,3 have 6 numbers, got d = 60"):
        as_images(unit_rows(np.ones((2, 60)), "x.npy"), (1, 2, 3))
    with pytest.raises(InputError, match="take fewer"):
        isotropic_points(1 << 20, 1 << 20, 0)
