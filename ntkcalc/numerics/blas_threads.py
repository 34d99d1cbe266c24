"""How many threads linear algebra takes: one for small matrices, which threads that wait for each other make slower."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_PAYING = 4000
"""Rows of a square matrix from which several threads are worth their CPU time."""


@contextmanager
def blas_threads(rows: int) -> Iterator[None]:
    """Compute with as many threads as pay for matrices of so many rows.

    On two busy processors products of 1797 rows with blocks of 16 vectors take 16 times the CPU time with two threads.
    """
    if rows >= _PAYING:
        yield
        return
    with _controller().limit(limits=1, user_api="blas"):
        yield


@cache
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
