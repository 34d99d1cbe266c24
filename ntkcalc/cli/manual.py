"""The manual: what the command line says of itself, read off it, and the text of ``--help``.

The completions and the man page are made from the same pages (``completions/generate.py``).
"""

import re
from collections.abc import Callable, Iterable, Iterator
from textwrap import fill, wrap
from typing import Any, NamedTuple

from ntkcalc import __version__
from ntkcalc.cli.interruption import INTERRUPTED
from ntkcalc.cli.options import GROUPS, OWN
from ntkcalc.cli.terminal import columns

EXIT_CODES = {
    0: "done",
    1: "the computation failed (disk full, out of memory budget)",
    2: "usage or bad input",
    3: "the digits asked for cannot be reached",
    INTERRUPTED: "interrupted; 143 after SIGTERM, 129 after SIGHUP",
}

_MOST_COLUMNS = 80
_INDENT = 25  # columns before the description of an option


class Entry(NamedTuple):
    """An option: its names, what stands for its value ("" for a flag), what is said of it, its group."""

    names: tuple[str, ...]
    metavar: str
    help: str
    group: str
    repeatable: bool

    @property
    def usage(self) -> str:
        """Names and value, such as ``-a, --act ACT``."""
        return ", ".join(self.names) + (f" {self.metavar}" if self.metavar else "")

    @property
    def choices(self) -> list[str]:
        """The words that may stand for its value: those of its metavar that are written small."""
        return [word for word in self.metavar.split("|") if word.islower()] if "|" in self.metavar else []


class Page(NamedTuple):
    """What there is to say of a command, or of the program."""

    path: str
    usage: str
    example: str
    summary: str
    entries: tuple[Entry, ...]
    commands: tuple[tuple[str, str], ...]


def page(command: Any, context: Any) -> Page:
    """Return the page of a command of typer's; its docstring ends in a paragraph ``Example: …``."""
    summary, _, example = str(command.help).rpartition("Example: ")
    commands = getattr(command, "commands", {})
    return Page(
        context.command_path,
        " ".join([context.command_path, *command.collect_usage_pieces(context)]),
        " ".join(example.split()),
        " ".join(summary.split()),
        tuple(_entry(option) for option in command.get_params(context)),
        tuple((name, c.short_help or page(c, _below(context, c)).summary) for name, c in commands.items()),
    )


def pages(command: Any, name: str) -> tuple[Page, list[Page]]:
    """Return the page of the program and those of its commands."""
    context = command.context_class(command, info_name=name, **command.context_settings)
    return page(command, context), [page(c, _below(context, c)) for c in command.commands.values()]


def _below(context: Any, command: Any) -> Any:
    """Return the context that a command would run in."""
    return type(context)(command, info_name=command.name, parent=context)


def _entry(option: Any) -> Entry:
    names = tuple(sorted(option.opts, key=len))
    group = next((title for title, members in GROUPS.items() if option.name in members), OWN)
    plain = option.is_flag or option.default is None or "[default: " in option.help
    said = option.help if plain else f"{option.help} [default: {option.default}]"
    metavar = "" if option.is_flag else option.metavar
    return Entry(names, metavar, " ".join(said.split()), group, option.multiple)


def help_text(page: Page, columns: int) -> str:
    """Return the text of ``--help``: an example, usage, what it does, commands, and the options in their groups."""
    width = max(40, min(columns, _MOST_COLUMNS))
    blocks = [[f"Example: {page.example}"], [f"Usage: {page.usage}"], wrap(page.summary, width)]
    options = {group: [entry for entry in page.entries if entry.group == group] for group in GROUPS}
    if page.commands:
        blocks.append(["Commands", *_described(page.commands, width, 12)])
        options = {"Options": list(page.entries)}
    for title, entries in options.items():
        blocks.append([title, *_described(((e.usage, e.help) for e in entries), width, _INDENT)])
    if page.commands:
        blocks.append(wrap("Exit codes: " + "; ".join(f"{n} {said}" for n, said in EXIT_CODES.items()), width))
    return "\n\n".join("\n".join(block) for block in blocks)


def _described(pairs: Iterable[tuple[str, str]], width: int, indent: int) -> Iterator[str]:
    """Yield lines with a term on the left and what is said of it on the right, below it where it is long."""
    indent = min(indent, width // 3)
    for term, said in pairs:
        unbroken = re.sub(r"\[default: (\S+)\]$", "[default:\N{NO-BREAK SPACE}\\1]", said)
        lines = [
            line.replace("\N{NO-BREAK SPACE}", " ") for line in wrap(unbroken, width - indent, break_on_hyphens=False)
        ]
        if len(term) + 4 > indent:
            yield f"  {term}"
        else:
            yield f"  {term:{indent - 2}}{lines.pop(0)}"
        yield from (" " * indent + line for line in lines)


def _version(context: Any) -> str:
    return f"ntkcalc {__version__}\n"


def _schema(context: Any) -> str:
    from ntkcalc.report.schema import schema_text

    return schema_text(str(context.info_name))


def _activations(context: Any) -> str:
    from ntkcalc.activations.catalogue import FAMILIES, formula_functions, written_usages

    rows = [(f.usage, f.formula, ", ".join(f.aliases)) for f in FAMILIES.values()]
    left, middle = (max(len(row[i]) for row in rows) for i in (0, 1))
    lines = (f"{name:{left}}  {phi:{middle}}  {'= ' * bool(alias)}{alias}".rstrip() for name, phi, alias in rows)
    others = (f"{usage} = {phi}" for usage, phi in written_usages())
    formula = "or a formula in x, such as 'x*sigmoid(1.702*x)', of + - * / ^, pi, e, and "
    words = ", ".join(formula_functions())
    return "\n".join(lines) + "\n\n" + "\n".join(others) + "\n\n" + fill(formula + words, 79) + "\n"


def help_of(context: Any) -> str:
    """Return the text of ``--help`` of the command that runs."""
    return help_text(page(context.command, context), columns()) + "\n"


TEXTS: dict[str, Callable[[Any], str]] = {
    "help": help_of,
    "version": _version,
    "schema": _schema,
    "list_activations": _activations,
}
"""What the options print that end the program."""
