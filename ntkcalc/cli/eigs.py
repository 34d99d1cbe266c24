"""``ntkcalc eigs``: the spectrum on a sphere, of the kernel matrix of data, or of networks on data."""

from ntkcalc.cli.data_options import NetworkOptions, sizes
from ntkcalc.cli.options import PLOT, SPHERE_DIM, Results, SeriesOptions, check_stdin, command, option
from ntkcalc.cli.terminal import progress
from ntkcalc.errors import InputError


class EigsOptions(NetworkOptions, SeriesOptions):
    """Options of ``ntkcalc eigs``."""

    truncation: int | None = option("-T, --truncation N", "Degree of the bracket's series.  [default: what serves]")
    sphere_dim: int | None = SPHERE_DIM
    max_frequency: int | None = option("--max-frequency K", "Largest frequency k.  [default: 10]")
    measure: str | None = option("--measure uniform|surface", "Measure of the sphere: mass 1, or its area.")
    sample: int | None = option("--sample N", "Also the matrix of N random points on the sphere.")
    top: int | None = option("--top N", "Only the N largest.  [default: all]")
    plot: str | None = PLOT
    arch: str | None = option("--arch mlp|cnn", "Fully connected, or 5 x 5 convolutions.  [default: mlp]")
    parametrization: str | None = option(
        "--parametrization ntk|standard", "Equation (1), or PyTorch's Kaiming-uniform weights.  [default: ntk]"
    )
    image_shape: str | None = option("--image-shape C,H,W", "What rows are as images: channels, height, width.")
    padding: str | None = option("--padding valid|same", "Convolutions inside the image, or with zeros around it.")


@command
def eigs(options: EigsOptions) -> None:
    """The spectrum: eigenvalues on a sphere (Theorem 4.6), or of the kernel matrix of data.

    With --width of networks of finite width at random initialisation (Figures 1 and 3).

    Example: ntkcalc eigs --act relu --sphere-dim 2
    """
    digits = options.digits_shown
    _check(options)
    budget = options.budget
    if options.sphere_dim is not None:
        results = eigs_sphere(options, options.sphere_dim, digits)
    elif options.width is None:
        results = eigs_data(options, digits, budget)
    else:
        results = eigs_networks(options, options.width, digits, budget)
    options.report(results, options.digits, options.top, plot=options.plot)


def _check(o: EigsOptions) -> None:
    o.check_engine("numpy" if o.measured else "mpmath")
    check_stdin(o.coeffs, o.data)
    o.check_layout()
    sphere = o.sphere_dim, o.max_frequency, o.measure, o.sample, o.truncation, o.coeffs
    if o.measured and any(x is not None for x in sphere):
        raise InputError("--data brings its own points and the exact kernel: leave out the options of the sphere")
    o.check_networks("arch", "parametrization", "image_shape", "padding")
    _check_data(o) if o.measured else _check_sphere(o)
    o.check_files(o.plot)


def _check_data(o: EigsOptions) -> None:
    o.check_seed()
    if o.data and o.isotropic and o.width is None:
        raise InputError("--data and --isotropic together are for --width; else one data set at a time")
    if o.parametrization == "standard" and any((o.sigma_w2, o.sigma_b2, o.gamma_w2, o.gamma_b2)):
        raise InputError("--parametrization standard has no variances: leave out --sigma-w2 and the others")
    if o.parametrization == "standard" and o.kernel == "nngp":
        raise InputError("--kernel nngp is that of the NTK parametrization: leave out --parametrization standard")
    if o.arch != "cnn" and (o.image_shape or o.padding):
        raise InputError("--image-shape and --padding are about convolutions: give --arch cnn too")


def _check_sphere(o: EigsOptions) -> None:
    if o.sphere_dim is None:
        raise InputError("say whose spectrum: --sphere-dim D for the sphere S^D, or --data FILE for a kernel matrix")
    if o.coeffs and (o.names_kernel or o.sample is not None):
        raise InputError("--coeffs stands for a kernel: leave out the kernel's options and --sample")
    if o.sample is None and (o.seed is not None or o.top is not None):
        raise InputError("--seed and --top are about sampled eigenvalues: give --sample N too")


def eigs_sphere(options: EigsOptions, dimension: int, digits: int) -> Results:
    """Return spectra on a sphere, with those of sampled matrices where they are wanted."""
    from ntkcalc.spectrum.sphere import Sphere, given_spectrum
    from ntkcalc.spectrum.sphere_sample import sphere_spectrum

    o, digits = options, max(digits, 8) if options.style == "table" else digits  # shares have three decimals
    sphere = Sphere(dimension, 10 if o.max_frequency is None else o.max_frequency, o.measure or "uniform")
    if o.coeffs:
        given = o.given_series()
        with progress(o.quiet, "frequencies") as observer:
            return [given_spectrum(series, sphere, o.truncation, digits, observer) for series in given]
    kernels = o.kernels()
    sample = None if o.sample is None else (o.sample, o.seed or 0, o.top)
    with o.tasks() as tasks, progress(o.quiet, "steps") as observer:
        return [*tasks.run(sphere_spectrum, kernels, sphere, o.truncation, digits, sample, observer=observer)]


def eigs_data(options: EigsOptions, digits: int, budget: int) -> Results:
    """Return spectra of kernel matrices of data."""
    from ntkcalc.spectrum.matrix_spectrum import data_spectrum

    kernels, sets = options.kernels(), options.data_sets()
    more = options.top, digits, options.digits is not None, budget
    with options.tasks() as tasks, progress(options.quiet, "blocks") as observer:
        return [s for points in sets for s in tasks.sweep(data_spectrum, kernels, points, *more, observer=observer)]


def eigs_networks(options: EigsOptions, width: int, digits: int, budget: int) -> Results:
    """Return spectra of networks of finite width on data, means over trials."""
    from ntkcalc.kernel.points import as_images
    from ntkcalc.networks.ensembles import network_spectrum
    from ntkcalc.networks.network import Architecture

    o = options
    kernels, sets = o.kernels(), o.data_sets()
    networks = Architecture(width, o.arch or "mlp", o.parametrization or "ntk", o.padding or "valid")
    if o.image_shape is not None:
        channels, height, across = sizes(o.image_shape, "--image-shape", "C,H,W")
        sets = [as_images(points, (channels, height, across)) for points in sets]
    more = *o.draws, o.top, digits, o.digits is not None, budget
    with o.tasks() as tasks, progress(o.quiet, "layers") as observer:
        runs = (tasks.sweep(network_spectrum, kernels, networks, x, *more, observer=observer) for x in sets)
        return [spectrum for run in runs for spectrum in run]
