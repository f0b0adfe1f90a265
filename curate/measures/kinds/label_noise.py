"""Labels that are likely wrong, ranked, with a corrected label beside each and weights against imbalance."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curate.measures.base import DATASET, TABLE, Config, Given, Input, Measure, Result
from curate.measures.columns_of_tables import texts
from curate.measures.features import Features, of_dataset
from curate.measures.label_reliability import Doubts, blocks_joined, class_weights, doubts
from curate.measures.rows import filled, vectors
from curate.store.parts import replacing
from schemas import UsageError
from schemas.columns import labels

SOURCE = "GReFEL (Wasi et al. 2024): anchors and geometry; inverse-frequency weights with mean 1"
NOTE = (
    "A doubtful label is one that its neighbours do not share; a rare true one looks the same. Look before you change."
)
FILE = "label_noise.parquet"


@dataclass(frozen=True)
class NoiseConfig(Config):
    """How labels are judged.

    Attributes:
        neighbours: Rows that vote on each.
        flag: Share of rows that is flagged.
        least: Rows that a class must have to be judged or proposed; rows of rarer ones are left out.
        sure: Belief in another class from which the corrected label differs from the given one.
    """

    neighbours: int = 15
    flag: float = 0.1
    least: int = 10
    sure: float = 0.6

    def __post_init__(self) -> None:
        if self.neighbours < 1 or self.least < 2 or not 0 < self.flag < 1 or not 0.5 <= self.sure <= 1:
            why = "neighbours >= 1, least >= 2, 0 < flag < 1 and 0.5 <= sure <= 1"
            raise UsageError("settings of label noise", why)


@dataclass(frozen=True)
class DatasetNoiseConfig(NoiseConfig):
    """Also: which label, and by what faces are compared.

    Attributes:
        label: Column of the labels.
        features: Columns that faces are compared by: vectors, scores or points (points without place, size and roll).
    """

    label: str = labels.PERCEIVED_EMOTION.name
    features: tuple[str, ...] = (labels.BLENDSHAPES.name, labels.POINTS_68.name)


class LabelNoise(Measure):
    """For labels in a table."""

    name = "label_noise"
    doc = "Labels of a table that their neighbours doubt, corrected labels beside them, and class weights."
    source = SOURCE
    inputs = (
        Input("rows", TABLE, "a row per face: `id`, `label`, `embedding` (a list of numbers), `geometry` if known, "
              "and `truth` to see how many wrong labels are found", ("id", "label", "embedding")),
    )  # fmt: skip
    config_type = NoiseConfig
    config: NoiseConfig

    def measure(self, given: Given) -> Result:
        """Ranked doubts; with --files also a Parquet file of all rows."""
        table, path = given.tables["rows"], given.paths["rows"]
        names, said = filled(table, "id", path), filled(table, "label", path)
        blocks = [vectors(table, c, path) for c in ("embedding", "geometry") if c in table.column_names]
        truth = texts(table, "truth") if "truth" in table.column_names else None
        return _result(names, said, Features(blocks), self.config, given.out, truth)


class DatasetLabelNoise(Measure):
    """For a label column of a dataset; nothing in the dataset changes."""

    name = "dataset_label_noise"
    doc = "Labels of a dataset's column that its neighbours in blendshapes and landmark geometry doubt."
    source = SOURCE
    inputs = (Input("dataset", DATASET, "a dataset with the label and the features"),)
    config_type = DatasetNoiseConfig
    config: DatasetNoiseConfig

    def measure(self, given: Given) -> Result:
        """Ranked doubts over the faces that have the label and all features."""
        read = of_dataset(given.datasets["dataset"], self.config.features, (self.config.label,))
        known = [i for i, label in enumerate(read.labels[self.config.label]) if label is not None]
        said = [str(read.labels[self.config.label][i]) for i in known]
        return _result([read.ids[i] for i in known], said, read.features.rows(known), self.config, given.out, None)


def _result(
    names: list[str], said: list[str], features: Features, config: NoiseConfig, out: Path | None,
    truth: list[str | None] | None,
) -> Result:  # fmt: skip
    counts = Counter(said)
    rare = sorted(c for c, n in counts.items() if n < config.least)
    known = [i for i, s in enumerate(said) if s not in rare]
    if not known:
        why = f"the largest of {len(counts):,} classes has {max(counts.values(), default=0):,} rows"
        raise UsageError(f"no class has {config.least:,} rows", why, "Give more rows, or lower least")
    names, said, features = [names[i] for i in known], [said[i] for i in known], features.rows(known)
    truth = None if truth is None else [truth[i] for i in known]
    classes = sorted(set(said))
    codes = np.array([classes.index(s) for s in said], np.int64)
    found = doubts(blocks_joined(features.blocks), codes, config.neighbours)
    corrected = _corrected(said, classes, found, config.sure)
    weights = class_weights(said)
    flagged = found.flagged(config.flag)
    changed = sum(a != b for a, b in zip(said, corrected, strict=True))
    facts: dict[str, Any] = {"rows": len(said), "flagged": len(flagged), "corrected": changed, "classes too rare": rare}
    if truth is not None:
        facts.update(_against(truth, said, corrected, flagged.tolist()))
    tables = {
        "classes": [{"label": c, "n": counts[c], "weight": weights[c]} for c in classes],
        "flagged": [
            {"id": names[i], "label": said[i], "likely": classes[found.likely[i]], "corrected": corrected[i],
             "doubt": float(found.doubt[i])}
            for i in flagged
        ],
    }  # fmt: skip
    files = (_write(out, names, said, corrected, found, weights),) if out is not None else ()
    return Result(facts, tables, (NOTE,), files)


def _corrected(said: list[str], classes: list[str], found: Doubts, sure: float) -> list[str]:
    best = found.beliefs.max(1)
    return [classes[k] if b >= sure else s for s, k, b in zip(said, found.likely, best, strict=True)]


def _against(truth: list[str | None], said: list[str], corrected: list[str], flagged: list[int]) -> dict[str, Any]:
    wrong = {i for i, (t, s) in enumerate(zip(truth, said, strict=True)) if t is not None and t != s}
    mended = sum(corrected[i] == truth[i] for i in wrong)
    return {
        "wrong labels": len(wrong),
        "share of wrong labels flagged": len(wrong & set(flagged)) / len(wrong) if wrong else None,
        "share of wrong labels mended": mended / len(wrong) if wrong else None,
        "right labels changed": sum(c not in (t, None) for c, t in zip(corrected, truth, strict=True))
        - len(wrong)
        + mended,
    }


def _write(
    out: Path, names: list[str], said: list[str], corrected: list[str], found: Doubts, weights: dict[str, float]
) -> Path:
    import pyarrow.parquet as pq

    table = pa.table({
        "id": names, "label": said, "corrected_label": corrected, "doubt": found.doubt,
        "weight": [weights[s] for s in said],
    })  # fmt: skip
    with replacing(out / FILE) as file:
        pq.write_table(table, file)
    return out / FILE
