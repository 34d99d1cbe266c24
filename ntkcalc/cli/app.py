"""The application of typer: the program's own options and its commands, one module each.

Everything heavy is imported where it is used, so that ``--help`` loads nothing but typer.
"""

from collections.abc import Iterable
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from ntkcalc.cli.options import ProgramOptions
from ntkcalc.errors import InputError, near_miss


class _Strict:
    """A command of typer's that names the nearest option and takes an option with one value once."""

    def parse_args(self, context: Any, args: list[str]) -> list[str]:
        """Parse arguments; an InputError refuses unknown options, and a second value where there is room for one."""
        parser = self.make_parser(context)  # type: ignore[attr-defined]
        try:
            order = parser.parse_args(args=[*args])[2]
        except Exception as error:
            if hasattr(error, "possibilities"):
                name = str(error.option_name)  # type: ignore[attr-defined]
                known = [spelt for option in self.get_params(context) for spelt in option.opts]  # type: ignore[attr-defined]
                near = near_miss(name.replace("_", "-"), known)
                raise InputError(f"no option '{name[:40]}'.{near} (-h lists commands and options)") from None
            raise
        for option in order:
            if order.count(option) > 1 and not (option.multiple or option.is_flag):
                raise InputError(f"{option.opts[0]} takes one value, got {order.count(option)}")
        return list(super().parse_args(context, args))  # type: ignore[misc]


class _Command(_Strict, TyperCommand):
    pass


class _Program(_Strict, TyperGroup):
    def get_help(self, context: Any) -> str:
        """Return the help that a call without arguments shows."""
        from ntkcalc.cli.manual import help_of

        return help_of(context).rstrip("\n")


VERBS = {
    "coeffs": None,
    "evaluate": "The kernel, its truncated series, the error's bound; matrices of data.",
    "effrank": "Effective ranks of kernel matrices, and bounds on them.",
    "eigs": "The spectrum: on the sphere, or of the kernel matrix of data.",
    "decay": "The decay law of coefficients and eigenvalues: fit and theory.",
}
"""Modules with one command each, with what the list of commands says where that is not its docstring's first line."""


def application(verbs: Iterable[str] = VERBS) -> typer.Typer:
    """Return the program with some of its commands; typer takes a millisecond for each."""
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
    for verb in verbs:
        command = getattr(import_module(f"ntkcalc.cli.{verb}"), verb)
        app.command(cls=_Command, short_help=VERBS[verb], add_help_option=False)(command)
    return app
