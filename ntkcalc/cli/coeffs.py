"""``ntkcalc coeffs``."""

from ntkcalc.cli.options import PAPER_TRUNCATION, PLOT, KernelOptions, PrecisionOptions, command, option
from ntkcalc.cli.terminal import progress


class CoeffsOptions(PrecisionOptions, KernelOptions):
    """Options of ``ntkcalc coeffs``."""

    truncation: int = option("-T, --truncation N", "Highest degree.", 10)
    paper_truncation: bool = PAPER_TRUNCATION
    which: str | None = option(
        "--which kappa|alpha|beta|mu",
        "NTK, NNGP kernel, its derivative, or Hermite coefficients.  [default: as --kernel]",
    )
    values: bool = option("--values", "Of several kernels the coefficients too, not only cumulative shares.", False)
    plot: str | None = PLOT


@command
def coeffs(options: CoeffsOptions) -> None:
    """The coefficients kappa_{p,l} of Theorem 3.1.

    Example: ntkcalc coeffs --act tanh --depth 3
    """
    options.check_files(options.plot)
    digits = options.digits_shown
    from ntkcalc.series.coefficients import SeriesRequest, coefficients_of_kernels

    deepest = options.deepest()
    digits = max(digits, 8) if options.style == "table" else digits  # shares have three decimals
    request = SeriesRequest(options.truncation, digits, options.engine, options.which, options.paper_truncation)
    with options.tasks() as tasks, progress(options.quiet, "layers") as observer:
        found = coefficients_of_kernels(deepest, options.depths, request, observer, tasks)
    options.report(options.in_order(found), options.digits, every=options.values, plot=options.plot)
