"""``ntkcalc effrank``: bounds on effective ranks, or effective ranks of kernel matrices of data."""

from dataclasses import replace
from fractions import Fraction

from ntkcalc.cli.data_options import NetworkOptions
from ntkcalc.cli.options import Results, SeriesOptions, check_stdin, command, option
from ntkcalc.cli.terminal import progress, remark
from ntkcalc.errors import InputError


class EffrankOptions(NetworkOptions, SeriesOptions):
    """Options of ``ntkcalc effrank``."""

    epsilon: list[str] | None = option(
        "--epsilon X", "Count the eigenvalues of at least X times the largest; repeatable."
    )
    outer: str | None = option("--outer gaussian|sign", "Outer weights N(0, 1), or +1 and -1.  [default: gaussian]")


@command
def effrank(options: EffrankOptions) -> None:
    """Bounds on the effective rank of kernel matrices (Theorems 4.1 and 4.3), and with --data the measured ranks.

    With --width those of networks of one hidden layer too, beside the theorems of section C.2.

    Example: ntkcalc effrank -a relu -l 2:5
    """
    digits = options.digits_shown
    _check(options)
    budget, thresholds = options.budget, _thresholds(options.epsilon or [])
    if options.measured:
        results = effrank_data(options, digits, budget, thresholds)
    else:
        results = effrank_series(options, digits) if options.coeffs else effrank_kernels(options, digits)
    options.report(results, options.digits)


def _check(o: EffrankOptions) -> None:
    o.check_engine("numpy" if o.measured else "mpmath")
    check_stdin(o.coeffs, o.data)
    o.check_layout()
    o.check_files()
    if o.coeffs and (o.names_kernel or o.measured):
        raise InputError("--coeffs stands for a kernel, and bounds alone follow from it: leave out the other options")
    if o.epsilon and not o.measured:
        raise InputError("--epsilon counts eigenvalues of the kernel matrix of --data FILE; give that too")
    if o.data and o.isotropic:
        raise InputError("--data and --isotropic exclude each other: one data set at a time")
    o.check_networks("outer")
    o.check_seed()
    if o.width is not None and o.depths != [2]:
        raise InputError(
            "the networks of section C.2 have one hidden layer: leave out --depth, which is 2 with --width"
        )


def effrank_kernels(options: EffrankOptions, digits: int) -> Results:
    """Return the bounds of kernels."""
    from ntkcalc.spectrum.rank_bounds import bounds_by_depth

    deepest = options.deepest()
    with options.tasks() as tasks, progress(options.quiet, "bounds") as observer:
        return options.in_order([*tasks.run(bounds_by_depth, deepest, options.depths, digits, observer=observer)])


def effrank_series(options: EffrankOptions, digits: int) -> Results:
    """Return the bounds that follow from given series."""
    from ntkcalc.spectrum.rank_bounds import given_bounds

    bounds = [given_bounds(given, digits) for given in options.given_series()]
    if options.style != "table" and any(b.bound is None and b.leading is None for b in bounds):
        remark("nothing is known of what the series leaves out, so that no bound follows", options.quiet)
    return bounds


def effrank_data(options: EffrankOptions, digits: int, budget: int, thresholds: list[Fraction]) -> Results:
    """Return the effective ranks of kernel matrices of data, with --width those of networks, too."""
    from ntkcalc.spectrum.effective_rank import effective_ranks

    kernels = options.kernels()
    points = options.data_sets()[0]
    strict = options.digits is not None
    more = digits, strict, budget
    with options.tasks() as tasks:
        with progress(options.quiet, "blocks") as observer:
            ranks = [*tasks.sweep(effective_ranks, kernels, points, thresholds, *more, observer=observer)]
        if options.width is None:
            return ranks
        from ntkcalc.networks.two_layer import finite_width_ranks

        networks = options.width, *options.draws, options.outer or "gaussian"
        with progress(options.quiet, "networks") as observer:
            found = [*tasks.sweep(finite_width_ranks, kernels, points, *networks, *more, observer=observer)]
    return [replace(r, finite_width=f) for r, f in zip(ranks, found, strict=True)]


def _thresholds(texts: list[str]) -> list[Fraction]:
    """Read thresholds in (0, 1]."""
    from ntkcalc.numerics.precision import exact

    found = [exact(text, "epsilon") for text in texts]
    for text, value in zip(texts, found, strict=True):
        if not 0 < value <= 1:
            raise InputError(f"epsilon must lie in (0, 1], got {text[:40]}")
    return found
