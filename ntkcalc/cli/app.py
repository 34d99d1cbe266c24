"""The application of typer: the program's own options and its commands, one module each.

Everything heavy is imported where it is used, so that ``--help`` loads nothing but typer.
"""

from typing import Any

import typer
from typer.core import TyperGroup

from ntkcalc.cli.coeffs import coeffs
from ntkcalc.cli.decay import decay
from ntkcalc.cli.effrank import effrank
from ntkcalc.cli.eigs import eigs
from ntkcalc.cli.evaluate import evaluate
from ntkcalc.cli.options import ProgramOptions


class _Program(TyperGroup):
    def get_help(self, context: Any) -> str:
        """Return the help that a call without arguments shows."""
        from ntkcalc.cli.manual import help_of

        return help_of(context).rstrip("\n")


app = typer.Typer(
    cls=_Program,
    callback=ProgramOptions,  # the class as a function of its attributes
    help="""The neural tangent kernel's power series (ICLR 2023), every digit right.

    Example: ntkcalc coeffs --act tanh --depth 3
    """,
    add_completion=False,
    add_help_option=False,  # --help is one of our options
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)

for verb, summary in {
    coeffs: None,
    evaluate: "The kernel, its truncated series, the error's bound; matrices of data.",
    effrank: "Effective ranks of kernel matrices, and bounds on them.",
    eigs: "The spectrum: on the sphere, or of the kernel matrix of data.",
    decay: "The decay law of coefficients and eigenvalues: fit and theory.",
}.items():
    app.command(short_help=summary, add_help_option=False)(verb)
