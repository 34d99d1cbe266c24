"""``python -m ntkcalc``, and the script: even an interrupt while modules load ends in silence."""

import sys


def main() -> None:
    """Run the command line."""
    try:
        from ntkcalc.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
