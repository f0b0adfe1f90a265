"""Verdicts on captions, and regenerated descriptions, as layers of the dataset."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from typing import Any

import pyarrow as pa

from curate.identity.progress import follow
from curate.store import Dataset, LayerInfo
from curate.store.publish import publish_layer
from curate.store.view import FaceView
from curate.text_quality.regenerate import TRIES, Regenerated, Wanted, Writer, regenerate
from curate.text_quality.report import TextReport
from curate.text_quality.texts import CAPTION, Known, units_of
from schemas import ColumnGroup, Status, UsageError
from schemas.columns import faces, labels

VERSION = "1"
VERDICTS, DESCRIPTIONS = "text_quality", "reasoned"
NO_CAPTION = "the face has no caption"
NOT_DESCRIBED = "the face has no perceived emotion or no action units"
WITHHELD = "somebody in the picture may be a minor: it is not sent anywhere"


def write_verdicts(dataset: Dataset, report: TextReport) -> LayerInfo:
    """Write what is wrong with each face's caption; the same verdicts add nothing.

    Args:
        dataset: The dataset that the report is of; its lock is taken.
        report: What `check_texts` found.
    """
    found: dict[str, dict[str, Any]] = {}
    for i, (text, verdict) in enumerate(zip(report.texts.rows, report.verdicts, strict=True)):
        if text.kind == CAPTION:
            found[text.key] = {
                labels.TEXT_FINDINGS.name: verdict.lines,
                labels.TEXT_AGREEMENT.name: verdict.agreement,
                labels.TEXT_RELEVANCE.name: report.relevance.get(i),
            }
    return _publish(dataset, VERDICTS, labels.TEXT_QUALITY, found, lambda _: NO_CAPTION, {})


def describe_dataset(
    dataset: Dataset, writer: Writer, tries: int = TRIES, quiet: bool = True, withheld: Collection[str] = ()
) -> tuple[LayerInfo, list[Regenerated]]:
    """Have a reasoned description written for every face, and keep texts, rewards and rejections as a layer.

    Args:
        dataset: With perceived emotions and action units; its lock is taken.
        writer: Who writes.
        tries: Texts per face at most.
        quiet: No progress bar.
        withheld: Faces that the writer must not see.

    Raises:
        UsageError: if the dataset lacks the columns.
    """
    wanted = [w for w in _wanted(dataset) if w.key not in withheld]
    done = [regenerate(w, writer, tries) for w in follow(wanted, len(wanted), "describing", quiet)]
    rows = {d.wanted.key: _row(d) for d in done}

    def why(face: str) -> str:
        return WITHHELD if face in withheld else NOT_DESCRIBED

    config = {"writer": writer.name, "tries": tries}
    return _publish(dataset, DESCRIPTIONS, labels.REASONED_TEXT, rows, why, config), done


def _wanted(dataset: Dataset) -> list[Wanted]:
    view = FaceView(dataset)
    here = set(view.columns())
    lacking = [c.name for c in (labels.PERCEIVED_EMOTION,) if c.name not in here]
    units = [c for c in (labels.AU_INTENSITY, labels.AU_SCORE) if c.name in here]
    if lacking or not units:
        fix = f"Run: facecurate annotate {dataset.path} -a emotion -a action_units"
        raise UsageError(f"{dataset.path} has no emotions or no action units", fix=fix)
    found = []
    for table in view.stream([faces.FACE_ID, labels.PERCEIVED_EMOTION, *units]):
        for row in table.to_pylist():
            values = Known({c: row[c.name] for c in (labels.PERCEIVED_EMOTION, *units)})
            active, emotion = units_of(values), values[labels.PERCEIVED_EMOTION]
            if active is not None and emotion is not None:
                found.append(Wanted(row[faces.FACE_ID.name], tuple(active), emotion))
    return found


def _row(done: Regenerated) -> dict[str, Any]:
    return {
        labels.REASONED.name: done.text,
        labels.REWARD.name: done.reward.total,
        labels.REWARD_UNITS.name: done.reward.units,
        labels.REWARD_ANSWER.name: done.reward.answer,
        labels.REWARD_FORM.name: done.reward.form,
        labels.REASONED_REJECTIONS.name: done.rejections,
        labels.REASONED_WRITER.name: done.writer,
    }


def _publish(
    dataset: Dataset, name: str, group: ColumnGroup, found: Mapping[str, Mapping[str, Any]],
    why: Callable[[str], str], config: dict[str, Any],
) -> LayerInfo:  # fmt: skip
    digest = hashlib.blake2b(repr((sorted(config.items()), sorted(found.items()))).encode(), digest_size=4)
    columns = tuple(group)
    info = LayerInfo(f"{name}.v{VERSION}-{digest.hexdigest()}", "model", name, VERSION, config, columns=columns)

    def rows(_: str, ids: pa.Array) -> pa.Table:
        keys = ids.to_pylist()
        known = [k in found for k in keys]
        return pa.table({
            faces.FACE_ID.name: ids,
            labels.STATUS.name: [(Status.OK if k else Status.NOT_APPLICABLE).value for k in known],
            labels.ERROR.name: pa.array([None if k else why(f) for k, f in zip(known, keys, strict=True)], pa.string()),
            **{n: pa.array([found.get(k, {}).get(n) for k in keys], group[n].type) for n in columns},
        })  # fmt: skip

    with dataset.lock():
        publish_layer(dataset, info, rows)
    return dataset.layer(info.name)
