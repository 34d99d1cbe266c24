"""Write the completions of bash, zsh and fish, and the man page, from the command line itself.

They are static: pressing Tab does not start the program. Run ``python completions/generate.py`` after a change
of the options; a test compares.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from typer.main import get_command

from ntkcalc import __version__
from ntkcalc.activations.catalogue import FAMILIES, written_usages
from ntkcalc.cli.app import application
from ntkcalc.cli.files import PICTURES
from ntkcalc.cli.manual import EXIT_CODES, GROUPS, OWN, Entry, Page, pages
from ntkcalc.cli.terminal import VARIABLES

HERE = Path(__file__).parent
NAME = "ntkcalc"
MADE = "made by completions/generate.py from the command line itself; changes are lost"

SUFFIXES = {
    "data": (".npy", ".npz", ".csv", ".tsv", ".txt"),
    "other": (".npy", ".npz", ".csv", ".tsv", ".txt"),
    "coeffs": (".json", ".jsonl", ".csv", ".txt", ".npy"),
    "plot": PICTURES,
}
"""How the names of an option's files end; of other options, anyhow."""

_USAGES = [family.usage for family in FAMILIES.values()] + [usage for usage, _ in written_usages()]
PARAMETERS = {
    name: [key.partition("=")[0] for key in own]
    for name, *own in sorted(
        (usage.split(":") for usage in _USAGES), key=lambda usage: -len(usage[0])
    )  # celu before elu
    if own
}
FORMULAS = (
    {name: f.formula for name, f in FAMILIES.items()}
    | {alias: f"= {name}" for name, f in FAMILIES.items() for alias in f.aliases}
    | {usage.partition(":")[0]: formula for usage, formula in written_usages()}
)


def suffixes(entry: Entry) -> tuple[str, ...]:
    """Return how the files of an option may end, () for anyhow."""
    return SUFFIXES.get(entry.names[-1].lstrip("-"), ())


def _endings(entry: Entry) -> str:
    """Return the same without dots, as an alternative of patterns."""
    return "|".join(suffix.lstrip(".") for suffix in suffixes(entry))


def takes_files(entry: Entry) -> bool:
    """Return whether an option names a file."""
    return entry.metavar.startswith("FILE")


# ---------------------------------------------------------------- bash

BASH = r"""# Completion of {name} for bash; {made}.

_{name}_words() {{ # the words of the line up to the cursor, with those joined that readline cuts at : and =
    local rest="${{COMP_LINE:0:COMP_POINT}}" i n=-1 word
    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        if [[ $n -lt 0 || "$rest" == [[:space:]]* || -z "$rest" ]]; then
            rest="${{rest#"${{rest%%[![:space:]]*}}"}}"
            words[++n]=""
        fi
        word="${{COMP_WORDS[i]}}"
        [[ "$rest" == "$word"* ]] || word="$rest"
        words[n]+="$word"
        rest="${{rest#"$word"}}"
    done
}}

_{name}_files() {{ # files that end in one of $1, or all where there are none; and folders
    local path found=""
    while IFS= read -r path; do
        [[ -d "$path" || -z "$1" || "$path" =~ $1 ]] || continue
        [[ -d "$path" ]] || found=yes
        COMPREPLY+=("$path")
    done < <(compgen -f -- "$value")
    if [[ -z "$found" && -n "$1" ]]; then COMPREPLY=() && _{name}_files ""; fi
    compopt -o filenames 2>/dev/null
}}

_{name}_activations() {{
    case "$value" in
{parameters}
        *) candidates="{activations}" ;;
    esac
}}

_{name}() {{
    local words word command="" option="" value before candidates="" IFS=$' \t\n'
    COMPREPLY=()
    _{name}_words
    value="${{words[${{#words[@]}} - 1]}}"
    for word in "${{words[@]:1:${{#words[@]}} - 2}}"; do
        if [[ -z "$command" && "$word" != -* ]]; then command="$word"; fi
    done
    before=""
    if [[ "$value" == --*=* ]]; then
        option="${{value%%=*}}" before="${{value%%=*}}="
        value="${{value#*=}}"
    elif [[ ${{#words[@]}} -gt 2 ]]; then
        option="${{words[${{#words[@]}} - 2]}}"
    fi
    case "$option" in
{values}
        *)
            if [[ -n "$before" ]]; then return; fi
            case "$command" in
{options}
                *) candidates="{commands} {top}" ;;
            esac
            if [[ -n "$command" && "$value" != -* ]]; then return; fi ;;
    esac
    if [[ -n "$candidates" ]]; then
        COMPREPLY=($(compgen -W "$candidates" -- "$value"))
        if [[ "${{#COMPREPLY[@]}}" -eq 1 && "${{COMPREPLY[0]}}" == *= ]]; then compopt -o nospace 2>/dev/null; fi
    fi
    # readline replaces only what stands behind the last : or = that it cuts at
    word="$before$value"
    local i cut="" character
    for character in : =; do
        if [[ "$COMP_WORDBREAKS" == *"$character"* ]]; then cut+="$character"; fi
    done
    if [[ -n "$cut" && "$word" == *[$cut]* ]]; then word="${{word%"${{word##*[$cut]}}"}}"; else word=""; fi
    for i in "${{!COMPREPLY[@]}}"; do
        COMPREPLY[i]="$before${{COMPREPLY[i]}}"
        COMPREPLY[i]="${{COMPREPLY[i]#"$word"}}"
    done
}}

complete -F _{name} {name}
"""


def bash(top: Page, commands: list[Page]) -> str:
    """Return the completion for bash."""
    parameters = (
        f'        {name}:*) candidates="{" ".join(f"{name}:{key}=" for key in keys)}" ;;'
        for name, keys in PARAMETERS.items()
    )
    options = (
        f'                {verb(page)}) candidates="{" ".join(name for e in page.entries for name in e.names)}" ;;'
        for page in commands
    )
    return BASH.format(
        name=NAME,
        made=MADE,
        parameters="\n".join([*parameters, '        *:*) candidates="" ;;']),
        activations=" ".join(FORMULAS),
        values="\n".join(f"        {'|'.join(e.names)}) {_bash_value(e)} ;;" for e in distinct(commands) if e.metavar),
        options="\n".join(options),
        commands=" ".join(name for name, _ in top.commands),
        top=" ".join(name for e in top.entries for name in e.names),
    )


def _bash_value(entry: Entry) -> str:
    """Return what completes an option's value in bash."""
    if entry.metavar == "ACT":
        return f"_{NAME}_activations"
    if takes_files(entry):
        return f"_{NAME}_files '{(suffixes(entry) and rf'[.]({_endings(entry)})$') or ''}'"
    return f'candidates="{" ".join(entry.choices)}"'


# ---------------------------------------------------------------- zsh

ZSH = r"""#compdef {name}
# Completion of {name} for zsh; {made}.

_{name}_activations() {{
{parameters}
    local -a activations=(
{activations}
    )
    _describe activation activations
}}

_{name}() {{
    local curcontext="$curcontext" state
    local -a line
    local -A opt_args
    _arguments -C -S : \
{top}
        '1:command:->command' '*::argument:->argument'
    if [[ $state == command ]]; then
        local -a commands=(
{commands}
        )
        _describe command commands
    elif [[ $state == argument ]]; then
        case $words[1] in
{options}
        esac
    fi
}}

if [[ "$funcstack[1]" == _{name} ]]; then _{name} "$@"; else compdef _{name} {name}; fi
"""


def zsh(top: Page, commands: list[Page]) -> str:
    """Return the completion for zsh."""
    parameters = (
        f"    if compset -P '{name}:'; then compadd -S '' -- {' '.join(f'{key}=' for key in keys)}; return; fi"
        for name, keys in PARAMETERS.items()
    )
    blocks = [f"            {verb(page)}) _arguments -s -S : \\\n{_zsh_options(page)} ;;" for page in commands]
    return ZSH.format(
        name=NAME,
        made=MADE,
        parameters="\n".join([*parameters, "    if compset -P '*:'; then return 1; fi"]),
        activations="\n".join(f"        {zsh_quoted(f'{n}:{f}')}" for n, f in FORMULAS.items()),
        top=" \\\n".join(f"        {_zsh_option(e)}" for e in top.entries) + " \\",
        commands="\n".join(f"            {zsh_quoted(f'{name}:{said}')}" for name, said in top.commands),
        options="\n".join(blocks),
    )


def _zsh_options(page: Page) -> str:
    return " \\\n".join(f"                {_zsh_option(e)}" for e in page.entries)


def _zsh_option(entry: Entry) -> str:
    """Return the specification of an option for ``_arguments``."""
    names = [n + ("" if not entry.metavar else "=" if n.startswith("--") else "+") for n in entry.names]
    if entry.names[-1] in _ALONE:
        start = "'(- *)'"
    else:
        start = "'*'" if entry.repeatable else f"'({' '.join(entry.names)})'" if len(names) > 1 else ""
    together = "{" + ",".join(names) + "}" if len(names) > 1 else names[0]
    said = re.sub(r"([\[\]:])", r"\\\1", entry.help)
    value = f":{entry.metavar.replace(':', chr(92) + ':')}:{_zsh_value(entry)}" if entry.metavar else ""
    return start + together + zsh_quoted(f"[{said}]{value}")


_ALONE = ("--help", "--version", "--list-activations", "--schema")  # they end the program


def _zsh_value(entry: Entry) -> str:
    """Return what completes an option's value in zsh."""
    if entry.metavar == "ACT":
        return f"_{NAME}_activations"
    if takes_files(entry):
        return f'_files -g "*.({_endings(entry)})(-.)"' if suffixes(entry) else "_files"
    return f"({' '.join(entry.choices)})" if entry.choices else " "


def zsh_quoted(text: str) -> str:
    """Return a word of zsh or fish."""
    return "'" + text.replace("'", "'\\''") + "'"


# ---------------------------------------------------------------- fish


FISH_FILES = r"""function __{name}_files # that end in one of $argv[1], or all where there are none; and folders
    set -l typed (string replace -r -- '^--[^=]*=' '' (commandline -ct))
    set -l files (complete -C "{name}-files $typed")
    set -l wanted (string match -r -- ".*[.]($argv[1])\$" $files)
    if set -q wanted[1]
        set files $wanted (string match -r -- '.*/$' $files)
    end
    printf '%s\n' $files
end"""


def fish(top: Page, commands: list[Page]) -> str:
    """Return the completion for fish."""
    lines = [
        f"# Completion of {NAME} for fish; {MADE}.",
        "",
        f"function __{NAME}_activations",
        "    switch (commandline -ct)",
        *(
            f"        case '*{name}:*'\n            printf '%s\\n' {' '.join(f'{name}:{k}=' for k in keys)}"
            for name, keys in PARAMETERS.items()
        ),
        "        case '*'",
        *(f"            printf '%s\\t%s\\n' {name} {zsh_quoted(formula)}" for name, formula in FORMULAS.items()),
        "    end",
        "end",
        "",
        FISH_FILES.format(name=NAME),
        "",
        f"complete -c {NAME} -f",
    ]
    verbs = " ".join(name for name, _ in top.commands)
    first = f"-n 'not __fish_seen_subcommand_from {verbs}'"
    lines += [f"complete -c {NAME} {first} -a {name} -d {zsh_quoted(said)}" for name, said in top.commands]
    lines += [f"complete -c {NAME} {first} {_fish_option(e)}" for e in top.entries]
    for page in commands:
        inside = f"-n '__fish_seen_subcommand_from {verb(page)}'"
        lines += ["", *(f"complete -c {NAME} {inside} {_fish_option(e)}" for e in page.entries)]
    return "\n".join(lines) + "\n"


def _fish_option(entry: Entry) -> str:
    """Return the part of ``complete`` that is about an option."""
    names = [f"-l {n[2:]}" if n.startswith("--") else f"-s {n[1:]}" for n in entry.names]
    return " ".join([*names, *_fish_value(entry), "-d", zsh_quoted(entry.help)])


def _fish_value(entry: Entry) -> list[str]:
    """Return what completes an option's value in fish."""
    if not entry.metavar:
        return []
    if entry.metavar == "ACT":
        return ["-x", "-a", f"'(__{NAME}_activations)'"]
    if takes_files(entry):
        return ["-x", "-a", f"'(__{NAME}_files \"{_endings(entry)}\")'"] if suffixes(entry) else ["-r", "-F"]
    return ["-x", *(["-a", f"'{' '.join(entry.choices)}'"] if entry.choices else [])]


# ---------------------------------------------------------------- man

MAN = r""".\" {made}.
.TH {upper} 1 "" "{name} {version}" "User Commands"
.SH NAME
{name} \- {summary}
.SH SYNOPSIS
.B {name}
.I COMMAND
.RI [ OPTIONS ]
.SH DESCRIPTION
On the unit sphere the NTK of a wide network is a power series in the correlation of its inputs, with nonnegative
coefficients kappa_{{p,l}}. This program computes them, the kernel itself, its spectrum, effective ranks and decay laws;
every digit printed is right to one unit in the last place.
.PP
Data go to stdout, remarks and progress to stderr. Several values of several options mean every combination.
.SH COMMANDS
{commands}
.SH COMMON OPTIONS
{shared}
.SH OTHER OPTIONS
{top}
.SH ACTIVATIONS
{activations}
.SH ENVIRONMENT
{environment}
.SH EXIT STATUS
{codes}
.SH EXAMPLES
{examples}
"""


def man(top: Page, commands: list[Page]) -> str:
    """Return the man page."""
    shared = [e for e in distinct(commands) if e.group != OWN and not _differs(e, commands)]
    sections = []
    for page in commands:
        own = [e for e in page.entries if e not in shared]
        sections.append(f".SS {verb(page)}\n{roff(page.summary)}\n{_man_options(own)}")
    usages = [*((family.usage, family.formula) for family in FAMILIES.values()), *written_usages()]
    return MAN.format(
        name=NAME,
        upper=NAME.upper(),
        version=__version__,
        made=MADE,
        summary=roff(top.summary.rstrip(".")),
        commands="\n".join(sections),
        shared="\n".join(
            f".SS {group}\n{_man_options(e for e in shared if e.group == group)}" for group in GROUPS if group != OWN
        ),
        top=_man_options(e for e in top.entries if e not in shared),
        activations=_man_terms(usages),
        environment=_man_terms(VARIABLES.items()),
        codes=_man_terms((str(code), said) for code, said in EXIT_CODES.items()),
        examples="\n".join(f".PP\n.EX\n{roff(page.example)}\n.EE" for page in commands),
    )


def _differs(entry: Entry, commands: list[Page]) -> bool:
    """Return whether commands say different things of an option."""
    return len({e for page in commands for e in page.entries if e.names == entry.names}) > 1


def _man_options(entries: Iterable[Entry]) -> str:
    return _man_terms((e.usage, e.help) for e in entries)


def _man_terms(pairs: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f".TP\n.B {roff(term)}\n{roff(said)}" for term, said in pairs)


def roff(text: str) -> str:
    """Return text as roff shows it unchanged."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace("^", r"\(ha").replace("~", r"\(ti")
    return re.sub(r"^([.'])", r"\\&\1", escaped.replace("'", r"\(aq"))


# ---------------------------------------------------------------- all of them


def verb(page: Page) -> str:
    """Return the name of a command without that of the program."""
    return page.path.split()[-1]


def distinct(commands: Iterable[Page]) -> list[Entry]:
    """Return the options of all commands, each name once; a name takes the same values everywhere."""
    found: dict[tuple[str, ...], Entry] = {}
    for page in commands:
        for entry in page.entries:
            assert found.setdefault(entry.names, entry).metavar == entry.metavar, entry
    return list(found.values())


FILES = {f"{NAME}.bash": bash, f"_{NAME}": zsh, f"{NAME}.fish": fish, f"{NAME}.1": man}


def texts() -> dict[str, str]:
    """Return the text of every file."""
    top, commands = pages(get_command(application()), NAME)
    return {file: make(top, commands) for file, make in FILES.items()}


if __name__ == "__main__":
    for file, text in texts().items():
        (HERE / file).write_text(text, encoding="utf-8")
