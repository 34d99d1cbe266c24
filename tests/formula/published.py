"""Activations of torch.nn, jax.nn, Keras and papers as formulas, each with its definition in float64 beside it.

The definitions are written from the sources, not from the formulas; where a parameter is free it has the default.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import erf, expit, ndtr

Array = Any


@dataclass(frozen=True)
class Published:
    """An activation that somebody uses.

    Attributes
    ----------
    source
        Where it is from.
    text
        What a user of ntkcalc types.
    phi
        Its definition on arrays.
    """

    source: str
    text: str
    phi: Callable[[Array], Array]


def _softplus(x: Array) -> Array:
    return np.logaddexp(0, x)


def _elu(x: Array, alpha: float = 1.0) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946

PUBLISHED: dict[str, Published] = {
    # torch.nn
    "ELU": Published("torch.nn", "elu(x)", _elu),
    "Hardsigmoid": Published("torch.nn", "hardsigmoid", lambda x: np.clip(x + 3, 0, 6) / 6),
    "Hardtanh": Published("torch.nn", "hardtanh", lambda x: np.clip(x, -1, 1)),
    "Hardswish": Published("torch.nn", "hardswish", lambda x: x * np.clip(x + 3, 0, 6) / 6),
    "LeakyReLU": Published("torch.nn", "LeakyReLU", lambda x: np.where(x > 0, x, 0.01 * x)),
    "LogSigmoid": Published("torch.nn", "log(1/(1+exp(-x)))", lambda x: -_softplus(-x)),
    "PReLU": Published("torch.nn", "max(x,0)+0.25*min(x,0)", lambda x: np.where(x > 0, x, 0.25 * x)),
    "ReLU": Published("torch.nn", "max(0,x)", lambda x: np.maximum(x, 0)),
    "ReLU6": Published("torch.nn", "min(max(0,x),6)", lambda x: np.clip(x, 0, 6)),
    "RReLU": Published("torch.nn", "max(x,11/48*x)", lambda x: np.where(x > 0, x, (1 / 8 + 1 / 3) / 2 * x)),
    "SELU": Published("torch.nn", "SELU", lambda x: _SELU_SCALE * _elu(x, _SELU_ALPHA)),
    "CELU": Published("torch.nn", "max(0,x)+min(0,2*(exp(x/2)-1))", lambda x: np.where(x > 0, x, 2 * np.expm1(x / 2))),
    "GELU": Published("torch.nn", "x*Phi(x)", lambda x: x * ndtr(x)),
    "GELU tanh": Published(
        "torch.nn",
        "0.5*x*(1+tanh(sqrt(2/pi)*(x+0.044715*x^3)))",
        lambda x: x * expit(2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)),
    ),
    "Sigmoid": Published("torch.nn", "1/(1+exp(-x))", expit),
    "SiLU": Published("torch.nn", "x*sigmoid(x)", lambda x: x * expit(x)),
    "Mish": Published("torch.nn", "x*tanh(softplus(x))", lambda x: x * np.tanh(_softplus(x))),
    "Softplus": Published("torch.nn", "log(1+exp(2*x))/2", lambda x: _softplus(2 * x) / 2),
    "Softshrink": Published("torch.nn", "x-clip(x,-0.5,0.5)", lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0)),
    "Softsign": Published("torch.nn", "x/(1+abs(x))", lambda x: x / (1 + np.abs(x))),
    "Tanh": Published("torch.nn", "(exp(x)-exp(-x))/(exp(x)+exp(-x))", np.tanh),
    "Tanhshrink": Published("torch.nn", "x-tanh(x)", lambda x: x - np.tanh(x)),
    # jax.nn, flax
    "hard_silu": Published("jax.nn", "x*min(max(x+3,0),6)/6", lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    "soft_sign": Published("jax.nn", "softsign", lambda x: x / (np.abs(x) + 1)),
    "log_sigmoid": Published("jax.nn", "-log1p(exp(-x))", lambda x: -_softplus(-x)),
    "squareplus": Published("jax.nn", "(x+sqrt(x^2+4))/2", lambda x: (x + np.hypot(x, 2)) / 2),
    "sparse_plus": Published(
        "jax.nn",
        "max(x,0)+relu(1-abs(x))^2/4",
        lambda x: np.where(x < -1, 0, np.where(x > 1, x, (x + 1) ** 2 / 4)),
    ),
    "sparse_sigmoid": Published("jax.nn", "clip((x+1)/2,0,1)", lambda x: 0.5 * np.clip(x + 1, 0, 2)),
    # Keras, TensorFlow
    "exponential": Published("Keras", "exp(x)", np.exp),
    "hard_sigmoid": Published("Keras", "clip(0.2*x+0.5,0,1)", lambda x: np.clip(x / 5 + 0.5, 0, 1)),
    "squared ReLU": Published("Primer", "relu(x)^2", lambda x: np.where(x > 0, x, 0) ** 2),
    "swish beta": Published("TensorFlow", "x/(1+exp(-1.5*x))", lambda x: x * expit(1.5 * x)),
    "soft_shrink": Published("Keras", "x-clip(x,-1,1)", lambda x: x - np.clip(x, -1, 1)),
    "ReLU with ceiling": Published("Keras", "min(relu(x),1)", lambda x: np.clip(x, 0, 1)),
    # papers
    "SIREN": Published("Sitzmann 2020", "sin(30*x)", lambda x: np.sin(30 * x)),
    "Snake": Published("Liu 2020", "x+sin(x)^2", lambda x: x + (1 - np.cos(2 * x)) / 2),
    "Snake 5": Published("Liu 2020", "x+sin(5*x)^2/5", lambda x: x + (1 - np.cos(10 * x)) / 10),
    "Serf": Published("Nag 2021", "x*erf(log(1+exp(x)))", lambda x: x * erf(_softplus(x))),
    "ISRU": Published("Carlile 2017", "x/sqrt(1+x^2)", lambda x: x / np.hypot(1, x)),
    "ISRLU": Published(
        "Carlile 2017", "max(x,0)+min(x,0)/sqrt(1+min(x,0)^2)", lambda x: np.where(x < 0, x / np.hypot(1, x), x)
    ),
    "StarReLU": Published("Yu 2022", "0.8944*relu(x)^2-0.4472", lambda x: 0.8944 * np.maximum(x, 0) ** 2 - 0.4472),
    "Phish": Published("Naveen 2022", "x*tanh(gelu(x))", lambda x: x * np.tanh(x * ndtr(x))),
    "bent identity": Published("folklore", "(sqrt(x^2+1)-1)/2+x", lambda x: (np.hypot(x, 1) - 1) / 2 + x),
    "Gaussian": Published("folklore", "exp(-x^2)", lambda x: np.exp(-x * x)),
    "sinc": Published("folklore", "sin(x)/x", lambda x: np.sinc(x / np.pi)),
    "arctan": Published("folklore", "atan(x)", np.arctan),
    "asinh": Published("folklore", "asinh(x)", np.arcsinh),
    "ELiSH": Published(
        "Basirat 2018",
        "(max(x,0)+exp(min(x,0))-1)*sigmoid(x)",
        lambda x: np.where(x < 0, np.expm1(np.minimum(x, 0)), x) * expit(x),
    ),
    "HardELiSH": Published(
        "Basirat 2018",
        "(max(x,0)+expm1(min(x,0)))*clip((x+1)/2,0,1)",
        lambda x: _elu(x) * np.maximum(0, np.minimum(1, (x + 1) / 2)),
    ),
    "TanhExp": Published("Liu 2020", "x*tanh(exp(x))", lambda x: x * np.tanh(np.exp(x))),
    "Smish": Published("Wang 2022", "x*tanh(log(1+sigmoid(x)))", lambda x: x * np.tanh(np.log1p(expit(x)))),
    "Logish": Published("Zhu 2021", "x*log(1+sigmoid(x))", lambda x: x * np.log1p(expit(x))),
    "LiSHT": Published("Roy 2019", "x*tanh(x)", lambda x: x * np.tanh(x)),
    "Aria-2": Published("Narasimhan 2018", "x/(1+exp(-2*x))^1.5", lambda x: x * expit(2 * x) ** 1.5),
    "quadratic": Published("theory", "x^2", np.square),
    "cubic": Published("theory", "x^3", lambda x: x**3),
    "cosine": Published("random features", "cos(x)", np.cos),
    "shifted cosine": Published("random features", "sqrt(2)*cos(x+1)", lambda x: np.sqrt(2) * np.cos(x + 1)),
    "sine and line": Published("folklore", "x+sin(x)", lambda x: x + np.sin(x)),
    "Mexican hat": Published("wavelets", "(1-x^2)*exp(-x^2/2)", lambda x: (1 - x * x) * np.exp(-x * x / 2)),
    "Morlet": Published("wavelets", "cos(5*x)*exp(-x^2/2)", lambda x: np.cos(5 * x) * np.exp(-x * x / 2)),
    "LeCun tanh": Published("LeCun 1998", "1.7159*tanh(2/3*x)", lambda x: 1.7159 * np.tanh(2 / 3 * x)),
    "twisted tanh": Published("LeCun 1998", "tanh(x)+0.1*x", lambda x: np.tanh(x) + x / 10),
    "rational tanh": Published("folklore", "x*(27+x^2)/(27+9*x^2)", lambda x: x * (27 + x**2) / (27 + 9 * x**2)),
    "Swish-T": Published("Seo 2024", "sigmoid(x)*(x+2*0.1*tanh(x))", lambda x: expit(x) * (x + 0.2 * np.tanh(x))),
    "Gish": Published("Kaytan 2023", "x*log(2-exp(-exp(x)))", lambda x: x * np.log(2 - np.exp(-np.exp(x)))),
    "log of absolute": Published("folklore", "sign(x)*log(1+abs(x))", lambda x: np.sign(x) * np.log1p(np.abs(x))),
    "power": Published("folklore", "abs(x)^1.5", lambda x: np.abs(x) ** 1.5),
    "ReLU of sine": Published("folklore", "relu(sin(3*x))", lambda x: np.maximum(np.sin(3 * x), 0)),
}

REFUSED = {
    "Hardshrink": ("torch.nn", "x*(step(x-0.5)+step(-x-0.5))", "jumps from -0.5 to 0.0 at x = -0.5"),
    "Threshold": ("torch.nn", "0.1+(x-0.1)*step(x-1)", "jumps from 0.1 to 1.0 at x = 1"),
    "hard_shrink": ("Keras", "x-x*step(x+0.5)*step(0.5-x)", "jumps from -0.5 to 0.0 at x = -0.5"),
    "square root": ("folklore", "sign(x)*sqrt(abs(x))", "its derivative is not square-integrable at x = 0"),
    "tan": ("folklore", "tan(x)", "is unbounded at x = 1.5708"),
    "exp of square": ("folklore", "exp(x^2/2)", "it grows like exp(x^2/4) or faster"),
}
"""What Assumption 3 excludes: a source, the formula, and what the refusal says."""

VERBS = {
    "coeffs": "coeffs",
    "evaluate": "evaluate --rho 0.5 --rho -0.9",
    "eigs": "eigs --sphere-dim 2",
    "effrank": "effrank --data {}",
    "decay": "decay -T 40",
}
"""A command of each verb, {} for a file of points."""
