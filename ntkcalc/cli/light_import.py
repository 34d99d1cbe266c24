"""Imports of libraries without what they load for a trifle."""

import sys
from types import ModuleType

_METADATA = "importlib.metadata"


def import_gmpy2() -> None:
    """Import gmpy2 without ``importlib.metadata``, which tells it nothing but its own version.

    With email, zipfile, csv, random and tempfile that takes a tenth of the time in which a command starts.
    """
    if "gmpy2" in sys.modules or _METADATA in sys.modules:
        return
    stand_in = ModuleType(_METADATA)
    stand_in.version = lambda name: ""  # type: ignore[attr-defined]
    sys.modules[_METADATA] = stand_in
    try:
        import gmpy2
    finally:
        del sys.modules[_METADATA]
    gmpy2.__version__ = gmpy2.version()
