r"""Layers of finite networks: the map, its transpose, and the layer's contribution to the neural tangent kernel.

A layer is affine in its parameters, g = c_w W h + c_b b. With δ = ∂f/∂g the derivatives of f are c_w δ ⊗ h and c_b δ,
so that the layer's share of ⟨∇f(x), ∇f(y)⟩ is

.. math::  ⟨δ(x), δ(y)⟩ \, (c_w² ⟨h(x), h(y)⟩ + c_b²) ,

for a convolution with sums over the places x and y at which W is applied, inside the product. The n × parameters
matrix of derivatives is not formed.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ntkcalc.numerics.types import Array


class NetworkLayer(Protocol):
    """The interface of a layer; arrays hold one input of the network in each row."""

    def forward(self, h: Array) -> Array:
        """Return g = c_w W h + c_b b."""

    def backward(self, delta: Array) -> Array:
        """Return c_w Wᵀ δ."""

    def share(self, below: Array, delta: Array, other_below: Array, other_delta: Array) -> Array:
        """Return the layer's share of the kernel between two sets of inputs, from their h and δ: shape (n, m)."""


@dataclass(frozen=True)
class Dense:
    """A fully connected layer; inputs of any shape are flattened."""

    weights: Array  # W, shape (out, in)
    bias: Array  # b, shape (out,)
    weight_scale: float  # c_w
    bias_scale: float  # c_b
    shape: tuple[int, ...]  # of one input

    def forward(self, h: Array) -> Array:
        """Return g, shape (n, out)."""
        g = h.reshape(len(h), -1) @ self.weights.T
        g *= self.weight_scale
        g += self.bias_scale * self.bias
        return g

    def backward(self, delta: Array) -> Array:
        """Return c_w Wᵀ δ in the shape of the inputs."""
        back = delta @ self.weights
        back *= self.weight_scale
        return back.reshape(len(delta), *self.shape)

    def share(self, below: Array, delta: Array, other_below: Array, other_delta: Array) -> Array:
        """Return ⟨δ, δ⟩ (c_w² ⟨h, h⟩ + c_b²)."""
        h, other = below.reshape(len(below), -1), other_below.reshape(len(other_below), -1)
        found = h @ other.T
        found *= self.weight_scale**2
        found += self.bias_scale**2
        found *= delta @ other_delta.T
        return found


@dataclass(frozen=True)
class Convolution:
    """A convolution of stride 1 on images whose channels come last.

    Inputs and rows of the filter are processed one at a time. With the k shifted copies of an image side by side, one
    row of the filter is a matrix product, and only 1/k of a layer's derivatives is in memory.
    """

    weights: Array  # W, shape (k, k, in, out)
    bias: Array  # b, shape (out,)
    weight_scale: float  # c_w
    bias_scale: float  # c_b
    padding: int  # rows and columns of zeros around the image

    def forward(self, h: Array) -> Array:
        """Return g, shape (n, height, width, out)."""
        height, width = (side + 2 * self.padding - len(self.weights) + 1 for side in h.shape[1:3])
        g = np.empty((len(h), height, width, self.weights.shape[3]))
        for image, result in zip(h, g, strict=True):
            columns = self._columns(image)
            result[...] = self.bias_scale * self.bias
            for row, weights in enumerate(self._rows()):
                result += (columns[row : row + height].reshape(height * width, -1) @ weights).reshape(result.shape)
        return g

    def backward(self, delta: Array) -> Array:
        """Return c_w Wᵀ δ, shape (n, height, width, in) of the inputs."""
        n, height, width, out = delta.shape
        k, _, channels, _ = self.weights.shape
        back = np.zeros((n, height + k - 1, width + k - 1, channels))
        for image, result in zip(delta, back, strict=True):
            for row, weights in enumerate(self._rows()):
                spread = (image.reshape(-1, out) @ weights.T).reshape(height, width, k, channels)
                for column in range(k):
                    result[row : row + height, column : column + width] += spread[:, :, column]
        inner = slice(self.padding, -self.padding or None)
        return back[:, inner, inner]

    def share(self, below: Array, delta: Array, other_below: Array, other_delta: Array) -> Array:
        """Return the sum over pairs of places, from derivatives by a row of the filter at a time."""
        total = delta.sum(axis=(1, 2))
        same = other_delta is delta
        found: Array = self.bias_scale**2 * (total @ (total if same else other_delta.sum(axis=(1, 2))).T)
        for row in range(len(self.weights)):
            slopes = self._slopes(below, delta, row)
            others = slopes if same else self._slopes(other_below, other_delta, row)
            found += self.weight_scale**2 * (slopes @ others.T)
        return found

    def _rows(self) -> Array:
        """Return c_w W, a matrix for each row of the filter, shape (k, k · in, out)."""
        k, _, channels, out = self.weights.shape
        return self.weight_scale * self.weights.reshape(k, k * channels, out)

    def _columns(self, image: Array, first: int = 0, count: int | None = None) -> Array:
        """Return rows of the padded image, the k columns that meet the filter beside each other, channels last."""
        k, pad = len(self.weights), self.padding
        padded = np.pad(image, ((pad, pad), (pad, pad), (0, 0))) if pad else image
        padded = padded[first : None if count is None else first + count]
        width = padded.shape[1] - k + 1
        return np.concatenate([padded[:, column : column + width] for column in range(k)], axis=2)

    def _slopes(self, below: Array, delta: Array, row: int) -> Array:
        """Return the derivatives of f by one row of the filter, shape (n, out · k · in)."""
        n, height, width, out = delta.shape
        slopes = np.empty((n, out, self.weights.shape[1] * self.weights.shape[2]))
        for image, above, result in zip(below, delta, slopes, strict=True):
            columns = self._columns(image, row, height).reshape(height * width, -1)
            np.matmul(above.reshape(-1, out).T, columns, out=result)
        return slopes.reshape(n, -1)
