"""Points as unit rows of float64 arrays, with their norms: checked, scaled, seen as images, or drawn at random."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from ntkcalc.errors import InputError
from ntkcalc.kernel.gram import GramSpectrum
from ntkcalc.kernel.results import DataFacts
from ntkcalc.numerics.tasks import aligned

MOST_ENTRIES = 1 << 28
"""Numbers that a data file may hold (2 GB as float64)."""

_CHUNK = 1 << 20  # numbers scaled at a time
_CHANNELS = (1, 3, 4)  # of usual images: grey, RGB, RGBA
_LARGEST = 1e100  # norm of a row that is not scaled; the least is its inverse
_UNIT = 1e-9  # how far from 1 a norm may be where rows are not to be scaled


@dataclass(frozen=True)
class Points:
    """Points: on the unit sphere, or with norms."""

    source: Annotated[str, "where they come from"]
    rows: Annotated[NDArray[np.float64], "shape (n, d), rows of unit norm, float64, C order; zero where the norm is"]
    scaled: Annotated[bool, "whether the rows had to be scaled"]
    image: Annotated[tuple[int, int, int] | None, "channels, height and width, where the points are images"] = None
    channels_last: Annotated[tuple[int, int, int] | None, "height, width and channels that seem to stand last"] = None
    norms: Annotated[NDArray[np.float64] | None, "norms of the points, shape (n,); None where all are 1"] = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(aligned(state))

    @property
    def inputs(self) -> NDArray[np.float64]:
        """The points themselves."""
        return self.rows if self.norms is None else self.rows * self.norms[:, None]

    @cached_property
    def gram(self) -> GramSpectrum:
        """The eigenvalues of XXᵀ, computed when they are first needed."""
        return GramSpectrum.of(self.inputs)


def data_facts(points: Points) -> DataFacts:
    """Return the facts of a data set, its rank among them."""
    n, d = points.rows.shape
    return DataFacts(points.source, n, d, points.gram.rank, points.scaled)


def unit_rows(array: Any, source: str, normalize: bool = True) -> Points:
    """Return the rows of an array as points; images (n, c, h, w), or (n, h, w) of one channel, are flattened.

    With `normalize` off norms are kept, and rows may be zero. An InputError says where they are no finite real matrix,
    or have zero rows that are to be scaled.
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
    norms = _scaled(rows, source, normalize)
    off = _differ(norms)
    return Points(source, rows, off and normalize, image, channels_last, norms if off and not normalize else None)


def real_array(values: Any, source: str) -> NDArray[Any]:
    """Return what a caller gives as an array of real numbers; an InputError refuses anything else, and ragged rows."""
    try:
        array: NDArray[Any] = np.asanyarray(values)
    except ValueError:
        raise InputError(f"{source}: every row needs as many numbers as the first") from None
    if hasattr(array, "mask"):  # a masked array: numpy.ma takes 30 ms to load
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
    return Points(source, rows, _differ(_scaled(rows, source, normalize=True)))


def _differ(norms: NDArray[np.float64]) -> bool:
    """Return whether a norm is not 1."""
    return bool((np.abs(norms - 1) > _UNIT).any())


def _scaled(rows: NDArray[np.float64], source: str, normalize: bool) -> NDArray[np.float64]:
    """Scale rows to unit norm in place, but for zero rows that are admitted; return their norms."""
    step = max(1, _CHUNK // rows.shape[1])
    return np.concatenate([_scale(rows[i : i + step], i, source, normalize) for i in range(0, len(rows), step)])


def _scale(rows: NDArray[np.float64], first: int, source: str, normalize: bool) -> NDArray[np.float64]:
    """Scale some rows to unit norm in place, but for zero rows that are admitted; return their norms."""

    def refuse(bad: Any, said: str) -> None:
        if bad.any():
            raise InputError(f"{source}: " + said.format(row=first + int(bad.argmax()) + 1))

    refuse(~np.isfinite(rows).all(axis=1), "finite numbers are needed, row {row} has NaN or infinity")
    largest = np.abs(rows).max(axis=1)
    if normalize:
        refuse(largest == 0, "row {row} is zero, which no scaling brings onto the sphere (--no-normalize takes it)")
    rows /= np.where(largest > 0, largest, 1.0)[:, None]
    size = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    with np.errstate(over="ignore"):
        norms = size * largest
    if not normalize:
        refuse(norms > _LARGEST, f"row {{row}} has a norm above {_LARGEST:g}; scale the data")
        refuse((norms > 0) & (norms < 1 / _LARGEST), f"row {{row}} has a norm below {1 / _LARGEST:g}; scale the data")
    rows /= np.where(size > 0, size, 1.0)[:, None]
    return np.asarray(norms)


def _kind(dtype: np.dtype[Any]) -> str:
    return "complex numbers" if dtype.kind == "c" else f"data of type {dtype}"
