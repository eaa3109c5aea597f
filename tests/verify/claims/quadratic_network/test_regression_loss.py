from theory.index_algebra import ZERO
from theory.loss import LOSS
from verify.claims.quadratic_network.regression_loss import at_critical_point, check_minimisers


def test_where_the_gradient_vanishes_every_product_with_it_does():
    hessian_term = LOSS("j", "k") * LOSS("j", "k")
    assert at_critical_point(LOSS("j") * LOSS("j")) == ZERO
    assert at_critical_point(LOSS("j", "k") * LOSS("k") + LOSS("j") * LOSS()) == ZERO
    assert at_critical_point(hessian_term + LOSS("j") * LOSS("j")) == hessian_term
    assert at_critical_point(LOSS()) == LOSS()


def test_an_addition_that_is_not_the_derived_one_is_no_modified_loss():
    assert check_minimisers("stated").holds
    assert not check_minimisers("loss").holds
