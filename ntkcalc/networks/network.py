r"""Networks of finite width at random initialisation, and their empirical neural tangent kernels.

.. math::  K(x, y) = ⟨∇_θ f(x), ∇_θ f(y)⟩ = \sum_l ⟨δ_l(x), δ_l(y)⟩ \, (c_{w,l}² ⟨h_{l−1}(x), h_{l−1}(y)⟩ + c_{b,l}²)

with h_0 = x, g_l = c_{w,l} W_l h_{l−1} + c_{b,l} b_l, h_l = φ(g_l), f = g of the last layer, and δ_l = ∂f/∂g_l from one
pass back: products of n × width matrices, layer by layer (`ntkcalc.networks.layers`).

* **ntk**: equation (1), parameters N(0, 1), c_w = γ_w, c_b = γ_b in the first layer, σ_w/√width and σ_b later, at the
  output too: without σ_b there, K would converge to Θ_l − σ_b².
* **standard**: c_w = c_b = 1, weights and biases uniform in ±1/√fan_in, PyTorch's default for Linear and Conv2d.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ntkcalc.activations.activation import ArrayFunction
from ntkcalc.errors import AccuracyError, InputError, NtkcalcError, one_of
from ntkcalc.kernel.hyperparameters import Given, Kernel
from ntkcalc.kernel.points import Points, unit_rows
from ntkcalc.networks.layers import Convolution, Dense, NetworkLayer
from ntkcalc.numerics.precision import python_integers, whole
from ntkcalc.numerics.types import Array

ARCHITECTURES = ("mlp", "cnn")
PARAMETRIZATIONS = ("ntk", "standard")
PADDINGS = ("valid", "same")

Tick = Callable[[], object]
"""Called after each layer's part of the work: `ticks` times in all."""

_UNIT = 2.0**-52
_NOTHING = 0.1  # relative error that leaves no digit


@dataclass(frozen=True)
class Architecture:
    """The architecture of a network: all but its activation, its depth and its variances.

    Notes
    -----
    The paper's Figure 3 states depth, 100 channels, 5 × 5 filters, and PyTorch's standard parametrisation and
    initialisation. Assumed here, as in the functorch tutorial that the paper followed: Conv2d's defaults (stride 1, no
    padding), no pooling, a linear layer on the flattened image. For convolutions in the **ntk** parametrisation
    c_w is σ_w/√fan_in, in the first layer γ_w √(d/fan_in), which is γ_w for an MLP.
    """

    widths: int | tuple[int, ...]  # neurons of every hidden layer (channels of every convolution), or of each
    arch: str = "mlp"  # or "cnn": convolutions of stride 1, then one linear output from all that they leave
    parametrization: str = "ntk"  # or "standard", as at the head of this module
    padding: str = "valid"  # of convolutions: none, PyTorch's default, or "same": zeros that keep the size of the image
    filter_size: int = 5  # side of the filters; odd where padding is "same"

    def __post_init__(self) -> None:
        for value in self.widths if isinstance(self.widths, tuple) else (self.widths,):
            whole(value, "width", 1)
        one_of(self.arch, ARCHITECTURES, "arch")
        one_of(self.parametrization, PARAMETRIZATIONS, "parametrization")
        one_of(self.padding, PADDINGS, "padding")
        if whole(self.filter_size, "filter_size") < 1 or (self.padding == "same" and self.filter_size % 2 == 0):
            raise InputError(f"filter_size must be at least 1, and odd where padding is same, got {self.filter_size}")

    def hidden(self, depth: int) -> tuple[int, ...]:
        """Return the widths of the hidden layers of a network of a depth."""
        if not isinstance(self.widths, tuple):
            return (self.widths,) * (depth - 1)
        if len(self.widths) != depth - 1:
            raise InputError(f"depth {depth} has {depth - 1} hidden layers, got {len(self.widths)} widths")
        return self.widths


@dataclass(frozen=True)
class LayerShape:
    """Shapes of the weights, of one input and of one output of a layer, and its fan-in."""

    weights: tuple[int, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    fan_in: int

    @property
    def convolves(self) -> bool:
        """Whether it is a convolution."""
        return len(self.weights) == 4


def layer_shapes(depth: int, architecture: Architecture, points: Points) -> list[LayerShape]:
    """Return the shapes of the layers of a network for these points; convolutions need images, not too small."""
    shape, found = input_shape(architecture, points), list[LayerShape]()
    for width in architecture.hidden(depth):
        found.append(
            _dense(shape, width) if architecture.arch == "mlp" else _convolution(shape, width, architecture, len(found))
        )
        shape = found[-1].outputs
    return [*found, _dense(shape, 1)]


def _dense(shape: tuple[int, ...], width: int) -> LayerShape:
    size = math.prod(shape)
    return LayerShape((width, size), shape, (width,), size)


def _convolution(shape: tuple[int, ...], width: int, architecture: Architecture, place: int) -> LayerShape:
    k, (height, across, channels) = architecture.filter_size, shape
    shrink = k - 1 - 2 * _padding(architecture)
    if min(height, across) <= shrink:
        raise InputError(
            f"convolutions {k} x {k} without padding leave an image of {height} x {across} after {place} of them, too "
            "small for another: say --padding same, or take a smaller --depth or larger images"
        )
    outputs = height - shrink, across - shrink, width
    return LayerShape((k, k, channels, width), shape, outputs, k * k * channels)


def _padding(architecture: Architecture) -> int:
    """Return the rows of zeros on each side of an image."""
    return architecture.filter_size // 2 if architecture.padding == "same" else 0


def input_shape(architecture: Architecture, points: Points) -> tuple[int, ...]:
    """Return the shape of one input: (d,), or (height, width, channels)."""
    if architecture.arch == "mlp":
        return (points.rows.shape[1],)
    if points.image is None:
        raise InputError(
            f"{points.source}: a cnn needs images: an array of n x channels x height x width, or --image-shape C,H,W"
        )
    channels, height, width = points.image
    return height, width, channels


@dataclass(frozen=True)
class Network:
    """A network with its parameters: its layers up to the linear output, and φ and φ' on arrays."""

    layers: tuple[NetworkLayer, ...]
    phi: ArrayFunction
    slope: ArrayFunction
    all_parameters: bool = True  # whether its kernel is the NTK, else the NNGP kernel, the last layer's share of it

    def output(self, x: Array) -> Array:
        """Return f(x), shape (n,)."""
        h = x
        for layer in self.layers[:-1]:
            h = self.phi(layer.forward(h))
        return self.layers[-1].forward(h)[:, 0]

    def derivatives(self, x: Array, tick: Tick) -> list[tuple[Array, Array]]:
        """Return h_{l−1} and δ_l = ∂f/∂g_l of every layer, the last one first, a row for each input."""
        below, slopes = [x], []
        for place, layer in enumerate(self.layers[:-1], 1):
            g = layer.forward(below[-1])
            below.append(_finite(self.phi(g), place))
            slopes.append(_finite(self.slope(g), place))
            tick()
        found = [(below.pop(), np.ones((len(x), 1)))]
        for layer in self.layers[:0:-1] if self.all_parameters else ():
            delta = slopes.pop()
            delta *= layer.backward(found[-1][1])
            found.append((below.pop(), delta))
            tick()
        return found

    def shares(self, one: list[tuple[Array, Array]], other: list[tuple[Array, Array]], tick: Tick) -> Array:
        """Return the kernel between two sets of inputs from their derivatives, shape (n, m)."""
        found: Array = np.zeros((len(one[0][1]), len(other[0][1])))
        for layer, mine, others in zip(self.layers[::-1], one, other, strict=self.all_parameters):
            found += layer.share(*mine, *others)
            tick()
        return found


def _finite(values: Array, place: int) -> Array:
    """Return values of a layer; raise an error if some overflow float64."""
    if not (np.isfinite(values.min()) and np.isfinite(values.max())):  # either is NaN where a value is
        raise AccuracyError(
            f"the random network's values overflow float64 at layer {place}; lower --depth or --sigma-w2"
        )
    return values


def initialised(kernel: Kernel, architecture: Architecture, points: Points, random: np.random.Generator) -> Network:
    """Return a network with random parameters for inputs of the shape of these points (equation (1))."""
    layers: list[NetworkLayer] = []
    for place, plan in enumerate(layer_shapes(kernel.depth, architecture, points)):
        out = plan.outputs[-1]
        weight_scale, bias_scale = _scales(kernel, architecture, place, plan, points)
        if architecture.parametrization == "ntk":
            weights, bias = random.standard_normal(plan.weights), random.standard_normal(out)
        else:
            reach = plan.fan_in**-0.5
            weights, bias = random.uniform(-reach, reach, plan.weights), random.uniform(-reach, reach, out)
        if plan.convolves:
            layers.append(Convolution(weights, bias, weight_scale, bias_scale, _padding(architecture)))
        else:
            layers.append(Dense(weights, bias, weight_scale, bias_scale, plan.inputs))
    return Network(tuple(layers), *kernel.activation.on_arrays(), kernel.name == "ntk")


def _scales(
    kernel: Kernel, architecture: Architecture, place: int, plan: LayerShape, points: Points
) -> tuple[float, float]:
    """Return c_w and c_b of a layer."""
    if architecture.parametrization == "standard":
        return 1.0, 1.0
    if place == 0:
        d, gamma_w2 = points.rows.shape[1], float(kernel.variances.gamma_w2_at(64))
        return (gamma_w2 * d / plan.fan_in) ** 0.5, float(kernel.variances.gamma_b2_at(64)) ** 0.5
    weights, biases = float(kernel.variances.sigma_w2_at(64)), float(kernel.variances.sigma_b2_at(64))
    return (weights / plan.fan_in) ** 0.5, biases**0.5


@dataclass(frozen=True)
class BatchPlan:
    """How the kernel of n inputs is computed in a given memory."""

    rows: int  # inputs in a batch; derivatives of one batch are stored or, if n > rows, of two
    ticks: int  # calls of the observer

    @classmethod
    def of(cls, plans: Sequence[LayerShape], n: int, memory: int) -> BatchPlan:
        """Return the largest batches that fit beside the kernel and the parameters; raise an error if none does."""
        fixed = 8 * (2 * n * n + sum(math.prod(plan.weights) for plan in plans))
        if plans[0].convolves:
            fixed += 8 * n * math.prod(plans[0].inputs)  # the images, channels last
        rows, parts = n, 1
        while fixed + _derivative_bytes(plans, rows, n) > memory and rows > 1:
            parts += 1 + parts // 8
            rows = -(-n // parts)
        needed = fixed + _derivative_bytes(plans, rows, n)
        if needed > memory:
            raise NtkcalcError(
                f"this network and a kernel of {n} inputs need {size_text(needed)}, more than the {size_text(memory)} "
                "of --memory: give it more, or take fewer points or a smaller --width or --depth"
            )
        pairs = (blocks := -(-n // rows)) * (blocks - 1) // 2
        return cls(rows, (pairs + 1) * 2 * (len(plans) - 1) + (pairs + blocks) * len(plans))


def _derivative_bytes(plans: Sequence[LayerShape], rows: int, n: int) -> int:
    """Return the bytes of the derivatives of a block of inputs (of two, where it is not all) and their contraction."""
    held = sum(math.prod(plan.inputs) + math.prod(plan.outputs) for plan in plans)
    passing = 2 * max(math.prod(plan.outputs) for plan in plans)
    filters = max((math.prod(plan.weights[1:]) for plan in plans if plan.convolves), default=0)
    blocks = 1 if rows == n else 2
    return 8 * (blocks * rows * (held + filters) + rows * passing + 3 * rows * rows)


def size_text(count: int) -> str:
    """Return a number of bytes with a unit, a power of 1024."""
    if count < 1 << 20:
        return f"{count}"
    for power, unit in enumerate("MGTPEZY", 2):
        if count < 999 << 10 * power:
            return f"{count / (1 << 10 * power):.3g}{unit}"
    return "over 999Y"


def network_kernel(network: Network, x: Array, rows: int, tick: Tick = lambda: None) -> Array:
    """Return K(x_i, x_j) (equation (2)), shape (n, n), from the derivatives of `rows` inputs at a time."""
    n = len(x)
    found = np.empty((n, n))
    with np.errstate(over="ignore", invalid="ignore"):
        following = network.derivatives(x[:rows], tick)
        for i in range(0, n, rows):
            one = following
            found[i : i + rows, i : i + rows] = network.shares(one, one, tick)
            for j in range(i + rows, n, rows)[::-1]:  # the last of them is the next i
                following = []  # before there is a third block
                following = network.derivatives(x[j : j + rows], tick)
                found[i : i + rows, j : j + rows] = network.shares(one, following, tick)
                found[j : j + rows, i : i + rows] = found[i : i + rows, j : j + rows].T
    if not np.isfinite(found).all():
        raise AccuracyError("the random network's kernel overflows float64; lower --depth or --sigma-w2")
    return found


def network_inputs(architecture: Architecture, points: Points) -> Array:
    """Return the inputs of a network: rows, or images whose channels come last."""
    if architecture.arch == "mlp":
        return points.inputs
    height, width, channels = input_shape(architecture, points)
    images = points.inputs.reshape(-1, channels, height, width)
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1))


def rounding(kernel: Kernel, architecture: Architecture, plans: Sequence[LayerShape]) -> float:
    """Return the relative error of entries of K that sums of so many rounded terms can have.

    Sums of m terms err by √m units, errors of layers add up, and each layer amplifies them by √χ where χ > 1. (Under
    the standard parametrisation χ is below 1/3 of E[φ'²].) Raises an AccuracyError where no digit is left.
    """
    steepest = max((float(chi) for _, chi in kernel.steps(64)), default=0.0)
    growth = max(1.0, steepest) ** (len(plans) / 2) if architecture.parametrization == "ntk" else 1.0
    widest = max(plan.fan_in for plan in plans)
    error = 4 * _UNIT * len(plans) * math.sqrt(widest) * growth
    if error > _NOTHING:
        raise AccuracyError(
            f"double precision loses a network of depth {len(plans)} with chi = {steepest:.3g} > 1: its "
            "layers multiply errors; lower --depth or --sigma-w2"
            if growth > 1
            else f"double precision loses a network whose neurons add {widest} terms; lower --width"
        )
    return error


def _generator(seed: Any) -> np.random.Generator:
    try:
        return np.random.default_rng(seed)
    except (ValueError, TypeError):
        raise InputError(f"seed must be what numpy.random.default_rng takes, got {seed!r:.40}") from None


@python_integers
def empirical_ntk(
    x: Any,
    *,
    act: str,
    widths: int | Sequence[int],
    depth: int | None = None,
    sigma_w2: Given = None,
    gamma_b2: Given = 0,
    sigma_b2: Given = None,
    gamma_w2: Given = None,
    kernel: str = "ntk",
    parametrization: str = "ntk",
    arch: str = "mlp",
    padding: str = "valid",
    filter_size: int = 5,
    seed: Any = 0,
    normalize: bool = True,
    memory: int = 1 << 30,
) -> Array:
    """Return the empirical NTK ⟨∇f(x_i), ∇f(x_j)⟩ (equations (1), (2)) of a network at random initialisation.

    Parameters
    ----------
    x : points, shape (n, d), or images, shape (n, channels, height, width), scaled to unit norm
    act, widths, depth, sigma_w2, gamma_b2, sigma_b2, gamma_w2, kernel
        The kernel (`ntk_coefficients`), and the neurons (channels) of all hidden layers, or of each: then l follows.
    parametrization, arch, padding, filter_size
        ``"ntk"``, (1) with σ_b b at the output too, or ``"standard"``, PyTorch's Kaiming-uniform, without variances;
        ``"mlp"`` or ``"cnn"``, whose convolutions have ``"valid"`` or ``"same"`` padding and filters of this side.
    seed : what `numpy.random.default_rng` takes; trial t of N of ``eigs --width`` has ``SeedSequence(S).spawn(N)[t]``
    normalize, memory : as for `matrix_spectrum`

    Returns
    -------
    ndarray
        Shape (n, n). As widths grow, that of an MLP in NTK parametrisation converges to `ntk_matrix` like 1/√width.

    Raises
    ------
    InputError, NtkcalcError, AccuracyError
        For what makes no sense, for too little memory, and where float64 overflows or loses the network.

    Examples
    --------
    >>> empirical_ntk([[1, 0], [0, 1]], act="relu", widths=[], gamma_b2=0.5).round(12).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    if isinstance(widths, Sequence):
        widths = tuple(widths)
        depth = len(widths) + 1 if depth is None else depth
    architecture = Architecture(widths, arch, parametrization, padding, filter_size)
    given: Any = () if parametrization == "standard" else (sigma_w2, gamma_b2, sigma_b2, gamma_w2, kernel)
    found = Kernel.of(act, 2 if depth is None else depth, *given).checked()
    points = unit_rows(x, "x", normalize)
    plans = layer_shapes(found.depth, architecture, points)
    rounding(found, architecture, plans)
    budget = BatchPlan.of(plans, len(points.rows), whole(memory, "memory"))
    network = initialised(found, architecture, points, _generator(seed))
    return network_kernel(network, network_inputs(architecture, points), budget.rows)
