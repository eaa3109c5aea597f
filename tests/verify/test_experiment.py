import torch

from verify.experiment import half_means


def test_a_replica_is_averaged_with_the_one_half_the_replicas_on():
    values = torch.tensor([[1.0, 2.0, 3.0, 5.0, 6.0, 7.0], [0.0, 0.0, 1.0, 0.0, 2.0, 1.0]])
    assert half_means(values).tolist() == [[3.0, 4.0, 5.0], [0.0, 1.0, 1.0]]


def test_means_of_single_precision_are_taken_in_double():
    values = torch.tensor([1e4, 0.0, 1e4 + 2**-10, 0.0])
    assert half_means(values).tolist() == [1e4 + 2**-11, 0.0]
