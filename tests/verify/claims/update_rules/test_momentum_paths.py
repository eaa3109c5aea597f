import torch

from verify.claim import STATED
from verify.claims.update_rules.gradient_regularisation import LABEL, START
from verify.claims.update_rules.momentum_paths import MOMENTA, SHARES, descent_end, flow_end

PLACE = torch.tensor([[0.0, -0.1]], dtype=torch.float64)


def test_all_ways_end_on_the_line_of_minima():
    origin = torch.tensor(START, dtype=torch.float64)
    for end in (descent_end(STATED, 0.5, PLACE), *(flow_end(0.5, PLACE, share(0.5)) for share in SHARES.values())):
        assert abs((end + origin).prod() - float(LABEL)) < 1e-3


def test_without_the_correction_the_imbalance_is_conserved_and_momentum_makes_the_end_flatter():
    origin = torch.tensor(START, dtype=torch.float64)
    first, last = (PLACE + origin) ** 2, (flow_end(0.9, PLACE, 0.0) + origin) ** 2
    torch.testing.assert_close(last[:, 0] - last[:, 1], first[:, 0] - first[:, 1], rtol=1e-6, atol=0)
    norms = [float((descent_end(STATED, beta, PLACE) + origin).norm()) for beta in MOMENTA]
    assert norms == sorted(norms, reverse=True)
