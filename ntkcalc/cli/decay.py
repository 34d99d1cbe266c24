"""``ntkcalc decay``."""

from ntkcalc.cli.options import PLOT, SPHERE_DIM, OutputOptions, Results, SeriesOptions, command, option
from ntkcalc.cli.terminal import progress
from ntkcalc.errors import InputError


class DecayOptions(OutputOptions, SeriesOptions):
    """Options of ``ntkcalc decay``."""

    truncation: int | None = option("-T, --truncation N", "Highest degree.  [default: 1000]")
    window: str | None = option("--window A:B", "Degrees to fit.  [default: the upper three quarters]")
    all: bool = option("--all", "Show every model that was tried.", False)
    sphere_dim: int | None = SPHERE_DIM
    rank: int | None = option("--rank R", "What follows for data of rank R.")
    plot: str | None = PLOT


@command
def decay(options: DecayOptions) -> None:
    """Which law of decay the coefficients follow, fitted, beside what theory says (Lemma 3.2 and sharper).

    Example: ntkcalc decay -a relu -a tanh -a gaussian
    """
    if options.coeffs and (options.names_kernel or options.truncation):
        raise InputError("--coeffs stands for a kernel: leave out the kernel's options and --truncation")
    options.check_files(options.plot)
    window = _window(options.window)
    results = decay_series(options, window) if options.coeffs else decay_kernels(options, window)
    options.report(results, every=options.all, plot=options.plot)


def decay_series(options: DecayOptions, window: tuple[int, int] | None) -> Results:
    """Return the laws of given series."""
    from ntkcalc.decay.kernel_decay import given_decay

    given = options.given_series()
    with progress(options.quiet, "theory") as observer:
        return [given_decay(series, window, options.sphere_dim, options.rank, observer) for series in given]


def decay_kernels(options: DecayOptions, window: tuple[int, int] | None) -> Results:
    """Return the laws of kernels."""
    from ntkcalc.decay.kernel_decay import kernel_decays

    more = options.truncation, window, options.sphere_dim, options.rank
    deepest, depths = options.deepest(), options.depths
    with options.tasks() as tasks, progress(options.quiet, "theory") as observer:
        found = [*tasks.run(kernel_decays, deepest, depths, *more, observer=observer)]
    return options.in_order(found)


def _window(text: str | None) -> tuple[int, int] | None:
    """Read a range of degrees A:B."""
    if text is None:
        return None
    parts = text.split(":")
    if len(parts) != 2 or not all(b.isascii() and b.isdigit() and len(b) < 10 for b in parts):
        raise InputError(f"a window is A:B, two degrees such as 100:1000, got '{text[:40]}'")
    return int(parts[0]), int(parts[1])
