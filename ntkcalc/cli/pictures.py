"""Pictures: matplotlib as it comes, whatever the user's settings are, and files that are written whole."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import chdir, suppress
from typing import Any

from ntkcalc.cli.files import whole_file
from ntkcalc.errors import NtkcalcError


def draw_file(results: Sequence[Any], path: str) -> None:
    """Draw results of one type to a file."""
    _import_matplotlib()
    from ntkcalc.report.formats import draw

    try:
        with whole_file(path) as temporary:
            draw(results, temporary, path.lower().rpartition(".")[2])
    except OSError as error:
        raise NtkcalcError(f"cannot write {path}: {error.strerror or error}") from None


def _import_matplotlib() -> None:
    """Import matplotlib without MPLBACKEND and without the user's matplotlibrc, which may be wrong and stop it.

    Of the places where it looks for a matplotlibrc the working folder is the first; its own is in its mpl-data.
    """
    import logging
    from importlib.util import find_spec

    logging.getLogger("matplotlib").setLevel(logging.CRITICAL)  # remarks on its caches go to stderr
    os.environ.pop("MPLBACKEND", None)
    os.environ.pop("MATPLOTLIBRC", None)
    spec = find_spec("matplotlib")
    own = os.path.join(os.path.dirname(str(spec and spec.origin)), "mpl-data")
    with suppress(OSError), chdir(own):
        import matplotlib  # noqa: F401
