"""Finding faces: against true boxes, true counts, or pictures that are known to show a face."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curate.evaluation.board import Board
from curate.evaluation.grouping import CROSS, Grouping, groupings
from curate.evaluation.measures import Cases, Measure
from curate.evaluation.metrics import detection, regression
from curate.evaluation.metrics.counting import Floats, mean, ratio, total, weights
from curate.evaluation.results import Section
from curate.evaluation.roles import DETECTION as NAME
from curate.evaluation.scoring import overall, splits
from schemas.columns import faces

DOC = "Which faces the detector found."
UNKNOWN_SCORE = 0.0
Maker = Callable[[Board, Sequence[Grouping]], Section]


def makers(board: Board) -> Iterator[tuple[str, str, Maker]]:
    """The section on detection that the truth allows."""
    roles = board.roles
    if board.options.columns is not None and NAME not in board.options.columns:
        return
    if roles.box and roles.boxes(board.whole) is not None and roles.key != faces.FACE_ID.name:
        yield NAME, roles.box[0], _boxes
    elif any(n is not None and ok for n, ok in zip(roles.face_counts(board.whole), _usable(board), strict=True)):
        yield NAME, ", ".join(roles.counts), _counts
    elif roles.key != faces.FACE_ID.name:
        yield NAME, roles.key_column, _shown


def _truth_groups(board: Board) -> list[Grouping]:
    """Groups of the rows of the whole truth: a face that was not found has no other."""
    wanted = board.options.by
    if wanted is not None:
        wanted = tuple(n for n in wanted if all(p.strip() in board.whole.columns for p in n.split(CROSS)))
    whole = replace(board, truth=board.whole, options=replace(board.options, by=wanted))
    return [g for g in groupings(whole) if g.source == "truth"]


def _usable(board: Board) -> NDArray[np.bool_]:
    """Rows of the truth whose picture is in the dataset and could be read."""
    return np.array([i is not None and i not in board.here.unusable for i in board.matches.image_of], bool)


def _boxes(board: Board, _: Sequence[Grouping]) -> Section:
    boxes = board.roles.boxes(board.whole)
    assert boxes is not None
    usable = _usable(board)
    rows: dict[str, list[int]] = {}
    seen: set[tuple[str, ...]] = set()
    for row in np.flatnonzero(usable).tolist():
        image = str(board.matches.image_of[row])
        kept, place = rows.setdefault(image, []), (image, *map(str, boxes[row].tolist()))
        if np.isfinite(boxes[row]).all() and place not in seen:
            kept.append(row)
            seen.add(place)
    pictures = [_picture(board, image, boxes[truth]) for image, truth in rows.items()]
    found = detection.match(pictures, overlap=board.options.iou)
    measures = _box_measures(found, board.options.iou)
    cases = Cases((np.arange(len(pictures)),), np.full(len(pictures), -1), measures)
    figures = overall(cases, board.options)
    hits = _hits(found, rows)
    each = Cases((hits[0],), hits[1], (Measure("recall", "recall", measures[0].doc, mean, share=True),))
    curve = detection.curve(found)
    return Section(
        name=NAME, task="detection", title="Faces found", doc=DOC, truth=", ".join(board.roles.box), measures=measures,
        figures=figures, splits=splits(each, _truth_groups(board), board.options),
        counts=_counted(board, usable, len(pictures)),
        details={"curve": {"x": _thin(curve.recall), "y": _thin(curve.precision), "kind": "precision over recall"},
                 "true_faces": int(found.truths.sum()), "found_faces": len(found.hits)},
        notes=("Groups are those of the true faces; a false alarm belongs to none, so groups have recall only.",
               "Precision takes all faces of a picture to be in the truth; where some are not, it reads too low."),
    )  # fmt: skip


def _picture(board: Board, image: str, truth: NDArray[np.float64]) -> detection.Picture:
    found = board.here.of_image.get(image, [])
    scores = np.nan_to_num(board.here.scores[found], nan=UNKNOWN_SCORE)
    return detection.Picture(truth, board.here.boxes[found], scores)


def _hits(found: detection.Matches, rows: dict[str, list[int]]) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Whether each true face was found, and its row of the truth."""
    hits, where = [], []
    for truth, pairs in zip(rows.values(), found.pairs, strict=True):
        seen = {t for _, t in pairs}
        hits += [i in seen for i in range(len(truth))]
        where += truth
    return np.array(hits, bool), np.array(where, np.intp)


def _box_measures(found: detection.Matches, least: float) -> tuple[Measure, ...]:
    at = f"at an overlap (IoU) of {least:g} or more"
    return (
        Measure("recall", "recall", f"Share of true faces found {at}.", _over_images(detection.recall, found),
                share=True),
        Measure("precision", "precision", f"Share of found faces that are true ones {at}.",
                _over_images(detection.precision, found), share=True),
        Measure("ap", "average precision", "Area under precision over recall, all points (AP).",
                _over_images(detection.average_precision, found), share=True),
        Measure("overlap", "overlap", "Mean overlap (IoU) of found faces with theirs.",
                _over_images(detection.mean_overlap, found)),
        Measure("false_alarms", "false alarms", "False faces per picture.", _over_images(detection.false_alarms, found),
                better="lower", unit="per picture"),
    )  # fmt: skip


def _over_images(metric: Any, found: detection.Matches) -> Any:
    """A measure of matches as one of picture numbers, so that pictures are drawn."""

    def compute(images: ArrayLike, weight: ArrayLike | None = None) -> Floats:
        chosen = np.asarray(images, np.intp)
        w = weights(weight, len(chosen))
        spread = np.zeros((*w.shape[:-1], len(found.truths)))
        spread[..., chosen] = w
        result: Floats = metric(found, weight=spread)
        return result

    return compute


def _counts(board: Board, _: Sequence[Grouping]) -> Section:
    told = board.roles.face_counts(board.whole)
    usable = _usable(board)
    rows = [i for i in np.flatnonzero(usable).tolist() if told[i] is not None]
    images = [str(board.matches.image_of[i]) for i in rows]
    found = np.array([len(board.here.of_image.get(i, [])) for i in images], np.float64)
    true = np.array([told[i] for i in rows], np.float64)
    cases = Cases((true, found), np.array(rows, np.intp), COUNT_MEASURES)
    return Section(
        name=NAME, task="detection", title="Faces found", doc=DOC, truth=", ".join(board.roles.counts),
        measures=COUNT_MEASURES,
        figures=overall(cases, board.options), splits=splits(cases, _truth_groups(board), board.options),
        counts=_counted(board, usable, len(rows)),
        details={"true_faces": int(true.sum()), "found_faces": int(found.sum())},
        notes=("The truth gives numbers of faces, not places: a false face can hide a missed one.",),
    )  # fmt: skip


def _found_share(true: ArrayLike, found: ArrayLike, weight: ArrayLike | None = None) -> Floats:
    t, f = np.asarray(true, float), np.asarray(found, float)
    w = weights(weight, len(t))
    return ratio(total(w, np.minimum(t, f)), total(w, t))


def _exact(true: ArrayLike, found: ArrayLike, weight: ArrayLike | None = None) -> Floats:
    return mean(np.asarray(true) == np.asarray(found), weight)


def _extra(true: ArrayLike, found: ArrayLike, weight: ArrayLike | None = None) -> Floats:
    return mean(np.maximum(np.asarray(found, float) - np.asarray(true, float), 0), weight)


COUNT_MEASURES = (
    Measure("found", "faces found", "Share of the true number of faces, extra ones not counted.", _found_share,
            share=True),
    Measure("exact", "right number", "Share of pictures with exactly the true number of faces.", _exact, share=True),
    Measure("extra", "extra faces", "Faces over the true number, per picture.", _extra, better="lower",
            unit="per picture"),
    Measure("mae", "mean error", "Mean distance of found and true number.", regression.mae, better="lower"),
)  # fmt: skip


def _shown(board: Board, _: Sequence[Grouping]) -> Section:
    """Pictures that the truth labels: was a face found in each."""
    usable = _usable(board)
    first: dict[str, int] = {}
    for row in np.flatnonzero(usable).tolist():
        first.setdefault(str(board.matches.image_of[row]), row)
    found = np.array([bool(board.here.of_image.get(image)) for image in first], bool)
    measure = Measure(
        "found", "a face was found", "Share of labelled pictures in which a face was found.", mean, share=True
    )
    cases = Cases((found,), np.array(list(first.values()), np.intp), (measure,))
    return Section(
        name=NAME, task="detection", title="Faces found", doc=DOC, truth=board.roles.key_column, measures=(measure,),
        figures=overall(cases, board.options), splits=splits(cases, _truth_groups(board), board.options),
        counts=_counted(board, usable, len(first)),
        notes=("Takes every picture of the truth to show a face; where it does not, this is no error.",),
    )  # fmt: skip


def _counted(board: Board, usable: NDArray[np.bool_], pictures: int) -> dict[str, int]:
    rows = np.array([i is not None for i in board.matches.image_of], bool)
    counts = {"pictures": pictures, "rows of pictures that could not be used": int((rows & ~usable).sum())}
    return {k: v for k, v in counts.items() if v or k == "pictures"}


def _thin(values: NDArray[Any], most: int = 200) -> list[float]:
    if len(values) <= most:
        return np.round(values, 5).tolist()  # type: ignore[no-any-return]
    return np.round(values[np.linspace(0, len(values) - 1, most).astype(int)], 5).tolist()  # type: ignore[no-any-return]
