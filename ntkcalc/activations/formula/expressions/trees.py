"""Formulas in x as trees, each built once: equal formulas are the same object, so that shared parts cost nothing.

A tree is a number, the variable x, or a function of trees: the operators are the functions ``+ - * / ^`` and
``neg``, constants such as pi are functions of nothing. `node` keeps what it is given; `plus`, `times`, … simplify.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from typing import TypeVar
from weakref import WeakValueDictionary

from ntkcalc.errors import InputError
from ntkcalc.numerics.precision import decimal_text

T = TypeVar("T")

MOST_BITS = 20_000
"""Longest exact number that arithmetic on numbers may give."""


class Tree:
    """One node of a formula; compare with ``is``, for equal formulas are the same object."""

    __slots__ = ("__weakref__", "arguments", "constant", "head")

    head: str | Fraction  # a number, or the name of a function, an operator, a constant or a variable
    arguments: tuple[Tree, ...]
    constant: bool

    def __init__(self, head: str | Fraction, arguments: tuple[Tree, ...]) -> None:
        self.head, self.arguments = head, arguments
        self.constant = all(a.constant for a in arguments) and (bool(arguments) or head not in VARIABLES)

    def __repr__(self) -> str:
        return f"<{text_of(self)}>"

    @property
    def number(self) -> Fraction | None:
        """The number that the tree is, if it is one."""
        return self.head if isinstance(self.head, Fraction) else None

    @property
    def word(self) -> str:
        """The head, but of a number, which may be a long one, nothing."""
        return self.head if isinstance(self.head, str) else ""


VARIABLES = ("x", "y", "z")
"""The variable, and those that definitions of functions of several arguments need."""

_Key = tuple[str | Fraction, tuple[int, ...]]
_KNOWN: WeakValueDictionary[_Key, Tree] = WeakValueDictionary()


def node(head: str | Fraction, *arguments: Tree) -> Tree:
    """Return the tree with this head and these arguments."""
    key = (head, tuple(map(id, arguments)))
    found = _KNOWN.get(key)
    if found is None:
        found = _KNOWN[key] = Tree(head, arguments)
    return found


def number(value: int | Fraction) -> Tree:
    """Return the tree of a number.

    Raises
    ------
    InputError
        For a number of more than `MOST_BITS` bits.
    """
    value = Fraction(value)
    if max(abs(value.numerator).bit_length(), value.denominator.bit_length()) > MOST_BITS:
        raise InputError(f"a number in it has more than {MOST_BITS} bits; write smaller powers")
    return node(value)


def numbers_of(trees: Sequence[Tree]) -> list[Fraction] | None:
    """Return the numbers that trees are, None if one is none."""
    found = [t.number for t in trees if t.number is not None]
    return found if len(found) == len(trees) else None


ZERO, ONE, X = number(0), number(1), node("x")
_MINUS_ONE = number(-1)


def plus(a: Tree, b: Tree) -> Tree:
    """Return a + b."""
    if a.number is not None and b.number is not None:
        return number(a.number + b.number)
    if a is ZERO or b is ZERO:
        return b if a is ZERO else a
    if (a.head == "neg" and a.arguments[0] is b) or (b.head == "neg" and b.arguments[0] is a):
        return ZERO
    return node("+", a, b)


def minus(a: Tree, b: Tree) -> Tree:
    """Return a − b."""
    if a.number is not None and b.number is not None:
        return number(a.number - b.number)
    if a is b:
        return ZERO
    if b is ZERO:
        return a
    return negated(b) if a is ZERO else node("-", a, b)


def negated(a: Tree) -> Tree:
    """Return −a."""
    if a.number is not None:
        return number(-a.number)
    return a.arguments[0] if a.head == "neg" else node("neg", a)


def times(a: Tree, b: Tree) -> Tree:
    """Return a · b."""
    if a.number is not None and b.number is not None:
        return number(a.number * b.number)
    if a is ZERO or b is ZERO:
        return ZERO
    if a is ONE or b is ONE:
        return b if a is ONE else a
    if a is _MINUS_ONE or b is _MINUS_ONE:
        return negated(b if a is _MINUS_ONE else a)
    return node("*", a, b)


def over(a: Tree, b: Tree) -> Tree:
    """Return a/b; a division by what is zero everywhere is kept, for its evaluation to refuse."""
    if a.number is not None and b.number:
        return number(a.number / b.number)
    if a is ZERO and not b.constant:
        return ZERO
    return a if b is ONE else node("/", a, b)


def whole_power(a: Tree, n: int) -> Tree:
    """Return aⁿ for n ≥ 0 as products."""
    if a.number is not None:
        bits = max(abs(a.number.numerator).bit_length(), a.number.denominator.bit_length()) - 1
        if bits * n > MOST_BITS:
            raise InputError(f"a number in it has more than {MOST_BITS} bits; write smaller powers")
        return number(a.number**n)
    if n < 2:
        return a if n else ONE
    half = whole_power(a, n // 2)
    square = times(half, half)
    return times(square, a) if n % 2 else square


def substituted(tree: Tree, values: Mapping[str, Tree]) -> Tree:
    """Return a definition with its variables replaced."""
    return rebuilt(tree, lambda t: t, values)


def rebuilt(tree: Tree, change: Callable[[Tree], Tree], values: Mapping[str, Tree] | None = None) -> Tree:
    """Return the tree with `change` made at every node, arguments first; variables may have values, taken as they are.

    What `change` is given is simplified where it is an operator.
    """
    known = values or {}
    return folded(
        tree, lambda t, a: change(simplified(t.head, *a)) if a else known[t.word] if t.word in known else change(t)
    )


def folded(tree: Tree, value: Callable[[Tree, list[T]], T]) -> T:
    """Return the value of a tree, that of every node from itself and the values of its arguments, each once."""
    known: dict[Tree, T] = {}
    for t in in_order(tree):
        known[t] = value(t, [known[a] for a in t.arguments])
    return known[tree]


def simplified(head: str | Fraction, *arguments: Tree) -> Tree:
    """Return the tree with this head, simplified where it is an operator."""
    build = _OPERATORS.get(head) if arguments and isinstance(head, str) else None
    return build(*arguments) if build else node(head, *arguments)


_OPERATORS: dict[str, Callable[..., Tree]] = {"+": plus, "-": minus, "*": times, "/": over, "neg": negated}


def in_order(*trees: Tree) -> Iterator[Tree]:
    """Yield every node once, arguments before what is made of them."""
    done: set[Tree] = set()
    stack = list(reversed(trees))
    while stack:
        t = stack[-1]
        waiting = [a for a in t.arguments if a not in done]
        if t in done or not waiting:
            stack.pop()
            if t not in done:
                done.add(t)
                yield t
        stack.extend(reversed(waiting if t not in done else []))


def total(trees: list[Tree]) -> Tree:
    """Return the sum of trees."""
    return reduce(plus, trees, ZERO)


LEVEL = {"+": 1, "-": 1, "*": 3, "/": 3, "neg": 4, "^": 5}
"""How strongly operators bind."""

_ATOM = 6


def text_of(tree: Tree) -> str:
    """Return the formula in normal form: no spaces, and no parentheses but those that are needed.

    Examples
    --------
    >>> text_of(node("*", number(2), node("+", X, number(1))))
    '2*(x+1)'
    """
    return folded(tree, _said)[0]


def _said(t: Tree, arguments: list[tuple[str, int]]) -> tuple[str, int]:
    """Return the text of a node and how strongly it binds."""
    if t.number is not None:
        return _number_text(t.number)
    level = LEVEL.get(t.word)
    if level is None or not arguments:
        inside = ",".join(said for said, _ in arguments)
        return (f"{t.head}({inside})" if arguments else str(t.head)), _ATOM

    def inside_of(i: int, least: int) -> str:
        said, own = arguments[i]
        return said if own >= least else f"({said})"

    if t.head == "neg":
        return f"-{inside_of(0, level)}", level
    left, right = (level, level + 1) if t.head != "^" else (_ATOM, level)
    return f"{inside_of(0, left)}{t.head}{inside_of(1, right)}", level


def _number_text(value: Fraction) -> tuple[str, int]:
    size, rest = abs(value), value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    said = _decimal_text(size) if rest == 1 else f"{size.numerator}/{size.denominator}"
    level = _ATOM if rest == 1 else 3
    return (f"-{said}", min(level, LEVEL["neg"])) if value < 0 else (said, level)


def _decimal_text(size: Fraction) -> str:
    """Return decimal text, in scientific notation where that saves long zeros."""
    if not size or Fraction(1, 10**5) <= size < 10**16:
        return decimal_text(size)
    exactly = Decimal(decimal_text(size))
    digits = "".join(map(str, exactly.as_tuple().digits)).rstrip("0")
    return f"{digits[0]}{'.' * (len(digits) > 1)}{digits[1:]}e{exactly.adjusted()}"
