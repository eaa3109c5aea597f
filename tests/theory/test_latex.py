import re

import pytest
import sympy as sp

from theory.drift import derive
from theory.index_algebra import DELTA, ZERO, Expr, H
from theory.rule import ETA, RESIDUAL, SIGMA, SMALL_LR, SMALL_NOISE, B, LabelNoise, Rule
from theory.second_moments import S
from theory.stationary_covariance import TANGENT
from theory.update_expansion import X

QUARTIC = RESIDUAL**2 + RESIDUAL**4 / 10
RULES = [Rule(), Rule(sampling="full"), Rule(noise=LabelNoise("shared")), Rule(QUARTIC)]


def is_balanced(text: str) -> bool:
    """Return whether braces and \\left \\right pair up and none closes before it opens."""
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", text):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0 and text.count(r"\left") == text.count(r"\right")


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("scaling", [SMALL_LR, SMALL_NOISE], ids=lambda s: s.name)
def test_every_step_of_a_derivation_has_a_balanced_formula(rule, scaling):
    derived = derive(rule, scaling)
    for step in derived.steps:
        text, formula = re.fullmatch(r"(.+)\n\\\[ (.+) \\\]\n", step.latex()).groups()
        assert text.endswith(":")
        assert is_balanced(formula)
    assert derived.latex() == "\n".join(step.latex() for step in derived.steps)


def test_an_unbalanced_formula_is_noticed():
    assert not is_balanced(r"\frac{a}{b")
    assert not is_balanced(r"}a{")
    assert not is_balanced(r"\left( a")


def test_average_stands_in_front_of_its_product():
    reg = (H("j", label="a") * H("j", label="a")).averaged("a")
    assert reg.latex() == r"\mathbb{E}_{a}\,h_{a}^{k} h_{a}^{k}"


def test_summed_names_avoid_the_free_ones():
    expr = (H("k", "l", label="a") * H("l", label="a")).averaged("a")
    assert expr.latex() == r"\mathbb{E}_{a}\,h_{a}^{l} h_{a}^{kl}"


def test_matrices_and_displacements_carry_lower_indices():
    assert (TANGENT("i", "j") * X("j")).latex() == r"P_{ik} x_{k}"
    assert S("j", "k").latex() == "S_{jk}"
    assert DELTA("j", "k").latex() == r"\delta_{jk}"


def test_coefficients_stand_in_front():
    assert (X("j") * (ETA**2 * SIGMA**2 / B)).latex() == r"\frac{\eta^{2} \sigma^{2}}{B}\,x_{j}"
    assert (-1 * X("j")).latex() == "-x_{j}"
    assert (X("j") * (1 + ETA)).latex() == r"\left(\eta + 1\right)\,x_{j}"


def test_signs_of_a_sum_are_merged():
    difference = X("j") * ETA - H("j", label="a")
    assert "+ -" not in difference.latex()
    assert is_balanced(difference.latex())


def test_zero_is_printed():
    assert ZERO.latex() == "0"
    assert Expr.number(sp.Integer(0)).latex() == "0"


def test_bound_labels_avoid_free_ones():
    squares = (H("k", label="b") * H("k", label="b")).averaged("b")
    assert (H("j", label="a") * squares).latex() == r"\mathbb{E}_{b}\,h_{a}^{j} h_{b}^{k} h_{b}^{k}"
