"""What the exporters wrote starts a dataset again through the importers of the same formats."""

from __future__ import annotations

from pathlib import Path

import pytest

from curate.export.options import ExportOptions
from curate.export.run import export
from curate.importers import importer
from curate.importers.base import read_source
from curate.importers.run import check_values
from schemas.columns import faces, labels
from tests.export_samples import LABELLED, hard_cases


@pytest.mark.parametrize("form", ["coco", "yolo", "yolo_pose"])
def test_our_own_exports_start_a_dataset(form: str, tmp_path: Path) -> None:
    ds = hard_cases(tmp_path / "hard", 20)
    export(ds, form, tmp_path / "out", ExportOptions(columns=tuple(c.name for c in LABELLED), empty=True))
    found = read_source(importer(form.partition("_")[0])(), tmp_path / "out")
    check_values(found)
    rows = ds.faces([labels.POINTS_68]).column(0)
    told = [r for r in found.records if r.face]
    assert len(told) == len(rows) and not found.left_out
    assert faces.FACE_ID.name not in found.columns and {r.split for r in told} >= {"train", "validation", "test"}
    points = sorted(r.labels[labels.POINTS_68.name][0] for r in told if labels.POINTS_68.name in r.labels)
    if form == "coco":
        assert (
            sum(labels.MESH.name in r.labels for r in told) == len(rows) - ds.faces([labels.MESH]).column(0).null_count
        )
    if form == "yolo":
        assert points == []
    else:
        assert points == pytest.approx(sorted(p[0] for p in rows.to_pylist() if p), abs=1e-3)


def test_what_fiftyone_exports_comes_back(tmp_path: Path) -> None:
    ds = hard_cases(tmp_path / "hard", 20)
    options = ExportOptions(columns=tuple(c.name for c in LABELLED), empty=True)
    export(ds, "fiftyone", tmp_path / "out", options)
    found = read_source(importer("fiftyone")(), tmp_path / "out")
    check_values(found)
    rows = ds.faces([*faces.BOX, *LABELLED]).to_pylist()
    told = [r for r in found.records if r.face]
    assert len(told) == len(rows) and any(not r.face for r in found.records)
    for column in (labels.GENDER, labels.MASK_WORN, labels.POINTS_68, labels.EMBEDDING, labels.AU_INTENSITY):
        known = [r[column.name] for r in rows if r[column.name] is not None]
        back = [r.labels[column.name] for r in told if column.name in r.labels]
        assert len(back) == len(known) > 5, column.name
    assert {r.split for r in told} == {"train", "validation", "test", None}
    assert found.left_out == {"keypoints that are neither 5 nor 68, or not all known": found.left_out.total()}
