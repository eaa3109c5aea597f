"""The ledger as a page of Markdown: every claim in words, its verdict, its numbers and what its controls were."""

from __future__ import annotations

from collections.abc import Sequence

from verify.citations import CITATIONS
from verify.claim import Context, MeasuredClaim
from verify.report import sides
from verify.run import Outcome


def page(outcomes: Sequence[Outcome], context: Context) -> str:
    """Return the page: a section for each claim, then the sources."""
    keys = dict.fromkeys(outcome.claim.source.key for outcome in outcomes)
    return "\n".join(
        [
            "# Ledger",
            "",
            f"Written by `python -m verify.all --profile {context.profile} --seed {context.seed}`: "
            f"{len(outcomes)} claims, {sum(len(o.claim.controls) for o in outcomes)} controls.",
            "",
            *(line for outcome in outcomes for line in _section(outcome)),
            "## Sources",
            "",
            *(f"- `{key}`: {CITATIONS.get(key, 'given by the claims file')}" for key in keys),
            "",
        ]
    )


def _section(outcome: Outcome) -> list[str]:
    claim = outcome.claim
    predicted, measured = sides(outcome)
    verdict = f"**{outcome.verdict}**" + (", as expected" if outcome.verdict is claim.expected else "")
    numbers = f" Stated {predicted}, found {measured}." if predicted != "identity" else ""
    margin = f" The margin is {_clause(claim.why_margin)}." if isinstance(claim, MeasuredClaim) else ""
    lines = [
        f"## `{claim.id}`: {claim.title}",
        "",
        f"{claim.statement.removesuffix('.')}. ({claim.source.key}, {claim.source.locator})",
        "",
        f"{verdict}.{numbers}{margin}" + (f" {_capital(outcome.note)}." if outcome.note else ""),
        "",
    ]
    if claim.hypotheses:
        lines += [f"Hypotheses: {'; '.join(claim.hypotheses)}.", ""]
    for control in claim.controls:
        lines.append(
            f"- {control.kind} `{control.id}`, {control.text}: {outcome.controls.get(control.id, 'no verdict')}"
        )
    return [*lines, ""]


def _clause(text: str) -> str:
    return text.removesuffix(".")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
