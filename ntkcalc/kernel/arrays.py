"""The kernel on NumPy arrays: `ntk` and `ntk_matrix`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkcalc.errors import InputError
from ntkcalc.kernel.hyperparameters import Given, Kernel
from ntkcalc.kernel.kernel_lookup import kernel_lookup
from ntkcalc.kernel.kernel_matrix import kernel_matrix
from ntkcalc.kernel.points import real_array, unit_rows
from ntkcalc.numerics.precision import python_integers
from ntkcalc.numerics.types import Array


@python_integers
def ntk(
    rho: Any,
    act: str,
    depth: int = 2,
    *,
    sigma_w2: Given = None,
    gamma_b2: Given = 0,
    sigma_b2: Given = None,
    gamma_w2: Given = None,
    kernel: str = "ntk",
) -> Array:
    """Return Θ_l(ρ) on an array, in float64.

    Parameters
    ----------
    rho : correlations in [−1, 1], any shape, taken as the doubles that they are
    act : activation such as ``"tanh"`` or ``"leaky-relu:slope=0.1"``
    depth : l ≥ 1, layers including the linear output
    sigma_w2, gamma_b2, sigma_b2, gamma_w2, kernel : variances, and NTK or NNGP kernel: see `ntk_coefficients`

    Returns
    -------
    ndarray
        Θ_l(ρ), of the shape of `rho`; errors of about 1e-15 S_l, see `KernelLookup.accuracy`.

    Raises
    ------
    InputError
        For ρ outside [−1, 1] or a kernel that makes no sense.

    Notes
    -----
    About 30 ns an entry, whatever the activation and the depth (`ntkcalc.kernel.kernel_lookup`); the first call for a
    kernel builds its table, in 0.05 to 1 s.

    Examples
    --------
    >>> float(ntk([0.0, 1.0], "relu")[1])
    1.5
    """
    values = real_array(rho, "rho").astype(np.float64)
    size = np.abs(values)
    if not (size <= 1).all():
        raise InputError("rho must lie in [-1, 1] everywhere")
    found = Kernel.of(act, depth, sigma_w2, gamma_b2, sigma_b2, gamma_w2, kernel).checked()
    return kernel_lookup(found)(values < 0, 1 - size)


@python_integers
def ntk_matrix(
    x: Any,
    y: Any = None,
    *,
    act: str,
    depth: int = 2,
    sigma_w2: Given = None,
    gamma_b2: Given = 0,
    sigma_b2: Given = None,
    gamma_w2: Given = None,
    kernel: str = "ntk",
    normalize: bool = True,
    out: Array | None = None,
) -> Array:
    """Return the matrix Θ_l(x_i, y_j) of data, in float64.

    Parameters
    ----------
    x : points, shape (n, d)
    y : other points, shape (m, d); without them the matrix is that of `x` with itself, exactly symmetric
    act : activation such as ``"tanh"``
    depth : l ≥ 1, layers including the linear output
    sigma_w2, gamma_b2, sigma_b2, gamma_w2, kernel : variances, and NTK or NNGP kernel: see `ntk_coefficients`
    normalize : scale rows to unit norm; otherwise they have their norms, zero rows too: q_1 = γ_w² ‖x‖² + γ_b²
    out : where to write the matrix, shape (n, m), a memory map for instance

    Returns
    -------
    ndarray
        Shape (n, m).

    Raises
    ------
    InputError
        For points that are no finite real matrix without zero rows, or a kernel that makes no sense.

    Notes
    -----
    Tile by tile: the memory beyond points and result is some 20 MB. Near ρ = ±1 correlations come from
    differences of rows (`ntkcalc.kernel.kernel_matrix`).

    Examples
    --------
    >>> ntk_matrix([[1.0, 0.0], [2.0, 0.0]], act="relu").tolist()
    [[1.5, 1.5], [1.5, 1.5]]
    """
    points = unit_rows(x, "x", normalize)
    others = None if y is None else unit_rows(y, "y", normalize)
    if others is not None and others.rows.shape[1] != points.rows.shape[1]:
        raise InputError(f"x and y need rows of one length, got {points.rows.shape[1]} and {others.rows.shape[1]}")
    found = Kernel.of(act, depth, sigma_w2, gamma_b2, sigma_b2, gamma_w2, kernel).checked()
    matrix = kernel_matrix(found, points, others)
    if out is None:
        out = np.empty(matrix.shape)
    elif out.shape != matrix.shape or out.dtype.str != np.dtype(np.float64).str:
        raise InputError(f"out must be float64 of shape {matrix.shape}, got {out.dtype} of shape {out.shape}")
    matrix.fill(out)
    return out
