"""Audits of small datasets whose page is known by heart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from curate.audit import Audit, AuditOptions
from curate.audit.run import audit
from curate.store import Dataset
from schemas.columns import images, labels
from tests.evaluation_samples import KEY, chances, dataset

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
TEAMS = ["red"] * 60 + ["blue"] * 30 + [HOSTILE] * 10
GENDERS = ["Female"] * 75 + ["Male"] * 25
TRUE_GENDERS = ["Male" if i % 10 == 0 and g == "Female" else g for i, g in enumerate(GENDERS)]
"""Eight of the 75 are men whom the labels take for women."""
UNITS = ("AU1", "AU2", "AU4", "AU6", "AU12", "AU25")


def faces(path: Path, **more: Any) -> Dataset:
    """A hundred adults: 75 women, three teams of which one has a hostile name, smiles that raise the cheeks."""
    n = len(TEAMS)
    smiles = [i % 3 == 0 for i in range(n)]
    scores = [
        dict.fromkeys(UNITS, 0.0) | ({"AU6": 0.9, "AU12": 0.9} if smiles[i] else {"AU1": 0.9 if i % 2 else 0.0})
        for i in range(n)
    ]
    ds = dataset(
        path, [1] * n,
        {
            "demographics.v1": {
                labels.GENDER: GENDERS,
                labels.AGE_GROUP: ["20-29" if i % 4 else "50-59" for i in range(n)],
                labels.MONK: [f"monk_{1 + i % 10:02d}" for i in range(n)],
                labels.PERCEIVED_EMOTION: ["happiness" if s else "neutral" for s in smiles],
            },
            "quality.v1": {labels.QUALITY_SCORE: [0.9 if t == "red" else 0.3 for t in TEAMS]},
            "action_units.v1": {labels.AU_SCORE: chances(labels.AU_SCORE, scores)},
        },
        extra=[json.dumps({"team": t, "gender": g}) for t, g in zip(TEAMS, TRUE_GENDERS, strict=True)], **more,
    )  # fmt: skip
    rows = ds.read("images", KEY)
    ds.write(
        "images", KEY, rows.append_column(images.HEIGHT.field, pa.array([480] * rows.num_rows, images.HEIGHT.type))
    )
    return ds


def audited(path: Path, **options: Any) -> tuple[Dataset, Audit]:
    """The dataset and its audit by gender, team, and both crossed."""
    ds = faces(path)
    chosen = {"by": (labels.GENDER.name, "extra.team"), "rounds": 100, "permutations": 99, "min_group": 5, **options}
    return ds, audit(ds, AuditOptions(**chosen))
