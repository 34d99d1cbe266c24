"""Points on the unit sphere, as rows of float64 arrays: checked, scaled, seen as images, or drawn at random."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from ntkcalc.errors import InputError
from ntkcalc.kernel.gram import GramSpectrum
from ntkcalc.kernel.results import DataFacts

MOST_ENTRIES = 1 << 28
"""Numbers that a data file may hold (2 GB as float64)."""

_CHUNK = 1 << 20  # numbers scaled at a time
_CHANNELS = (1, 3, 4)  # of usual images: grey, RGB, RGBA
_UNIT = 1e-9  # how far from 1 a norm may be where rows are not to be scaled


@dataclass(frozen=True)
class Points:
    """Points on the unit sphere."""

    source: Annotated[str, "where they come from"]
    rows: Annotated[NDArray[np.float64], "shape (n, d), rows of unit norm, float64, C order"]
    scaled: Annotated[bool, "whether the rows had to be scaled"]
    image: Annotated[tuple[int, int, int] | None, "channels, height and width, where the points are images"] = None
    channels_last: Annotated[tuple[int, int, int] | None, "height, width and channels that seem to stand last"] = None

    @cached_property
    def gram(self) -> GramSpectrum:
        """The eigenvalues of XXᵀ, computed when they are first needed."""
        return GramSpectrum.of(self.rows)


def data_facts(points: Points) -> DataFacts:
    """Return the facts of a data set, its rank among them."""
    n, d = points.rows.shape
    return DataFacts(points.source, n, d, points.gram.rank, points.scaled)


def unit_rows(array: Any, source: str, normalize: bool = True) -> Points:
    """Return the rows of an array as points; images (n, c, h, w), or (n, h, w) of one channel, are flattened.

    An InputError says where they are no finite real matrix without zero rows, or, with `normalize` off, where a row is
    not of unit norm.
    """
    array = real_array(array, source)
    image = channels_last = None
    if array.ndim in (3, 4):
        shape = (1, *array.shape[1:])[-3:]
        if shape[2] in _CHANNELS and min(shape[:2]) > max(_CHANNELS):
            channels_last = shape
        else:
            image = shape
        array = array.reshape(len(array), shape[0] * shape[1] * shape[2])
    if array.ndim != 2:
        needed = "a matrix with one point a row is needed, or images n x channels x height x width"
        raise InputError(f"{source}: {needed}, got {array.ndim} dimensions")
    if 0 in array.shape:
        raise InputError(f"{source}: there are no points in it (shape {array.shape[0]} x {array.shape[1]})")
    if array.size > MOST_ENTRIES:
        raise InputError(f"{source}: {array.size} numbers are more than {MOST_ENTRIES}; take fewer points")
    with np.errstate(over="ignore"):
        rows = np.array(array, dtype=np.float64, order="C")
    return Points(source, rows, _scaled(rows, source, normalize), image, channels_last)


def real_array(values: Any, source: str) -> NDArray[Any]:
    """Return what a caller gives as an array of real numbers; an InputError refuses anything else, and ragged rows."""
    try:
        array: NDArray[Any] = np.asanyarray(values)
    except ValueError:
        raise InputError(f"{source}: every row needs as many numbers as the first") from None
    if isinstance(array, np.ma.MaskedArray):
        raise InputError(f"{source}: a masked array has points that are not there; fill it or leave them out")
    if array.dtype.kind not in "fiub":
        raise InputError(f"{source}: real numbers are needed, got {_kind(array.dtype)}")
    return array


def as_images(points: Points, shape: tuple[int, int, int]) -> Points:
    """Return the points as images of a shape (channels, height, width); channels that stand last are moved.

    An InputError refuses a shape that is not that of the points.
    """
    d, said = points.rows.shape[1], ",".join(map(str, shape))
    if points.image not in (None, shape):
        raise InputError(f"{points.source}: the images are {','.join(map(str, points.image or ()))}, not {said}")
    if shape[0] * shape[1] * shape[2] != d:
        raise InputError(f"{points.source}: images {said} have {shape[0] * shape[1] * shape[2]} numbers, got d = {d}")
    if points.channels_last is not None and shape == (points.channels_last[2], *points.channels_last[:2]):
        images = points.rows.reshape(-1, *points.channels_last).transpose(0, 3, 1, 2)
        return replace(points, rows=np.ascontiguousarray(images).reshape(-1, d), image=shape, channels_last=None)
    return replace(points, image=shape)


def isotropic_points(n: int, d: int, seed: int) -> Points:
    """Return n standard Gaussian points in R^d, scaled to unit norm."""
    if n * d > MOST_ENTRIES:
        raise InputError(f"isotropic: {n} points in R^{d} are more than {MOST_ENTRIES} numbers; take fewer")
    source, rows = "isotropic Gaussian", np.random.default_rng(seed).standard_normal((n, d))
    return Points(source, rows, _scaled(rows, source, normalize=True))


def _scaled(rows: NDArray[np.float64], source: str, normalize: bool) -> bool:
    """Scale rows to unit norm in place; return whether one was not."""
    step = max(1, _CHUNK // rows.shape[1])
    off = [_scale(rows[i : i + step], i, source, normalize) for i in range(0, len(rows), step)]
    return any(off)


def _scale(rows: NDArray[np.float64], first: int, source: str, normalize: bool) -> bool:
    """Scale some rows to unit norm in place; return whether one was not."""

    def refuse(bad: Any, said: str) -> None:
        if bad.any():
            raise InputError(f"{source}: " + said.format(row=first + int(bad.argmax()) + 1))

    refuse(~np.isfinite(rows).all(axis=1), "finite numbers are needed, row {row} has NaN or infinity")
    largest = np.abs(rows).max(axis=1)
    refuse(largest == 0, "row {row} is zero, which no scaling brings onto the sphere")
    rows /= largest[:, None]
    size = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    with np.errstate(over="ignore"):
        off = np.abs(size * largest - 1) > _UNIT
    if not normalize:
        refuse(off, "row {row} is not of unit norm; leave out --no-normalize")
    rows /= size[:, None]
    return bool(off.any())


def _kind(dtype: np.dtype[Any]) -> str:
    return "complex numbers" if dtype.kind == "c" else f"data of type {dtype}"
