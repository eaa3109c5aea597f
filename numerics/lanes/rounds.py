"""Groups of replicas moved on round by round, shared out to threads, while this thread draws what comes next."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import TypeVar

SHARES_PER_THREAD = 4
"""So that a thread which others disturb leaves some of its share to them."""
Round = TypeVar("Round")


def take(move: Callable[[Round, range], None], rounds: Iterable[Round], num_groups: int, num_threads: int) -> None:
    """Move all groups on by each round.

    A share of the groups goes on to the next round when it is through with the one before, whatever the others do:
    no thread waits at the end of a round.

    Args:
        move: (round, groups) -> None; moves some groups on, in place.
        rounds: What each round needs; produced on this thread, while at most two rounds are under way.
        num_groups: Number of groups.
        num_threads: Number of threads; with 1, this one does everything.
    """
    num_shares = num_threads if num_threads == 1 else SHARES_PER_THREAD * num_threads
    share = -(-num_groups // num_shares)
    spans = [range(k, min(k + share, num_groups)) for k in range(0, num_groups, share)]
    if num_threads == 1:
        for needed in rounds:
            for span in spans:
                move(needed, span)
        return

    def follow(before: Future[None] | None, needed: Round, span: range) -> None:
        if before:
            before.result()  # begun earlier, so that it does not wait for a thread
        move(needed, span)

    oldest: list[Future[None]] = []
    latest: list[Future[None]] = []
    for needed in rounds:
        _wait(oldest)
        befores = latest or [None] * len(spans)
        moves = [_pool(num_threads).submit(follow, b, needed, span) for b, span in zip(befores, spans, strict=True)]
        oldest, latest = latest, moves
    _wait(latest)


def _wait(moves: Iterable[Future[None]]) -> None:
    for move in moves:
        move.result()


@cache
def _pool(num_threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(num_threads)
