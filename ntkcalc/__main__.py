"""``python -m ntkcalc``, and the script ``ntkcalc``."""

from ntkcalc.cli.main import main

if __name__ == "__main__":
    main()
