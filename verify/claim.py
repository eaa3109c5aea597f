"""A claim: a statement with its source, a check, and the wrong variants that the same check has to reject."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from verify.decision import Verdict
from verify.estimate import Array, Estimate, Measurement

if TYPE_CHECKING:  # the command line answers before SymPy is loaded
    import sympy as sp

    from theory.index_algebra import Expr

STATED = "stated"
"""The variant, of the formula and of the world, that the claim itself is about."""

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""The form of a claim's id, which is also the name of its file of numbers."""

JUDGED = (Verdict.CONFIRMED, Verdict.REFUTED)
"""The verdicts that a check can be right or wrong about."""

Job = Callable[[], Measurement]


class Source(NamedTuple):
    """Where a statement comes from: a key into `verify.bibliography.papers` and a place in that text."""

    key: str
    locator: str


@dataclass(frozen=True)
class Control:
    """A variant of a claim whose verdict is known beforehand.

    ``formula``: a wrong prediction for the same measurement. ``world``: a wrong simulation for the right prediction.
    Both must be REFUTED. ``correction``: the corrected form of a statement that is wrong as printed; must be CONFIRMED.
    """

    id: str
    kind: Literal["formula", "world", "correction"]
    text: str

    def __post_init__(self) -> None:
        if self.kind not in ("formula", "world", "correction"):
            raise ValueError(f"control {self.id!r}: kind must be 'formula', 'world' or 'correction', got {self.kind!r}")

    @property
    def expected(self) -> Verdict:
        """The verdict that the control must get."""
        return Verdict.CONFIRMED if self.kind == "correction" else Verdict.REFUTED


@dataclass(frozen=True)
class Context:
    """The circumstances of a run that a simulation may depend on.

    ``round``: 0, or 1 for the replicas that are added to an undecided claim. ``profile``: quick, full or paper.
    """

    profile: str = "quick"
    seed: int = 0
    device: str = "cpu"
    round: int = 0


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What every claim says of itself. ``id`` is dotted, the result first: ``lemma8.drift.tanh``.

    Attributes:
        items: What the claim covers, by the names of `verify.sources`: ``eq. (14)`` of the main paper, or
            ``barrett2021: eq. (4)``.
        consequence: Of a statement that is wrong as printed: what follows for its source's conclusions.
    """

    id: str
    title: str
    statement: str
    source: Source
    hypotheses: tuple[str, ...] = ()
    controls: tuple[Control, ...]
    expected: Verdict = Verdict.CONFIRMED
    items: tuple[str, ...] = ()
    consequence: str = ""

    def __post_init__(self) -> None:
        if not ID.fullmatch(self.id):
            raise ValueError(f"claim id must be letters, digits, dots, dashes and underscores, got {self.id!r}")
        if not isinstance(self.source, Source):
            raise ValueError(f"claim {self.id!r}: source must be Source(key, locator), got {self.source!r}")
        wrong = [control for control in self.controls if control.kind != "correction"]
        if self.expected in JUDGED and (not self.controls or (self.expected is Verdict.CONFIRMED and not wrong)):
            raise ValueError(
                f"claim {self.id!r} has no control: give at least one wrong variant that its check rejects"
            )
        if self.expected is Verdict.INCONCLUSIVE:
            raise ValueError(f"claim {self.id!r} cannot be expected to be INCONCLUSIVE: that verdict never passes")
        if (self.expected is Verdict.EXPLORED) != isinstance(self, Exploration):
            raise ValueError(f"claim {self.id!r}: EXPLORED is expected of every Exploration, and of nothing else")
        if len({control.id for control in self.controls} | {STATED}) != len(self.controls) + 1:
            raise ValueError(f"claim {self.id!r}: control ids must differ from each other and from {STATED!r}")
        if self.expected is Verdict.REFUTED and not any(c.kind == "correction" for c in self.controls):
            raise ValueError(f"claim {self.id!r} is expected to be REFUTED: give the corrected statement as a control")
        if (self.expected is Verdict.REFUTED) != bool(self.consequence):
            raise ValueError(
                f"claim {self.id!r}: `consequence` says what follows where a statement is expected to be REFUTED, "
                f"and there alone"
            )


class Exact(NamedTuple):
    """Outcome of an exact check: whether the identity holds, both sides in words, and a counterexample if not.

    ``series``: numbers for the figures.
    """

    holds: bool
    predicted: str
    measured: str
    counterexample: str = ""
    series: Mapping[str, Array] | None = None

    @classmethod
    def equality(cls, stated: sp.Expr, derived: sp.Expr) -> Exact:
        """Return whether two expressions are equal by exact simplification; their difference is the counterexample.

        Expanding shows that equal polynomials are equal and costs little; what it leaves undecided is simplified.
        """
        difference = derived - stated
        if difference.expand() == 0 or (difference := difference.simplify()) == 0:
            return cls(True, str(stated), str(derived))
        return cls(False, str(stated), str(derived), f"difference {difference}")

    @classmethod
    def equalities(cls, pairs: Iterable[tuple[sp.Expr, sp.Expr]]) -> Exact:
        """Return the outcome of the first pair, stated and derived, that is not equal; of the last if all are."""
        return cls.every(cls.equality(*pair) for pair in pairs)

    @classmethod
    def every(cls, outcomes: Iterable[Exact]) -> Exact:
        """Return the first outcome that does not hold, and ask for none after it; the last if all do.

        Raises:
            ValueError: If there is no outcome.
        """
        last = None
        for last in outcomes:
            if not last.holds:
                break
        if last is None:
            raise ValueError("no outcomes: a check that compares nothing holds nothing")
        return last

    @classmethod
    def tensor_equality(cls, stated: Expr, derived: Expr) -> Exact:
        """Return whether two expressions of the index algebra are equal; their difference is the counterexample."""
        difference = derived - stated
        example = f"derived - stated = {difference.latex()}" if difference else ""
        return cls(not difference, stated.latex(), derived.latex(), example)


@dataclass(frozen=True, kw_only=True)
class ExactClaim(Claim):
    """A claim decided by an identity: ``check(variant)`` for the statement and for each control.

    ``method``: how the check decides: in symbols, for all that the statement covers (``all dimensions``); at one exact
    ``instance`` of it; or by a ``certificate``, an object that proves it once it is checked.
    """

    check: Callable[[str], Exact]
    method: Literal["all dimensions", "instance", "certificate"]
    kind: Literal["exact", "definition"] = "exact"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.method not in ("all dimensions", "instance", "certificate"):
            raise ValueError(
                f"claim {self.id!r}: method must be 'all dimensions', 'instance' or 'certificate', got {self.method!r}"
            )

    def outcome(self, variant: str) -> Exact:
        """Return the outcome of the check for the statement or a control.

        Raises:
            TypeError: If the check returns something else than an `Exact` that says True or False.
        """
        found = self.check(variant)
        if not isinstance(found, Exact):
            raise TypeError(f"check must return an Exact, got {found!r} for the variant {variant!r}")
        if not isinstance(found.holds, bool):
            raise TypeError(f"`holds` of an Exact must be True or False, got {found.holds!r}; call bool() on it")
        return found


class Experiment(Protocol):
    """The simulations behind a measured claim or an exploration."""

    def preflight(self) -> None:
        """Raise ValueError if the inputs are bad; runs before any simulation."""

    def jobs(self, world: str, context: Context) -> Mapping[str, Job]:
        """Return the simulations of a world, by name."""
        ...


@dataclass(frozen=True, kw_only=True)
class SimulatedClaim(Claim):
    """A claim with simulations behind it.

    Attributes:
        experiment: The simulations.
        estimate: (measurements by name, formula) -> the values to be compared with their targets.
    """

    experiment: Experiment
    estimate: Callable[[Mapping[str, Measurement], str], Estimate]

    @property
    def worlds(self) -> list[str]:
        """The simulated worlds: the stated one and the world controls."""
        return [STATED, *(control.id for control in self.controls if control.kind == "world")]

    def simulations(self, world: str, context: Context) -> Mapping[str, Job]:
        """Return the experiment's simulations of a world, by name.

        Raises:
            TypeError: If they are no mapping from names to functions, or there is none.
        """
        jobs = self.experiment.jobs(world, context)
        if not isinstance(jobs, Mapping) or not jobs or not all(isinstance(name, str) for name in jobs):
            raise TypeError(
                f"`jobs` must return a mapping from names to functions, at least one, got {jobs!r} for world {world!r}"
            )
        return jobs

    def measured(self, world: str, context: Context, job: str) -> Measurement:
        """Return the result of one simulation.

        Raises:
            TypeError: If it is no `Measurement`.
        """
        result = self.simulations(world, context)[job]()
        if not isinstance(result, Measurement):
            raise TypeError(f"a simulation must return a Measurement, got {result!r}")
        return result

    def estimated(self, measurements: Mapping[str, Measurement], formula: str) -> Estimate:
        """Return the estimate for the stated formula or a control's.

        Raises:
            TypeError: If it is no `Estimate`.
        """
        found = self.estimate(measurements, formula)
        if not isinstance(found, Estimate):
            raise TypeError(f"`estimate` must return an Estimate, got {found!r}")
        return found


@dataclass(frozen=True, kw_only=True)
class MeasuredClaim(SimulatedClaim):
    """A claim decided by simulation.

    Attributes:
        margin: Half-width of the equivalence margin around each target.
        why_margin: Why that margin.
    """

    margin: float
    why_margin: str
    kind: Literal["measured"] = "measured"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not any(control.kind == "world" for control in self.controls):
            raise ValueError(
                f"measured claim {self.id!r} has no world control: give a wrong simulation that its check rejects"
            )
        if not (math.isfinite(self.margin) and self.margin > 0):
            raise ValueError(f"claim {self.id!r}: margin must be positive and finite, got {self.margin}")


@dataclass(frozen=True, kw_only=True)
class Exploration(SimulatedClaim):
    """Evidence on an open question: numbers beside those of a conjecture, which no margin turns into a verdict.

    It is EXPLORED whatever its values are, as long as they are numbers; it neither passes nor fails. A world control
    is a simulation whose first value must come out unlike the stated world's: where it does not, nothing was seen.
    """

    controls: tuple[Control, ...] = ()
    expected: Verdict = Verdict.EXPLORED
    kind: Literal["explored"] = "explored"

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(control.kind != "world" for control in self.controls):
            raise ValueError(f"exploration {self.id!r} decides about no formula: its controls are worlds")
