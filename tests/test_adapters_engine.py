"""Adapters through the engine, as a user runs them: workers, layers, other settings, failed rows tried again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import pytest
from typer.testing import CliRunner

from annotators.weights import file_sha256
from curate import api
from curate.api import Options
from curate.cli.main import app
from curate.store import Dataset
from schemas.columns import faces, labels
from tests import tiny_clip
from tests.caption_samples import answer
from tests.chat_server import Reply, chat_server

pytest.importorskip("torch")
pytest.importorskip("httpx")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CLIP model in open_clip's format."""
    place = tmp_path_factory.mktemp("engine")
    _, checkpoint = tiny_clip.make(place)
    return tiny_clip.make_folder(place / "model", checkpoint)


@pytest.fixture
def portraits(models: object, tmp_path: Path) -> Dataset:
    """Detected faces of the astronaut (NASA, public domain) in three pictures, a shard each."""
    data = pytest.importorskip("skimage.data")
    place = tmp_path / "photos"
    place.mkdir()
    portrait = data.astronaut()[:256, 96:352, ::-1]
    for i in range(3):
        cv2.imwrite(str(place / f"{i}.png"), cv2.convertScaleAbs(portrait, alpha=1 - 0.1 * i))
    return api.ingest(place, tmp_path / "dataset", Options(workers=1, shard_size=1, quiet=True))


def annotated(ds: Dataset, names: tuple[str, ...], settings: dict[str, dict[str, str]], **more: Any) -> Dataset:
    return api.annotate(ds, Options(annotators=names, settings=settings, quiet=True, **{"workers": 1, **more}))


def values(ds: Dataset, column: str) -> dict[str, Any]:
    table = ds.faces([faces.FACE_ID.name, column])
    return dict(zip(table.column(faces.FACE_ID.name).to_pylist(), table.column(column).to_pylist(), strict=True))


def statuses(ds: Dataset, layer: str) -> dict[str, int]:
    return {status: count for status, count in ds.counts().layers[layer].items() if count}


@pytest.mark.slow
def test_clip_with_two_workers_equals_one(portraits: Dataset, folder: Path, tmp_path: Path) -> None:
    settings = {"clip": {"checkpoint": f"local-dir:{folder}"}}
    ds = annotated(portraits, ("clip",), settings, workers=2)
    (layer,) = [info for info in ds.layers() if info.annotator == "clip"]
    weights = folder / "open_clip_model.safetensors"
    assert layer.weights[str(weights)] == file_sha256(weights)
    assert layer.config["checkpoint"] == f"local-dir:{folder}"
    found = values(ds, labels.EMBEDDING_CLIP.name)
    assert len(found) == 3
    assert all(len(v) == 48 for v in found.values())
    other = api.ingest(portraits.path.parent / "photos", tmp_path / "other", Options(workers=1, quiet=True))
    assert values(annotated(other, ("clip",), settings), labels.EMBEDDING_CLIP.name) == found


def test_another_model_gets_a_layer_of_its_own(portraits: Dataset, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "second"
    other.mkdir()
    _, checkpoint = tiny_clip.make(other, seed=1)
    second = tiny_clip.make_folder(other / "model", checkpoint)
    for place in (folder, second):
        ds = annotated(portraits, ("clip",), {"clip": {"checkpoint": f"local-dir:{place}"}})
    assert len([info for info in ds.layers() if info.annotator == "clip"]) == 2


def test_the_command_line_says_what_is_missing(portraits: Dataset, folder: Path) -> None:
    def said(*settings: str) -> str:
        arguments = [part for setting in settings for part in ("--set", setting)]
        result = CliRunner().invoke(app, ["annotate", str(portraits.path), "-a", "clip", *arguments, "--dry-run"])
        return f"{result.output} {result.exception or ''}"

    assert "clip -> labels/clip.v1, 3 shards" in said(f"clip.checkpoint=local-dir:{folder}")
    assert "such as model=ViT-B-32" in said(f"clip.checkpoint={folder}/open_clip_model.safetensors")
    assert "unknown option of clip 'chekpoint'" in said("clip.chekpoint=x")


def test_the_plan_says_that_pictures_leave_the_machine(portraits: Dataset) -> None:
    settings = ["base_url=https://api.example.org/v1", "model=m", "send_pictures=true"]
    arguments = [part for setting in settings for part in ("--set", f"caption_vlm.{setting}")]
    result = CliRunner().invoke(app, ["annotate", str(portraits.path), "-a", "caption_vlm", *arguments, "--dry-run"])
    assert "NOTE: caption_vlm sends crops of faces to api.example.org" in result.output


def test_faces_that_failed_at_the_endpoint_are_tried_again(portraits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annotators.adapters.vlm_endpoint.FIRST_PAUSE", 0.01)
    down = Reply(status=503, body="restarting")
    with chat_server([down, down, Reply(answer("A person."))]) as chat:
        settings = {"caption_vlm": {"base_url": chat.url, "model": "m", "attempts": "1", "concurrency": "1"}}
        ds = annotated(portraits, ("caption_vlm",), settings)
        assert statuses(ds, "caption_vlm.v1") == {"failed": 2, "ok": 1}
        ds = annotated(ds, ("caption_vlm",), settings, retry_failed=True)
    assert statuses(ds, "caption_vlm.v1") == {"ok": 3}
    assert len(chat.requests) == 5
    assert set(values(ds, labels.CAPTION.name).values()) == {"A person."}


def test_a_child_beside_a_face_that_is_tried_again_is_still_seen(
    portraits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One picture with two faces, of which only one is labelled again: the other's age counts all the same."""
    from annotators.adapters.vlm import CaptionVlm
    from annotators.base import Face, FaceBatch

    monkeypatch.setattr("annotators.adapters.vlm_endpoint.FIRST_PAUSE", 0.01)
    seen: list[tuple[int, int]] = []
    plain = CaptionVlm._reason_against

    def noted(self: CaptionVlm, face: Face, everyone: FaceBatch) -> str:
        seen.append((len(everyone), len({f[faces.FACE_ID] for f in everyone})))
        return plain(self, face, everyone)

    monkeypatch.setattr(CaptionVlm, "_reason_against", noted)
    data = pytest.importorskip("skimage.data")
    portrait = data.astronaut()[:256, 96:352, ::-1]
    place = portraits.path.parent / "pair"
    place.mkdir()
    cv2.imwrite(str(place / "pair.png"), cv2.hconcat([portrait, portrait]))
    cv2.imwrite(str(place / "single.png"), portrait)
    ds = api.ingest(place, portraits.path.parent / "pairs", Options(workers=1, quiet=True))
    with chat_server(
        [Reply(answer("A person.")), Reply(status=503, body="restarting"), Reply(answer("A person."))]
    ) as chat:
        settings = {"caption_vlm": {"base_url": chat.url, "model": "m", "attempts": "1", "concurrency": "1"}}
        ds = annotated(ds, ("caption_vlm",), settings)
        (layer,) = [info.name for info in ds.layers() if info.annotator == "caption_vlm"]
        (key,) = ds.keys("faces")
        image = ds.read("faces", key).column(faces.IMAGE_ID.name).to_pylist()
        (row,) = ds.failed_rows(layer, key)
        seen.clear()
        ds = annotated(ds, ("caption_vlm",), settings, retry_failed=True)
    assert image.count(image[row]) == 2
    assert seen == [(2, 2)]
    assert statuses(ds, layer) == {"ok": 3}
