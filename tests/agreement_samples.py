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


BUSY_RATERS = ("ada@example.com", "ben@example.com", "chi@example.com")
CHOICES = (labels.PERCEIVED_EMOTION, labels.AGE_GROUP, labels.GENDER)
UNITS = ("AU6", "AU12")
LEDGER = {"blind": 0.4, "overlap": 3}


class _Busy:
    """Draws the words of three reviewers on `n` faces: two careful ones, and a third who says older ages."""

    def __init__(self, n: int, seed: int) -> None:
        self.n, self.rng = n, np.random.default_rng(seed)
        self.names = {c: taxonomy(c.taxonomy).labels for c in CHOICES}
        self.true = {c: [self._any(c) for _ in range(n)] for c in CHOICES}
        self.shown = {c: [v if self._chance(0.75) else self._any(c) for v in self.true[c]] for c in CHOICES}
        self.smile = self.rng.uniform(0, 4, n)
        self.points = self.rng.uniform(0, 100, (n, *labels.POINTS_68.shape))
        self.points[:, 36], self.points[:, 45] = [30.0, 40.0], [70.0, 40.0]
        book = Ledger(REVIEW, "", Spec(), "", blind=LEDGER["blind"])
        self.blind = [book.is_blind(f"i{i}") for i in range(n)]

    def _chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def _any(self, column: Column) -> str:
        return str(self.rng.choice(self.names[column]))

    def choice(self, column: Column, i: int, r: int) -> Any:
        """The right label mostly, the model's often where it is in sight, and sometimes no answer."""
        if self._chance(0.04):
            return ABSTAINED
        right = self.true[column][i] if self._chance(0.85) else self._any(column)
        said = self.shown[column][i] if not self.blind[i] and self._chance(0.5) else right
        if column is labels.AGE_GROUP and r == 2 and self._chance(0.4):
            places = self.names[column]
            said = places[min(places.index(said) + 1, len(places) - 1)]
        return said

    def intensities(self, i: int, r: int) -> dict[str, float]:
        """A smile as it is, which the second reviewer sees stronger; a cheek raiser at random."""
        seen = self.smile[i] + self.rng.normal(0, 0.5) + 0.6 * (r == 1)
        return {"AU6": float(self.rng.integers(0, 3)), "AU12": float(np.clip(round(seen), 0, 5))}

    def marks(self, i: int, r: int) -> list[float]:
        """The points, moved where the picture was shown alone and sometimes else."""
        by = 0.6 + r if self.blind[i] or self._chance(0.3) else 0.0
        return [float(v) for v in (self.points[i] + self.rng.normal(0, 1, self.points[i].shape) * by).ravel()]

    def row(self, i: int, r: int) -> dict[str, Any]:
        """What stands beside the answers: time, arm, a moved box, a deletion, a comment."""
        found: dict[str, Any] = {
            labels.REVIEW_BLIND.name: self.blind[i],
            labels.REVIEW_AT.name: f"2026-01-01T00:{i % 60:02d}:0{r}+00:00",
            labels.REVIEW_SECONDS.name: float(self.rng.gamma(4, 6 + 4 * self.blind[i] + 3 * r)),
        }
        if self.blind[i] or self._chance(0.2):
            box = self.rng.normal(0, 3, 4) + np.array([0, 0, 100, 100])
            found |= dict(zip((c.name for c in faces.BOX), box.tolist(), strict=True))
        if self._chance(0.03):
            found[labels.REVIEW_REJECTED.name] = True
        if self._chance(0.06):
            found[labels.REVIEW_COMMENTS.name] = "<script>alert(1)</script> half of it is in shadow"
        return found


def busy(path: Path, n: int = 120, seed: int = 3) -> Dataset:
    """A review in which everything happens: three reviewers, a blind arm, gold pictures, moved boxes, comments."""
    made = _Busy(n, seed)
    columns: tuple[Column, ...] = (*CHOICES, labels.AU_INTENSITY, labels.POINTS_68)
    answers: dict[Column, list[list[Any]]] = {c: [[None] * 3 for _ in range(n)] for c in columns}
    rows: dict[tuple[int, int], dict[str, Any]] = {}
    for i, r in ((i, r) for i in range(n) for r in range(3) if made.rng.random() < 0.85):
        for column in CHOICES:
            answers[column][i][r] = made.choice(column, i, r)
        answers[labels.AU_INTENSITY][i][r] = made.intensities(i, r)
        answers[labels.POINTS_68][i][r] = made.marks(i, r)
        rows[i, r] = made.row(i, r)
    races = made.rng.choice(taxonomy(labels.RACE.taxonomy).labels[:3], n, p=[0.5, 0.35, 0.15])
    points = [p.ravel().tolist() for p in made.points]
    shown: dict[Column, list[Any]] = {**made.shown, labels.POINTS_68: points, labels.RACE: [str(x) for x in races]}
    spec = Spec(columns, {labels.AU_INTENSITY.name: UNITS})
    gold = range(0, n, 6)
    book = {**LEDGER, "gold": {f"i{i}": "expert" for i in gold}}
    ds = review(path, answers, BUSY_RATERS, spec, shown, rows=rows, ledger=book)
    known = {
        f"i{i}.0": {c.name: made.true[c][i] for c in CHOICES}
        | {labels.AU_INTENSITY.name: {"AU12": float(made.smile[i])}}
        for i in gold
    }
    info = LayerInfo("expert", "human", "expert", columns=columns_of(known.values()), author="dr who", created="2025")
    write_word(ds, info, {KEY: known})
    return ds
