from __future__ import annotations

import pytest
import torch

from tests.models import normal
from verify.lowering import operand
from verify.lowering.operand import Operand, TooLarge, contracted, einsum, indices, kept, labels

A, B, C = (Operand(s, normal(k, *[4 if s.isupper() else 3 for s in s])) for k, s in enumerate(("Ai", "ABij", "Bjk")))


@pytest.mark.parametrize("output", ["k", "", "Ak", "kA", "ABk"])
def test_a_contraction_two_at_a_time_is_the_einsum(output):
    expected = torch.einsum(f"Ai,ABij,Bjk->{output}", A.tensor, B.tensor, C.tensor)
    torch.testing.assert_close(contracted([A, B, C], output), expected, rtol=1e-13, atol=1e-13)


def test_a_single_operand_is_summed_and_transposed():
    torch.testing.assert_close(contracted([B], "ji"), B.tensor.sum((0, 1)).T)


def test_an_outer_product_comes_last():
    # Left to right the first pair alone would make a tensor of 1e8 entries.
    left, right = (Operand(s, torch.ones(10_000, dtype=torch.float64)) for s in "ij")
    assert float(contracted([left, right, left, right], "")) == 1e8


def test_a_contraction_that_needs_a_tensor_too_large_says_how_large(monkeypatch):
    monkeypatch.setattr(operand, "MAX_ENTRIES", 8)
    with pytest.raises(TooLarge, match=r"a product of tensors needs 3\.6e\+01 entries, more than 8\.0e\+00"):
        contracted([A, B, C], "Ak")


def test_letters_that_occur_elsewhere_are_kept_labels_first():
    assert kept([A, B], [C], "i") == "Bij"
    assert kept([C], [], "") == ""
    assert (indices("ABji"), labels("Bj", "AB")) == ("ji", "AB")


def test_an_einsum_carries_its_subscript():
    made = einsum([A, B], "Bj")
    assert made.subscript == "Bj"
    torch.testing.assert_close(made.tensor, torch.einsum("Ai,ABij->Bj", A.tensor, B.tensor))
