"""The command line: options, the terminal, files, and one function a verb: parse, compute, report."""

__all__ = [
    "app",
    "interrupt",
]
