"""The command line: options, the terminal, files, and one module a command: parse, compute, report.

`main` lists the commands and runs them, `interruption` ends them on signals, `options` declares what they share.
"""

__all__ = ["interruption", "main"]
