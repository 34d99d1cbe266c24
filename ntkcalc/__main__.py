"""``python -m ntkcalc``, and the script: even an interrupt while modules load ends in silence."""

import sys

from ntkcalc.cli.interrupt import INTERRUPTED, watch


def main() -> None:
    """Run the command line."""
    try:
        watch()
        from ntkcalc.cli.app import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
