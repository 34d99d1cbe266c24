"""Draws figure_2.png, which README shows: the paper's Figure 2, |Θ_l − Θ_{l,T}| for He relu.

python tests/gallery/figure_2.py
"""

import subprocess
import sys
from pathlib import Path

COMMAND = "evaluate -a relu --sigma-w2 max -T 10 -T 50 -l 2:4 --rho -1:1:201 -q"


def main() -> None:
    """Draw it beside this script."""
    picture = Path(__file__).with_suffix(".png")
    subprocess.run([sys.executable, "-m", "ntkcalc", *COMMAND.split(), "--plot", str(picture)], check=True)


if __name__ == "__main__":
    main()
