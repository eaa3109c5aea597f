"""Mini-batches in random order, and drawn with replacement: what the mean iterate of an epoch follows, for any loss."""

from functools import cache, reduce

import sympy as sp

from numerics.mean_iterate import Order, sequences
from theory.epoch_mean import BATCH_LOSS, epoch_field, mean_displacement, mean_square_batch_gradient
from theory.index_algebra import ZERO, Expr
from theory.index_algebra.instance import Instance
from theory.mean_path import moment_field
from theory.rule import ETA, B, N
from theory.second_moments import S
from verify.claim import STATED, Control, Exact, ExactClaim, Source

ABSTRACT = Source("smith2021", "Abstract")
DERIVED = Source("implicit-reg", "derived here")

_gradient = BATCH_LOSS("j", label="a").averaged("a")
_loss = BATCH_LOSS(label="a").averaged("a")
_squares = (BATCH_LOSS("j", label="a") * BATCH_LOSS("j", label="a")).averaged("a")  # (1/m) sum_k |grad L_k|^2
_square = _gradient * _gradient
_variance = _squares - _square  # tr Sigma

EPOCHS: dict[str, dict[Order, Expr]] = {
    STATED: {"reshuffle": _squares * sp.Rational(1, 4), "iid": _square * sp.Rational(1, 4)},
    "exchanged": {"reshuffle": _square * sp.Rational(1, 4), "iid": _squares * sp.Rational(1, 4)},
    "variance": {"reshuffle": _variance * sp.Rational(1, 4), "iid": ZERO},
    "half": {"reshuffle": _squares * sp.Rational(1, 2), "iid": _square * sp.Rational(1, 2)},
    "sum": {"reshuffle": _squares * (N / 4), "iid": _square * (N / 4)},
}


def check_epoch(variant: str) -> Exact:
    """Compare -grad of L plus a penalty with the field that is derived for each way of drawing the batches."""
    found = []
    for order, penalty in EPOCHS[variant].items():
        stated = (_loss + penalty * ETA).derivative("j") * -1
        gradient, correction = epoch_field(order)
        found.append(Exact.tensor_equality(stated, gradient + correction * ETA))
    return Exact.every(found)


SHARES = {
    STATED: (N - B) / ((N - 1) * B),
    "infinite": 1 / B,
    "with-n": (N - B) / (N * B),
    "square-root": (N - B) / ((N - 1) * sp.sqrt(B)),
}


def check_batch_size(variant: str) -> Exact:
    """Compare the mean of |grad L_k|^2 over batches with |grad L|^2 plus a share of tr Sigma, and the share's ends."""
    share = SHARES[variant]
    found = Exact.tensor_equality(_square + _variance * share, mean_square_batch_gradient())
    ends = Exact.equalities([(sp.limit(share, N, sp.oo), 1 / B), (sp.cancel(share.subs(B, N)), sp.Integer(0))])
    return found if not found.holds else ends._replace(predicted=found.predicted, measured=found.measured)


_X, _Y, _P, _Q = sp.symbols("x y p q", real=True)
EXACT_LOSS = (_X**2 + _P * _X * _Y + _Q * _Y**3) / 2
EXACT_DATA = ((1, 2), (-1, 3), (sp.Rational(1, 2), -1))
EXACT_POINT: dict[sp.Symbol, sp.Expr | int] = {_X: 2, _Y: sp.Rational(-1, 3)}


@cache
def enumerated(order: Order) -> list[sp.Expr]:
    """Return the displacement of an epoch averaged over all sequences of three steps, to second order in eta."""
    point = sp.Matrix(list(EXACT_POINT.values()))
    slopes = [[sp.diff(EXACT_LOSS, symbol).subs({_P: p, _Q: q}) for symbol in EXACT_POINT] for p, q in EXACT_DATA]

    def step(at: sp.Matrix, k: int) -> sp.Matrix:
        moved = at - ETA * sp.Matrix(
            [slope.subs(dict(zip(EXACT_POINT, at.flat(), strict=True))) for slope in slopes[k]]
        )
        return moved.applyfunc(_to_second_order)

    chosen = sequences(len(EXACT_DATA), order)
    ends = [reduce(step, one, point) for one in chosen]
    return list((sum(ends, sp.zeros(2, 1)) / len(ends) - point).applyfunc(sp.expand))


def _to_second_order(value: sp.Expr) -> sp.Expr:
    return sum((c * ETA**power for (power,), c in sp.Poly(value, ETA).terms() if power < 3), sp.Integer(0))


def check_enumeration(variant: str) -> Exact:
    """Compare the derived mean displacement with the mean over all sequences of three batches, in exact numbers."""
    instance = Instance({BATCH_LOSS: EXACT_LOSS}, EXACT_POINT, (_P, _Q), EXACT_DATA)
    other: dict[Order, Order] = {"reshuffle": "iid", "iid": "reshuffle"}
    pairs = []
    for order in other:
        first, second = mean_displacement(other[order] if variant == "exchanged" else order)
        if variant == "one-order":  # the terms of s < t as they are for a single order of equal batches
            second = mean_displacement("iid")[1] * sp.Rational(2, 3)
        stated = [sum(ETA**k * instance.component(e, j=j) for k, e in ((1, first), (2, second))) for j in (0, 1)]
        pairs += list(zip(stated, enumerated(order), strict=True))
    return Exact.equalities(pairs)


_hessian = BATCH_LOSS("j", "k", label="a").averaged("a")
_bend = (BATCH_LOSS("j", "k", "l", label="a")).averaged("a") * S("k", "l")
_relaxation = _hessian.reindexed({"k": "l"}) * S("l", "k")
_noise = (BATCH_LOSS("j", label="a") * BATCH_LOSS("k", label="a")).averaged("a")
_uncentred = _noise
_noise = _noise - _gradient * _gradient.reindexed({"j": "k"})
_modified = _hessian * _gradient.reindexed({"j": "k"}) * sp.Rational(-1, 2)
_both = (_relaxation + _relaxation.reindexed({"j": "k", "k": "j"})) * -1
MOMENTS = {
    STATED: (_gradient * -1, _modified, _bend * sp.Rational(-1, 2), _both, _noise),
    "no-bend": (_gradient * -1, _modified, ZERO, _both, _noise),
    "whole-bend": (_gradient * -1, _modified, _bend * -1, _both, _noise),
    "one-sided": (_gradient * -1, _modified, _bend * sp.Rational(-1, 2), _both * sp.Rational(1, 2), _noise),
    "uncentred": (_gradient * -1, _modified, _bend * sp.Rational(-1, 2), _both, _uncentred),
}


def check_moments(variant: str) -> Exact:
    """Compare the field of mean and covariance with the derived one, term by term."""
    pairs = zip(MOMENTS[variant], moment_field(), strict=True)
    return Exact.every(Exact.tensor_equality(*pair) for pair in pairs)


CLAIMS = (
    ExactClaim(
        id="shuffling.epoch",
        title="The mean of an epoch: batches in random order, and drawn with replacement",
        statement="To second order in eta the mean iterate after m steps follows the flow of L + (eta/(4m)) sum_k "
        "|grad L_k|^2 if each batch is used once, of L + (eta/4) |grad L|^2 if batches are drawn with replacement.",
        source=ABSTRACT,
        items=("smith2021: Abstract: mean iterate", "smith2021: Abstract: minibatch gradients"),
        hypotheses=("L_k smooth", "mean over all sequences of m batches, any m, from one point"),
        method="all dimensions",
        check=check_epoch,
        controls=(
            Control("exchanged", "formula", "one for the other"),
            Control("variance", "formula", "tr Sigma for the batches' mean square, and nothing with replacement"),
            Control("half", "formula", "eta/2 for eta/4"),
            Control("sum", "formula", "the sum over the batches for their mean"),
        ),
    ),
    ExactClaim(
        id="shuffling.enumeration",
        title="The mean of an epoch against every sequence of three batches",
        statement="The derived mean displacement is the average over the 6 orders, and over the 27 draws, to eta^2.",
        source=DERIVED,
        items=("smith2021: Abstract: mean iterate",),
        hypotheses=("three cubic losses of two parameters, rational numbers",),
        method="instance",
        check=check_enumeration,
        controls=(
            Control("exchanged", "formula", "one way of drawing for the other"),
            Control("one-order", "formula", "two thirds of the pairs of steps"),
        ),
    ),
    ExactClaim(
        id="shuffling.batch-size",
        title="How the penalty depends on the batch size",
        statement="Over random batches of B of n points the mean of |grad L_k|^2 is |grad L|^2 + "
        "(n - B) / ((n - 1) B) tr Sigma: the variance's part goes as eta / B for B small beside n, and vanishes at n.",
        source=ABSTRACT,
        items=("smith2021: Abstract: batch size",),
        hypotheses=("Sigma the covariance of the single points' gradients", "no point twice in a batch"),
        method="all dimensions",
        check=check_batch_size,
        controls=(
            Control("infinite", "formula", "1/B at any n"),
            Control("with-n", "formula", "n for n - 1"),
            Control("square-root", "formula", "the root of B"),
        ),
    ),
    ExactClaim(
        id="replacement.moments",
        title="Mean and covariance with replacement over a fixed time, to first order",
        statement="m' = -grad L - (eta/2) H grad L - T[S] / 2, S' = -(H S + S H) + eta Sigma: S is of order eta, and "
        "its term as large as the modified loss's.",
        source=DERIVED,
        hypotheses=("L_k smooth", "batches drawn with replacement", "a fixed start"),
        method="all dimensions",
        check=check_moments,
        controls=(
            Control("no-bend", "formula", "without T[S]"),
            Control("whole-bend", "formula", "T[S] for its half"),
            Control("one-sided", "formula", "half of H S + S H"),
            Control("uncentred", "formula", "the second moment of the gradients for their covariance"),
        ),
    ),
)
