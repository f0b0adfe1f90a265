"""How likely a face's labels are wrong, and what else speaks for looking at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.scores import scores_beside
from curate.store import Dataset
from curate.store.view import FaceView, layer_table
from schemas import REGISTRY, Column, Kind, UsageError
from schemas.columns import faces, labels

Floats = NDArray[np.float64]
UNCERTAINTY, DISAGREEMENT, CONTRADICTION, INSTABILITY, RARITY = PARTS = (
    "uncertainty", "disagreement", "contradiction", "instability", "rarity",
)  # fmt: skip
WEIGHTS = {UNCERTAINTY: 1.0, DISAGREEMENT: 0.5, CONTRADICTION: 0.5, INSTABILITY: 0.25, RARITY: 0.25}
"""Weights of the parts: the chance of an error counts once, hints at one less, and rarity breaks ties."""
WORDS = {
    UNCERTAINTY: "unsure", DISAGREEMENT: "layers disagree", CONTRADICTION: "labels contradict each other",
    INSTABILITY: "labels change with the picture's quality", RARITY: "of a rare cell",
}  # fmt: skip
TOLD = 0.2
"""Weighted parts from this size on are told as a reason."""
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Evidence:
    """What is known of every face, row by row.

    Attributes:
        images: Image id.
        groups: Group.
        wrong: Expected share of wrong labels, 0 to 1.
        risk: Weighted sum of the parts.
        reviewed: Whether a person has spoken of it.
        parts: Parts that this dataset has.
        weighted: Part -> weighted values.
        told: Layer of people's word -> image ids it speaks of.
    """

    images: Sequence[str]
    groups: Sequence[str]
    wrong: Floats
    risk: Floats
    reviewed: NDArray[np.bool_]
    parts: tuple[str, ...]
    weighted: Mapping[str, Floats]
    told: Mapping[str, frozenset[str]]

    def told_by(self, layer: str) -> frozenset[str]:
        """Pictures that a layer of people's word speaks of.

        Raises:
            UsageError: if it is none.
        """
        if layer not in self.told:
            known = ", ".join(self.told) or "none here"
            raise UsageError(f"'{layer}' is no layer of people's word", fix=f"Known: {known}")
        return self.told[layer]

    def reasons(self, wanted: set[str]) -> dict[str, str]:
        """Image id -> why it is worth a look, the strongest first."""
        strongest: dict[str, dict[str, float]] = {}
        for part, values in self.weighted.items():
            for picture, value in zip(self.images, values.tolist(), strict=True):
                if picture in wanted and value >= TOLD * WEIGHTS[part]:
                    own = strongest.setdefault(picture, {})
                    own[part] = max(own.get(part, 0.0), value)
        told = {p: sorted(own, key=lambda x: -own[x]) for p, own in strongest.items()}
        return {p: ", ".join(WORDS[x] for x in told.get(p, ())) or "little speaks against it" for p in wanted}

    def groups_of(self, wanted: set[str]) -> dict[str, list[str]]:
        """Image id -> groups of its faces."""
        found: dict[str, dict[str, None]] = {p: {} for p in wanted}
        for picture, group in zip(self.images, self.groups, strict=True):
            if picture in wanted:
                found[picture][group] = None
        return {p: list(own) for p, own in found.items()}


def evidence(ds: Dataset, columns: Sequence[str], by: Sequence[str], weights: Mapping[str, float]) -> Evidence:
    """Gather what is known of all faces.

    - uncertainty: mean over the label columns of 1 - the label's probability; 1 where a label is missing beside its
      probabilities (the model abstains); for labels without probabilities it is left out.
    - disagreement: mean over the columns of the share of other models' layers that say something else.
    - contradiction: 1 - `consistency_score`. instability: 1 - `stability_least`.
    - rarity: 1 - the size of the face's cell (`balance_cell`, else its group) over the largest cell's.

    Args:
        ds: The dataset.
        columns: Label columns.
        by: Columns whose crossing makes the groups.
        weights: Part -> weight, in place of `WEIGHTS`.

    Raises:
        UsageError: if a column is no label, or nothing here tells anything of any.
    """
    asked = [_label(n) for n in columns]
    view = FaceView(ds)
    known = set(view.columns())
    table = view.table(_names(asked, by, known))
    groups = _groups(table, by)
    unsure = _uncertainty(table, asked)
    other = _disagreement(ds, asked, table)
    parts: dict[str, Floats] = {}
    if unsure is not None:
        parts[UNCERTAINTY] = unsure
    if other is not None:
        parts[DISAGREEMENT] = other
    if not parts:
        fix = "Choose columns with probabilities, or such as several layers provide"
        raise UsageError(f"nothing tells how sure {', '.join(columns)} are", fix=fix)
    wrong = unsure if unsure is not None else np.asarray(other)
    for part, column in ((CONTRADICTION, labels.CONSISTENCY_SCORE), (INSTABILITY, labels.STABILITY_LEAST)):
        if column.name in known:
            parts[part] = 1 - _numbers(table, column.name, 1.0)
    parts[RARITY] = _rarity(table, groups, known)
    used = {**WEIGHTS, **weights}
    weighted = {p: used[p] * v for p, v in parts.items()}
    risk = np.sum(list(weighted.values()), axis=0)
    told = _told(ds)
    pictures = table.column(faces.IMAGE_ID.name).to_pylist()
    seen = frozenset[str]().union(*told.values())
    reviewed = np.array([p in seen for p in pictures], bool)
    return Evidence(pictures, groups, wrong, risk, reviewed, tuple(parts), weighted, told)


def _label(name: str) -> Column:
    column = REGISTRY.get(name)
    if column is None or column.kind not in (Kind.LABEL, Kind.FLAG):
        raise UsageError(f"column '{name}' is no label", fix="Give label columns, such as perceived_emotion")
    return column


def _names(asked: Sequence[Column], by: Sequence[str], known: set[str]) -> list[str]:
    beside = [b.name for c in asked if (b := scores_beside(c)) is not None]
    optional = [labels.CONSISTENCY_SCORE.name, labels.STABILITY_LEAST.name, labels.BALANCE_CELL.name, *beside]
    fixed = [faces.FACE_ID.name, faces.IMAGE_ID.name, *(c.name for c in asked), *by]
    return list(dict.fromkeys([*fixed, *(n for n in optional if n in known)]))


def _groups(table: pa.Table, by: Sequence[str]) -> list[str]:
    if not by:
        return ["all"] * table.num_rows
    told = [[UNKNOWN if v is None else str(v) for v in table.column(n).to_pylist()] for n in by]
    return [" x ".join(values) for values in zip(*told, strict=True)]


def _uncertainty(table: pa.Table, asked: Sequence[Column]) -> Floats | None:
    means: list[Floats] = []
    for column in asked:
        beside = scores_beside(column)
        if beside is None or beside.name not in table.column_names:
            continue
        values = table.column(column.name).to_pylist()
        scores = table.column(beside.name).to_pylist()
        means.append(np.array([_doubt(v, s) for v, s in zip(values, scores, strict=True)], np.float64))
    if not means:
        return None
    stacked = np.stack(means)
    count = np.sum(~np.isnan(stacked), axis=0)
    return np.asarray(np.nansum(stacked, axis=0) / np.maximum(count, 1), np.float64)


def _doubt(value: Any, scores: Any) -> float:
    """1 - the probability of a label; NaN where nothing was asked."""
    if scores is None:
        return np.nan if value is None else 0.0
    if value is None:
        return 1.0
    given = scores.get(value)
    return 1.0 if given is None else float(np.clip(1 - given, 0, 1))


def _disagreement(ds: Dataset, asked: Sequence[Column], table: pa.Table) -> Floats | None:
    """Mean over the columns of the share of models' layers that say something else than the one that speaks."""
    rows = {face: n for n, face in enumerate(table.column(faces.FACE_ID.name).to_pylist())}
    against, spoken = np.zeros(len(rows)), np.zeros(len(rows))
    for column in asked:
        mine = table.column(column.name).to_pylist()
        layers = [i.name for i in ds.layers() if i.kind == "model" and column.name in i.columns]
        for layer in layers if len(layers) > 1 else ():
            told = layer_table(ds, layer, [faces.FACE_ID, column])
            for face, value in zip(told.column(0).to_pylist(), told.column(1).to_pylist(), strict=True):
                n = rows.get(face)
                if n is not None and value is not None and mine[n] is not None:
                    spoken[n] += 1
                    against[n] += value != mine[n]
    return against / np.maximum(spoken, 1) if spoken.any() else None


def _numbers(table: pa.Table, name: str, missing: float) -> Floats:
    filled = pc.fill_null(table.column(name).cast(pa.float64()), missing)
    return np.asarray(filled.to_numpy(), np.float64)


def _rarity(table: pa.Table, groups: Sequence[str], known: set[str]) -> Floats:
    cells = groups
    if labels.BALANCE_CELL.name in known:
        cells = [c or UNKNOWN for c in table.column(labels.BALANCE_CELL.name).to_pylist()]
    names, codes, counts = np.unique(np.array(cells, object).astype(str), return_inverse=True, return_counts=True)
    share = counts / counts.max()
    share[names == UNKNOWN] = 1.0
    return np.asarray(1 - share[codes], np.float64)


def _told(ds: Dataset) -> dict[str, frozenset[str]]:
    """Layer of people's word -> pictures that it speaks of."""
    found = {}
    for info in ds.layers():
        if info.kind == "human":
            told = layer_table(ds, info.name, [faces.FACE_ID, labels.STATUS])
            spoken = told.filter(pc.equal(told.column(labels.STATUS.name), "ok")).column(0).to_pylist()
            found[info.name] = frozenset(face.rpartition(".")[0] for face in spoken)
    return found
