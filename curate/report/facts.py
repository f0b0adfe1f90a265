"""What the page says in tables: totals, the ledger, the layers and the models behind them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pyarrow.compute as pc

from annotators.registry import detector, detector_names
from annotators.weights import ModelStore
from curate.report.charts import Bar
from curate.report.distributions import count_text
from curate.store import Dataset, LayerInfo
from schemas import Status, UnknownNameError
from schemas.columns import faces, images, labels

UNKNOWN = "not in the catalogue"


@dataclass(frozen=True)
class LedgerReason:
    """Pictures that were not used for one reason: its code, their number, some of their names and a detail."""

    reason: str
    count: int
    names: tuple[str, ...]
    detail: str


@dataclass(frozen=True)
class LayerRow:
    """One layer's outcome over all faces."""

    info: LayerInfo
    ok: int
    not_applicable: int
    failed: int
    missing: int
    errors: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class ModelRow:
    """One model file that labels of this dataset come from."""

    name: str
    sha256: str
    licence: str
    commercial: bool | None
    task: str
    limits: str
    used_by: tuple[str, ...]


def ledger(ds: Dataset, examples: int) -> list[LedgerReason]:
    """The ledger by reason, the most frequent first."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in ds.ledger().to_pylist():
        name = row[images.NAME.name] or PurePosixPath(row[images.URI.name] or "").name
        found.setdefault(row[images.REASON.name] or "", []).append((name, _detail(row)))
    reasons = [
        LedgerReason(reason, len(rows), tuple(n for n, _ in rows[:examples]), next((d for _, d in rows if d), ""))
        for reason, rows in found.items()
    ]
    return sorted(reasons, key=lambda r: (-r.count, r.reason))


def _detail(row: Mapping[str, Any]) -> str:
    """The reason in words, without the folders of this machine: the page is made to be passed on."""
    detail = str(row[images.DETAIL.name] or "")
    for column in (images.URI, images.DUPLICATE_OF):
        path = str(row[column.name] or "")
        if path:
            detail = detail.replace(path, PurePosixPath(path).name)
    return detail


def layers(ds: Dataset, most_errors: int = 3) -> list[LayerRow]:
    """Every layer with its statuses and its most frequent errors."""
    counts = ds.counts().layers
    rows = []
    for info in ds.layers():
        found = counts[info.name]
        failed = found[Status.FAILED.value]
        rows.append(
            LayerRow(
                info,
                found[Status.OK.value],
                found[Status.NOT_APPLICABLE.value],
                failed,
                found["missing"],
                _errors(ds, info.name, most_errors) if failed else (),
            )
        )
    return rows


def _errors(ds: Dataset, layer: str, most: int) -> tuple[tuple[str, int], ...]:
    table = ds.layer_table(layer, [labels.STATUS, labels.ERROR])
    failed = table.filter(pc.equal(table.column(labels.STATUS.name), Status.FAILED.value))
    texts = Counter(str(text or "no message") for text in failed.column(labels.ERROR.name).to_pylist())
    return tuple(texts.most_common(most))


def models(ds: Dataset) -> list[ModelRow]:
    """Every model file that the detector and the layers used, with what the catalogue knows of it."""
    users: dict[tuple[str, str], list[str]] = {}
    for name, sha in _detector_weights(ds):
        users.setdefault((name, sha), []).append(f"{ds.info.detector.get('name')} (detector)")
    for info in ds.layers():
        for name, sha in info.weights.items():
            users.setdefault((name, sha), []).append(info.name)
    return [_model(name, sha, tuple(used)) for (name, sha), used in users.items()]


def _detector_weights(ds: Dataset) -> Iterable[tuple[str, str]]:
    name = ds.info.detector.get("name")
    if name in detector_names():
        store = ModelStore()
        return [(weight, store.entry(weight).sha256) for weight in detector(str(name)).weights]
    return ()


def _model(name: str, sha: str, users: tuple[str, ...]) -> ModelRow:
    try:
        entry = ModelStore().entry(name)
    except UnknownNameError:
        entry = None
    if entry is None or entry.sha256 != sha:
        return ModelRow(name, sha, UNKNOWN, None, "", "These bytes are not in the model catalogue.", users)
    return ModelRow(name, sha, entry.licence, entry.commercial, entry.task, entry.card, users)


def faces_per_image(ds: Dataset, pictures: int) -> list[Bar]:
    """Bars of how many pictures hold no face, one, two, three, four to nine, ten or more."""
    column = ds.faces([faces.IMAGE_ID]).column(0)
    found: Counter[str] = Counter()
    for pair in pc.value_counts(column).to_pylist():
        n = int(pair["counts"])
        found[str(n) if n < 4 else "4 to 9" if n < 10 else "10 or more"] += 1
    found["none"] = pictures - sum(found.values())
    order = ("none", "1", "2", "3", "4 to 9", "10 or more")
    return [Bar(k, found[k], count_text(found[k], pictures), f"{k}: {found[k]:,} pictures") for k in order]
