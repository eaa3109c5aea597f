import sympy as sp

from theory.gamma_chain import GAMMA_EIGENVALUE, eigenvalue, functions_of_gamma, scalar_equation
from theory.index_algebra import ZERO, H, Head
from theory.second_moments import C, S, W

GAMMA = (H("j", label="a") * H("k", label="a")).averaged("a")
OTHER = Head("Q", rank=2)


def test_an_equation_with_a_head_off_the_chain_has_no_scalar_form():
    assert scalar_equation(S("j", "k") + OTHER("j", "k")) is None
    assert functions_of_gamma({S: S("j", "k") + OTHER("j", "k")}) is None


def test_a_chain_that_is_closed_in_itself_has_no_scalar_form():
    trace = S("m", "m") * GAMMA
    assert scalar_equation(trace) is None


def test_a_chain_of_gamma_and_moments_is_the_product_of_their_eigenvalues():
    chain = GAMMA.reindexed({"k": "l"}) * S("l", "m") * GAMMA.reindexed({"j": "m"})
    assert scalar_equation(chain) == GAMMA_EIGENVALUE**2 * eigenvalue(S)


def test_coupled_equations_are_solved_together():
    equations = {
        S: S("j", "k") - C("j", "k") - C("k", "j"),
        C: C("j", "k") - GAMMA.reindexed({"k": "l"}) * W("l", "k"),
        W: W("j", "k") * 2 - GAMMA,
    }
    gamma = GAMMA_EIGENVALUE
    assert functions_of_gamma(equations) == {S: gamma**2, C: gamma**2 / 2, W: gamma / 2}


def test_equations_that_leave_a_moment_open_have_no_solution():
    assert functions_of_gamma({S: ZERO}) is None
    assert functions_of_gamma({S: S("j", "k") - GAMMA, W: W("j", "k") - W("j", "k")}) is None


def test_a_moments_symbol_is_its_name_in_lower_case():
    assert eigenvalue(S) == sp.Symbol("s", real=True)
