"""NumPy opens the archives without pickling, and arrays say what the dataset says."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from curate.export.options import ExportOptions
from curate.export.run import export
from schemas.columns import faces, labels
from tests.export_samples import hard_cases


def test_arrays_stand_face_by_face(tmp_path: Path) -> None:
    ds = hard_cases(tmp_path, 40)
    columns = (labels.GENDER, labels.AGE, labels.POINTS_68, labels.MASK_WORN)
    options = ExportOptions(columns=tuple(c.name for c in columns), crop="crop224", size=64, splits=("train",))
    export(ds, "npz", tmp_path / "out", options)
    known = ds.faces([faces.FACE_ID, *columns, *faces.BOX], "split = 'train'").to_pylist()
    with np.load(tmp_path / "out" / "train-00000.npz", allow_pickle=False) as told:
        assert told["images"].shape == (len(known), 64, 64, 3) and told["images"].dtype == np.uint8
        order = {str(r).partition('"face_id": "')[2].partition('"')[0]: i for i, r in enumerate(told["records"])}
        for row in known:
            i = order[row[faces.FACE_ID.name]]
            assert told[labels.GENDER.name][i] == (row[labels.GENDER.name] or "")
            age, worn = row[labels.AGE.name], row[labels.MASK_WORN.name]
            assert np.isnan(told[labels.AGE.name][i]) if age is None else told[labels.AGE.name][i] == np.float32(age)
            assert told[labels.MASK_WORN.name][i] == (-1 if worn is None else int(worn))
            points = told[labels.POINTS_68.name][i]
            assert points.shape == (68, 2)
            if row[labels.POINTS_68.name] is None:
                assert np.isnan(points).all()
                continue
            x, y, w, h = (row[c.name] for c in faces.BOX)
            side = max(w, h) * 1.3
            first = (np.array(row[labels.POINTS_68.name][:2]) - (x + w / 2, y + h / 2)) / side * 64 + 32
            assert np.allclose(points[0], first, atol=1e-3)
