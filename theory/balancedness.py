"""What one step does to a^2 - b^2 in the model h = a b.

**Statement.** With Q = a^2 - b^2, one step of gradient descent on (a b - y - z)^2 with learning rate eta gives
Q' = Q (1 - 4 eta^2 e^2), e = a b - y - z: an identity for any learning rate, label and noise.
**Hypotheses.** None.
**Source.** Our own; the gradient flow's conservation of Q is its limit eta -> 0.
**Derivation.** Differentiate the loss, take the step, and divide.
"""

import sympy as sp

from theory.derivation import derivation
from theory.rule import ETA

ERROR = sp.Symbol("e", real=True)
"""e = a b - y - z, the residual of the drawn sample."""


@derivation("balancedness")
def imbalance_factor() -> sp.Expr:
    """Return Q' / Q as a polynomial in eta and e."""
    a, b, target = sp.symbols("a b y", real=True)
    loss = (a * b - target) ** 2
    a_next, b_next = (v - ETA * sp.diff(loss, v) for v in (a, b))
    ratio = sp.cancel((a_next**2 - b_next**2) / (a**2 - b**2))
    return sp.expand(sp.factor(ratio.subs(target, a * b - ERROR)))
