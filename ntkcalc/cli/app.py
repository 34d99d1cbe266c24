"""The command line: parse → compute → render, a command in some ten lines.

Everything heavy is imported where it is used, so that ``--help`` loads nothing but typer.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from ntkcalc import __version__
from ntkcalc.cli import options
from ntkcalc.cli import terminal as console
from ntkcalc.cli.interrupt import INTERRUPTED
from ntkcalc.errors import InputError, NtkcalcError

if TYPE_CHECKING:
    from ntkcalc.kernel.hyperparameters import Kernel
    from ntkcalc.kernel.points import Points
    from ntkcalc.spectrum.results import SphereSpectrum
    from ntkcalc.spectrum.sphere import Sphere


class _Manual:
    """Help as `ntkcalc.cli.manual` words it, for commands of typer's."""

    def get_help(self, context: Any) -> str:
        """Return the text of ``--help``."""
        from ntkcalc.cli.manual import help_text, page

        return help_text(page(self, context), console.columns())

    def get_help_option(self, context: Any) -> Any:
        """Return ``--help``, which writes as all else is written."""
        option = super().get_help_option(context)  # type: ignore[misc]
        option.callback = _help
        return option


class _Command(_Manual, TyperCommand):
    pass


class _Program(_Manual, TyperGroup):
    pass


app = typer.Typer(
    name="ntkcalc",
    cls=_Program,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def command(**more: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a function a command; its annotations are evaluated here, or typer would do so four times over."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        function.__annotations__ = get_type_hints(function, include_extras=True)
        return app.command(cls=_Command, **more)(function)

    return register


def _help(context: typer.Context, _: object, wanted: bool) -> None:
    if wanted:
        console.emit(context.get_help() + "\n", "-")
        raise typer.Exit


def _version(wanted: bool) -> None:
    if wanted:
        console.emit(f"ntkcalc {__version__}\n", "-")
        raise typer.Exit


def _list_activations(wanted: bool) -> None:
    if wanted:
        from textwrap import fill

        from ntkcalc.activations.catalogue import FAMILIES
        from ntkcalc.activations.formula.functions import WORDS

        rows = [(f.usage, f.formula, ", ".join(f.aliases)) for f in FAMILIES.values()]
        left, middle = (max(len(row[i]) for row in rows) for i in (0, 1))
        lines = (
            f"{name:{left}}  {formula:{middle}}  {'= ' * bool(alias)}{alias}".rstrip() for name, formula, alias in rows
        )
        formula = "or a formula in x, such as 'x*sigmoid(1.702*x)', of + - * / ^, pi, e, and "
        words = ", ".join(sorted(WORDS.functions, key=str.lower))
        console.emit("\n".join(lines) + "\n\n" + fill(formula + words, 79) + "\n", "-")
        raise typer.Exit


def _schema(context: typer.Context, wanted: bool) -> None:
    if wanted:
        from ntkcalc.report.schema import schema_text

        console.emit(schema_text(str(context.info_name)), "-")
        raise typer.Exit


Schema = Annotated[
    bool, typer.Option("--schema", callback=_schema, is_eager=True, help="Print the JSON Schema of the JSON output.")
]


@app.callback()
def top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    list_activations: Annotated[
        bool,
        typer.Option(
            "--list-activations", callback=_list_activations, is_eager=True, help="Print names, formulas, parameters."
        ),
    ] = False,
) -> None:
    """The neural tangent kernel's power series (ICLR 2023), every digit right.

    Example: ntkcalc coeffs --act tanh --depth 3
    """


@command()
def coeffs(
    act: options.Act = None,
    depth: options.Depth = None,
    sigma_w2: options.SigmaW2 = None,
    gamma_b2: options.GammaB2 = None,
    truncation: options.Truncation = 10,
    digits: options.Digits = None,
    engine: options.EngineName = "auto",
    paper_truncation: options.PaperTruncation = False,
    which: options.Which = "kappa",
    json: options.Json = False,
    format: options.Format = None,
    output: options.Output = "-",
    schema: Schema = False,
    quiet: options.Quiet = False,
) -> None:
    """The coefficients kappa_{p,l} of Theorem 3.1.

    Example: ntkcalc coeffs --act tanh --depth 3
    """
    style = options.chosen_format(format, json, output)
    console.check_writable(output)
    shown = options.chosen_digits(digits, style)
    from ntkcalc.series.coefficients import Request, coefficients_by_depth

    grid = options.KernelGrid.of(act, depth, sigma_w2, gamma_b2)
    engine = options.chosen_engine(engine, truncation, grid)
    request = Request(truncation, max(shown, 8) if style == "table" else shown, engine, which, paper_truncation)
    with console.progress(quiet) as observer:
        found = [coefficients_by_depth(kernel, grid.depths, request, observer) for kernel in grid.deepest()]
    results = grid.in_order(found)
    screen = console.screen(output, digits)
    from ntkcalc.report.formats import text_of

    console.emit(text_of(results, style, screen), output)


@command(short_help="The kernel, its truncated series, the error's bound; matrices of data.")
def evaluate(
    act: options.Act = None,
    depth: options.Depth = None,
    sigma_w2: options.SigmaW2 = None,
    gamma_b2: options.GammaB2 = None,
    truncation: options.Truncations = None,
    rho: options.Rho = None,
    coeffs: options.Coeffs = None,
    data: options.Data = None,
    other: options.Other = None,
    no_normalize: options.NoNormalize = False,
    digits: options.Digits = None,
    engine: options.EngineName = "auto",
    paper_truncation: options.PaperTruncation = False,
    json: options.Json = False,
    format: options.Format = None,
    output: options.Output = "-",
    plot: options.Plot = None,
    schema: Schema = False,
    quiet: options.Quiet = False,
) -> None:
    """The kernel Theta_l(rho), its truncated series and the bound on their difference; or the matrix of data.

    Example: ntkcalc evaluate --act tanh --depth 3 --rho 0.3 --rho 0.9
    """
    style = options.chosen_format(format, json, output)
    shown = options.chosen_digits(digits, style)
    options.check_engine(engine, "mpmath" if rho else "numpy")
    options.one_reader_of_stdin(rho, coeffs, data, other)
    if not (rho or data):
        raise InputError("say where to evaluate: --rho 0.3, --rho -1:1:201, or --data FILE for a matrix")
    if rho and (data or other):
        raise InputError("--rho and --data exclude each other: values, or the matrix of data")
    if other and not data:
        raise InputError("--other FILE makes a cross matrix with --data FILE; give that too")
    if coeffs and (act or depth or sigma_w2 or gamma_b2 or data or paper_truncation):
        raise InputError("--coeffs stands for a kernel and goes with --rho: leave out the kernel's options and --data")
    if data and truncation:
        raise InputError("--truncation cuts the series at --rho; the matrix of --data is that of the exact kernel")
    if data and plot:
        raise InputError("--plot draws the error of the series at --rho values; a matrix has no such picture")
    if plot:
        console.check_plot(plot, output)
    if data:
        grid = options.KernelGrid.of(act, depth, sigma_w2, gamma_b2)
        _matrix(grid, data, other, not no_normalize, shown, digits is not None, style, output, quiet)
        return
    console.check_writable(output)
    from ntkcalc.report import evaluate as render_evaluate
    from ntkcalc.series.values import kernel_values, series_values

    points = options.chosen_rhos(rho or [], max(shown, 17), sys.stdin)
    results = []
    if coeffs:
        for given in options.chosen_series(coeffs, sys.stdin):
            last = len(given.coefficients) - 1
            degrees = truncation or [last]
            if max(degrees) > last:
                console.remark(f"the series ends at p = {last}, and so does every sum", quiet)
            results += series_values(given, points, degrees, shown)
    else:
        grid = options.KernelGrid.of(act, depth, sigma_w2, gamma_b2)
        with console.progress(quiet, "values") as observer:
            for kernel in grid.kernels():
                results += kernel_values(kernel, points, truncation or [10], shown, paper_truncation, observer)
    if style == "table":
        text = render_evaluate.values_table(results, console.screen(output, digits))
    else:
        text = render_evaluate.VALUE_FORMATS[style](results)
    if plot:
        from ntkcalc.report.plots import error_plot

        with console.whole_file(plot) as beside:
            error_plot(results, beside)
    console.emit(text, output)


def _matrix(
    grid: options.KernelGrid,
    data: str,
    other: str | None,
    normalize: bool,
    digits: int,
    strict: bool,
    style: str,
    output: str,
    quiet: bool,
) -> None:
    """Evaluate on data: the matrix goes to a file, its summary to stdout."""
    kernels = grid.kernels()
    if output != "-":
        console.check_writable(output)
        if not output.endswith(".npy"):
            raise InputError(f"the matrix of --data is written as a .npy file, got -o '{output}'")
        if len(kernels) > 1:
            raise InputError(f"one matrix goes to one file, got {len(kernels)} kernels; run them one by one")
    from ntkcalc.kernel.matrix_summary import matrix_summary
    from ntkcalc.report import evaluate as render_evaluate

    points = _points(data, normalize, quiet)
    others = _points(other, normalize, quiet) if other else None
    results = []
    with console.progress(quiet, "tiles") as observer:
        for kernel in kernels:
            if output == "-":
                results.append(matrix_summary(kernel, points, others, digits, strict, observer=observer))
                continue
            with console.array_file(output, (len(points.rows), len((others or points).rows))) as out:
                results.append(matrix_summary(kernel, points, others, digits, strict, out, output, observer))
    if style == "table":
        text = render_evaluate.matrix_table(results, console.screen("-", None))
    else:
        text = render_evaluate.MATRIX_FORMATS[style](results)
    console.emit(text, "-")


@command(short_help="Effective ranks of kernel matrices, and bounds on them.")
def effrank(
    act: options.Act = None,
    depth: options.Depth = None,
    sigma_w2: options.SigmaW2 = None,
    gamma_b2: options.GammaB2 = None,
    coeffs: options.Coeffs = None,
    data: options.Data = None,
    epsilon: options.Epsilon = None,
    memory: options.Memory = "1G",
    no_normalize: options.NoNormalize = False,
    digits: options.Digits = None,
    engine: options.EngineName = "auto",
    json: options.Json = False,
    format: options.Format = None,
    output: options.Output = "-",
    schema: Schema = False,
    quiet: options.Quiet = False,
    isotropic: options.Isotropic = None,
    width: options.Width = None,
    trials: options.Trials = None,
    seed: options.Seed = None,
    outer: options.Outer = None,
) -> None:
    """Bounds on the effective rank of kernel matrices (Theorems 4.1 and 4.3), and with --data the measured ranks.

    With --width those of networks of one hidden layer too, beside the theorems of section C.2.

    Example: ntkcalc effrank -a relu -l 2:5
    """
    style = options.chosen_format(format, json, output)
    shown = options.chosen_digits(digits, style)
    options.check_engine(engine, "numpy" if data or isotropic else "mpmath")
    options.one_reader_of_stdin([], coeffs, data)
    console.check_writable(output)
    if coeffs and (act or depth or sigma_w2 or gamma_b2 or data or isotropic):
        raise InputError("--coeffs stands for a kernel, and bounds alone follow from it: leave out the other options")
    if epsilon and not (data or isotropic):
        raise InputError("--epsilon counts eigenvalues of the kernel matrix of --data FILE; give that too")
    if data and isotropic:
        raise InputError("--data and --isotropic exclude each other: one data set at a time")
    options.about_networks(width, data or isotropic, {"--trials": trials, "--outer": outer})
    options.check_seed_has_use(seed, width, isotropic)
    if width is not None and options.chosen_depths(depth or ["2"]) != [2]:
        raise InputError(
            "the networks of section C.2 have one hidden layer: leave out --depth, which is 2 with --width"
        )
    budget, limits = options.chosen_memory(memory), options.chosen_epsilons(epsilon or [])
    from ntkcalc.report import effrank as render_effrank
    from ntkcalc.spectrum.effective_rank import bounds_by_depth, effective_ranks, given_bounds, gram_rank

    bounds, ranks = [], []
    if coeffs:
        bounds = [given_bounds(given, shown) for given in options.chosen_series(coeffs, sys.stdin)]
        if style != "table" and any(b.bound is None and b.leading is None for b in bounds):
            console.remark("nothing is known of what the series leaves out, so that no bound follows", quiet)
    elif data or isotropic:
        kernels = options.KernelGrid.of(act, depth, sigma_w2, gamma_b2).kernels()
        points = _data_sets(data, isotropic, seed, not no_normalize, quiet)[0]
        gram = gram_rank(points)
        with console.progress(quiet, "tiles") as watch:
            ranks = [
                effective_ranks(k, points, gram, limits, shown, digits is not None, budget, watch) for k in kernels
            ]
        if width is not None:
            from ntkcalc.networks.two_layer import finite_width_ranks

            drawn = width, 10 if trials is None else trials, seed or 0, outer or "gaussian"
            with console.progress(quiet, "networks") as watch:
                found = [
                    finite_width_ranks(k, points, gram, *drawn, shown, digits is not None, budget, watch)
                    for k in kernels
                ]
            ranks = [replace(r, finite_width=f) for r, f in zip(ranks, found, strict=True)]
    else:
        grid = options.KernelGrid.of(act, depth, sigma_w2, gamma_b2)
        bounds = grid.in_order([bounds_by_depth(kernel, grid.depths, shown) for kernel in grid.deepest()])
    if style == "table":
        screen = console.screen(output, digits)
        text = render_effrank.ranks_table(ranks, screen) if ranks else render_effrank.bounds_table(bounds, screen)
    else:
        text = render_effrank.FORMATS[style](ranks or bounds)
    console.emit(text, output)


@command(short_help="The spectrum: on the sphere, or of the kernel matrix of data.")
def eigs(
    act: options.Act = None,
    depth: options.Depth = None,
    sigma_w2: options.SigmaW2 = None,
    gamma_b2: options.GammaB2 = None,
    truncation: options.OwnTruncation = None,
    coeffs: options.Coeffs = None,
    sphere_dim: options.SphereDim = None,
    max_frequency: options.MaxFrequency = None,
    measure: options.Measure = None,
    sample: options.Sample = None,
    seed: options.Seed = None,
    data: options.Data = None,
    top: options.Top = None,
    memory: options.Memory = "1G",
    no_normalize: options.NoNormalize = False,
    digits: options.Digits = None,
    engine: options.EngineName = "auto",
    json: options.Json = False,
    format: options.Format = None,
    output: options.Output = "-",
    plot: options.Plot = None,
    schema: Schema = False,
    quiet: options.Quiet = False,
    isotropic: options.Isotropic = None,
    width: options.Width = None,
    trials: options.Trials = None,
    arch: options.Arch = None,
    parametrization: options.Parametrization = None,
    image_shape: options.ImageShape = None,
    padding: options.Padding = None,
) -> None:
    """The spectrum: eigenvalues on a sphere (Theorem 4.6), or of the kernel matrix of data.

    With --width of networks of finite width at random initialisation (Figures 1 and 3).

    Example: ntkcalc eigs --act relu --sphere-dim 2
    """
    style, measured = options.chosen_format(format, json, output), data or isotropic
    shown = options.chosen_digits(digits, style)
    options.check_engine(engine, "numpy" if measured else "mpmath")
    options.one_reader_of_stdin([], coeffs, data)
    if measured and any(x is not None for x in (sphere_dim, max_frequency, measure, sample, truncation, coeffs)):
        raise InputError("--data brings its own points and the exact kernel: leave out the options of the sphere")
    named = ("--trials", "--arch", "--parametrization", "--image-shape", "--padding")
    values = (trials, arch, parametrization, image_shape, padding)
    options.about_networks(width, measured, dict(zip(named, values, strict=True)))
    if measured:
        options.check_seed_has_use(seed, width, isotropic)
    if data and isotropic and width is None:
        raise InputError("--data and --isotropic together are for --width; else one data set at a time")
    if parametrization == "standard" and (sigma_w2 or gamma_b2):
        raise InputError("--parametrization standard has no variances: leave out --sigma-w2 and --gamma-b2")
    if arch != "cnn" and (image_shape or padding):
        raise InputError("--image-shape and --padding are about convolutions: give --arch cnn too")
    if not measured and sphere_dim is None:
        raise InputError("say whose spectrum: --sphere-dim D for the sphere S^D, or --data FILE for a kernel matrix")
    if coeffs and (act or depth or sigma_w2 or gamma_b2 or sample is not None):
        raise InputError("--coeffs stands for a kernel: leave out the kernel's options and --sample")
    if not measured and sample is None and (seed is not None or top is not None):
        raise InputError("--seed and --top are about sampled eigenvalues: give --sample N too")
    console.check_writable(output)
    if plot:
        console.check_plot(plot, output)
    budget, screen = options.chosen_memory(memory), console.screen(output, digits, top)
    from ntkcalc.report import eigs as render_eigs

    if parametrization == "standard":
        sigma_w2 = ["max"]  # of no use, but every activation has it
    if measured:
        kernels = options.KernelGrid.of(act, depth, sigma_w2, gamma_b2).kernels()
        sets = _data_sets(data, isotropic, seed, not no_normalize, quiet)
        strict = digits is not None
    if measured and width is not None:
        from ntkcalc.kernel.points import as_images
        from ntkcalc.networks.ensembles import network_spectrum
        from ntkcalc.networks.network import Design
        from ntkcalc.report import networks as render_networks

        networks = Design(width, arch or "mlp", parametrization or "ntk", padding or "valid")
        if image_shape is not None:
            channels, height, across = options.chosen_sizes(image_shape, "--image-shape", "C,H,W")
            sets = [as_images(points, (channels, height, across)) for points in sets]
        drawn = 10 if trials is None else trials, seed or 0
        with console.progress(quiet, "layers") as watch:
            ensembles = [
                network_spectrum(k, networks, x, *drawn, top, shown, strict, budget, watch)
                for x in sets
                for k in kernels
            ]
        text = render_networks.spectra_text(ensembles, style, screen)
    elif measured:
        from ntkcalc.spectrum.matrix_spectrum import data_spectrum

        with console.progress(quiet, "tiles") as watch:
            matrices = [data_spectrum(k, x, top, shown, strict, budget, watch) for x in sets for k in kernels]
        text = render_eigs.matrix_text(matrices, style, screen)
    elif sphere_dim is not None:
        from ntkcalc.spectrum.sphere import Sphere, given_spectrum

        shown = max(shown, 8) if style == "table" else shown  # shares have three decimals
        sphere = Sphere(sphere_dim, 10 if max_frequency is None else max_frequency, measure or "uniform")
        if coeffs:
            series = options.chosen_series(coeffs, sys.stdin)
            spheres = [given_spectrum(given, sphere, truncation, shown) for given in series]
        else:
            kernels = options.KernelGrid.of(act, depth, sigma_w2, gamma_b2).kernels()
            spheres = _sphere_spectra(kernels, sphere, truncation, shown, sample, seed or 0, top, quiet)
        text = render_eigs.sphere_text(spheres, style, screen)
    if plot:
        from ntkcalc.report.plots import matrix_plot, network_plot, sphere_plot

        with console.whole_file(plot) as beside:
            if width is not None:
                network_plot(ensembles, beside)
            else:
                matrix_plot(matrices, beside) if measured else sphere_plot(spheres, beside)
    console.emit(text, output)


def _sphere_spectra(
    kernels: list[Kernel],
    sphere: Sphere,
    truncation: int | None,
    digits: int,
    sample: int | None,
    seed: int,
    top: int | None,
    quiet: bool,
) -> list[SphereSpectrum]:
    """Return the kernels' spectra on the sphere, with those of sampled matrices where they are wanted."""
    from ntkcalc.spectrum.matrix_spectrum import with_sample
    from ntkcalc.spectrum.sphere import kernel_spectrum

    with console.progress(quiet, "steps") as watch:
        found = [kernel_spectrum(kernel, sphere, truncation, digits, watch) for kernel in kernels]
        if sample is None:
            return found
        return [with_sample(k, f, sample, seed, top, watch) for k, f in zip(kernels, found, strict=True)]


def _data_sets(data: str | None, isotropic: str | None, seed: int | None, normalize: bool, quiet: bool) -> list[Points]:
    """Return the points of --data and of --isotropic."""
    from ntkcalc.kernel.points import isotropic_points

    sets = [] if data is None else [_points(data, normalize, quiet)]
    if isotropic is not None:
        n, d = options.chosen_sizes(isotropic, "--isotropic", "N,D")
        sets.append(isotropic_points(n, d, seed or 0))
    return sets


def _points(source: str, normalize: bool, quiet: bool) -> Points:
    """Return the points of a data file; that rows were scaled is said."""
    from ntkcalc.cli.data_files import load_points

    points, remarks = load_points(source, sys.stdin, normalize)
    for said in remarks:
        console.remark(said, quiet)
    if points.scaled:
        console.remark(f"{points.source}: rows scaled to unit norm", quiet)
    return points


@command(short_help="The decay law of coefficients and eigenvalues: fit and theory.")
def decay(
    act: options.Act = None,
    depth: options.Depth = None,
    sigma_w2: options.SigmaW2 = None,
    gamma_b2: options.GammaB2 = None,
    truncation: options.FitTruncation = None,
    coeffs: options.Coeffs = None,
    window: options.Window = None,
    every: options.AllModels = False,
    sphere_dim: options.SphereDim = None,
    rank: options.Rank = None,
    json: options.Json = False,
    format: options.Format = None,
    output: options.Output = "-",
    plot: options.Plot = None,
    schema: Schema = False,
    quiet: options.Quiet = False,
) -> None:
    """Which law of decay the coefficients follow, fitted, beside what theory says (Lemma 3.2 and sharper).

    Example: ntkcalc decay -a relu -a tanh -a gaussian
    """
    style = options.chosen_format(format, json, output)
    if coeffs and (act or depth or sigma_w2 or gamma_b2 or truncation or sphere_dim or rank):
        raise InputError("--coeffs stands for a kernel, on which theory is silent: leave out the other options")
    console.check_writable(output)
    if plot:
        console.check_plot(plot, output)
    degrees = options.chosen_window(window)
    from ntkcalc.decay.kernel_decay import given_decay, kernel_decays
    from ntkcalc.report import decay as render_decay

    if coeffs:
        results = [given_decay(given, degrees) for given in options.chosen_series(coeffs, sys.stdin)]
    else:
        grid = options.KernelGrid.of(act, depth, sigma_w2, gamma_b2)
        with console.progress(quiet, "kernels") as watch:
            deepest, found = grid.deepest(), []
            for done, kernel in enumerate(deepest):
                found.append(kernel_decays(kernel, grid.depths, truncation, degrees, sphere_dim, rank))
                if watch is not None:
                    watch(done + 1, len(deepest))
        results = grid.in_order(found)
    if style == "table":
        text = render_decay.decay_table(results, console.screen(output, None), every)
    else:
        text = render_decay.FORMATS[style](results, every)
    if plot:
        from ntkcalc.report.plots import decay_plot

        with console.whole_file(plot) as beside:
            decay_plot(results, beside)
    console.emit(text, output)


_USAGE_ERROR: type[Exception] = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "UsageError")


def main() -> None:
    """Run the command line; every failure is a line on stderr and an exit code of the contract."""
    console.fill_closed_streams()
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except NtkcalcError as error:
        _fail(str(error), error.exit_code)
    except _USAGE_ERROR as error:
        _fail(_usage_message(error), 2)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        console.abandon_stdout()
        sys.exit(0)
    except OSError as error:
        console.abandon_stdout()
        _fail(f"cannot write stdout: {error.strerror or error}", 1)
    except MemoryError:
        _fail("out of memory; lower --truncation or --digits", 1)
    except Exception as error:
        _fail(f"internal error, which is a fault of ntkcalc: {type(error).__name__}: {str(error)[:200]}", 1)


def _usage_message(error: Exception) -> str:
    """Return what typer found wrong in one line; without arguments, the help."""
    said = str(getattr(error, "format_message", error.__str__)())
    return said if said.startswith(_HELP) else f"{said} (-h lists commands and options)"


_HELP = "Example: "  # what help starts with


def _fail(message: str, code: int) -> NoReturn:
    """Say what went wrong in one line and exit."""
    with suppress(OSError):
        if sys.stderr is not None:
            print(message if message.startswith(_HELP) else console.one_line(message), file=sys.stderr)
    sys.exit(code)
