"""The errors of the program, each with the exit code of the command line; all packages may import this module."""

from collections.abc import Sequence


class NtkcalcError(Exception):
    """The computation failed (exit 1); the message is one line for the user."""

    exit_code = 1


class InputError(NtkcalcError, ValueError):
    """The request makes no sense: bad name, value out of range, unreadable file (exit 2)."""

    exit_code = 2


class AccuracyError(NtkcalcError, ArithmeticError):
    """The digits asked for cannot be reached (exit 3)."""

    exit_code = 3


def near_miss(word: str, known: list[str]) -> str:
    """Return ``" Did you mean 'tanh'?"`` for the closest known word, or ``""``."""
    from difflib import get_close_matches

    swapped = [name for name in known if sorted(name) == sorted(word)]  # letters in another order
    small = [name for name in known if name.lower() == word.lower()]
    match = swapped or small or [m for w in (word, word.lower()) for m in get_close_matches(w, known, n=1, cutoff=0.6)]
    return f" Did you mean '{match[0]}'?" if match else ""


def one_of(value: object, known: Sequence[str], what: str) -> None:
    """Raise an `InputError` unless a value is one of the known words."""
    if not isinstance(value, str) or value not in known:
        shown = str(value)[:40]
        raise InputError(f"{what} must be one of {', '.join(known)}, got '{shown}'.{near_miss(shown, [*known])}")
