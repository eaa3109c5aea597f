import threading
import time
from collections import defaultdict

import pytest

from numerics.lanes import rounds


@pytest.mark.parametrize("num_threads", [1, 2, 3])
@pytest.mark.parametrize("num_groups", [1, 5, 40])
def test_every_group_goes_through_the_rounds_in_their_order(num_groups, num_threads):
    seen = defaultdict(list)

    def move(number: int, span: range) -> None:
        if number == 0 and 0 in span:
            time.sleep(0.02)  # the others are in later rounds by then
        for group in span:
            seen[group].append(number)

    rounds.take(move, range(20), num_groups, num_threads)
    assert seen == {group: list(range(20)) for group in range(num_groups)}


def test_two_rounds_at_most_are_under_way_while_the_next_is_drawn():
    finished, drawn = [], []
    release = threading.Event()

    def move(number: int, span: range) -> None:
        if 0 in span:
            if number == 0:
                release.wait(10)
            finished.append(number)

    def draw():
        for number in range(6):
            drawn.append((number, list(finished)))
            if number == 2:
                release.set()
            yield number

    rounds.take(move, draw(), 16, 2)
    assert drawn[1][1] == drawn[2][1] == []  # round 0 waits: rounds 1 and 2 are drawn in the meantime
    assert all(len(done) >= number - 2 for number, done in drawn)


@pytest.mark.parametrize("num_threads", [1, 2])
def test_an_error_reaches_the_caller(num_threads):
    def move(number: int, _: range) -> None:
        if number == 2:
            raise ValueError("round 2")

    with pytest.raises(ValueError, match="round 2"):
        rounds.take(move, range(5), 8, num_threads)
