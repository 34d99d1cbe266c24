"""``python -m ntkcalc``, and the script ``ntkcalc``."""

from ntkcalc.cli.interruption import end_on_signals

end_on_signals()  # before the imports that take time

from ntkcalc.cli.main import main  # noqa: E402

if __name__ == "__main__":
    main()
