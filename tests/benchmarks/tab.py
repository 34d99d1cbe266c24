"""How long Tab takes in bash, zsh and fish: python tests/benchmarks/tab.py."""

import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parent.parent))

from test_completions import Shell, bash, fish, zsh

LINES = (
    "ntkcalc co",
    "ntkcalc eigs --max-f",
    "ntkcalc coeffs --act=t",
    "ntkcalc eigs -a leaky-relu:s",
    "ntkcalc eigs --pl",
)
TIMES = 20


def milliseconds(shell: Shell, line: str, keys: str) -> float:
    """Median time from the first key to the line being shown."""
    found = []
    for _ in range(TIMES):
        start = time.perf_counter()
        shell.press(line, keys)
        found.append(1e3 * (time.perf_counter() - start))
    return median(found)


def main() -> None:
    """Print a table: with Tab, without it, and the difference."""
    print(f"{'ms':34} {'with Tab':>9} {'without':>9} {'Tab':>6}")
    with TemporaryDirectory() as folder:
        for start in (bash, zsh, fish):
            shell = start(Path(folder))
            shell.press("ntkcalc coeffs -a ta")  # the first Tab loads the shell's own functions
            for line in LINES:
                with_tab, without = (milliseconds(shell, line, keys) for keys in ("\t", ""))
                print(f"{start.__name__:5} {line:28} {with_tab:9.1f} {without:9.1f} {with_tab - without:6.1f}")
            shell.child.close(force=True)


if __name__ == "__main__":
    main()
