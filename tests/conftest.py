"""What all rooms' tests share: the oracle's folder, and hypothesis without clocks or dice."""

import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # on small matrices threads only wait for each other

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent / "oracles"))

for variable in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "NTKCALC_DIGITS", "NTKCALC_FORMAT"):
    os.environ.pop(variable, None)  # no test depends on the terminal it is run in

settings.register_profile("law", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("law")
