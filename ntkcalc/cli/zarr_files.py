"""Matrices as .zarr, whose chunks are written by tasks: whole or not at all, and an interrupted one is gone on with.

Until all blocks are there they are in a folder ``K.zarr.partial``: the array in ``matrix``, and for each block a file
in ``blocks``, written after it, that holds the digest of its bytes and what is known of its entries. What a next run
finds right is kept.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from ntkcalc import __version__
from ntkcalc.cli.terminal import remark
from ntkcalc.errors import InputError, NtkcalcError

if TYPE_CHECKING:
    from ntkcalc.kernel.hyperparameters import Kernel
    from ntkcalc.kernel.kernel_matrix import Block, BlockEntries
    from ntkcalc.kernel.points import Points
    from ntkcalc.numerics.types import Array


def check_zarr(path: str) -> None:
    """Refuse a .zarr that cannot be written, or would replace something else."""
    from importlib.util import find_spec

    if find_spec("zarr") is None:
        raise NtkcalcError("a .zarr needs zarr: pip install 'ntkcalc[distributed]'")
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise InputError(f"cannot write '{path}': no such folder")
    if not os.access(folder, os.W_OK):
        raise InputError(f"cannot write '{path}': permission denied")
    if os.path.lexists(path) and not os.path.isfile(os.path.join(path, "zarr.json")):
        raise InputError(f"cannot write '{path}': what is there is no .zarr; move it away")


@dataclass(frozen=True)
class ZarrBlocks:
    """The blocks of an unfinished .zarr, in a folder that all workers see."""

    folder: str

    @property
    def done(self) -> int:
        """How many blocks were written."""
        return len([name for name in os.listdir(os.path.join(self.folder, "blocks")) if name.endswith(".json")])

    def known(self, block: Block) -> BlockEntries | None:
        """Return what is known of a block that is there and right."""
        from ntkcalc.kernel.kernel_matrix import BlockEntries

        try:
            with open(self._record(block), encoding="ascii") as stream:
                record = json.load(stream)
            array = self._array("r")
            values = array[block]
            right = record["digest"] == _digest(values)
            if right and (not record["mirrored"] or (array[block[::-1]] == values.T).all()):
                return BlockEntries(*record["entries"])
        except (OSError, ValueError, KeyError, TypeError, RuntimeError):  # cut short, or not there
            pass
        return None

    def put(self, block: Block, values: Array, mirrored: bool, entries: BlockEntries) -> None:
        """Write a block, its transpose at the mirrored place too, and then its record."""
        if not os.path.isdir(self.folder):
            raise NtkcalcError(f"workers do not see {self.folder}: take a folder that all machines share")
        try:
            array = self._array("r+")
            array[block] = values
            if mirrored:
                array[block[::-1]] = values.T
            record = self._record(block)
            with open(f"{record}.{os.getpid()}", "w", encoding="ascii") as stream:
                json.dump({"digest": _digest(values), "mirrored": mirrored, "entries": entries}, stream)
            os.replace(stream.name, record)
        except OSError as error:
            raise NtkcalcError(
                f"cannot write {self.folder}: {error.strerror or error}; what is there is kept for the next run"
            ) from None

    def _record(self, block: Block) -> str:
        return os.path.join(self.folder, "blocks", f"{block[0].start}-{block[1].start}.json")

    def _array(self, mode: Any) -> Any:
        import zarr

        return zarr.open_array(os.path.join(self.folder, "matrix"), mode=mode)


@contextmanager
def zarr_file(path: str, shape: tuple[int, int], identity: str, quiet: bool) -> Iterator[ZarrBlocks]:
    """Give the blocks of a .zarr, whose chunks they are; a remark says which are there already.

    What other work, of another identity, has left unfinished at this path is removed.
    """
    path = os.path.abspath(path)
    blocks = ZarrBlocks(f"{path}.partial")
    try:
        _begin(blocks, shape, identity, quiet)
        yield blocks
        if os.path.isdir(path):
            os.replace(path, os.path.join(blocks.folder, "old"))
        os.replace(os.path.join(blocks.folder, "matrix"), path)
        shutil.rmtree(blocks.folder)
    except OSError as error:
        raise NtkcalcError(f"cannot write {path}: {error.strerror or error}") from None


def _begin(blocks: ZarrBlocks, shape: tuple[int, int], identity: str, quiet: bool) -> None:
    """Make the folder of an unfinished .zarr, unless there is one of the same work."""
    import zarr

    from ntkcalc.kernel.kernel_matrix import stored_side

    name, found = os.path.join(blocks.folder, "identity"), ""
    with suppress(OSError), open(name, encoding="ascii") as stream:
        found = stream.read()
    chunks = tuple(min(stored_side(max(shape)), n) for n in shape)
    identity += f" in chunks of {chunks}"
    if found == identity:
        remark(f"{blocks.folder}: {blocks.done} blocks are there already", quiet)
        return
    if found:
        remark(f"{blocks.folder}: it was of another matrix, and is begun anew", quiet)
    with suppress(FileNotFoundError):
        shutil.rmtree(blocks.folder)
    os.makedirs(os.path.join(blocks.folder, "blocks"))
    matrix = os.path.join(blocks.folder, "matrix")
    zarr.create_array(matrix, shape=shape, chunks=chunks, dtype="float64", compressors=None)
    with open(name, "w", encoding="ascii") as stream:  # last: without it the folder is nothing
        stream.write(identity)


def work_identity(kernel: Kernel, points: Points, other: Points | None) -> str:
    """Return a text that says which matrix is computed: version, kernel, and digests of the points."""
    sides = [_points_digest(side) for side in (points, other) if side is not None]
    return f"ntkcalc {__version__}: {kernel.__reduce__()[1]} of {' and '.join(sides)}".encode("unicode_escape").decode()


def _digest(values: Array) -> str:
    return blake2b(values.data, digest_size=16).hexdigest()


def _points_digest(points: Points) -> str:
    digest = blake2b(repr(points.rows.shape).encode(), digest_size=32)
    for array in (points.rows, points.norms):
        if array is not None:
            digest.update(array.data)
    return digest.hexdigest()
