"""Systems about face shape: a linear model with coefficients of identity and expression, and neutral counterparts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from annotators.weights import ModelStore
from curate.generators.expression_reading import UNITS
from curate.shape_model import ShapeModel, directions, error, fit
from tests.systems.commands import facecurate

ADULT = ("20-29", "30-39", "40-49", "50-59")


@pytest.fixture(scope="module")
def crowd(shared_data: Path, models: ModelStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of 150 FairFace crops of adults with meshes, expressions and embeddings."""
    folder = tmp_path_factory.mktemp("crowd")
    (folder / "photos").mkdir()
    rows = pq.read_table(shared_data / "fairface" / "part-000.parquet", columns=["image", "age"]).to_pylist()
    adults = [r for r in rows if r["age"] in ADULT][:150]
    for number, row in enumerate(adults):
        data = row["image"]["bytes"] if isinstance(row["image"], dict) else row["image"]
        (folder / "photos" / f"{number:03d}.jpg").write_bytes(data)
    names = "mesh,head_pose,emotion,blendshapes,identity,quality,demographics"
    facecurate("run", str(folder / "photos"), str(folder / "faces"), "-a", names, "-j", "2", "-q", "--no-report")
    facecurate("identity", str(folder / "faces"), "--assume-adults", "-q")
    return folder / "faces"


def test_system_058_gafet(crowd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = tmp_path / "shape.json"
    facecurate("measure", "shape_model", str(crowd), "-o", str(result), "--files", str(tmp_path / "model"), "-q",
               "--set", "left_out=0.2")  # fmt: skip
    told = json.loads(result.read_text("utf-8"))
    facts = told["facts"]
    assert facts["fitted on"] >= 100
    assert facts["left out"] >= 20
    assert facts["reconstruction error, mean"] < 0.02
    rows = told["tables"]["coefficients"]
    clear = [r for r in rows if r["expression"] > np.median([r["expression"] for r in rows])]
    assert np.median([r["expression_left"] for r in clear]) <= 0.5
    assert np.median([r["identity_changed"] for r in clear]) < 0.1
    model = np.load(tmp_path / "model" / "model.npz")
    assert model["mean"].shape == (204,)
    table = pq.read_table(tmp_path / "model" / "coefficients.parquet")
    assert table.num_rows == facts["faces"]
    pairs = tmp_path / "pairs"
    facecurate("pairs", str(crowd), "unpaired_expression", str(pairs), "--count", "60", "-q")
    known = pq.read_table(_identities(crowd, tmp_path)).to_pylist()
    people = {r["face_id"]: r["identity"] for r in known}
    written = pq.read_table(pairs / "pairs.parquet").to_pylist()
    assert len(written) == 60
    for row in written:
        assert people[row["source_face"]] != people[row["reference_face"]]
        assert row["expression"] >= 0.8


def _identities(crowd: Path, tmp_path: Path) -> Path:
    path = tmp_path / "people.parquet"
    facecurate("query", str(crowd), "select face_id, identity from faces", "-o", str(path))
    return path


def test_a_drawn_population_is_taken_apart() -> None:
    """Shapes drawn from known directions are reconstructed, and neutralising takes out expression alone."""
    rng = np.random.default_rng(0)
    expression = directions(UNITS)
    other = rng.normal(size=(204, 4))
    other -= expression @ (expression.T @ other)
    identity = np.linalg.qr(other)[0]
    mean = rng.normal(size=204) * 3
    e, i = rng.normal(size=(300, expression.shape[1])), rng.normal(size=(300, 4))
    e[:100] = 0
    shapes = mean + e @ expression.T + i @ identity.T
    model: ShapeModel = fit(shapes, np.arange(300) < 100, 4)
    assert error(shapes, model.shapes(*model.coefficients(shapes))).max() < 1e-6
    calm = model.neutralised(shapes)
    assert np.allclose(calm, mean + i @ identity.T, atol=1e-9), "100 faces without expression tell what neutral is"
    assert np.allclose(model.coefficients(calm)[1], 0, atol=1e-9)
    assert np.allclose(model.coefficients(calm)[0], model.coefficients(shapes)[0], atol=1e-9)
