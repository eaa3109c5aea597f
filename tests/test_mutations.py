import pytest

from tests.mutations import MUTATIONS, ROOT, caught_by


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: f"{m.file}:{m.new}")
def test_mutated_text_occurs_once(mutation):
    assert (ROOT / mutation.file).read_text().count(mutation.old) == 1


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: f"{m.file}:{m.new}")
def test_mutation_turns_the_run_red(mutation):
    assert caught_by(mutation)
