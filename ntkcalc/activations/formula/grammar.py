"""Formulas as users type them, such as ``x*sigmoid(1.702*x)``, into trees.

Python's own parser finds the structure. What it is given is made here, token by token, and holds nothing but
operators, parentheses and numbered placeholders: it never sees a name, a number or a keyword that somebody typed, and
what it returns is walked against a short list of what a formula may hold. Nothing is ever evaluated by Python.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from ntkcalc.activations.formula.trees import Tree, node, number
from ntkcalc.errors import InputError, near_miss
from ntkcalc.numerics.precision import exact

LONGEST = 1000
"""Characters of a formula."""

MOST_TOKENS = 300
DEEPEST = 40
"""Parentheses inside each other."""

_TOKEN = re.compile(
    r"(?P<number>(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>\*\*|//|[-+*/^(),=])",
    re.ASCII,
)
_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "^",
}


@dataclass(frozen=True)
class Signature:
    """What a function takes: the number of its arguments, and names of those after the first with their defaults."""

    least: int
    most: int
    keywords: tuple[tuple[str, Fraction], ...] = ()


@dataclass(frozen=True)
class Vocabulary:
    """The words of formulas: functions, constants, variables, and other names of functions."""

    functions: Mapping[str, Signature]
    constants: tuple[str, ...]
    variables: tuple[str, ...]
    aliases: Mapping[str, str]


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    column: int  # from 1, as typed


def parsed(text: str, words: Vocabulary) -> Tree:
    """Return the tree of a formula.

    Raises
    ------
    InputError
        For anything but a formula in these words, with the column that is wrong.
    """
    if len(text) > LONGEST:
        raise InputError(f"a formula has at most {LONGEST} characters, got {len(text)}")
    _check_notation(text)
    return _Reader(text, _tokens(text), words).tree()


_CASES = " Write cases with relu, max, min, clip or step: u for x > 0 and v elsewhere is v + (u - v)*step(x)."


def _check_notation(text: str) -> None:
    """Refuse what is a program rather than a formula, and say how to write it."""
    if found := re.search(r"\blambda\s*\w*\s*:\s*", text):
        body = text[found.end() :].strip()[:60] or "x*tanh(x)"
        raise _refusal(text, "unexpected 'lambda'", found.start() + 1, f" Write the formula by itself, in x: {body!r}.")
    if found := re.search(r"\b(if|else|where|piecewise)\b", text):
        raise _refusal(text, f"unexpected '{found[0]}'", found.start() + 1, _CASES)
    if found := re.search(r"\b[A-Za-z_]\w*\.(?=[A-Za-z_])", text):
        plain = re.sub(r"\b([A-Za-z_]\w*\.)+(?=[A-Za-z_])", "", text)[:60]
        raise _refusal(text, f"unexpected '{found[0]}'", found.start() + 1, f" Names need no module: {plain!r}.")


def _tokens(text: str) -> list[_Token]:
    """Cut a formula into numbers, names and signs."""
    found, place = [], 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        match = _TOKEN.match(text, place)
        if match is None or match.group() == "//":
            sign = text[place]
            hint = f" Write {SIGNS[sign]} for {_MEANT.get(sign, sign)}." if sign in SIGNS else _WAY_OUT
            raise _refusal(text, f"unexpected {sign!r}", place + 1, hint)
        found.append(_Token(str(match.lastgroup or _kind(match)), match.group(), place + 1))
        place = match.end()
    if not found:
        raise InputError("a formula in x is needed, such as 'x*sigmoid(x)', got nothing")
    if len(found) > MOST_TOKENS:
        raise InputError(f"a formula has at most {MOST_TOKENS} numbers, names and signs, got {len(found)}")
    return found


SIGNS = {
    **{sign: f"^{power}" for power, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    **{"×": "*", "·": "*", "⋅": "*", "−": "-", "÷": "/", "π": "pi", "√": "sqrt"},
    **{"|": "abs(x)", ">": "step(x)", "<": "step(-x)"},
}
"""What other notations have, and how it is typed here."""

_MEANT = {"|": "|x|", ">": "x > 0", "<": "x < 0"}

_WAY_OUT = " A formula holds numbers, x, functions, + - * / ^ and parentheses."


def _kind(match: re.Match[str]) -> str:
    return next(kind for kind in ("number", "name", "sign") if match.group(kind) is not None)


def _refusal(text: str, what: str, column: int, hint: str = "") -> InputError:
    shown = text if len(text) <= 60 else f"{text[:57]}..."
    return InputError(f"{shown!r}: {what} at column {column}.{hint}")


class _Reader:
    """One formula on its way into a tree."""

    def __init__(self, text: str, tokens: list[_Token], words: Vocabulary) -> None:
        self.text, self.tokens, self.words = text, tokens, words
        self.at: dict[int, _Token] = {}  # by their place in what Python's parser reads

    def tree(self) -> Tree:
        """Return the tree."""
        self._check_neighbours()
        source = ""
        for i, token in enumerate(self.tokens):
            self.at[len(source)] = token
            written = {"name": f"n{i}", "number": f"c{i}"}.get(token.kind, token.text)
            source += ("**" if written == "^" else written) + " "
        try:
            body = ast.parse(source.rstrip(), mode="eval").body
        except SyntaxError as error:
            raise self._unreadable(error.offset or 1) from None
        except (RecursionError, MemoryError):
            raise self._too_deep() from None
        return self._walk(body)

    def _check_neighbours(self) -> None:
        """Refuse what stands side by side without an operator, and parentheses too deep."""
        depth = 0
        for left, right in zip(self.tokens, [*self.tokens[1:], None], strict=True):
            depth += (left.text == "(") - (left.text == ")")
            if depth > DEEPEST:
                raise self._too_deep()
            if right is None:
                break
            ends = left.kind != "sign" or left.text == ")"
            starts = right.kind != "sign" or (right.text == "(" and left.kind != "name")
            if ends and starts:
                called = left.text in (*self.words.functions, *self.words.aliases)
                way_out = f"{left.text}(x), not {left.text} x" if called else "2*x, not 2x"
                raise self._error(f"an operator is missing before '{right.text}'", right, f" Write {way_out}.")

    def _walk(self, item: ast.expr) -> Tree:
        """Return the tree of what Python's parser found."""
        if isinstance(item, ast.BinOp) and type(item.op) in _OPERATORS:
            return node(_OPERATORS[type(item.op)], self._walk(item.left), self._walk(item.right))
        if isinstance(item, ast.UnaryOp) and isinstance(item.op, ast.UAdd | ast.USub):
            inner = self._walk(item.operand)
            return node("neg", inner) if isinstance(item.op, ast.USub) else inner
        token = self._token(item)
        if isinstance(item, ast.Name):
            return self._number(token) if token.kind == "number" else self._name(token)
        if isinstance(item, ast.Call) and isinstance(item.func, ast.Name):
            return self._call(item, self._token(item.func))
        raise self._error("this is no part of a formula", token, _WAY_OUT)

    def _number(self, token: _Token) -> Tree:
        try:
            return number(exact(token.text, "a number"))
        except InputError as error:
            raise self._error(str(error), token) from None

    def _name(self, token: _Token) -> Tree:
        words = self.words
        if token.text in (*words.constants, *words.variables):
            return node(token.text)
        if token.text in words.functions or token.text in words.aliases:
            raise self._error(f"{token.text} is a function, used as a number", token, f" Write {token.text}(x).")
        if token.text.lower() in words.variables:
            raise self._error(f"unknown name '{token.text}'", token, f" The variable is a small {token.text.lower()}.")
        known = [*words.variables, *words.constants, *words.functions, *words.aliases]
        raise self._error(
            f"unknown name '{token.text[:40]}'", token, near_miss(token.text, known) or " The variable is x."
        )

    def _call(self, item: ast.Call, token: _Token) -> Tree:
        words = self.words
        name = words.aliases.get(token.text, token.text)
        signature = words.functions.get(name)
        if signature is None:
            if token.kind == "number" or token.text in (*words.variables, *words.constants):
                raise self._error(f"an operator is missing after '{token.text}'", token, " Write 2*(x), not 2(x).")
            raise self._error(
                f"unknown function '{token.text[:40]}'",
                token,
                near_miss(token.text, [*words.functions, *words.aliases])
                or f" There are {', '.join(words.functions)}.",
            )
        arguments = [self._walk(a) for a in item.args if not isinstance(a, ast.Starred)]
        if len(arguments) < len(item.args):
            raise self._error("this is no part of a formula", token, _WAY_OUT)
        return node(name, *arguments, *self._keywords(item, token, signature, len(arguments)))

    def _keywords(self, item: ast.Call, token: _Token, signature: Signature, given: int) -> list[Tree]:
        """Return the arguments that are given by name or left out."""
        names = [name for name, _ in signature.keywords]
        chosen = {}
        for keyword in item.keywords:
            name = self._token(keyword).text if keyword.arg is not None else "**"
            if name not in names[max(given - 1, 0) :] or name in chosen:
                twice = name in names
                said = f"{name} is given twice" if twice else f"{token.text} takes no '{name[:40]}' here"
                raise self._error(said, token, "" if twice else near_miss(name, names))
            chosen[name] = self._walk(keyword.value)
        rest = signature.keywords[max(given - 1, 0) :] if given else ()
        if not signature.least <= given <= signature.most:
            most = f" to {signature.most}" if signature.most > signature.least else ""
            plural = "s" * (signature.most > 1)
            raise self._error(f"{token.text} takes {signature.least}{most} argument{plural}, got {given},", token)
        return [chosen.get(name, number(default)) for name, default in rest]

    def _token(self, item: ast.expr | ast.keyword) -> _Token:
        return self.at[item.col_offset]

    def _unreadable(self, offset: int) -> InputError:
        place = max((start for start in self.at if start < offset), default=0)
        token = self.at[place]
        if sum(t.text == "(" for t in self.tokens) > sum(t.text == ")" for t in self.tokens):
            return self._error("a parenthesis is not closed", next(t for t in self.tokens if t.text == "("))
        if self.tokens[-1].kind == "sign" and self.tokens[-1].text != ")":
            return self._error(f"something is missing after '{self.tokens[-1].text}'", self.tokens[-1])
        return self._error(f"cannot read the formula: '{token.text}'", token)

    def _too_deep(self) -> InputError:
        return InputError(f"a formula has at most {DEEPEST} parentheses inside each other")

    def _error(self, what: str, token: _Token, hint: str = "") -> InputError:
        return _refusal(self.text, what, token.column, hint)
