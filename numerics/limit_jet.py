"""Derivatives of the limit of the gradient flow at a point of the zero-loss manifold.

Phi(theta) is where theta' = -grad L leads, L the mean square error. Along the flow u . Phi is constant, so that
Phi_j L_j = 0 identically. The derivatives of this identity at a point of the manifold determine those of Phi: in the
eigenbasis of the Hessian, with eigenvalues lambda,

    (lambda_i + lambda_k + ...) Phi_ik... = -(sum over the ways to hand two or more of the indices to L) Phi_j.. L_j..

as soon as one index is normal to the manifold. On the manifold itself Phi is the identity.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import grad, hessian, jacfwd, vmap

from numerics.problem import Problem
from numerics.zero_loss_manifold import normal_space, require_zero_loss


class LimitJet(NamedTuple):
    """Derivatives of u . Phi, u tangent: ``[P, P]``, ``[P, P, P]``, ``[P, P, P, P]``.

    In ``third`` the entries with all three indices tangent, in ``fourth`` all but those with four normal indices are
    left 0.
    """

    second: Tensor
    third: Tensor
    fourth: Tensor


class _Frame(NamedTuple):
    """Orthonormal basis ``[P, P]``, normal directions first, the Hessian's eigenvalues ``[P]``, and the rank."""

    basis: Tensor
    eigenvalues: Tensor
    rank: int


def limit_hessian(problem: Problem, theta: Tensor) -> Tensor:
    """Return the tangent part of the second derivatives of Phi at theta, component first, ``[P, P, P]``.

    Raises:
        ValueError: If theta has training error.
    """
    frame = _frame(problem, theta)
    third = jacfwd(hessian(_loss(problem, theta, frame.basis)))(torch.zeros_like(theta))
    found = -third * _resolvent(frame, 2)
    found[: frame.rank] = 0
    return _with_each_axis(found, frame.basis)


def limit_jet(problem: Problem, theta: Tensor, direction: Tensor) -> LimitJet:
    """Return the derivatives of u . Phi at theta, where u is the tangent part of a direction ``[P]``.

    Raises:
        ValueError: If theta has training error.
    """
    frame = _frame(problem, theta)
    basis, rank = frame.basis, frame.rank
    origin, short = torch.zeros_like(theta), theta.new_zeros(rank)
    slope = grad(_loss(problem, theta, basis))
    along = basis.T @ direction
    along[:rank] = 0

    def pull(at: Tensor) -> Tensor:
        return slope(at) @ along

    def normal(at: Tensor) -> Tensor:
        return torch.cat([at, theta.new_zeros(len(theta) - rank)])

    loss_3 = jacfwd(jacfwd(slope))(origin)
    second = -hessian(pull)(origin) * _resolvent(frame, 2)
    splits = torch.einsum("ji,jkl->ikl", second, loss_3)
    splits = splits + splits.permute(1, 0, 2) + splits.permute(1, 2, 0)
    third = -(jacfwd(hessian(pull))(origin) + splits) * _resolvent(frame, 3)

    # All indices but those that are summed with L are normal from here on.
    loss_4 = jacfwd(jacfwd(jacfwd(lambda at: slope(normal(at)))))(short)
    ones = torch.einsum("ja,jbcd->abcd", second[:, :rank], loss_4)
    ones = ones + ones.permute(1, 0, 2, 3) + ones.permute(1, 2, 0, 3) + ones.permute(1, 2, 3, 0)
    pairs = torch.einsum("jab,jcd->abcd", third[:, :rank, :rank], loss_3[:, :rank, :rank])
    pairs = sum((pairs.permute(*order) for order in _PAIRS), torch.zeros_like(pairs))
    top = jacfwd(jacfwd(hessian(lambda at: pull(normal(at)))))(short)
    fourth = -(top + ones + pairs) * _resolvent(frame._replace(eigenvalues=frame.eigenvalues[:rank]), 4)

    cut = basis[:, :rank]
    return LimitJet(
        basis @ second @ basis.T,
        _with_each_axis(third, basis),
        _with_each_axis(fourth, cut),
    )


def _with_each_axis(tensor: Tensor, matrix: Tensor) -> Tensor:
    """Return the tensor with every axis multiplied by a matrix, one after the other.

    In a single einsum torch multiplies the matrices with each other first, unless a package for the order is there.
    """
    for _ in range(tensor.ndim):
        tensor = torch.einsum("i...,pi->...p", tensor, matrix)  # the first axis becomes the last
    return tensor


_PAIRS = ((0, 1, 2, 3), (0, 2, 1, 3), (0, 2, 3, 1), (2, 0, 1, 3), (2, 0, 3, 1), (2, 3, 0, 1))
"""Where the first pair of indices may stand: six ways to choose two places of four."""


def _frame(problem: Problem, theta: Tensor) -> _Frame:
    require_zero_loss(problem, theta)
    space = normal_space(problem, theta)
    rank = space.basis.shape[1]
    unit = torch.eye(len(theta), dtype=theta.dtype, device=theta.device)
    whole = torch.linalg.qr(torch.cat([space.basis, unit], 1)).Q
    eigenvalues = torch.cat([2 * space.eigenvalues, theta.new_zeros(len(theta) - rank)])
    return _Frame(torch.cat([space.basis, whole[:, rank:]], 1), eigenvalues, rank)


def _loss(problem: Problem, theta: Tensor, basis: Tensor) -> Callable[[Tensor], Tensor]:
    def loss(at: Tensor) -> Tensor:
        predictions = vmap(problem.model, in_dims=(None, 0))(theta + basis @ at, problem.inputs)
        return (predictions - problem.labels).square().mean()

    return loss


def _resolvent(frame: _Frame, order: int) -> Tensor:
    """Return 1 / (lambda_i + lambda_k + ...), and 0 where no index is normal."""
    size = len(frame.eigenvalues)
    total = torch.zeros((), dtype=frame.eigenvalues.dtype)
    for axis in range(order):
        total = total + frame.eigenvalues.reshape([size if k == axis else 1 for k in range(order)])
    return torch.where(total > 0, 1 / total, 0.0)
