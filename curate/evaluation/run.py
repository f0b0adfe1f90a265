"""Puts an evaluation together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from curate.evaluation.board import Board, needed, read_table, speaking_layers
from curate.evaluation.card import truth_card
from curate.evaluation.evaluation import Evaluation
from curate.evaluation.grouping import CROSS, Grouping, group_columns, groupings
from curate.evaluation.matching import Outcome, match
from curate.evaluation.options import EvaluateOptions
from curate.evaluation.progress import steps
from curate.evaluation.results import Section
from curate.evaluation.roles import Pairing, Roles, check_columns, find_roles
from curate.evaluation.tasks import directions, pictured, unpaired
from curate.evaluation.tasks.flags import flags_section
from curate.evaluation.tasks.labels import labels_section
from curate.evaluation.tasks.numbers import numbers_section
from curate.evaluation.tasks.scores import scores_section
from curate.evaluation.truth import Truth, narrowed, read_truth
from curate.store import Dataset, LayerInfo
from curate.store.names import check_name
from schemas import Column, FacecurateError, Kind, UsageError
from schemas.columns.faces import FACES
from schemas.columns.images import IMAGES

Maker = Callable[[Board, Sequence[Grouping]], Section]
_BY_KIND: dict[Kind, Callable[[Board, Pairing, Sequence[Grouping]], Section]] = {
    Kind.LABEL: labels_section, Kind.NUMBER: numbers_section, Kind.FLAG: flags_section,
}  # fmt: skip


def evaluate(dataset: Dataset | str | Path, truth: str | Path, options: EvaluateOptions | None = None) -> Evaluation:
    """Hold a dataset's labels against truth.

    Args:
        dataset: The dataset or its folder.
        truth: A CSV, TSV, JSON-lines or Parquet table; `layer:NAME` for a layer of the dataset; `extra` for the
            columns that the dataset's own list brought along.
        options: See `EvaluateOptions`.

    Returns:
        Figures with intervals, by column and by group. `Evaluation.save` writes them.

    Raises:
        FacecurateError: with one clear line, for anything a user can mend: no such file, no row that is in the
            dataset, an unknown column, labels of no known vocabulary.
    """
    options = options or EvaluateOptions()
    check_name("file", options.name or "evaluation")
    ds = dataset if isinstance(dataset, Dataset) else Dataset.open(dataset)
    board = open_board(ds, truth, options)
    told, roles, layers = board.whole, board.roles, board.layers
    groups = groupings(board)
    made, refused = _sections(board, groups, options)
    named = [n for g in groups for n in g.by.split(CROSS) if n in told.columns]
    return Evaluation(
        name=options.name or _file_name(told.name), dataset=_about(ds, layers),
        card=truth_card(told, roles, named, options.note, ds, layers), matching=_matching(board, named),
        sections=tuple(made),
        groupings=tuple(_grouping(g) for g in groups), refused=refused,
        options={"rounds": options.rounds, "seed": options.seed, "min_group": options.min_group, "iou": options.iou,
                 "layers": list(options.layers or ()), "only": dict(options.only)}, path=ds.path,
    )  # fmt: skip


def open_board(ds: Dataset, truth: str | Path, options: EvaluateOptions) -> Board:
    """Read the truth and find its faces in the dataset.

    Raises:
        FacecurateError: as `evaluate`.
    """
    told = narrowed(read_truth(truth, ds), options.only)
    layers = speaking_layers(ds, options.layers, told)
    present = list(dict.fromkeys([*FACES, *(c for layer in layers for c in layer.columns)]))
    check_columns(told, options.maps)
    roles = find_roles(told, present, options.names, options.columns)
    return _board(ds, told, roles, layers, present, options)


def _file_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._") or "evaluation"


def _board(
    ds: Dataset, told: Truth, roles: Roles, layers: tuple[LayerInfo, ...], present: Sequence[str],
    options: EvaluateOptions,
) -> Board:  # fmt: skip
    here, matches = match(told, roles, ds, options.iou)
    paired = [p.column for p in roles.pairings]
    beside = [*group_columns(options.by, list(told.columns), [*present, *IMAGES]), *unpaired.columns(roles, present)]
    wanted = needed([*paired, *beside], [*present, *IMAGES])
    table = read_table(ds, wanted, layers, matches.face_rows)
    return Board(ds, matches.truth, roles, here, matches, told, table, layers, options)


def _sections(
    board: Board, groups: Sequence[Grouping], options: EvaluateOptions
) -> tuple[list[Section], dict[str, str]]:
    """Every section that can be made, and why others cannot.

    A column that the user names must work; of those that were only found, one that cannot be compared is
    told of and the others go on.
    """
    makers = list(_makers(board))
    if not makers and options.columns:
        raise UsageError(
            f"the truth {board.whole.name} says nothing about {', '.join(options.columns)}",
            f"its columns are: {', '.join(list(board.whole.columns)[:20])}",
            "Say which column it is: --truth-map COLUMN=DATASET_COLUMN",
        )
    if not makers:
        raise UsageError(
            f"the truth {board.whole.name} says nothing that this dataset has a column for",
            f"its columns are: {', '.join(list(board.whole.columns)[:20])}",
            "Run the annotators first, or say what a column is: --truth-map COLUMN=DATASET_COLUMN",
        )
    told = {*(options.columns or ()), *options.maps, *options.names, str(options.pairs)}
    made: list[Section] = []
    refused: dict[str, str] = {}
    with steps(len(makers), options.quiet) as announce:
        for name, truth, make in makers:
            announce(name)
            try:
                made.append(make(board, groups))
            except FacecurateError as error:
                if told & {name, truth} or len(makers) == 1:
                    raise
                refused[name] = str(error)
    if not made:
        raise UsageError(next(iter(refused.values())))
    return made, refused


def _makers(board: Board) -> Iterator[tuple[str, str, Maker]]:
    """Name, truth column and maker of every section, in the order of the page."""
    yield from pictured.makers(board)
    seen: set[Column] = set()
    for pairing in board.roles.pairings:
        column = pairing.column
        if column.kind in _BY_KIND and not pairing.field:
            yield column.name, pairing.truth, partial(_call, _BY_KIND[column.kind], pairing)
        elif column.kind is Kind.SCORES and column not in seen:
            seen.add(column)
            yield column.name, pairing.truth, partial(scores_section, column=column)
    yield from directions.makers(board)
    yield from unpaired.makers(board)


def _call(
    make: Callable[[Board, Pairing, Sequence[Grouping]], Section], pairing: Pairing, board: Board,
    groups: Sequence[Grouping],
) -> Section:  # fmt: skip
    return make(board, pairing, groups)


def _about(ds: Dataset, layers: Sequence[LayerInfo]) -> dict[str, Any]:
    counts = ds.counts()
    return {
        "name": ds.info.name or ds.path.name,
        "revision": ds.info.revision,
        "detector": dict(ds.info.detector),
        "pictures": sum(counts.images.values()),
        "faces": counts.faces,
        "layers": [
            {"name": x.name, "kind": x.kind, "annotator": x.annotator, "version": x.version,
             "config_hash": x.config_hash, "weights": dict(x.weights)}
            for x in layers
        ],
    }  # fmt: skip


def _matching(board: Board, grouped: Sequence[str]) -> dict[str, Any]:
    matches = board.matches
    return {
        "rows": len(board.whole),
        "faces": len(board),
        "outcomes": {o.value: matches.outcomes[o] for o in Outcome if matches.outcomes.get(o)},
        "unusable": dict(matches.reasons),
        "found_by": dict(matches.by),
        "unused_columns": [n for n in board.roles.unused if n not in grouped],
        "faces_without_truth": len(board.here.face_ids) - len(board),
    }


def _grouping(grouping: Grouping) -> dict[str, Any]:
    names = grouping.names.tolist()
    return {
        "by": grouping.by,
        "source": grouping.source,
        "groups": {name: names.count(name) for name in grouping.order},
        "unknown": names.count(None),
    }
