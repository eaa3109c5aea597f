"""The largest singular value as a bound, and gradients that vanish or explode through many linear layers.

A bound c on |A x| / |x| is the statement that c^2 - A^T A has no negative eigenvalue; it is the least one if some
eigenvalue is 0. Both are decided exactly, at matrices of rational numbers.
"""

from collections.abc import Callable, Mapping
from functools import reduce
from itertools import product
from typing import cast

import sympy as sp

from theory.index_algebra import Expr, Head
from theory.index_algebra.gaussian_mean import gaussian_mean
from theory.matrix_sensing import ROWS, U
from verify.claim import STATED, Control, Exact, ExactClaim, Source

COURSE = Source("ai6103", "vanishing and exploding gradients")
DERIVED = Source("implicit-reg", "derived here")
LAYERS = (sp.Matrix([[0, 2], [0, 0]]), sp.Matrix([[1, 2], [2, -2]]), sp.Matrix([[1, 1], [0, 1]]) / 3)
"""A nilpotent matrix, one with singular values 3 and 2 and the eigenvalue -3, and a shear."""


def squares(matrix: sp.Matrix) -> list[sp.Expr]:
    """Return the squared singular values, the largest first."""
    gram = matrix.T * matrix
    values = [value for value, times in gram.eigenvals().items() for _ in range(cast(int, times))]
    return sorted(values, key=lambda value: -float(value))


def largest_eigenvalue(matrix: sp.Matrix) -> sp.Expr:
    """Return the largest absolute value of an eigenvalue."""
    return max(map(sp.Abs, matrix.eigenvals()), key=float)


BOUNDS: Mapping[str, Callable[[sp.Matrix], sp.Expr]] = {
    STATED: lambda a: squares(a)[0],
    "eigenvalue": lambda a: largest_eigenvalue(a) ** 2,
    "mean": lambda a: sp.Add(*squares(a)) / len(squares(a)),
    "frobenius": lambda a: sp.Add(*squares(a)),
}
"""The square of the constant c in |A x| <= c |x| that is stated as the least one."""


def check_bound(variant: str) -> Exact:
    """Check that a constant bounds |A x| / |x| for each matrix, and that no smaller one does."""
    for matrix in LAYERS:
        square = BOUNDS[variant](matrix)
        gaps = [sp.simplify(square - value) for value in squares(matrix)]
        if any(gap.is_negative for gap in gaps) or 0 not in gaps:
            return Exact(False, str(square), str(squares(matrix)), f"A = {matrix.tolist()}: c^2 = {square}")
    return Exact(True, "least constant", "holds")


def extremes(matrix: sp.Matrix) -> tuple[sp.Expr, sp.Expr]:
    """Return the squares of the largest and of the smallest singular value."""
    return squares(matrix)[0], squares(matrix)[-1]


def radii(matrix: sp.Matrix) -> tuple[sp.Expr, sp.Expr]:
    """Return the squares of the largest and of the smallest absolute value of an eigenvalue."""
    values = sorted(map(sp.Abs, matrix.eigenvals()), key=float)
    return values[-1] ** 2, values[0] ** 2


NUM_LAYERS = 3
FACTORS: Mapping[str, Callable[[list[tuple[sp.Expr, sp.Expr]]], tuple[sp.Expr, sp.Expr]]] = {
    "product": lambda pairs: (sp.Mul(*(a for a, _ in pairs)), sp.Mul(*(b for _, b in pairs))),
    "worst": lambda pairs: (max((a for a, _ in pairs), key=float), min((b for _, b in pairs), key=float)),
}
RANGES = {STATED: (extremes, "product"), "eigenvalues": (radii, "product"), "worst-layer": (extremes, "worst")}


def check_layers(variant: str) -> Exact:
    """Check the range of |g W_L ... W_1| / |g| for all choices of layers; equal symmetric ones attain its ends."""
    of_layer, combined = RANGES[variant]
    for layers in product(LAYERS, repeat=NUM_LAYERS):
        found = squares(reduce(sp.Matrix.multiply, layers).T)
        most, least = FACTORS[combined]([of_layer(layer) for layer in layers])
        attained = len({layer.as_immutable() for layer in layers}) > 1 or layers[0] != layers[0].T
        outside = (sp.simplify(most - found[0]).is_negative, sp.simplify(found[-1] - least).is_negative)
        if any(outside) or not (attained or (found[0], found[-1]) == (most, least)):
            example = f"layers {[layer.tolist() for layer in layers]}: squares {found[0]} to {found[-1]}"
            return Exact(False, f"{least} to {most}", f"{found[-1]} to {found[0]}", example)
    return Exact(True, "within the range", f"{len(LAYERS) ** NUM_LAYERS} choices of layers")


TAU = sp.Symbol("tau", positive=True)
"""Standard deviation of the weights."""
WEIGHTS = tuple(Head(name, rank=2, symmetric=False, spaces=(ROWS, ROWS)) for name in ("V", "W"))
GROWTHS = {
    STATED: ROWS.symbol * TAU**2,
    "no-width": TAU**2,
    "standard-deviation": ROWS.symbol * TAU,
    "squared-width": ROWS.symbol**2 * TAU**2,
}


def mean_square(num_layers: int) -> Expr:
    """Return E |W_L ... W_1 u|^2 over one or two layers of Gaussian weights, for the columns u of a matrix."""
    through = U("i", "m")
    for weights, old, new in zip(WEIGHTS[:num_layers], "ij", "jk", strict=False):
        through = weights(new, old) * through
    mean = through * through * TAU ** (2 * num_layers)
    for weights in reversed(WEIGHTS[:num_layers]):
        mean = gaussian_mean(mean, weights)
    return mean


def check_growth(variant: str) -> Exact:
    """Compare powers of a growth factor with the mean squares through one and two layers."""
    return Exact.every(
        Exact.tensor_equality(U("i", "m") * U("i", "m") * GROWTHS[variant] ** layers, mean_square(layers))
        for layers in (1, 2)
    )


CLAIMS = (
    ExactClaim(
        id="singular-values.bound",
        title="The largest singular value bounds |A x|",
        statement="|A x| <= sigma_1 |x|, and no smaller constant will do.",
        source=COURSE,
        items=("ai6103: largest singular value",),
        hypotheses=("decided for three matrices, one of them nilpotent",),
        method="instance",
        check=check_bound,
        controls=(
            Control("eigenvalue", "formula", "the largest absolute value of an eigenvalue"),
            Control("mean", "formula", "the root mean square of the singular values"),
            Control("frobenius", "formula", "the Frobenius norm: a bound, but not the least one"),
        ),
    ),
    ExactClaim(
        id="singular-values.layers",
        title="Vanishing and exploding gradients through linear layers",
        statement="Through layers W_1, ..., W_L a gradient's norm is multiplied by a number between the products of "
        "their smallest and of their largest singular values; equal symmetric layers attain both.",
        source=DERIVED,
        items=("ai6103: vanishing and exploding gradients",),
        hypotheses=(f"decided for all choices of L = {NUM_LAYERS} from three matrices",),
        method="instance",
        check=check_layers,
        controls=(
            Control("eigenvalues", "formula", "absolute values of eigenvalues for singular values"),
            Control("worst-layer", "formula", "the extreme singular values over all layers, once"),
        ),
    ),
    ExactClaim(
        id="singular-values.gaussian-layers",
        title="Gradients through random layers, any width",
        statement="Through L layers of width d with independent N(0, tau^2) weights the mean square of a gradient is "
        "multiplied by (d tau^2)^L: it vanishes below tau = d^(-1/2) and explodes above.",
        source=DERIVED,
        items=("ai6103: vanishing and exploding gradients",),
        hypotheses=("linear layers", "L = 1 and 2; a further layer is independent of the ones before"),
        method="all dimensions",
        check=check_growth,
        controls=(
            Control("no-width", "formula", "tau^2 for d tau^2"),
            Control("standard-deviation", "formula", "d tau for d tau^2"),
            Control("squared-width", "formula", "d^2 tau^2"),
        ),
    ),
)
