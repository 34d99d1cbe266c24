"""``python -m ntkcalc``."""

from ntkcalc.cli import main

if __name__ == "__main__":
    main()
