"""Findings as a layer of the dataset, so that views and reviews can filter by them."""

from __future__ import annotations

import hashlib

import pyarrow as pa

from curate.consistency.findings import RANK, RULE, Findings
from curate.store import Dataset, LayerInfo
from curate.store.publish import publish_layer
from schemas import Status
from schemas.columns import faces, labels

VERSION = "1"
NAME = "consistency"
NOT_SEEN = "not in the view when the labels were checked"


def write_layer(dataset: Dataset, findings: Findings) -> LayerInfo:
    """Write the rules that each face breaks, and how bad the worst is.

    The layer's name holds a digest of the findings: checking again adds nothing while nothing has changed.

    Args:
        dataset: The dataset; its lock is taken.
        findings: What `check` found.
    """
    seen = set(findings.ids)
    broken: dict[str, list[tuple[str, float]]] = {}
    digest = hashlib.blake2b(digest_size=4)
    columns = (findings.table.column(c).to_pylist() for c in (faces.FACE_ID.name, RULE, RANK))
    for face, rule, rank in zip(*columns, strict=True):
        broken.setdefault(face, []).append((rule, rank))
        digest.update(f"{face} {rule} {rank:.6f}\n".encode())
    counts = {c.rule.name: {"checked": c.checked, "found": c.found} for c in findings.rules if not c.missing}
    not_checked = {c.rule.name: list(c.missing) for c in findings.rules if c.missing}
    digest.update(repr((counts, sorted(not_checked))).encode())
    info = LayerInfo(
        f"{NAME}.v{VERSION}-{digest.hexdigest()}",
        "model",
        NAME,
        VERSION,
        config={"rules": [c.rule.name for c in findings.rules]},
        columns=tuple(labels.CONSISTENCY),
        extra={"counts": counts, "not_checked": not_checked},
    )

    def rows(_: str, ids: pa.Array) -> pa.Table:
        return _rows(ids, broken, seen)

    with dataset.lock():
        publish_layer(dataset, info, rows)
    return dataset.layer(info.name)


def _rows(ids: pa.Array, broken: dict[str, list[tuple[str, float]]], seen: set[str]) -> pa.Table:
    known = [face in seen for face in ids.to_pylist()]
    found = [broken.get(face, []) if k else None for face, k in zip(ids.to_pylist(), known, strict=True)]
    names = [None if f is None else [rule for rule, _ in f] for f in found]
    score = [None if f is None else 1 - max((rank for _, rank in f), default=0.0) for f in found]
    return pa.table({
        faces.FACE_ID.name: ids,
        labels.STATUS.name: [(Status.OK if k else Status.NOT_APPLICABLE).value for k in known],
        labels.ERROR.name: pa.array([None if k else NOT_SEEN for k in known], pa.string()),
        labels.FINDINGS.name: pa.array(names, labels.FINDINGS.type),
        labels.CONSISTENCY_SCORE.name: pa.array(score, labels.CONSISTENCY_SCORE.type),
    })  # fmt: skip
