"""Formulas as users type them, such as ``x*sigmoid(1.702*x)``, into trees.

They are read token by token, by precedence climbing; nothing that somebody typed gets to Python's own parser.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import reduce

from ntkcalc.activations.formula.expressions.trees import LEVEL, Tree, node, number
from ntkcalc.errors import InputError, near_miss
from ntkcalc.numerics.precision import exact

LONGEST = 1000
"""Characters of a formula."""

MOST_TOKENS = 300
DEEPEST = 40
"""Parentheses inside each other."""

_TOKEN = re.compile(
    r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>\*\*|//|[-+*/^(),=])",
    re.ASCII,
)
_OPERATORS = {**{sign: sign for sign in "+-*/^"}, "**": "^"}


@dataclass(frozen=True)
class Signature:
    """What a function takes: so many arguments, and one more that has a name and a default if it has a keyword."""

    least: int
    keyword: str = ""
    default: int | Fraction = 0

    @property
    def most(self) -> int:
        """The largest number of arguments."""
        return self.least + bool(self.keyword)


@dataclass(frozen=True)
class Vocabulary:
    """The words of formulas: functions, constants, variables, other names of functions, and how others are written."""

    functions: Mapping[str, Signature]
    constants: tuple[str, ...]
    variables: tuple[str, ...]
    aliases: Mapping[str, str]
    elsewhere: Mapping[str, str] = field(default_factory=dict)


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
    return _Reader(text, words).tree()


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
        found.append(_Token(str(match.lastgroup), match.group(), place + 1))
        place = match.end()
    if not found:
        raise InputError("a formula in x is needed, such as 'x*sigmoid(x)', got nothing")
    if len(found) > MOST_TOKENS:
        raise InputError(f"a formula has at most {MOST_TOKENS} numbers, names and signs, got {len(found)}")
    return [*found, _Token("end", _END, place + 1)]


SIGNS = {
    **{sign: f"^{power}" for power, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    **{"×": "*", "·": "*", "⋅": "*", "−": "-", "÷": "/", "π": "pi", "√": "sqrt"},
    **{"|": "abs(x)", ">": "step(x)", "<": "step(-x)"},
}
"""What other notations have, and how it is typed here."""

_MEANT = {"|": "|x|", ">": "x > 0", "<": "x < 0"}

_END = ""  # text of what follows the last token

_WAY_OUT = " A formula holds numbers, x, functions, + - * / ^ and parentheses."


def _refusal(text: str, what: str, column: int, hint: str = "") -> InputError:
    shown = text if len(text) <= 60 else f"{text[:57]}..."
    return InputError(f"{shown!r}: {what} at column {column}.{hint}")


def _product_of(left: _Token, right: str) -> str:
    """Return how a product is written of which the sign is missing."""
    if left.text == ")" or right[:1] in "(.":
        return "2*x, not 2x"
    return f"{left.text}*{right}, not {left.text}{' ' * (left.kind == 'name')}{right}"


class _Reader:
    """One formula on its way into a tree, by precedence climbing."""

    def __init__(self, text: str, words: Vocabulary) -> None:
        self.text, self.words, self.tokens = text, words, _tokens(text)
        self.place = self.depth = 0

    def tree(self) -> Tree:
        """Return the tree."""
        found = self._expression()
        if self._next.kind != "end":
            raise self._unreadable()
        return found

    @property
    def _next(self) -> _Token:
        return self.tokens[self.place]

    def _take(self) -> _Token:
        """Return the next token and go on; what then stands side by side without an operator is refused."""
        left, right = self.tokens[self.place : self.place + 2]
        self.place += 1
        self.depth += (left.text == "(") - (left.text == ")")
        if self.depth > DEEPEST:
            raise InputError(f"a formula has at most {DEEPEST} parentheses inside each other")
        ends = left.kind != "sign" or left.text == ")"
        starts = right.kind in ("name", "number") or (right.text == "(" and left.kind != "name")
        if ends and starts:
            functions = (*self.words.functions, *self.words.aliases)
            other = f"{right.text}(x)" if right.text in functions else right.text
            way_out = f"{left.text}(x), not {left.text} x" if left.text in functions else _product_of(left, other)
            raise self._error(f"an operator is missing before '{right.text}'", right, f" Write {way_out}.")
        return left

    def _expression(self, least: int = 0) -> Tree:
        """Return the tree of operands that operators of some level at least hold together."""
        left = self._operand()
        while LEVEL.get(sign := _OPERATORS.get(self._next.text, ""), -1) >= least:
            self._take()
            left = node(sign, left, self._expression(LEVEL["neg"] if sign == "^" else LEVEL[sign] + 1))
        return left

    def _operand(self) -> Tree:
        signs = []
        while self._next.text in ("+", "-"):
            signs.append(self._take().text)
        if signs:
            return reduce(lambda inner, _: node("neg", inner), range(signs.count("-")), self._expression(LEVEL["^"]))
        if self._next.text != "(" and self._next.kind not in ("name", "number"):
            raise self._unreadable()
        token = self._take()
        if token.kind == "number":
            try:
                return number(exact(token.text, "a number"))
            except InputError as error:
                raise self._error(str(error), token) from None
        if token.kind == "name":
            return self._call(token) if self._next.text == "(" else self._name(token)
        inner = self._expression()
        self._close()
        return inner

    def _name(self, token: _Token) -> Tree:
        words = self.words
        if token.text in (*words.constants, *words.variables):
            return node(token.text)
        if token.text in words.functions or token.text in words.aliases:
            power = f"^{self.tokens[self.place + 1].text}" if self._next.text in ("^", "**") else ""
            hint = f" Write {token.text}(x){power}."
            raise self._error(f"{token.text} is a function, used as a number", token, hint)
        if token.text.lower() in words.variables:
            raise self._error(f"unknown name '{token.text}'", token, f" The variable is a small {token.text.lower()}.")
        known = [*words.variables, *words.constants, *words.functions, *words.aliases]
        raise self._error(
            f"unknown name '{token.text[:40]}'", token, near_miss(token.text, known) or " The variable is x."
        )

    def _call(self, token: _Token) -> Tree:
        words = self.words
        name = words.aliases.get(token.text, token.text)
        signature = words.functions.get(name)
        if signature is None:
            if token.text in (*words.variables, *words.constants):
                raise self._error(f"an operator is missing after '{token.text}'", token, " Write 2*(x), not 2(x).")
            known = words.elsewhere.get(token.text.lower()) or near_miss(token.text, [*words.functions, *words.aliases])
            what = f"unknown function '{token.text[:40]}'"
            raise self._error(what, token, known or f" There are {', '.join(words.functions)}.")
        self._take()
        arguments: list[Tree] = []
        while self._next.text not in (")", _END):
            if self.tokens[self.place + 1].text == "=":
                self._take_keyword(token, signature, len(arguments))
            arguments.append(self._expression())
            if self._next.text != ",":
                break
            self._take()
        self._close()
        if not signature.least <= len(arguments) <= signature.most:
            most = f" to {signature.most}" if signature.most > signature.least else ""
            takes = f"{token.text} takes {signature.least}{most} argument{'s' * (signature.most > 1)}"
            raise self._error(f"{takes}, got {len(arguments)},", token)
        return node(name, *arguments, *[number(signature.default)] * (signature.most - len(arguments)))

    def _take_keyword(self, token: _Token, signature: Signature, given: int) -> None:
        """Go past the name of an argument, which is the last one."""
        name = self._take().text
        if name != signature.keyword:
            own = signature.keyword
            hint = near_miss(name, [own]) or (f" Its parameter is '{own}'." if own else "")
            raise self._error(f"{token.text} takes no '{name[:40]}' here", token, hint)
        if given != signature.least:
            raise self._error(f"{name} is given {'twice' if given else 'before x'}", token)
        self._take()

    def _close(self) -> None:
        if self._next.text != ")":
            raise self._unreadable()
        self._take()

    def _unreadable(self) -> InputError:
        """Return the refusal of the next token."""
        written = [t.text for t in self.tokens]
        if written.count("(") > written.count(")"):
            return self._error("a parenthesis is not closed", self.tokens[written.index("(")])
        last = self.tokens[-2]
        if last.kind == "sign" and last.text != ")":
            return self._error(f"something is missing after '{last.text}'", last)
        return self._error(f"cannot read the formula: '{self._next.text}'", self._next)

    def _error(self, what: str, token: _Token, hint: str = "") -> InputError:
        return _refusal(self.text, what, token.column, hint)
