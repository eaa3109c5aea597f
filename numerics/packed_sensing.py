"""Matrix sensing with packed symmetric measurements: the step in closed form, as two products with one matrix.

h(U, A) = <A, U U^T> sees the symmetric part S of A only. Packed into a vector of the d (d + 1)/2 entries on and above
the diagonal, the others times the root of 2, S keeps its inner products: h = svec(S) . svec(U U^T), and for Gaussian A
svec(S) has independent N(0, 1) entries. The gradient of (h - y)^2 by U is 4 (h - y) S U.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Generator, Tensor
from torch.func import vmap

from numerics.ensemble import State
from numerics.gpu_sensing import GpuSensing, warn_once
from numerics.graphed import Graphed
from numerics.label_noise import STEPS_PER_BLOCK
from numerics.lanes.kernel import NoCompilerError
from numerics.matrix_sensing import Planted
from numerics.packed_steps import packed_steps
from numerics.replica_blocks import step_blocks
from numerics.torch_threads import one_torch_thread
from numerics.update_rule import UpdateRule


def svec(matrices: Tensor) -> Tensor:
    """Return the symmetric part of each matrix ``[..., d, d]`` as a vector ``[..., d (d + 1)/2]``, an isometry."""
    rows, columns, weights = _layout(matrices)
    return (matrices[..., rows, columns] + matrices[..., columns, rows]) / 2 * weights


def smat(vectors: Tensor, dimension: int) -> Tensor:
    """Return the symmetric matrices ``[..., d, d]`` that `svec` turns into these vectors."""
    matrices = vectors.new_zeros(*vectors.shape[:-1], dimension, dimension)
    rows, columns, weights = _layout(matrices)
    matrices[..., rows, columns] = vectors / weights
    matrices[..., columns, rows] = vectors / weights
    return matrices


def _layout(matrices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return row, column and weight of each entry on and above the diagonal."""
    dimension = matrices.shape[-1]
    rows, columns = torch.triu_indices(dimension, dimension, device=matrices.device)
    weights = torch.full(rows.shape, 2**0.5, dtype=matrices.dtype, device=matrices.device)
    return rows, columns, weights.masked_fill(rows == columns, 1.0)


@dataclass(frozen=True)
class PackedSensing:
    """R independent problems of one size, each with one run of ``rule``, stepped together.

    It follows `numerics.ensemble.Ensemble`: the same states and update, randomness as a function of (seed, step block).

    Attributes:
        measurements: svec of A, ``[R, N, M]`` with M = d (d + 1)/2; the runs take its dtype and device.
        labels: ``[R, N]``.
        truths: svec of X*, ``[R, M]``.
        rule: The update: full or iid batches, square loss, plain steps.
        seed: Seed of all randomness.
    """

    measurements: Tensor
    labels: Tensor
    truths: Tensor
    rule: UpdateRule
    seed: int

    def __post_init__(self) -> None:
        rule = self.rule
        plain = UpdateRule(rule.lr, rule.noise_std, rule.sampling, rule.batch_size, rule.noise)
        if rule.sampling == "reshuffle" or rule != plain:
            raise ValueError(f"rule must be plain steps on the square loss, full or iid batches, got {rule}")
        shape, dtypes = (*self.labels.shape, self.truths.shape[-1]), {self.measurements.dtype, self.labels.dtype}
        if self.measurements.shape != shape or len(dtypes) > 1:
            raise ValueError(
                f"measurements must be {list(shape)}, of the labels' dtype {self.labels.dtype}, got "
                f"{list(self.measurements.shape)}, {self.measurements.dtype}"
            )

    @classmethod
    def of(
        cls,
        problems: Iterable[Planted],
        rule: UpdateRule,
        seed: int,
        *,
        dtype: torch.dtype = torch.float64,
        device: str = "cpu",
    ) -> PackedSensing:
        """Return the runs on planted problems of one size; each is packed before the next is asked for."""
        packed = [(svec(p.problem.inputs).to(dtype), p.problem.labels, svec(p.truth)) for p in problems]
        measurements, labels, truths = (torch.stack(part).to(device, dtype) for part in zip(*packed, strict=True))
        return cls(measurements, labels, truths, rule, seed)

    @cached_property
    def dimension(self) -> int:
        """D."""
        return int((2 * self.truths.shape[1]) ** 0.5)

    def factors(self, theta: Tensor) -> Tensor:
        """Return U of each run, ``[R, d, d]``, from parameters ``[P, R]``."""
        return theta.T.reshape(-1, self.dimension, self.dimension).contiguous()

    def errors(self, theta: Tensor) -> Tensor:
        """Return training and test error, mean squares against noise-free labels, ``[2, R]``.

        The test error is the exact mean over new measurements with entries N(0, 1): |U U^T - X*|_F^2.
        """
        gaps = svec(self._products(theta.to(self.labels))) - self.truths
        return torch.stack([self._predictions(gaps).square().mean(1), gaps.square().sum(1)])

    def eigenvalues(self, theta: Tensor) -> Tensor:
        """Return the eigenvalues of U U^T, smallest first, ``[d, R]``, in float64."""
        return torch.linalg.eigvalsh(self._products(theta.double())).T

    def reg(self, theta: Tensor) -> Tensor:
        """Return (1/N) sum_i |grad h(U, A_i)|^2 = 4 <(1/N) sum_i S_i^2, U U^T>, ``[R]``."""
        return 4 * (self._mean_squares * self._products(theta.to(self.labels))).sum((1, 2))

    @cached_property
    def nuclear_norms(self) -> Tensor:
        """|X*|_* of each run, ``[R]``: the trace, since X* has no negative eigenvalue."""
        return smat(self.truths, self.dimension).diagonal(dim1=1, dim2=2).sum(1)

    @cached_property
    def _mean_squares(self) -> Tensor:
        """(1/N) sum_i S_i^2 of each run, ``[R, d, d]``."""
        squares = []
        for measurements in self.measurements:
            stacked = smat(measurements, self.dimension).flatten(0, 1)
            squares.append(stacked.T @ stacked / len(measurements))
        return torch.stack(squares)

    def _products(self, theta: Tensor) -> Tensor:
        """Return U U^T of each run, ``[R, d, d]``."""
        factors = self.factors(theta.to(self.labels.device))
        return factors @ factors.mT

    def _predictions(self, vectors: Tensor) -> Tensor:
        """Return <A_i, X> for packed matrices ``[R, M]``, ``[R, N]``."""
        return _row_products(vectors, self.measurements.mT)

    def advanced(self, state: State, num_steps: int) -> State:
        """Return the state after ``num_steps`` more steps.

        Raises:
            ValueError: If theta is not ``[d^2, R]``.
            FloatingPointError: If a parameter is not finite afterwards.
        """
        if state.theta.shape != (self.dimension**2, len(self.labels)):
            raise ValueError(
                f"theta must be [{self.dimension**2}, {len(self.labels)}], runs last, got {list(state.theta.shape)}"
            )
        factors = self.factors(state.theta.to(self.labels))
        end = state.step + num_steps
        for (number,), places in step_blocks(state.step, end):
            with one_torch_thread():
                heard = self._heard(*self._randomness(number), slice(places.start, places.stop))
            factors = self._moved(factors, *heard)
        if not torch.isfinite(factors).all():
            raise FloatingPointError(
                f"a run diverged before step {end}: lr {self.rule.lr} is too large for this problem; lower it"
            )
        return State(factors.flatten(1).T, end)

    def _heard(self, noise: Tensor, draws: Tensor | None, places: slice) -> tuple[Tensor, Tensor | None]:
        """Return labels with noise ``[T, R, B]`` and drawn rows, `_randomness`'s, in some places of a step block."""
        clock = torch.arange(STEPS_PER_BLOCK, device=noise.device)[places]
        label_noise = vmap(self.rule.noise.at, in_dims=(None, 0, None))(noise, clock, self.labels.dtype)
        label_noise = label_noise * self.rule.noise_std
        if draws is None:
            return self.labels + label_noise, None
        return self.labels.flatten()[draws[places]].view_as(label_noise) + label_noise, draws[places]

    def _moved(self, factors: Tensor, targets: Tensor, draws: Tensor | None) -> Tensor:
        """Return U after steps towards labels with noise ``[T, R, B]``, of the drawn rows if there are any."""
        if factors.is_cuda:
            return (self._graph if len(targets) == STEPS_PER_BLOCK else self._on_gpu)(factors, targets, draws)
        if factors.device.type == "cpu" and factors.dtype in (torch.float32, torch.float64):
            moved = packed_steps(factors, self.measurements, targets, draws, self.rule.lr)
            if moved is not None:
                return moved
        return self._by_operations(factors, targets, draws)

    def _by_operations(self, factors: Tensor, targets: Tensor, draws: Tensor | None) -> Tensor:
        for step, target in enumerate(targets):
            factors = self._moved_once(factors, target, None if draws is None else draws[step])
        return factors

    @cached_property
    def _on_gpu(self) -> Callable[[Tensor, Tensor, Tensor | None], Tensor]:
        """Steps by kernels of a GPU, or by torch's operations if they cannot be compiled."""
        try:
            return GpuSensing(self.measurements, *_layout(self._square), self.dimension, self.rule.lr)
        except NoCompilerError as error:
            warn_once(str(error))
            return self._by_operations

    @cached_property
    def _graph(self) -> Graphed:
        """A step block on a GPU as one launch."""
        return Graphed(self._on_gpu)

    @property
    def _square(self) -> Tensor:
        return self.labels.new_empty(self.dimension, self.dimension)

    def _moved_once(self, factors: Tensor, target: Tensor, drawn: Tensor | None) -> Tensor:
        measurements = self.measurements
        if drawn is not None:
            measurements = measurements.flatten(0, 1).index_select(0, drawn).unflatten(0, (len(target), -1))
        upper, weights, entry = self._packing
        products = (factors @ factors.mT).flatten(1).index_select(1, upper) * weights
        residuals = _row_products(products, measurements.mT) - target
        weighted = _row_products(residuals, measurements) / weights
        slope = weighted.index_select(1, entry).view_as(factors)
        return torch.baddbmm(factors, slope, factors, alpha=-4 * self.rule.lr / target.shape[1])

    @cached_property
    def _packing(self) -> tuple[Tensor, Tensor, Tensor]:
        """Flat places of the packed entries, their weights, and for each flat place the packed entry it mirrors."""
        rows, columns, weights = _layout(self._square)
        entry = torch.empty(self.dimension, self.dimension, dtype=torch.long, device=rows.device)
        entry[rows, columns] = entry[columns, rows] = torch.arange(len(rows), device=rows.device)
        return rows * self.dimension + columns, weights, entry.flatten()

    def _randomness(self, number: int) -> tuple[Tensor, Tensor | None]:
        """Return the noise of one step block, and for drawn batches the rows of all runs' data, ``[steps, R B]``."""
        digest = hashlib.sha256(f"{self.seed}/packed/{number}".encode()).digest()
        generator = Generator(self.labels.device).manual_seed(int.from_bytes(digest[:8], "little") >> 1)
        num_runs, num_data = self.labels.shape
        batch = self.rule.batch_size or num_data
        noise = self.rule.noise.draw(generator, (num_runs, batch))
        if self.rule.sampling == "full":
            return noise, None
        shape = (STEPS_PER_BLOCK, num_runs, batch)
        draws = torch.randint(num_data, shape, generator=generator, device=self.labels.device)
        offset = torch.arange(num_runs, device=draws.device)[:, None] * num_data
        return noise, (draws + offset).flatten(1)


def _row_products(vectors: Tensor, matrices: Tensor) -> Tensor:
    """Return v M for each row vector and matrix; torch has no fast kernel for a batch of matrices times a column."""
    return (vectors[:, None] @ matrices).squeeze(1)
