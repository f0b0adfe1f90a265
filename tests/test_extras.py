"""What cannot run here is told in one line before anything is written."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from annotators.adapters.clip import ClipEmbedding
from annotators.adapters.clip_zero_shot import ClipCeleba
from annotators.adapters.face_parsing import FaceParsing, FaceParsingConfig
from annotators.adapters.fairface import FairFace, FairFaceConfig
from annotators.adapters.graph_au import GraphAU, GraphAUConfig
from annotators.adapters.hsemotion import HSEmotion
from annotators.adapters.libreface import LibreFace, LibreFaceConfig
from annotators.adapters.vlm import CaptionVlm, VlmConfig
from annotators.base import Annotator, Config
from annotators.extras import require_libraries
from curate import api
from curate.api import Options
from curate.store import Dataset
from schemas import FacecurateError, MissingExtraError


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of libraries that are not found; to be filled."""
    names: set[str] = set()
    found = importlib.util.find_spec
    monkeypatch.setattr("annotators.extras.find_spec", lambda name: None if name in names else found(name))
    return names


def test_a_library_is_named_as_it_is_installed() -> None:
    require_libraries("any", "json", "pyarrow")
    with pytest.raises(MissingExtraError, match=r"'no_such_library'.*facecurate\[some\]"):
        require_libraries("some", "json", "no_such_library")


@pytest.mark.parametrize(
    ("cls", "config", "library", "extra"),
    [
        (ClipEmbedding, None, "torch", "clip"),
        (ClipCeleba, None, "open_clip", "clip"),
        (FairFace, FairFaceConfig(weights="./a.pt"), "torch", "adapters"),
        (FairFace, FairFaceConfig(race4_weights="./a.safetensors"), "safetensors", "adapters"),
        (FaceParsing, FaceParsingConfig(weights="face_parsing_bisenet"), "torch", "adapters"),
        (LibreFace, LibreFaceConfig(detection_weights="./a.pt"), "torch", "adapters"),
        (GraphAU, GraphAUConfig(weights="./a.pth"), "torch", "adapters"),
        (CaptionVlm, VlmConfig(folder="x"), "transformers", "vlm"),
        (CaptionVlm, VlmConfig(base_url="http://localhost/v1", model="m"), "httpx", "vlm-endpoint"),
        (CaptionVlm, VlmConfig(base_url="http://localhost/v1", model="m"), "jsonschema", "vlm-endpoint"),
    ],
)
def test_what_each_adapter_needs(
    cls: type[Annotator], config: Config | None, library: str, extra: str, absent: set[str]
) -> None:
    absent.add(library)
    with pytest.raises(MissingExtraError, match=rf"facecurate\[{extra}\]") as caught:
        cls.preflight(config or cls.config_type())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cls", [HSEmotion, FairFace, FaceParsing])
def test_onnx_files_need_no_extra(cls: type[Annotator], absent: set[str]) -> None:
    absent |= {"torch", "safetensors"}
    cls.preflight(cls.config_type())


def dataset(place: Path) -> Dataset:
    """One detected face of the astronaut (NASA, public domain)."""
    data = pytest.importorskip("skimage.data")
    cv2 = pytest.importorskip("cv2")
    (place / "photos").mkdir()
    cv2.imwrite(str(place / "photos" / "a.png"), data.astronaut()[:256, 96:352, ::-1])
    return api.ingest(place / "photos", place / "dataset", Options(workers=1))


@pytest.mark.parametrize("new_revision", [False, True])
@pytest.mark.parametrize(
    ("name", "settings", "why"),
    [
        ("clip", {}, r"facecurate\[clip\]"),
        ("graph_au", {}, "graph_au has no network"),
        ("parsing_mesh", {"side": "1"}, "side=1 is not between"),
    ],
)
def test_nothing_is_written_for_what_cannot_run(
    name: str, settings: dict[str, str], why: str, new_revision: bool, absent: set[str], models: object, tmp_path: Path
) -> None:
    ds = dataset(tmp_path)
    absent.add("torch")
    before = {path: path.stat().st_mtime_ns for path in ds.path.rglob("*")}
    options = Options(annotators=(name,), settings={name: settings}, workers=1, new_revision=new_revision)
    with pytest.raises(FacecurateError, match=why):
        api.annotate(ds, options)
    assert {path: path.stat().st_mtime_ns for path in ds.path.rglob("*")} == before
    assert Dataset.open(ds.path).layers() == []


def test_a_wrong_file_leaves_no_layer_behind(models: object, tmp_path: Path) -> None:
    ds = dataset(tmp_path)
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(b"no network")
    options = Options(annotators=("quality", "hsemotion"), settings={"hsemotion": {"weights": str(wrong)}}, workers=1)
    with pytest.raises(FacecurateError, match=r"wrong\.onnx cannot be loaded"):
        api.annotate(ds, options)
    ds = Dataset.open(ds.path)
    assert ds.layers() == []
    assert list((ds.path / "labels").iterdir()) == []
    api.annotate(ds, Options(annotators=("quality",), workers=1))
    with pytest.raises(FacecurateError, match="cannot be loaded"):
        api.annotate(ds, options)
    assert "quality" in {info.annotator for info in Dataset.open(ds.path).layers()}, "what has labels stays"
    assert "hsemotion" not in {info.annotator for info in Dataset.open(ds.path).layers()}
