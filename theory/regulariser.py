"""The implicit regulariser of label-noise SGD.

**Definition.** reg(theta) = (1/n) sum_i |grad h(x_i, theta)|^2, Blanc et al. (COLT 2020), equations (1) and (3).
"""

from theory.derivation import derivation
from theory.index_algebra import Expr, H

REG: Expr = (H("j", label="a") * H("j", label="a")).averaged("a")
"""reg, as an average over the data of h_a^j h_a^j."""


@derivation("regulariser")
def reg_gradient() -> Expr:
    """Return d reg / d theta_j (free index j)."""
    return REG.derivative("j")
