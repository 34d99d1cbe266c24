"""``python -m ntkcalc``, and the script ``ntkcalc``."""

import atexit
import gc
import os

from ntkcalc.cli.interruption import end_on_signals

end_on_signals()  # before the imports that take time

# Cycles are collected after more objects than imports make, and not at the end, where the process frees its memory
# anyway: that is a quarter of the time of a short command.
gc.set_threshold(100_000, 20, 50)
atexit.register(gc.freeze)

# Threads of OpenBLAS that wait for work go to sleep after 2^4 ticks, not 2^26: waiting takes 50 ms of each command that
# loads NumPy, and is no faster where there is work.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")

from ntkcalc.cli.main import main  # noqa: E402

if __name__ == "__main__":
    main()
