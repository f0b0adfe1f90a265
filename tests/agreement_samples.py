"""Reviews with known words for the tests of agreement: layers as a pull writes them, without a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curate.review.controls import ABSTAINED
from curate.review.ledger import Ledger
from curate.review.rows import ABSTAIN
from curate.review.spec import Spec
from curate.store import Dataset, LayerInfo
from curate.store.human import columns_of, write_word
from schemas import REGISTRY, Column, Kind, taxonomy
from schemas.columns import faces, labels
from tests.evaluation_samples import KEY, dataset

REVIEW = "round-1"
Row = Mapping[str, Any]


def review(
    path: Path, answers: Mapping[Column, Sequence[Sequence[Any]]], raters: Sequence[str], spec: Spec | None = None,
    shown: Mapping[Column, list[Any]] | None = None, counts: Sequence[int] | None = None, **more: Any,
) -> Dataset:  # fmt: skip
    """A dataset whose faces were reviewed.

    Args:
        path: Where to.
        answers: Column -> (faces, raters) of values, None for no answer, `ABSTAINED`.
        raters: Names of the reviewers.
        spec: What was asked; by default the columns.
        shown: Column -> one value per face that a model gave.
        counts: Faces per picture; by default one.
        more: `rows`: (face, rater) -> further columns of a row; `ledger`: fields of a ledger, without which there is
            none; `created`: time of the layers.
    """
    n = len(next(iter(answers.values())))
    ds = dataset(path, counts or [1] * n, {"model.v1": shown} if shown else {})
    spec = spec or Spec(tuple(answers))
    for r, name in enumerate(raters):
        rows: dict[str, dict[str, Any]] = {}
        for i, face in enumerate(face_ids(ds)):
            row = dict(more.get("rows", {}).get((i, r), {}))
            for column, table in answers.items():
                row |= _cells(column, table[i][r])
            if row:
                rows[face] = {labels.REVIEW_REJECTED.name: False, labels.REVIEW_SKIPPED.name: False, **row}
        if rows:
            word(ds, name, rows, spec, created=more.get("created", "2026-01-01T00:00:00+00:00"))
    if "ledger" in more:
        layers = ("model.v1",) if shown else ()
        Ledger(REVIEW, "http://localhost", spec, "note", layers=layers, **more["ledger"]).save(ds)
    return ds


def word(
    ds: Dataset, rater: str, rows: Mapping[str, Row], spec: Spec, created: str = "", review_name: str = REVIEW,
    number: int = 1,
) -> LayerInfo:  # fmt: skip
    """One layer of a reviewer's word, as a pull writes it."""
    info = LayerInfo(
        f"human-{review_name}-{''.join(c for c in rater if c.isalnum())}-{number}", "human", "label-studio",
        columns=columns_of(rows.values()), author=rater, created=created,
        config={"review": review_name, "questions": spec.as_dict()},
    )  # fmt: skip
    write_word(ds, info, {KEY: rows})
    return info


def face_ids(ds: Dataset) -> list[str]:
    """Ids of all faces, in order."""
    return [str(f) for f in ds.read("faces", KEY, [faces.FACE_ID]).column(0).to_pylist()]


def _cells(column: Column, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    flag = f"{column.name}{ABSTAIN}"
    if value is ABSTAINED:
        return {flag: True}
    return {column.name: value} | ({flag: False} if flag in REGISTRY and REGISTRY[flag].kind is Kind.FLAG else {})


def coded(table: Any, names: Sequence[Any]) -> list[list[Any]]:
    """Places in a list as its members; NaN is None."""
    return [[None if np.isnan(v) else names[int(v)] for v in row] for row in np.asarray(table, float)]


def spread(counts: Any) -> np.ndarray[Any, Any]:
    """Ratings (cases, raters) with these counts of labels."""
    return np.array([np.repeat(np.arange(len(row)), row) for row in np.asarray(counts)], float)


def busy(path: Path, faces_: int = 120, seed: int = 3) -> Dataset:
    """A review in which everything happens: three reviewers, a blind arm, gold pictures, moved boxes, comments."""
    rng = np.random.default_rng(seed)
    emotions, units = taxonomy(labels.PERCEIVED_EMOTION.taxonomy).labels, ("AU6", "AU12")
    ages, races = taxonomy(labels.AGE_GROUP.taxonomy).labels, taxonomy(labels.RACE.taxonomy).labels
    genders = taxonomy(labels.GENDER.taxonomy).labels
    true = {
        labels.PERCEIVED_EMOTION: rng.choice(len(emotions), faces_, p=[0.1, 0.05, 0.05, 0.4, 0.1, 0.1, 0.2]),
        labels.AGE_GROUP: rng.integers(2, 8, faces_), labels.GENDER: rng.integers(0, 2, faces_),
    }  # fmt: skip
    names = {labels.PERCEIVED_EMOTION: emotions, labels.AGE_GROUP: ages, labels.GENDER: genders}
    shown: dict[Column, list[Any]] = {
        c: [names[c][v if rng.random() < 0.75 else rng.integers(len(names[c]))] for v in true[c]] for c in true
    }
    shown[labels.RACE] = [str(r) for r in rng.choice(races[:3], faces_)]
    smile = rng.uniform(0, 4, faces_)
    base = rng.uniform(0, 100, (faces_, labels.POINTS_68.shape[0], 2))
    base[:, 36], base[:, 45] = [30.0, 40.0], [70.0, 40.0]
    shown[labels.POINTS_68] = [p.ravel().tolist() for p in base]
    blind = np.array([Ledger(REVIEW, "", Spec(), "", blind=0.4).is_blind(f"i{i}") for i in range(faces_)])
    answers: dict[Column, list[list[Any]]] = {
        c: [[None] * 3 for _ in range(faces_)] for c in (*true, labels.AU_INTENSITY)
    }
    answers[labels.POINTS_68] = [[None] * 3 for _ in range(faces_)]
    rows: dict[tuple[int, int], dict[str, Any]] = {}
    for i in range(faces_):
        for r in range(3):
            if rng.random() < 0.15:
                continue
            for c in true:
                follow = not blind[i] and rng.random() < 0.5
                right = names[c][true[c][i] if rng.random() < 0.85 else rng.integers(len(names[c]))]
                answers[c][i][r] = ABSTAINED if rng.random() < 0.04 else shown[c][i] if follow else right
            if r == 2 and answers[labels.AGE_GROUP][i][r] not in (None, ABSTAINED):
                place = min(ages.index(answers[labels.AGE_GROUP][i][r]) + int(rng.random() < 0.4), len(ages) - 1)
                answers[labels.AGE_GROUP][i][r] = ages[place]
            rating = float(np.clip(round(smile[i] + rng.normal(0, 0.5) + (r == 1) * 0.6), 0, 5))
            answers[labels.AU_INTENSITY][i][r] = {"AU6": float(rng.integers(0, 3)), "AU12": rating}
            moved = base[i] + (rng.normal(0, 0.6 + r, base[i].shape) if blind[i] or rng.random() < 0.3 else 0)
            answers[labels.POINTS_68][i][r] = moved.ravel().tolist()
            rows[i, r] = {
                labels.REVIEW_BLIND.name: bool(blind[i]),
                labels.REVIEW_AT.name: f"2026-01-01T00:{i % 60:02d}:0{r}+00:00",
                labels.REVIEW_SECONDS.name: float(rng.gamma(4, 6 + 4 * blind[i] + 3 * r)),
            }  # fmt: skip
            if blind[i] or rng.random() < 0.2:
                jitter = rng.normal(0, 3, 4)
                box = dict(
                    zip((c.name for c in faces.BOX), (jitter + np.array([0, 0, 100, 100])).tolist(), strict=True)
                )
                rows[i, r] |= box
            if rng.random() < 0.03:
                rows[i, r] |= {labels.REVIEW_REJECTED.name: True}
            if rng.random() < 0.06:
                rows[i, r] |= {labels.REVIEW_COMMENTS.name: "<script>alert(1)</script> half of it is in shadow"}
    spec = Spec(tuple(answers), {labels.AU_INTENSITY.name: units})
    raters = ("ada@example.com", "ben@example.com", "chi@example.com")
    gold = {f"i{i}": "expert" for i in range(0, faces_, 6)}
    ds = review(
        path, answers, raters, spec, shown, rows=rows, ledger={"blind": 0.4, "gold": gold, "overlap": 3},
    )  # fmt: skip
    known = {
        f"i{i}.0": {c.name: names[c][true[c][i]] for c in true} | {labels.AU_INTENSITY.name: {"AU12": float(smile[i])}}
        for i in range(0, faces_, 6)
    }
    info = LayerInfo("expert", "human", "expert", columns=columns_of(known.values()), author="dr who", created="2025")
    write_word(ds, info, {KEY: known})
    return ds
