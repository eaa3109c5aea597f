"""numba: the gradient by hand, a replica at a time in contiguous memory, replicas shared out to the cores.

A replica goes through a whole run, its randomness included, without a look at the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from tests.benchmarks.peers.peer import STEPS, Array, Peer, Words
from tests.benchmarks.works import Work

single = numba.njit(fastmath=True)
parallel = numba.njit(parallel=True, fastmath=True)


@single
def sign(word: int, step: int) -> float:
    """Return bit ``step`` of a word as +1 or -1."""
    return 2.0 * ((word >> step) & 1) - 1.0


@single
def random_word(state: Any) -> Any:
    """Return 64 random bits, by splitmix64 from a state that grows by a constant."""
    z = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@single
def draw(state: Any, words: Any, draws: Any, num_data: int) -> Any:
    """Fill words ``[B]`` with random bits, draws ``[STEPS B]`` with data; return the next state."""
    for k in range(len(words)):
        state += np.uint64(0x9E3779B97F4A7C15)
        words[k] = np.int64(random_word(state))
    for k in range(len(draws) // 2):
        state += np.uint64(0x9E3779B97F4A7C15)
        word, size = random_word(state), np.uint64(num_data)
        draws[2 * k] = ((word & np.uint64(0xFFFFFFFF)) * size) >> np.uint64(32)
        draws[2 * k + 1] = ((word >> np.uint64(32)) * size) >> np.uint64(32)
    return state


@parallel
def moved(
    move: Any,
    theta: Any,
    states: Any,
    num_blocks: int,
    batch: int,
    num_drawn: int,
    inputs: Any,
    labels: Any,
    lr: float,
    noise_std: float,
) -> None:
    """Move all replicas by blocks of steps, each replica through all of them on one core."""
    for r in numba.prange(len(theta)):
        words, draws, state = np.empty(batch, np.int64), np.empty(num_drawn, np.int64), states[r]
        for _ in range(num_blocks):
            state = draw(state, words, draws, len(labels))
            move(theta[r], words, draws, inputs, labels, lr, noise_std)


@single
def tanh(own: Any, words: Any, _: Any, inputs: Any, labels: Any, lr: float, noise_std: float) -> None:
    """Move a tanh network with inputs in the plane, ``[P]``, by one block of steps."""
    num_data = len(labels)
    width = len(own) // 4
    slope, t = np.empty(4 * width), np.empty(width)
    for step in range(STEPS):
        slope[:] = 0.0
        for a in range(num_data):
            x0, x1, h = inputs[a, 0], inputs[a, 1], 0.0
            for i in range(width):
                t[i] = math.tanh(own[2 * i] * x0 + own[2 * i + 1] * x1 + own[2 * width + i])
            for i in range(width):
                h += own[3 * width + i] * t[i]
            residual = 2.0 / num_data * (h - labels[a] - noise_std * sign(words[a], step))
            for i in range(width):
                inner = residual * own[3 * width + i] * (1.0 - t[i] * t[i])
                slope[2 * i] += inner * x0
                slope[2 * i + 1] += inner * x1
                slope[2 * width + i] += inner
                slope[3 * width + i] += residual * t[i]
        for p in range(4 * width):
            own[p] -= lr * slope[p]


@single
def relu(own: Any, words: Any, _: Any, inputs: Any, labels: Any, lr: float, noise_std: float) -> None:
    """Move a ReLU network on a line, ``[P]``, by one block of steps."""
    num_data = len(labels)
    width = len(own) // 3
    weights, biases, outer = own[:width], own[width : 2 * width], own[2 * width :]
    slope = np.empty((3, width))
    for step in range(STEPS):
        slope[:] = 0.0
        for a in range(num_data):
            x, h = inputs[a, 0], 0.0
            for i in range(width):
                h += outer[i] * max(weights[i] * x + biases[i], 0.0)
            residual = 2.0 / num_data * (h - labels[a] - noise_std * sign(words[a], step))
            for i in range(width):
                hidden = weights[i] * x + biases[i]
                inner = residual * outer[i] if hidden > 0.0 else 0.0
                slope[0, i] += inner * x
                slope[1, i] += inner
                slope[2, i] += residual * max(hidden, 0.0)
        for i in range(width):
            weights[i] -= lr * slope[0, i]
            biases[i] -= lr * slope[1, i]
            outer[i] -= lr * slope[2, i]


@single
def diagonal(own: Any, words: Any, draws: Any, inputs: Any, labels: Any, lr: float, noise_std: float) -> None:
    """Move a diagonal network, ``[P]``, by one block of single-sample steps."""
    for step in range(STEPS):
        a, h = draws[step], 0.0
        x = inputs[a]
        for p in range(len(own)):
            h += own[p] * own[p] * x[p]
        factor = 4.0 * lr * (h - labels[a] - noise_std * sign(words[0], step))
        for p in range(len(own)):
            own[p] -= factor * own[p] * x[p]


@single
def quadratic(own: Any, words: Any, _: Any, inputs: Any, labels: Any, lr: float, noise_std: float) -> None:
    """Move a quadratic network, ``[P]``, by one block of steps; the weights turned, so that units are contiguous."""
    num_data, dimension = inputs.shape
    width = len(own) // (dimension + 1)
    weights = own[: width * dimension].copy().reshape(width, dimension).T.copy()
    outer = own[width * dimension :]
    slope, slope_outer = np.empty((dimension, width)), np.empty(width)
    hidden = np.empty(width)
    for step in range(STEPS):
        slope[:] = 0.0
        slope_outer[:] = 0.0
        for a in range(num_data):
            hidden[:] = 0.0
            for k in range(dimension):
                for i in range(width):
                    hidden[i] += weights[k, i] * inputs[a, k]
            h = 0.0
            for i in range(width):
                h += outer[i] * hidden[i] * hidden[i]
            residual = 2.0 / num_data * (h - labels[a] - noise_std * sign(words[a], step))
            for i in range(width):
                scaled = residual * hidden[i]
                slope_outer[i] += scaled * hidden[i]
                hidden[i] = 2.0 * scaled * outer[i]
            for k in range(dimension):
                for i in range(width):
                    slope[k, i] += hidden[i] * inputs[a, k]
        for k in range(dimension):
            for i in range(width):
                weights[k, i] -= lr * slope[k, i]
        for i in range(width):
            outer[i] -= lr * slope_outer[i]
    for i in range(width):
        for k in range(dimension):
            own[i * dimension + k] = weights[k, i]


@parallel
def sensing(own: Any, words: Any, draws: Any, inputs: Any, labels: Any, lr: float, noise_std: float) -> None:
    """Move U, ``[d^2]``, by one block of steps; inputs are symmetric, and their chunks share the cores."""
    dimension, batch = inputs.shape[1], len(words)
    flat = inputs.reshape(len(inputs), -1)
    u = own.reshape(dimension, dimension)
    residuals, num_chunks = np.empty(batch), 4
    parts = np.empty((num_chunks, dimension * dimension))
    for step in range(STEPS):
        product = np.dot(u, u.T).reshape(-1)
        for chunk in numba.prange(num_chunks):
            part = parts[chunk]
            part[:] = 0.0
            for k in range(chunk * batch // num_chunks, (chunk + 1) * batch // num_chunks):
                a, h = draws[step * batch + k], 0.0
                measurement = flat[a]
                for p in range(len(product)):
                    h += measurement[p] * product[p]
                residuals[k] = h - labels[a] - noise_std * sign(words[k], step)
                for p in range(len(product)):
                    part[p] += residuals[k] * measurement[p]
        slope = parts.sum(0).reshape(dimension, dimension)
        u -= 4.0 * lr / batch * np.dot(slope, u)


KERNELS: dict[str, Callable[..., None]] = {f.__name__: f for f in (tanh, relu, diagonal, quadratic, sensing)}


class Numba(Peer):
    """Replicas first."""

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        theta, inputs, self._labels = self.data()
        self._start = np.tile(theta, (self.num_replicas, 1))
        is_sensing = work.family == "sensing"
        self._inputs = (inputs + inputs.transpose(0, 2, 1)) / 2 if is_sensing else np.ascontiguousarray(inputs)

    def run(self, num_steps: int) -> Array:
        theta, replicas, batch = self._start.copy(), self.num_replicas, self.work.batch
        states = np.random.default_rng(0).integers(2**63, size=replicas, dtype=np.uint64)
        num_drawn, num_blocks = STEPS * batch if self.work.rule.batch_size else 0, num_steps // STEPS
        move, data = KERNELS[self.work.family], (self._inputs, self._labels, *self.numbers())
        if move is not sensing:
            moved(move, theta, states, num_blocks, batch, num_drawn, *data)
            return theta.T
        words, draws, state = np.empty(batch, np.int64), np.empty(num_drawn, np.int64), states[0]
        for _ in range(num_blocks):
            state = np.uint64(draw(state, words, draws, len(self._labels)))  # an int would be one of 63 bits
            sensing(theta[0], words, draws, *data)
        return theta.T

    def given(self, words: Words, draws: Words | None) -> Array:
        theta, move = np.tile(self._start[:1], (words.shape[1], 1)), KERNELS[self.work.family]
        for r, own in enumerate(theta):
            drawn = np.empty(0, np.int64) if draws is None else draws[:, :, r].flatten()
            move(own, words[:, r].copy(), drawn, self._inputs, self._labels, *self.numbers())
        return theta.T
