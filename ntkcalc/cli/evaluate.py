"""``ntkcalc evaluate``: values of the kernel and of its series, or the kernel matrix of data."""

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ntkcalc.cli.data_options import DataOptions
from ntkcalc.cli.files import array_file
from ntkcalc.cli.options import PAPER_TRUNCATION, PLOT, Results, SeriesOptions, check_stdin, command, option, read_text
from ntkcalc.cli.terminal import progress, remark
from ntkcalc.errors import InputError

if TYPE_CHECKING:
    from ntkcalc.kernel.hyperparameters import Kernel
    from ntkcalc.kernel.points import Points


class EvaluateOptions(DataOptions, SeriesOptions):
    """Options of ``ntkcalc evaluate``."""

    truncation: list[int] | None = option(
        "-T, --truncation N", "Degree of the series; repeatable.  [default: 10, or all of --coeffs]"
    )
    rho: list[str] | None = option("--rho X", "rho in [-1, 1], START:STOP:COUNT, or - for stdin; repeatable.")
    other: str | None = option("--other FILE", "More points: a cross matrix.")
    paper_truncation: bool = PAPER_TRUNCATION
    plot: str | None = PLOT

    @property
    def style(self) -> str:
        """The format of values, or of the summary of the matrix that --output takes."""
        return self.but(output="-").style if self.data and self.output != "-" else super().style


@command
def evaluate(options: EvaluateOptions) -> None:
    """The kernel Theta_l(rho), its truncated series and the bound on their difference; or the matrix of data.

    Example: ntkcalc evaluate --act tanh --depth 3 --rho 0.3 --rho 0.9
    """
    digits = options.digits_shown
    _check(options)
    if options.data:
        matrices = evaluate_data(options, options.data, digits)
        options.but(output="-").report(matrices)  # --output takes the matrix
        return
    points = _rhos(options.rho or [], max(digits, 17))
    evaluated = evaluate_series if options.coeffs else evaluate_kernels
    options.report(evaluated(options, points, digits), options.digits, plot=options.plot)


def _check(o: EvaluateOptions) -> None:
    o.check_engine("mpmath" if o.rho else "numpy")
    check_stdin(*(o.rho or []), o.coeffs, o.data, o.other)
    o.check_layout()
    if not (o.rho or o.data):
        raise InputError("say where to evaluate: --rho 0.3, --rho -1:1:201, or --data FILE for a matrix")
    if o.rho and (o.data or o.other):
        raise InputError("--rho and --data exclude each other: values, or the matrix of data")
    if o.other and not o.data:
        raise InputError("--other FILE makes a cross matrix with --data FILE; give that too")
    if o.coeffs and (o.names_kernel or o.data or o.paper_truncation):
        raise InputError("--coeffs stands for a kernel and goes with --rho: leave out the kernel's options and --data")
    _check_matrix(o)
    if not (o.data and o.output.endswith(".zarr")):
        o.check_files(o.plot)
        return
    from ntkcalc.cli.zarr_files import check_zarr

    o.check_workers()
    check_zarr(o.output)


def _check_matrix(o: EvaluateOptions) -> None:
    if o.data and o.truncation:
        raise InputError("--truncation cuts the series at --rho; the matrix of --data is that of the exact kernel")
    if o.data and o.plot:
        raise InputError("--plot draws the error of the series at --rho values; a matrix has no such picture")
    if o.data and o.output != "-" and not o.output.endswith((".npy", ".zarr")):
        raise InputError(f"the matrix of --data is written as a .npy file or a .zarr, got -o '{o.output}'")


def evaluate_kernels(options: EvaluateOptions, points: list[Fraction], digits: int) -> Results:
    """Return values of kernels and of their series."""
    from ntkcalc.series.values import values_by_depth

    deepest, more = options.deepest(), (options.truncation or [10], digits, options.paper_truncation)
    with options.tasks() as tasks, progress(options.quiet, "values") as observer:
        found = [*tasks.run(values_by_depth, deepest, options.depths, points, *more, observer=observer)]
    return [values for of_kernel in options.in_order(found) for values in of_kernel]


def evaluate_series(options: EvaluateOptions, points: list[Fraction], digits: int) -> Results:
    """Return values of given series."""
    from ntkcalc.series.values import series_values

    results = []
    for given in options.given_series():
        last = len(given.coefficients) - 1
        degrees = options.truncation or [last]
        if max(degrees) > last:
            remark(f"the series ends at p = {last}, and so does every sum", options.quiet)
        with progress(options.quiet, "values"):
            results += series_values(given, points, degrees, digits)
    return results


def evaluate_data(options: EvaluateOptions, data: str, digits: int) -> Results:
    """Return summaries of kernel matrices; the matrix of a single kernel goes to --output."""
    kernels, output, strict = options.kernels(), options.output, options.digits is not None
    if output != "-" and len(kernels) > 1:
        raise InputError(f"one matrix goes to one file, got {len(kernels)} kernels; run them one by one")
    from ntkcalc.kernel.matrix_summary import matrix_summary
    from ntkcalc.numerics.types import stage

    x = options.points(data)
    y = options.points(options.other) if options.other else None
    with options.tasks() as tasks, progress(options.quiet, "blocks") as observer:
        if output == "-":
            more = x, y, digits, strict, None, None
            return [*tasks.sweep(matrix_summary, kernels, *more, observer=observer)]
        with _matrix_file(options, kernels[0], x, y) as out:
            summary = matrix_summary(kernels[0], x, y, digits, strict, out, output, observer, tasks)
            stage(observer, "writing the file")
            return [summary]


def _matrix_file(options: EvaluateOptions, kernel: "Kernel", x: "Points", y: "Points | None") -> Any:
    """Open the file of a matrix: an array that is mapped to a .npy, or the blocks of a .zarr."""
    shape = len(x.rows), len((y or x).rows)
    if options.output.endswith(".npy"):
        return array_file(options.output, shape)
    from ntkcalc.cli.zarr_files import work_identity, zarr_file

    return zarr_file(options.output, shape, work_identity(kernel, x, y), options.quiet)


def _rhos(texts: list[str], digits: int) -> list[Fraction]:
    """Read numbers, ranges START:STOP:COUNT (whose points are rounded to `digits` digits), and - for stdin."""
    from ntkcalc.numerics.precision import exact
    from ntkcalc.series.given_series import MOST_CHARACTERS

    found: list[Fraction] = []
    for text in texts:
        if text.strip() == "-":
            found += [exact(word, "rho") for word in read_text("-", MOST_CHARACTERS).split()]
        elif ":" in text:
            found += _range(text, digits)
        else:
            found.append(exact(text, "rho"))
    if not found:
        raise InputError("give at least one value of rho, got none")
    return found


def _range(text: str, digits: int) -> list[Fraction]:
    """Return COUNT evenly spaced numbers from START to STOP."""
    from ntkcalc.numerics.precision import decimal, exact
    from ntkcalc.series.values import MOST_VALUES

    parts = text.split(":")
    if len(parts) != 3 or not (parts[2].isascii() and parts[2].isdigit() and len(parts[2]) < 30):
        raise InputError(f"a range of rho is START:STOP:COUNT, such as -1:1:201, got '{text[:40]}'")
    start, stop, count = exact(parts[0], "rho"), exact(parts[1], "rho"), int(parts[2])
    if not 2 <= count <= MOST_VALUES:
        raise InputError(f"a range of rho has 2 to {MOST_VALUES} values, got {count}")
    steps = (start + (stop - start) * i / (count - 1) for i in range(count))
    return [exact(str(decimal(x, digits)), "rho") for x in steps]
