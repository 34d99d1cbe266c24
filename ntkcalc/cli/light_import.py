"""Imports of libraries without what they load for a trifle."""

import sys
from types import ModuleType

_METADATA = "importlib.metadata"


def import_gmpy2() -> None:
    """Import gmpy2 without ``importlib.metadata``, which it asks for its own version, and for nothing else.

    With email, zipfile, csv, random and tempfile that takes a tenth to a fifth of the time of a short command. In this
    process ``gmpy2.version()`` is empty; nothing reads it.
    """
    if "gmpy2" in sys.modules or _METADATA in sys.modules:
        return
    stand_in = ModuleType(_METADATA)
    stand_in.version = lambda name: ""  # type: ignore[attr-defined]
    sys.modules[_METADATA] = stand_in
    try:
        import gmpy2  # noqa: F401
    finally:
        del sys.modules[_METADATA]
