from __future__ import annotations

from dataclasses import replace

import pytest

from tests.verify.toy_claims import CLAIMS
from verify.bibliography import MAIN, Item, Paper, citation, papers, rows
from verify.ledger import ledger


def test_every_item_of_the_main_paper_has_a_row_and_every_claim_names_items():
    assert all(rows(ledger().values())[papers()[MAIN]].values())


def test_sources_are_found_without_a_list_the_main_one_first():
    assert next(iter(papers())) == MAIN
    assert all(key == paper.key for key, paper in papers().items())
    assert citation("nowhere") == "Given by the claims file."


def test_items_of_other_sources_are_named_with_their_key():
    item = Item("eq. (4)", "")
    assert Paper("barrett2021", "", (item,)).name(item) == "barrett2021: eq. (4)"
    assert Paper(MAIN, "", (item,)).name(item) == "eq. (4)"


def test_an_unknown_item_is_an_error_with_a_suggestion():
    wrong = replace(CLAIMS[0], items=("Lemma 6", "eq (14)"))
    with pytest.raises(ValueError, match=r"'toy\.pass\.true' covers 'eq \(14\)', .*; did you mean 'eq\. \(14\)'"):
        rows([wrong])


def test_an_item_has_every_claim_that_names_it():
    first, second = (replace(claim, items=("Lemma 6", "eq. (9)")) for claim in CLAIMS[:2])
    items = rows([first, second, CLAIMS[2]])[papers()[MAIN]]
    found = {item.name: claims for item, claims in items.items()}
    assert found["Lemma 6"] == found["eq. (9)"] == [first, second]
    assert sum(map(bool, found.values())) == 2
