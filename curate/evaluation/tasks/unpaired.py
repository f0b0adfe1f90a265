"""Sections that hold several truth columns, or none by name, against one column: points, identities, captions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from curate.evaluation.board import Board
from curate.evaluation.grouping import Grouping
from curate.evaluation.results import Section
from curate.evaluation.roles import Roles
from curate.evaluation.tasks.captions import captions_section, tells
from curate.evaluation.tasks.clusters import clusters_section
from curate.evaluation.tasks.landmarks import can_compare, landmarks_section
from curate.evaluation.tasks.verification import verification_section
from schemas import REGISTRY, Column, Kind
from schemas.columns import labels

Maker = Callable[[Board, Sequence[Grouping]], Section]


def columns(roles: Roles, present: Sequence[str]) -> list[Column]:
    """Dataset columns that these sections read."""
    known = [REGISTRY[n] for n in present if n in REGISTRY]
    found: list[Column] = []
    if roles.points:
        found += [c for c in known if c.kind is Kind.POINTS]
    if roles.identity:
        found += [c for c in known if _embeds(c) or c is labels.IDENTITY_ID]
    if any(p.column.kind is Kind.LABEL for p in roles.pairings) and labels.CAPTION_FACTS in known:
        found.append(labels.CAPTION_FACTS)
    return found


def _embeds(column: Column) -> bool:
    return column.kind is Kind.VECTOR and column.group == labels.EMBEDDING.group


def makers(board: Board) -> Iterator[tuple[str, str, Maker]]:
    """Name, truth column and maker of every such section."""
    for column, truth, make in _every(board):
        if board.options.columns is None or column.name in board.options.columns:
            yield column.name, truth, partial(make, column=column)


def _every(board: Board) -> Iterator[tuple[Column, str, Callable[..., Section]]]:
    roles = board.roles
    here = [REGISTRY[n] for n in board.table.column_names if n in REGISTRY]
    told, _ = roles.point_sets(board.truth)
    if told:
        for column in here:
            if column.kind is Kind.POINTS and can_compare(column, told):
                yield column, roles.points[0], landmarks_section
    if board.options.pairs is not None:
        yield from ((REGISTRY[n], str(board.options.pairs), verification_section) for n in _embeddings(board))
    if any(v is not None for v in board.truth.columns.get(roles.identity, [])):
        if board.options.pairs is None:
            yield from ((c, roles.identity, verification_section) for c in here if _embeds(c))
        if labels.IDENTITY_ID in here:
            yield labels.IDENTITY_ID, roles.identity, clusters_section
    if tells(board):
        yield labels.CAPTION_FACTS, "", captions_section


def _embeddings(board: Board) -> list[str]:
    names = dict.fromkeys(n for layer in board.layers for n in layer.columns)
    return [n for n in names if n in REGISTRY and _embeds(REGISTRY[n])]
