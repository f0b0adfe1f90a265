"""Captions: are the facts they claim true, and how many of the true ones do they tell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from curate.evaluation.board import Board
from curate.evaluation.grouping import Grouping
from curate.evaluation.measures import Cases, Measure
from curate.evaluation.metrics import captions
from curate.evaluation.results import Section
from curate.evaluation.scoring import overall, splits
from curate.evaluation.tasks.answers import answers
from curate.evaluation.truths import label_truth
from curate.evaluation.vocabulary import bring_together
from schemas import Column, FacecurateError, Kind, UsageError
from schemas.columns import labels

MEASURES = (
    Measure("precision", "true facts", "Share of the told facts that are true, of those the truth speaks of.",
            captions.micro_precision, share=True, uses=(0, 1)),
    Measure("recall", "told facts", "Share of the true facts that the caption tells.", captions.micro_recall,
            share=True, better="", uses=(0, 2)),
    Measure("contradictions", "contradictions", "Share of the told facts that contradict the truth.",
            captions.contradiction_rate, share=True, better="lower", uses=(3, 1)),
)  # fmt: skip


def captions_section(board: Board, groupings: Sequence[Grouping], column: Column) -> Section:
    """Hold the facts of captions against the truth's labels.

    Raises:
        UsageError: if the truth has no labels that a caption could tell.
    """
    true, columns = _true_facts(board)
    if not columns:
        raise UsageError("the truth has no labels that a caption could tell")
    found = answers(board, column, [facts or None for facts in true])
    told = board.values(column).take(found.rows).to_pylist()
    spoken_of = [true[i] for i in found.rows.tolist()]
    stated = [_about(facts or (), own) for facts, own in zip(told, spoken_of, strict=True)]
    counts = captions.count_facts(spoken_of, stated)
    arrays = (counts.hits, counts.stated, counts.true, counts.contradictions)
    clusters = None if board.clusters is None else board.clusters[found.rows]
    cases = Cases(arrays, found.rows, MEASURES, clusters)
    return Section(
        name=column.name, task="captions", title="Captions", doc="What captions claim.", truth=", ".join(columns),
        measures=MEASURES, figures=overall(cases, board.options),
        speakers=board.speakers(column, found.asked), counts=found.counts,
        splits=splits(cases, groupings, board.options, found.states),
        details={"told": int(counts.stated.sum()), "true": int(counts.true.sum()), "right": int(counts.hits.sum()),
                 "wrong": int(counts.contradictions.sum())},
        notes=("Facts about columns that the truth of the face is silent on are not counted.",),
    )  # fmt: skip


def _about(facts: Sequence[str], true: Sequence[str]) -> list[str]:
    """Facts about columns that the truth speaks of for this face."""
    known = {fact.partition("=")[0] for fact in true}
    return [fact for fact in facts if fact.partition("=")[0] in known]


def _true_facts(board: Board) -> tuple[list[list[str]], list[str]]:
    """Facts of every matched face as `column=label`, and the columns they speak of."""
    facts: list[list[str]] = [[] for _ in range(len(board))]
    columns = []
    told = board.values(labels.CAPTION_FACTS).to_pylist()
    spoken_of = {fact.partition("=")[0] for row in told for fact in row or ()}
    for pairing in board.roles.pairings:
        column = pairing.column
        if column.kind is not Kind.LABEL or column.name not in spoken_of:
            continue
        try:
            common = bring_together(label_truth(board, pairing, column.taxonomy), column.taxonomy, column.name)
        except FacecurateError:
            continue
        if common.taxonomy != column.taxonomy:
            continue
        columns.append(column.name)
        for row, label in enumerate(common.truth):
            if label is not None:
                facts[row].append(f"{column.name}={label}")
    return facts, columns


def tells(board: Board) -> bool:
    """Whether there are captions and labels they could be held against."""
    return board.has(labels.CAPTION_FACTS.name) and bool(np.any([bool(f) for f in _true_facts(board)[0]]))
