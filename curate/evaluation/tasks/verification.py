"""Verification: do embeddings tell one person's faces from others'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.evaluation.board import Board
from curate.evaluation.grouping import Grouping
from curate.evaluation.matching import find_image, pictures
from curate.evaluation.measures import Cases, Measure
from curate.evaluation.metrics import identity
from curate.evaluation.results import Section, Split
from curate.evaluation.scoring import overall, splits
from curate.evaluation.tasks.answers import answers
from curate.evaluation.truth import Truth, read_truth
from curate.evaluation.truths import flag_truth
from schemas import Column, UsageError

MOST_SAME, MOST_DIFFERENT = 50_000, 100_000
"""Pairs of one person and of two; more are thinned out by chance."""
MOST_OF_ONE = 300
"""Faces of one person that are paired with each other; of more, some are drawn."""
FARS = (0.01, 0.001, 0.0001)
SAME = ("same_person", "same", "issame", "is_same", "match", "label")
NOTE = "Pairs share faces, so intervals draw persons: a pair counts as often as both of its persons."


def _tar(far: float) -> Measure:
    text = f"{far:.2%}".rstrip("%").rstrip("0").rstrip(".")
    return Measure(
        f"tar_at_{far:g}", f"accepted at {text} % false", f"Share of same-person pairs accepted where {text} % of "
        "different-person pairs are (TAR@FAR); undefined with too few different pairs.",
        partial(identity.tar_at_far, far=far), share=True,
    )  # fmt: skip


def _measures(threshold: float) -> tuple[Measure, ...]:
    at = f"the threshold {threshold:.3f}, where all pairs together have 0.1 % (or the fewest that can be told)"
    return (
        Measure("eer", "equal error rate", "Where as many pairs of one person are refused as of two are accepted.",
                identity.eer, share=True, better="lower"),
        *(_tar(far) for far in FARS),
        Measure("false_matches", "false matches", f"Share of different-person pairs accepted at {at}.",
                partial(identity.far_at, threshold=threshold), share=True, better="lower"),
        Measure("matches", "true matches", f"Share of same-person pairs accepted at {at}.",
                partial(identity.tar_at, threshold=threshold), share=True),
    )  # fmt: skip


def verification_section(board: Board, groupings: Sequence[Grouping], column: Column) -> Section:
    """Hold an embedding against the truth's identities, or against a table of pairs."""
    if board.options.pairs is not None:
        return _of_pairs(board, column)
    told = board.truth.columns[board.roles.identity]
    found = answers(board, column, told)
    people = numbered_by([told[i] for i in found.rows.tolist()])
    left, right, same = _pairs(people, board.options.seed)
    vectors = _vectors(board, column, found.rows)
    scores = np.einsum("ij,ij->i", vectors[left], vectors[right])
    threshold = _threshold(same, scores)
    cases = Cases(
        (same, scores), found.rows[left], _measures(threshold), np.stack([people[left], people[right]], axis=1)
    )
    within = [_within(g, found.rows[left], found.rows[right]) for g in groupings]
    return _section(board, column, board.roles.identity, cases, found.counts, len(found.rows), threshold,
                    board.speakers(column, found.asked), within)  # fmt: skip


def _within(grouping: Grouping, left: NDArray[np.intp], right: NDArray[np.intp]) -> tuple[Grouping, NDArray[np.bool_]]:
    return grouping, np.asarray(grouping.names[left] == grouping.names[right], bool)


def _section(
    board: Board, column: Column, truth: str, cases: Cases, counts: dict[str, int], faces: int, threshold: float,
    speakers: Mapping[str, int],
    within: Sequence[tuple[Grouping, NDArray[np.bool_]]] = (), notes: tuple[str, ...] = (NOTE,),
) -> Section:  # fmt: skip
    same = cases.arrays[0]
    curve = identity.roc(*cases.arrays)
    keep = np.unique(np.linspace(0, max(len(curve.x) - 1, 0), 200).astype(int)) if len(curve.x) else []
    divided: list[Split] = []
    for grouping, inside in within:
        some = Cases(cases.at(inside), cases.rows[inside], cases.measures,
                     None if cases.clusters is None else cases.clusters[inside])  # fmt: skip
        divided += splits(some, [grouping], board.options)
    return Section(
        name=column.name, task="identity", title="Verification", doc="Are two faces one person?", truth=truth,
        measures=cases.measures, figures=overall(cases, board.options), speakers=speakers, counts=counts,
        splits=tuple(divided),
        details={"faces": faces, "same_pairs": int(same.sum()), "different_pairs": int((~same).sum()),
                 "threshold": threshold,
                 "curve": {"x": curve.x[keep].tolist() if len(keep) else [], "kind": "accepted over falsely accepted",
                           "y": curve.y[keep].tolist() if len(keep) else []}},
        notes=(*notes, "Groups are pairs of faces of one group.") if divided else notes, sensitive=True,
    )  # fmt: skip


def _threshold(same: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """Where 0.1 % of different pairs are accepted, or one of them where there are fewer than a thousand."""
    different = int((~same).sum())
    if not different:
        return float("nan")
    return float(identity.threshold_at_far(same, scores, max(FARS[1], 1 / different)))


def numbered_by(values: Sequence[Any]) -> NDArray[np.intp]:
    """A number for each distinct value, in order of appearance."""
    number: dict[str, int] = {}
    return np.array([number.setdefault(str(v), len(number)) for v in values], np.intp)


def _vectors(board: Board, column: Column, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    flat = board.values(column).take(rows).flatten().to_numpy(zero_copy_only=False)
    vectors = np.asarray(flat, np.float64).reshape(len(rows), *column.shape)
    return np.asarray(vectors / np.maximum(np.sqrt((vectors**2).sum(axis=1, keepdims=True)), 1e-12))


def _pairs(people: NDArray[np.intp], seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Pairs of faces, all or a random part, and whether each is one person."""
    rng = np.random.default_rng(seed)
    same = _thinned(_same(people, rng), MOST_SAME, rng)
    pairs = np.concatenate([same, _thinned(_different(people, rng), MOST_DIFFERENT, rng)])
    return pairs[:, 0], pairs[:, 1], np.arange(len(pairs)) < len(same)


def _thinned(pairs: NDArray[np.intp], most: int, rng: np.random.Generator) -> NDArray[np.intp]:
    return pairs if len(pairs) <= most else pairs[np.sort(rng.choice(len(pairs), most, replace=False))]


def _same(people: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    order = np.argsort(people, kind="stable")
    starts = np.flatnonzero(np.diff(people[order])) + 1
    found: list[NDArray[np.intp]] = [np.zeros((0, 2), np.intp)]
    for faces in np.split(order, starts):
        group = faces if len(faces) <= MOST_OF_ONE else rng.choice(faces, MOST_OF_ONE, replace=False)
        a, b = np.triu_indices(len(group), 1)
        found.append(np.stack([group[a], group[b]], axis=1))
    return np.concatenate(found)


def _different(people: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    count = len(people)
    if count * (count - 1) // 2 <= 4 * MOST_DIFFERENT:
        pairs = np.stack(np.triu_indices(count, 1), axis=1)
    else:
        pairs = np.sort(rng.integers(0, count, (2 * MOST_DIFFERENT, 2)), axis=1)
        pairs = np.unique(pairs[pairs[:, 0] < pairs[:, 1]], axis=0)
    return np.asarray(pairs[people[pairs[:, 0]] != people[pairs[:, 1]]], np.intp)


def _of_pairs(board: Board, column: Column) -> Section:
    """Verification on the pairs of a table; pictures with several faces are left out and counted."""
    table = read_truth(str(board.options.pairs), board.ds)
    first, second, label = _pair_columns(table)
    here = pictures(board.ds)
    rows: list[tuple[int, int, bool]] = []
    lost = {
        "pairs left out, not said whether one person": 0, "pairs left out, not in the dataset": 0,
        "pairs left out, not exactly one face": 0,
    }  # fmt: skip
    told = flag_truth(label, table.columns[label])[0]
    for a, b, same in zip(table.columns[first], table.columns[second], told, strict=True):
        images = [find_image(str(k), here, table) for k in (a, b)]
        faces = [here.of_image.get(i, []) if i is not None else None for i in images]
        if same is None:
            lost["pairs left out, not said whether one person"] += 1
        elif None in faces:
            lost["pairs left out, not in the dataset"] += 1
        elif any(len(f or ()) != 1 for f in faces):
            lost["pairs left out, not exactly one face"] += 1
        else:
            rows.append((faces[0][0], faces[1][0], same))  # type: ignore[index]
    if not rows:
        raise UsageError(
            f"no pair of {board.options.pairs} is in this dataset", fix="Its two columns must name pictures"
        )
    values = board.ds.faces([column], layers=[x.name for x in board.layers]).column(column.name).combine_chunks()
    index = np.array([(a, b) for a, b, _ in rows], np.intp)
    known = np.asarray(values.is_valid())[index].all(axis=1)
    index, same_flags = index[known], np.array([s for *_, s in rows], bool)[known]
    lost["pairs left out, no embedding"] = int((~known).sum())
    scores = _dots(values, column, index)
    threshold = _threshold(same_flags, scores)
    clusters = index
    cases = Cases((same_flags, scores), np.full(len(index), -1), _measures(threshold), clusters)
    counts = {"pairs": len(index), **{k: v for k, v in lost.items() if v}}
    return _section(board, column, f"{table.name}: {label}", cases, counts, len(np.unique(index)), threshold, {}, (),
                    ("Intervals draw faces: a pair counts as often as both of its faces.",))  # fmt: skip


def _dots(values: Any, column: Column, index: NDArray[np.intp]) -> NDArray[np.float64]:
    used, place = np.unique(index, return_inverse=True)
    flat = np.asarray(values.take(used).flatten().to_numpy(zero_copy_only=False), np.float64)
    vectors = flat.reshape(len(used), *column.shape)
    vectors /= np.maximum(np.sqrt((vectors**2).sum(axis=1, keepdims=True)), 1e-12)
    place = place.reshape(index.shape)
    return np.asarray(np.einsum("ij,ij->i", vectors[place[:, 0]], vectors[place[:, 1]]))


def _pair_columns(table: Truth) -> tuple[str, str, str]:
    by_name = {n.lower(): n for n in table.columns}
    label = next((by_name[n] for n in SAME if n in by_name), None)
    others = [n for n in table.columns if n != label]
    if label is None or len(others) < 2:
        raise UsageError(
            f"{table.source} is no table of pairs", f"its columns are: {', '.join(table.columns)}",
            "It needs two columns of pictures and same_person",
        )  # fmt: skip
    return others[0], others[1], label
