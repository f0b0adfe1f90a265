"""Identity columns: are the faces of one person, and only those, together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from curate.evaluation.board import Board
from curate.evaluation.grouping import Grouping
from curate.evaluation.measures import Cases, Measure
from curate.evaluation.metrics import clustering
from curate.evaluation.metrics.counting import Floats
from curate.evaluation.results import Section
from curate.evaluation.scoring import overall, splits
from curate.evaluation.tasks.answers import answers
from curate.evaluation.tasks.verification import numbered_by
from schemas import Column


def _on(measure: Any, part: str = "") -> Any:
    def compute(truth: ArrayLike, guess: ArrayLike, weight: ArrayLike | None = None) -> Floats:
        found = measure(truth, guess, weight=weight)
        result: Floats = getattr(found, part) if part else found
        return result

    return compute


CLUSTER_MEASURES = (
    Measure("bcubed_f1", "BCubed F1", "Harmonic mean of BCubed precision and recall.", _on(clustering.bcubed, "f1"),
            share=True),
    Measure("bcubed_precision", "BCubed precision", "How much of a face's cluster is its own person.",
            _on(clustering.bcubed, "precision"), share=True),
    Measure("bcubed_recall", "BCubed recall", "How much of a person lies in a face's cluster.",
            _on(clustering.bcubed, "recall"), share=True),
    Measure("pair_precision", "pair precision", "Share of pairs in one cluster that are one person.",
            _on(clustering.pairwise, "precision"), share=True),
    Measure("pair_recall", "pair recall", "Share of pairs of one person that lie in one cluster.",
            _on(clustering.pairwise, "recall"), share=True),
    Measure("v_measure", "V-measure", "Homogeneity and completeness of the clusters.", _on(clustering.nmi), share=True),
    Measure("adjusted_rand", "adjusted Rand", "Agreement of pairs beyond chance.", _on(clustering.adjusted_rand)),
)  # fmt: skip


def clusters_section(board: Board, groupings: Sequence[Grouping], column: Column) -> Section:
    """Hold a column of identities against the truth's; only who is with whom counts, not the names."""
    told = board.truth.columns[board.roles.identity]
    found = answers(board, column, told)
    true = numbered_by([told[i] for i in found.rows.tolist()])
    said = numbered_by(board.values(column).take(found.rows).to_pylist())
    cases = Cases((true, said), found.rows, CLUSTER_MEASURES, true)
    return Section(
        name=column.name, task="clusters", title=column.name, doc=column.doc, truth=board.roles.identity,
        measures=CLUSTER_MEASURES, figures=overall(cases, board.options), speakers=board.speakers(column, found.asked),
        counts=found.counts, splits=splits(cases, groupings, board.options, found.states),
        details={"true_identities": int(true.max(initial=-1)) + 1, "found_identities": int(said.max(initial=-1)) + 1},
        notes=("Intervals draw persons. Groups count pairs inside the group only.",), sensitive=True,
    )  # fmt: skip
