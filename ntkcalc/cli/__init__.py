"""The command line: options, the terminal, files, and one module a command: parse, compute, report.

`main` runs it, `interruption` ends it on signals; `app` lists the commands, `options` declares what they share.
"""

__all__ = ["interruption", "main"]
