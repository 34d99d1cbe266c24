"""Hostile formulas, by the hundred thousand: random text, random tokens, valid formulas, and valid ones spoilt.

Run ``python tests/fuzz/formulas.py [--count N] [--seed S] [--corpus]``. Whatever is fed in ends in a minute of work, in
coefficients (depth 2, T = 4, 6 digits), with moments as sums over a grid have them (`moments`), or in a refusal of at
most two lines, in bounded memory; refusals of formulas that grids see nothing wrong with are listed. Python imports,
opens, compiles and executes nothing for it.
"""

from __future__ import annotations

import argparse
import heapq
import random
import re
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from moments import differs, is_plainly_allowed

from ntkcalc import NtkcalcError, ntk_coefficients
from ntkcalc.activations.catalogue import FAMILIES, WRITTEN, activation
from ntkcalc.activations.formula.expressions.functions import WORDS
from ntkcalc.activations.formula.expressions.grammar import parsed
from ntkcalc.activations.formula.expressions.trees import text_of

LIMIT = 60.0  # seconds of work
PATIENCE = 600  # seconds of waiting, on a busy machine
MEMORY = 2 << 30  # bytes beyond what is there at the start
CORPUS = Path(__file__).with_name("corpus.txt")
WARM = ["x*sigmoid(x)+exp(-x^2)", "clip(x,-1,1)", "abs(x)^1.5", "max(x,exp(x)-1.5)", "tahn(x)", "((", "x^3", "1/x"]
"""Formulas that load all that is loaded late."""

HARMLESS = ("builtins.id", "__code__", "__defaults__", "__kwdefaults__")
"""Audit events, and attributes that mpmath reads of its own functions to make a context."""

NAMES = [*WORDS.functions, *WORDS.aliases]
ALPHABET = (
    "xxxxyzeEpi0123456789.+-*/^(),= \t\n_'\"[]{}:;\\#@!~|&%<>$?`\x00\x7féπ√²−·×ｘх（）\u200b\ud800😀"
    + "abcdfghijklmnoqrstuvw"
)
TOKENS = [
    *NAMES,
    *"xxxxxxxx",
    *"+-*/^(),()()()+*",
    *re.findall(r"\S+", "** // pi e 0 1 2 0.5 1e3 1e-9 9999999999 1e999 3.14 x x alpha beta slope sigma = y lambda"),
    *re.findall(
        r"\S+", "__import__ eval exec open os.system .__class__ [0] : := if else for in and not is f'{x}' None"
    ),
]
BINARY = ["+", "-", "*", "/", "^", "**"]
NUMBERS = ["0", "1", "2", "3", "0.5", "0.1", "1.702", "6", "10", "100", "1e-3", "1e-9", "1e6", "1e30", "200", "pi", "e"]


# ---------------------------------------------------------------- inputs


def some_text(draw: random.Random) -> str:
    """Any characters."""
    return "".join(draw.choices(ALPHABET, k=int(draw.paretovariate(0.8)) % 1200 + 1))


def some_tokens(draw: random.Random) -> str:
    """Words and signs that formulas are made of, and those of Python, in any order."""
    return draw.choice(["", "", " "]).join(draw.choices(TOKENS, k=draw.randint(1, draw.choice([4, 10, 60, 400]))))


def some_formula(draw: random.Random, depth: int | None = None) -> str:
    """A formula that can be read; it may be no activation."""
    depth = draw.choice([1, 2, 2, 3, 3, 4]) if depth is None else depth
    if depth == 0 or draw.random() < 0.15:
        return "x" if draw.random() < 0.75 else draw.choice(NUMBERS)
    kind = draw.random()
    if kind < 0.35:
        sides = (some_formula(draw, depth - 1) for _ in range(2))
        return f"({next(sides)}){draw.choice(BINARY[:4])}({next(sides)})"
    if kind < 0.45:
        exponent = draw.choice(["2", "3", "-1", "0.5", "1.5", "x", "(1/3)", "199", "-2", "1e9", "(2^x)"])
        return f"({some_formula(draw, depth - 1)}){draw.choice(BINARY[4:])}{exponent}"
    if kind < 0.5:
        return f"-{some_formula(draw, depth - 1)}"
    name = draw.choice(NAMES)
    signature = WORDS.functions[WORDS.aliases.get(name, name)]
    count = draw.randint(signature.least, signature.most)
    arguments = [some_formula(draw, depth - 1 if i == 0 else min(depth - 1, 1)) for i in range(count)]
    return f"{name}({','.join(arguments)})"


def some_mutation(draw: random.Random) -> str:
    """A valid formula, spoilt in one to three places."""
    text = some_formula(draw)
    for _ in range(draw.randint(1, 3)):
        a, b = sorted(draw.choices(range(len(text) + 1), k=2))
        text = draw.choice(SPOILT)(draw, text, a, min(b, a + 12))
    return text


SPOILT: list[Callable[[random.Random, str, int, int], str]] = [
    lambda draw, t, a, b: t[:a] + t[b:],
    lambda draw, t, a, b: t[:a] + t[a:b] * draw.choice([2, 2, 3, 50]) + t[b:],
    lambda draw, t, a, b: t[:a] + draw.choice(ALPHABET) + t[a:],
    lambda draw, t, a, b: t[:a] + draw.choice(TOKENS) + t[b:],
    lambda draw, t, a, b: t[:a] + t[a:b][::-1] + t[b:],
    lambda draw, t, a, b: t[:a] + draw.choice(["(", ")", "^", "**", "-", "1e", "."]) * draw.choice([1, 2, 60]) + t[a:],
    lambda draw, t, a, b: t.replace(draw.choice(["x", "(", ")", "+", "*"]), draw.choice(TOKENS), draw.choice([1, -1])),
    lambda draw, t, a, b: t.replace("x", f"({some_formula(draw, 1)})"),
]

KINDS: dict[str, tuple[float, Callable[[random.Random], str]]] = {
    "text": (0.35, some_text),
    "tokens": (0.35, some_tokens),
    "formula": (0.08, some_formula),
    "mutation": (0.22, some_mutation),
}


def cases(seed: int, first: int, count: int) -> Iterator[tuple[str, str]]:
    """Yield kinds and inputs; every one depends on its number alone."""
    for i in range(first, first + count):
        draw = random.Random(f"{seed}:{i}")
        kind = draw.choices([*KINDS], [weight for weight, _ in KINDS.values()])[0]
        yield kind, KINDS[kind][1](draw)


def corpus() -> list[str]:
    """The inputs that once failed."""
    return CORPUS.read_text(encoding="utf-8").splitlines()


# ---------------------------------------------------------------- what Python does for them


class Watch:
    """An audit hook that can be switched on."""

    def __init__(self) -> None:
        self.on = False
        self.seen: list[str] = []

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Note what a formula must not bring about."""
        if self.on:
            self.on = False  # for what is done here
            said = suspicion(event, arguments)
            self.seen += [said] if said else []
            self.on = True


def suspicion(event: str, arguments: tuple[Any, ...]) -> str:
    """What is wrong with an audit event, or nothing."""
    what = arguments[1] if event == "object.__getattr__" else event
    return "" if what in HARMLESS else f"{event} {arguments!r:.200}"


class FaultError(Exception):
    """What must not be."""


class Hang(BaseException):
    """The time is over."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise Hang after so many seconds of work, again and again should something swallow it."""

    def over(*_: object) -> None:
        raise Hang

    signal.signal(signal.SIGALRM, over)
    signal.signal(signal.SIGPROF, over)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE, 1)
    signal.setitimer(signal.ITIMER_PROF, seconds, 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def bound_memory() -> None:
    """Allow this much more memory than there is now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, resource.RLIM_INFINITY))


# ---------------------------------------------------------------- one input


def attempt(text: str) -> str:
    """Compute; return the outcome.

    Raises
    ------
    FaultError
        For a refusal that cannot be shown, or a name that is no normal form.
    """
    try:
        found = activation(text)
        ntk_coefficients(found, 2, 4, sigma_w2="max", digits=6)
    except NtkcalcError as error:
        check_refusal(str(error))
        return type(error).__name__
    if found.name != text_of_name(found.name):
        raise FaultError(f"{found.name} is no normal form, but {text_of_name(found.name)}")
    formula = f"{found.name.replace('-', '_')}(x)" if found.name in WRITTEN else found.name
    if formula.partition(":")[0] not in {*FAMILIES, *WRITTEN} and (said := differs(formula, found)):
        raise FaultError(said)
    return "result"


def check_refusal(said: str) -> None:
    """Refuse a message that is no line of text."""
    if not said.isprintable() or not 5 < len(said) < 3000:
        raise FaultError(f"a refusal of {len(said.splitlines())} lines, {len(said)} characters")


def text_of_name(name: str) -> str:
    """Return the normal form of what an activation calls itself, that of a named one as it is."""
    return name if name.partition(":")[0] in (*FAMILIES, *WRITTEN) else text_of(parsed(name, WORDS))


class Fuzz:
    """Counts of what was tried, and what went wrong."""

    def __init__(self, limit: float = LIMIT) -> None:
        self.limit = limit
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.slowest: list[tuple[float, str]] = []
        self.faults: list[str] = []
        self.doubtful: list[str] = []  # refusals of what grids see nothing wrong with
        self.watch = Watch()
        sys.addaudithook(self.watch)

    def fault(self, said: str, text: str) -> None:
        """Keep what went wrong with what, and say it at once."""
        self.faults.append(f"{said}: {text!r}")
        print(self.faults[-1], file=sys.stderr, flush=True)

    def run(self, kind: str, text: str) -> None:
        """Try one input."""
        start = time.process_time()
        try:
            with limited(self.limit):
                self.watch.on = True
                outcome = attempt(text)
        except Hang:
            outcome = "hang"
            self.watch.seen.clear()  # Python's own, where it swallows an alarm
            self.fault(f"no end within {self.limit:g} s", text)
        except Exception as error:
            self.watch.on = False
            outcome = "fault"
            last = traceback.extract_tb(error.__traceback__)[-1]
            self.fault(f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}: {error!s:.200}", text)
        finally:
            self.watch.on = False
        for said in dict.fromkeys(self.watch.seen):
            self.fault(said, text)
        self.watch.seen.clear()
        self.outcomes[kind, outcome] += 1
        if outcome in ("AccuracyError", "InputError"):
            self.look_at_refusal(kind, text)
        heapq.heappush(self.slowest, (time.process_time() - start, text[:150]))
        if len(self.slowest) > 10:
            heapq.heappop(self.slowest)

    def look_at_refusal(self, kind: str, text: str) -> None:
        """Keep a formula that was refused though grids see nothing wrong with it."""
        if kind in ("formula", "corpus"):
            with suppress(Exception, Hang), limited(self.limit):  # of what only looks like a formula
                if is_plainly_allowed(text):
                    self.doubtful.append(text)
                    print(f"refused, though grids see nothing wrong: {text!r}", flush=True)

    def progress(self) -> str:
        """Return counts and the slowest inputs so far, in one line each."""
        count, spent = sum(self.outcomes.values()), time.process_time()
        slowest = ", ".join(f"{seconds:.1f} s {text!r}" for seconds, text in sorted(self.slowest, reverse=True))
        return f"{count} inputs in {spent:.0f} s, {len(self.faults)} faults; slowest: {slowest}"

    def __str__(self) -> str:
        total = sum(self.outcomes.values())
        lines = [f"{total} inputs, {len(self.faults)} faults"]
        lines.append(f"{len(self.doubtful)} refused though grids see nothing wrong: {'  '.join(self.doubtful)}")
        for kind in dict.fromkeys(kind for kind, _ in self.outcomes):
            counts = {outcome: n for (k, outcome), n in sorted(self.outcomes.items()) if k == kind}
            lines.append(f"{kind}: {sum(counts.values())}: " + ", ".join(f"{n} {o}" for o, n in counts.items()))
        lines += [f"{seconds:6.2f} s  {text!r}" for seconds, text in sorted(self.slowest, reverse=True)]
        return "\n".join(lines)


def warm_up() -> None:
    """Load all that is loaded late."""
    for text in (*WARM, *FAMILIES):  # mpmath compiles its own hypergeometric series for some named ones
        try:
            ntk_coefficients(text, 2, 4, sigma_w2="max", digits=6)
        except NtkcalcError:
            continue
    ntk_coefficients("tanh", 2, 4, digits=40, engine="mpmath")


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100_000, help="inputs")
    parser.add_argument("--seed", type=int, default=0, help="start of the random numbers")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds of work for one input")
    parser.add_argument("--every", type=int, default=5000, help="inputs after which progress is told")
    parser.add_argument("--corpus", action="store_true", help="the corpus of past failures instead")
    chosen = parser.parse_args(arguments)
    warm_up()
    bound_memory()
    fuzz = Fuzz(chosen.limit)
    inputs = (
        [("corpus", text) for text in corpus()] if chosen.corpus else cases(chosen.seed, chosen.first, chosen.count)
    )
    for i, (kind, text) in enumerate(inputs, 1):
        fuzz.run(kind, text)
        if i % chosen.every == 0:
            print(fuzz.progress(), flush=True)
    print(fuzz)
    return bool(fuzz.faults)


if __name__ == "__main__":
    sys.exit(main())
