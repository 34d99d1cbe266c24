"""Pictures: every curve in its panel, zero is a gap, labels do not touch, the same results make the same bytes."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from shell import inside, one_line_of_error, output, run

from ntkcalc import matrix_spectrum, ntk_coefficients, ntk_values, sphere_eigenvalues
from ntkcalc.decay.kernel_decay import kernel_decays
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.report.formats import draw
from ntkcalc.report.plots import PLOTS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RHOS = [f"{i / 4}" for i in range(-4, 5)]
POINTS = np.random.default_rng(1).standard_normal((30, 4))
LONG = "12345" * 4


def values(*kernels: str, truncations: tuple[int, ...] = (3, 9)) -> list[Any]:
    return [ntk_values(RHOS, act, 2, t) for act in kernels for t in truncations]


DECAYS = ("relu", "tanh", "gelu", "linear", "x^3", "sin")
RESULTS: dict[str, Callable[[], list[Any]]] = {
    "values": lambda: values("relu", "tanh", "sigmoid", "linear"),
    "one value": lambda: [ntk_values(["0.5"], "relu")],
    "coefficients": lambda: [ntk_coefficients(act, depth, 40) for act in ("relu", "sin") for depth in (2, 3)],
    "Hermite": lambda: [ntk_coefficients("tanh", which="mu")],
    "sphere": lambda: [sphere_eigenvalues(act, sphere_dim=2, max_frequency=5) for act in ("relu", "linear")],
    "data": lambda: [matrix_spectrum(POINTS, act=act) for act in ("relu", "tanh")],
    "decay": lambda: [kernel_decays(Kernel.of(act), [2], 200)[0] for act in DECAYS],
    "many": lambda: [ntk_coefficients("relu", truncation=8, sigma_w2=f"0.{i}{LONG}") for i in range(1, 10)],
    "long": lambda: values("x/2+relu(x)/3+0.01*relu(x-1)", "relu(x)", truncations=(3,)),
}


@cache
def results(name: str) -> list[Any]:
    return RESULTS[name]()


@cache
def drawn(name: str) -> Figure:
    found = results(name)
    figure = PLOTS[type(found[0]).__name__](found)
    figure.canvas.draw()
    return figure


@pytest.mark.parametrize("name", RESULTS)
def test_tick_labels_do_not_touch(name: str) -> None:
    for axes in drawn(name).axes:
        for axis, side in ((axes.xaxis, "x"), (axes.yaxis, "y")):
            shown = [t.get_window_extent() for t in axis.get_ticklabels(which="both") if t.get_text()]
            inside_view = [b for b in shown if axes.bbox.padded(5).overlaps(b.padded(20))]
            ends = sorted((getattr(b, f"{side}0"), getattr(b, f"{side}1")) for b in inside_view)
            assert all(left[1] < right[0] for left, right in pairwise(ends)), (name, side)


@pytest.mark.parametrize("name", ["values", "coefficients", "Hermite", "sphere", "data"])
def test_the_peak_of_every_curve_is_in_its_panel(name: str) -> None:
    for axes in drawn(name).axes:
        low, high = axes.get_ylim()
        for line in axes.lines:
            assert low < np.nanmax(line.get_ydata()) < high


@pytest.mark.parametrize("name", ["values", "many", "long"])
def test_no_legend_hides_a_curve_and_no_title_reaches_another(name: str) -> None:
    figure = drawn(name)
    for row in {a.get_subplotspec().rowspan.start: None for a in figure.axes}:
        beside = [a for a in figure.axes if a.get_subplotspec().rowspan.start == row and a.get_title()]
        ends = sorted((t.x0, t.x1) for t in (a.title.get_window_extent() for a in beside))
        assert all(left[1] < right[0] for left, right in pairwise([(-1, 0), *ends, (figure.bbox.x1, math.inf)]))
    legends = [a.get_legend() for a in figure.axes if a.get_legend()] + figure.legends
    assert legends
    for legend in legends:
        box = legend.get_window_extent()
        lines = [(a, line) for a in figure.axes for line in a.lines]
        assert not any(box.contains(*a.transData.transform(p)) for a, line in lines for p in line.get_xydata())


def test_theta_is_drawn_above_its_errors() -> None:
    figure, r = drawn("values"), results("values")[0]
    theta = figure.axes[0].lines[0]
    assert theta.get_label() == "Θ"
    assert theta.get_ydata() == pytest.approx([float(v.theta) for v in r.points])
    error = figure.axes[3].lines[0].get_ydata()
    assert error == pytest.approx([abs(float(v.error)) or math.nan for v in r.points], nan_ok=True)


def test_an_error_of_zero_is_a_gap_and_no_flat_piece() -> None:
    middle = len(RHOS) // 2
    error = drawn("values").axes[3].lines[0].get_ydata()
    assert math.isnan(error[middle])
    assert error[middle - 1] > 0 < error[middle + 1]
    texts = [text.get_text() for axes in drawn("values").axes for text in axes.texts]
    assert texts == ["the error is 0"]  # of linear


def test_the_eigenvalue_of_k_0_is_drawn() -> None:
    line = next(line for line in drawn("sphere").axes[0].lines if line.get_label() == "λ_k")
    first = results("sphere")[0].eigenvalues[0]
    assert (line.get_xdata()[0], line.get_ydata()[0]) == (0, pytest.approx(float(first.eigenvalue)))


def test_coefficients_and_the_share_that_is_left() -> None:
    left, right = drawn("coefficients").axes
    r = results("coefficients")[0]
    known = {c.p: float(c.value) for c in r.coefficients if c.value}
    assert dict(zip(*left.lines[0].get_data(), strict=True)) == pytest.approx(known)
    rest = [1 - float(c.cumulative) for c in r.coefficients]
    assert right.lines[0].get_ydata() == pytest.approx(rest, abs=1e-11)


@pytest.mark.parametrize("kind", ["svg", "pdf", "png"])
@pytest.mark.quick(2)
def test_the_same_results_make_the_same_bytes(kind: str, tmp_path: Path) -> None:
    pictures = [tmp_path / f"{i}.{kind}" for i in (1, 2)]
    for picture in pictures:
        draw(results("sphere"), str(picture), kind)
    one, other = (picture.read_bytes() for picture in pictures)
    assert one == other
    assert not any(word in one for word in (b"dc:date", b"CreationDate"))


@pytest.mark.parametrize("wrong", [b"lines.linewidth: 9\nfigure.dpi: 30\n", b"nonsense\n", b"\xff\xfe\x00"])
@pytest.mark.quick(1)
def test_settings_of_the_user_change_nothing(wrong: bytes, tmp_path: Path) -> None:
    line = ["coeffs", "-a", "relu", "--plot"]
    (tmp_path / "matplotlibrc").write_bytes(wrong)
    own = {"MPLBACKEND": "nonsense", "MATPLOTLIBRC": str(tmp_path), "MPLCONFIGDIR": "/dev/null"}
    done = run([*line, "one.svg"], cwd=tmp_path, **own)
    assert (done.returncode, done.stderr) == (0, "")
    draw([ntk_coefficients("relu", digits=10)], str(tmp_path / "other.svg"), "svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "other.svg").read_bytes()


def test_names_of_files_are_no_formulas_of_tex(tmp_path: Path) -> None:
    points = tmp_path / "a$b_^$\x1b[31m.csv"
    np.savetxt(points, POINTS[:4], delimiter=",")
    line = ["eigs", "-q", "-a", "relu", "--data", str(points), "--width", "5", "--trials", "2"]
    assert inside([*line, "--plot", str(tmp_path / "p.svg")]).returncode == 0


def test_a_disk_that_is_full_is_told_with_the_name_of_the_picture(tmp_path: Path) -> None:
    (tmp_path / "p.png").symlink_to("/dev/full")
    done = inside(["coeffs", "-a", "relu", "--plot", str(tmp_path / "p.png")])
    assert done.returncode == 1
    assert one_line_of_error(done) == f"ntkcalc: cannot write {tmp_path / 'p.png'}: No space left on device\n"


def test_a_picture_of_coefficients_stands_beside_the_output(tmp_path: Path) -> None:
    line = "coeffs -a relu -a tanh"
    assert output(f"{line} --plot {tmp_path / 'c.png'}") == output(line)
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("line", "stdin"),
    [
        ("evaluate -a relu -a tanh --sigma-w2 0.1:1:31 --rho 0.5 --plot p.png", ""),
        ("decay -c - --plot p.png", "coeffs -a relu -T 2 --json"),
    ],
)
def test_a_picture_of_too_many_kernels_is_refused_at_once(line: str, stdin: str, tmp_path: Path) -> None:
    done = inside(line.split(), stdin and output(stdin) * 61, tmp_path)
    assert done.returncode == 2
    assert "--plot draws 60 kernels at most, got 6" in one_line_of_error(done)


def test_what_is_no_decay_has_no_slope() -> None:
    for axes in drawn("decay").axes[3:]:  # finite and entire
        assert [line.get_label() for line in axes.lines] == ["log10 κ_p"]
        assert (
            axes.get_xlim()[0] < axes.lines[0].get_xdata().min() <= axes.lines[0].get_xdata().max() < axes.get_xlim()[1]
        )
