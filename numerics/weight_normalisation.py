"""Regression by a diagonal linear model, with plain and with weight-normalised weights: where gradient flow ends.

The model is x = w^L, entrywise, and the loss |A x - y|^2 / 2. Weight normalisation trains w = r v / |v| by its r and v.
All states carry two leading axes: K instances of A and y, and C starts of each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

STEPS_PER_LOOK = 50
"""Steps between two looks at the curvature and the residuals."""
STABLE, ACCURATE = 2.0, 0.125
"""Longest steps in units of 1 / curvature: of the fitted part, which only decays (classical RK4 is stable up to 2.78),
and of the part that the residuals bring, along which weights grow and decide what is conserved: twice this step puts
the sparsest limits of weight normalisation, which start at about e^-9, up to 4 % off."""


class DiagonalRegression(NamedTuple):
    """Instances of A ``[K, M, N]`` and y ``[K, M]``, and the exponent L."""

    matrix: Tensor
    target: Tensor
    depth: int

    def residuals(self, weights: Tensor) -> Tensor:
        """Return A w^L - y for weights ``[K, C, N]``, ``[K, C, M]``."""
        return weights**self.depth @ self.matrix.mT - self.target[:, None]

    def gradient(self, weights: Tensor) -> Tensor:
        """Return the gradient of |A w^L - y|^2 / 2 by w, ``[K, C, N]``."""
        return self.depth * weights ** (self.depth - 1) * (self.residuals(weights) @ self.matrix)

    def relative_residual(self, weights: Tensor) -> Tensor:
        """Return |A w^L - y| / |y|, ``[K, C, 1]``."""
        return (self.residuals(weights).norm(dim=-1) / self.target.norm(dim=-1, keepdim=True))[..., None]

    def longest_step(self, weights: Tensor) -> Tensor:
        """Return the longest step in w that is stable and accurate, ``[K, C, 1]``."""
        scaled = self.matrix[:, None] * weights[:, :, None] ** (self.depth - 1)
        fitted = self.depth**2 * torch.linalg.eigvalsh(scaled @ scaled.mT)[..., -1:]
        pull = weights ** (self.depth - 2) * (self.residuals(weights) @ self.matrix)
        growth = self.depth * (self.depth - 1) * pull.abs().amax(-1, keepdim=True)
        return 1 / (fitted / STABLE + growth / ACCURATE)


class Flow(Protocol):
    """A gradient flow in some parameters of the weights."""

    def start(self, radius: Tensor, direction: Tensor) -> Tensor:
        """Return the parameters of weights r u, for r ``[K, C, 1]`` and unit vectors u ``[K, C, N]``."""
        ...

    def weights(self, theta: Tensor) -> Tensor:
        """Return w ``[K, C, N]``."""
        ...

    def velocity(self, problem: DiagonalRegression, theta: Tensor) -> Tensor:
        """Return d theta / dt."""
        ...

    def stretch(self, theta: Tensor) -> Tensor:
        """Return by how much the parameters raise the curvature at most, ``[K, C, 1]``."""
        ...


@dataclass(frozen=True)
class PlainFlow:
    """w' = -G, G the gradient by w; theta is w itself."""

    def start(self, radius: Tensor, direction: Tensor) -> Tensor:
        """Return r u."""
        return radius * direction

    def weights(self, theta: Tensor) -> Tensor:
        """Return theta."""
        return theta

    def velocity(self, problem: DiagonalRegression, theta: Tensor) -> Tensor:
        """Return -G."""
        return -problem.gradient(theta)

    def stretch(self, theta: Tensor) -> Tensor:
        """Return 1."""
        return torch.ones_like(theta[..., :1])


@dataclass(frozen=True)
class WeightNormalisedFlow:
    """w = r v / |v|: r' = -<u, G> and v' = -kappa (r / |v|) (G - u <u, G>), u = v / |v|; theta holds r, then v.

    Attributes:
        kappa: Rate of the direction over that of the radius.
    """

    kappa: float

    def start(self, radius: Tensor, direction: Tensor) -> Tensor:
        """Return (r, u)."""
        return torch.cat([radius, direction], dim=-1)

    def weights(self, theta: Tensor) -> Tensor:
        """Return r v / |v|."""
        return theta[..., :1] * torch.nn.functional.normalize(theta[..., 1:], dim=-1)

    def velocity(self, problem: DiagonalRegression, theta: Tensor) -> Tensor:
        """Return (r', v')."""
        radius, length = theta[..., :1], theta[..., 1:].norm(dim=-1, keepdim=True)
        unit = theta[..., 1:] / length
        gradient = problem.gradient(radius * unit)
        along = (unit * gradient).sum(-1, keepdim=True)
        return -torch.cat([along, self.kappa * radius / length * (gradient - along * unit)], dim=-1)

    def stretch(self, theta: Tensor) -> Tensor:
        """Return the larger of 1 and kappa r^2 / |v|^2."""
        return (self.kappa * (theta[..., :1] / theta[..., 1:].norm(dim=-1, keepdim=True)) ** 2).clamp(min=1)


def limit(
    flow: Flow, problem: DiagonalRegression, theta: Tensor, *, tolerance: float = 1e-4, max_steps: int = 100_000
) -> Tensor:
    """Return where the flow ends, by classical RK4; every instance and start has a step of its own.

    Args:
        flow: The flow.
        problem: What is fitted.
        theta: The start.
        tolerance: Largest relative residual that is left. What is left decays ever more slowly, the sparser the limit.
        max_steps: Steps after which the search gives up.

    Raises:
        ValueError: If a relative residual is larger than the tolerance after that many steps.
    """
    for _ in range(0, max_steps, STEPS_PER_LOOK):
        weights = flow.weights(theta)
        if bool((problem.relative_residual(weights) <= tolerance).all()):
            return theta
        dt = problem.longest_step(weights) / flow.stretch(theta)
        for _ in range(STEPS_PER_LOOK):
            theta = _step(flow, problem, theta, dt)
    left = float(problem.relative_residual(flow.weights(theta)).max())
    raise ValueError(f"relative residual {left:.1e} > {tolerance:g} after {max_steps} steps; allow more of them")


def _step(flow: Flow, problem: DiagonalRegression, theta: Tensor, dt: Tensor) -> Tensor:
    k1 = flow.velocity(problem, theta)
    k2 = flow.velocity(problem, theta + dt / 2 * k1)
    k3 = flow.velocity(problem, theta + dt / 2 * k2)
    k4 = flow.velocity(problem, theta + dt * k3)
    return theta + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
