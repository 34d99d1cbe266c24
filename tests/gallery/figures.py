"""Draws the pictures that README shows: the paper's Figures 2 and 4, and decay laws.

python tests/gallery/figures.py
"""

import subprocess
import sys
from pathlib import Path

COMMANDS = {
    "figure_2.png": "evaluate -a relu --sigma-w2 max -T 10 -T 50 -l 2:4 --rho -1:1:201",
    "figure_4.png": "eigs -a relu -a tanh -a gaussian --sphere-dim 2 --max-frequency 20 --sample 1000",
    "decay.png": "decay -a relu -a tanh -a gaussian -l 3",
}


def main() -> None:
    """Draw them beside this script."""
    for name, command in COMMANDS.items():
        picture = Path(__file__).with_name(name)
        subprocess.run([sys.executable, "-m", "ntkcalc", *command.split(), "-q", "--plot", str(picture)], check=True)


if __name__ == "__main__":
    main()
