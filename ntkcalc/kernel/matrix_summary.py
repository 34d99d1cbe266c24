"""The kernel matrix of data, and its summary."""

from __future__ import annotations

import math
import time

from ntkcalc.errors import AccuracyError, InputError
from ntkcalc.kernel.hyperparameters import Kernel, kernel_facts
from ntkcalc.kernel.kernel_matrix import BlockStore, kernel_matrix
from ntkcalc.kernel.points import Points, data_facts
from ntkcalc.kernel.results import MatrixSummary
from ntkcalc.numerics.known_digits import figures, known_digits, rounded_up
from ntkcalc.numerics.precision import decimal
from ntkcalc.numerics.tasks import HERE, Tasks
from ntkcalc.numerics.types import Array, Observer, stage


def matrix_summary(
    kernel: Kernel,
    points: Points,
    other: Points | None = None,
    digits: int = 12,
    strict: bool = False,
    out: Array | BlockStore | None = None,
    output: str | None = None,
    observer: Observer | None = None,
    tasks: Tasks = HERE,
) -> MatrixSummary:
    """Compute a kernel matrix, into `out` if it is given, and return its summary.

    Parameters
    ----------
    kernel, points, other : the kernel and the data; with `other`, the cross matrix Θ(⟨x_i, y_j⟩)
    digits, strict : most digits of a number, and whether fewer digits are an AccuracyError
    out, output : array of shape (n, m) or store of blocks for the matrix, and the name of its file
    observer : called with (blocks done, blocks in all)
    tasks : who computes the blocks
    """
    if other is not None and other.rows.shape[1] != points.rows.shape[1]:
        shown = f"got {points.rows.shape[1]} and {other.rows.shape[1]}"
        raise InputError(f"both data sets need points of one dimension, {shown}")
    start = time.perf_counter()
    matrix = kernel_matrix(kernel, points, other)
    known, own = math.floor(-math.log10(matrix.accuracy)), None if other is not None else matrix.uniform
    if strict and digits > known:
        raise AccuracyError(f"a matrix of data is known to {known} of {digits} digits; lower --digits")
    least, mean, largest = matrix.fill(out, observer, tasks)
    stage(observer, "rank of the points")
    seconds = time.perf_counter() - start
    error = matrix.entry_error
    least_known = min(figures(x, error) for x in (least, mean, largest))
    if strict and least_known < digits:
        raise AccuracyError(f"a summary of this matrix is known to {least_known} of {digits} digits; lower --digits")
    minimum, average, maximum = (known_digits(x, error, digits) for x in (least, mean, largest))
    return MatrixSummary(
        kernel_facts(kernel, digits),
        data_facts(points),
        None if other is None else data_facts(other),
        digits,
        minimum,
        average,
        maximum,
        None if own is None else decimal(own.total(64), min(digits, 15)),
        rounded_up(error / matrix.diagonal),
        output,
        seconds,
    )
