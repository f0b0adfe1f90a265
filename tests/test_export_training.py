"""Exports for training scripts: exact records of known faces."""

from __future__ import annotations

import io
import json
import pickle
import tomllib
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from annotators.part_maps import PartMap, part_names
from curate.export.base import Exporter, equal
from curate.export.embeddings import SUFFIXES, from_bytes, to_bytes
from curate.export.facial import facial_labels
from curate.export.formats.dreambooth import DreamBooth, DreamBoothConfig
from curate.export.formats.facecaption import FaceCaption
from curate.export.formats.fgid_json import Fgid
from curate.export.formats.instantid_jsonl import InstantID, InstantIDConfig
from curate.export.formats.ip_adapter import IPAdapter
from curate.export.formats.ip_adapter_faceid import FaceIDConfig, IPAdapterFaceID
from curate.export.formats.kohya import Kohya, KohyaConfig
from curate.export.plain import from_plain, to_plain
from curate.export.sample import FaceItem, Sample
from schemas import UnknownNameError, UsageError
from schemas.coding import coding
from schemas.columns import labels
from tests.training_samples import COLUMNS, EMBEDDING, HAPPY, PNG, lines, sample, written


def test_kohya_captions_beside_pictures(tmp_path: Path) -> None:
    _, back = written(Kohya, tmp_path, KohyaConfig(repeats=10, subject="sks person"))
    place = tmp_path / "train" / "10_sks person"
    assert sorted(p.name for p in place.iterdir()) == ["one.png", "one.txt", "two.png"]
    assert (place / "one.txt").read_text("utf-8") == 'A woman, "smiling" at ease.\n'
    assert back["two"].faces[0].labels[labels.CAPTION.name] is None
    (dataset,) = tomllib.loads((tmp_path / "dataset_config.toml").read_text("utf-8"))["datasets"]
    assert dataset["subsets"] == [
        {
            "image_dir": "train/10_sks person",
            "num_repeats": 10,
            "class_tokens": "sks person",
            "caption_extension": ".txt",
        }
    ]


def test_kohya_captions_in_one_file(tmp_path: Path) -> None:
    written(Kohya, tmp_path, KohyaConfig(metadata=True))
    told = json.loads((tmp_path / "train" / "meta_cap.json").read_text("utf-8"))
    assert told == {"one": {"caption": 'A woman, "smiling" at ease.'}, "two": {"caption": ""}}
    assert not list(tmp_path.rglob("*.txt"))
    setup = tomllib.loads((tmp_path / "dataset_config.toml").read_text("utf-8"))
    assert setup["datasets"][0]["subsets"][0]["metadata_file"] == "train/meta_cap.json"


@pytest.mark.parametrize("config", [KohyaConfig(repeats=0), KohyaConfig(subject="a/b"), KohyaConfig(subject=" ")])
def test_kohya_refuses_what_makes_no_folder(config: KohyaConfig) -> None:
    with pytest.raises(UsageError):
        Kohya.preflight(config)


def test_dreambooth_prompts(tmp_path: Path) -> None:
    written(DreamBooth, tmp_path, DreamBoothConfig(token="ohwx", subject="woman"))
    assert lines(tmp_path / "train" / "metadata.jsonl") == [
        {"file_name": "instance/one.png", "prompt": 'a photo of ohwx woman, A woman, "smiling" at ease.'},
        {"file_name": "instance/two.png", "prompt": "a photo of ohwx woman"},
    ]
    assert sorted(p.name for p in (tmp_path / "train" / "instance").iterdir()) == ["one.png", "two.png"]


def test_dreambooth_without_captions_drops_them(tmp_path: Path) -> None:
    writer, _ = written(DreamBooth, tmp_path, DreamBoothConfig(captions=False))
    assert {x["prompt"] for x in lines(tmp_path / "train" / "metadata.jsonl")} == {"a photo of sks person"}
    assert labels.CAPTION.name in writer.drops(COLUMNS)


def test_dreambooth_opens_as_an_image_folder(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    written(DreamBooth, tmp_path / "out")
    opened = datasets.load_dataset(
        "imagefolder", data_dir=str(tmp_path / "out" / "train"), cache_dir=str(tmp_path / "c")
    )
    assert opened["train"]["prompt"] == ['a photo of sks person, A woman, "smiling" at ease.', "a photo of sks person"]


def test_ip_adapter_records(tmp_path: Path) -> None:
    written(IPAdapter, tmp_path)
    assert json.loads((tmp_path / "train.json").read_text("utf-8")) == [
        {"image_file": "images/train/00000/one.png", "text": 'A woman, "smiling" at ease.'},
        {"image_file": "images/train/00000/two.png", "text": ""},
    ]


@pytest.mark.parametrize("cls", [IPAdapter, IPAdapterFaceID, InstantID])
def test_a_dataset_without_captions_is_refused(cls: type[Exporter], tmp_path: Path) -> None:
    bare = Sample("one", 0, "train", PNG, ".png", 64, 64, (FaceItem("", (0, 0, 1, 1), {labels.EMBEDDING.name: None}),))
    with pytest.raises(UsageError, match="needs the column 'caption'"):
        written(cls, tmp_path, samples=[bare])


@pytest.mark.parametrize("files", SUFFIXES)
def test_face_id_embeddings(files: str, tmp_path: Path) -> None:
    pytest.importorskip({"npy": "numpy", "safetensors": "safetensors", "torch": "torch"}[files])
    _, back = written(IPAdapterFaceID, tmp_path, FaceIDConfig(files=files, prefix="OUT/"))
    file = f"embeddings/train/on/one{SUFFIXES[files]}"
    assert json.loads((tmp_path / "train.json").read_text("utf-8")) == [
        {
            "image_file": "images/train/00000/one.png",
            "text": 'A woman, "smiling" at ease.',
            "id_embed_file": f"OUT/{file}",
        }
    ]
    (rest,) = json.loads((tmp_path / "rest" / "train.json").read_text("utf-8"))
    assert rest == {"image_file": "images/train/00000/two.png", "text": ""}
    assert np.array_equal(back["one"].faces[0].labels[labels.EMBEDDING.name], EMBEDDING)
    assert labels.EMBEDDING.name not in back["two"].faces[0].labels


def test_only_torch_files_are_pickled() -> None:
    assert to_bytes(EMBEDDING, "npy").startswith(b"\x93NUMPY")
    with pytest.raises(ValueError, match="pickled"):
        from_bytes(pickle.dumps(EMBEDDING), "npy")
    pytest.importorskip("torch")
    assert not zipfile.is_zipfile(io.BytesIO(to_bytes(EMBEDDING, "safetensors")))
    assert zipfile.is_zipfile(io.BytesIO(to_bytes(EMBEDDING, "torch")))


def test_a_torch_file_that_runs_code_is_not_opened() -> None:
    torch = pytest.importorskip("torch")
    buffer = io.BytesIO()
    torch.save(print, buffer)
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        from_bytes(buffer.getvalue(), "torch")


def test_an_unknown_kind_of_embedding_file_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="npz"):
        IPAdapterFaceID.preflight(FaceIDConfig(files="npz"))
    with pytest.raises(UnknownNameError, match="key of the embedding"):
        InstantID.preflight(InstantIDConfig(key="features"))


def test_instantid_lines(tmp_path: Path) -> None:
    written(InstantID, tmp_path, InstantIDConfig(key="penult_id_embed_file"))
    assert lines(tmp_path / "train.jsonl") == [
        {
            "file_name": "images/train/00000/one.png",
            "additional_feature": 'A woman, "smiling" at ease.',
            "bbox": [10.0, 8.5, 50.0, 58.5],
            "landmarks": [[20.0, 22.0], [44.0, 22.0], [32.0, 34.0], [24.0, 48.0], [40.0, 48.5]],
            "penult_id_embed_file": "embeddings/train/on/one.npy",
        }
    ]
    written(InstantID, tmp_path / "other")
    assert "insightface_feature_file" in lines(tmp_path / "other" / "train.jsonl")[0]


def test_facecaption_columns(tmp_path: Path) -> None:
    written(FaceCaption, tmp_path)
    table = pq.read_table(tmp_path / "train-00000.parquet")
    assert table.column_names[:4] == ["url", "face_box", "laion_caption", "face_caption"]
    first, second = table.to_pylist()
    assert first["url"] == "images/train/00000/one.png" and first["face_box"] == [10.0, 8.5, 50.0, 58.5]
    assert first["laion_caption"] is None and first["face_caption"] == HAPPY[labels.CAPTION]
    assert first[labels.GENDER.name] == "Female" and second[labels.GENDER.name] is None
    assert b"facecurate" in table.schema.field(labels.AGE.name).metadata


def test_fgid_records_and_masks(tmp_path: Path) -> None:
    parts = np.full((64, 64), part_names().index("background"), np.uint8)
    parts[10:20, 30:50] = part_names().index("nose")
    value = PartMap(parts, np.array([[1, 0, 0], [0, 1, 0]], np.float64)).encoded()
    written(Fgid, tmp_path, samples=[sample("one", {**HAPPY, labels.FACE_PARSING: value}), sample("two", {})])
    (record,) = json.loads((tmp_path / "train" / "JSON_all.json").read_text("utf-8"))
    assert {k: v for k, v in record.items() if not k.startswith("vqa")} == {
        "origin_IMG": "resize_IMG/train/00000/one.png",
        "resize_IMG": "resize_IMG/train/00000/one.png",
        "parsing_mask_IMG": "parsing_mask_IMG/train/on/one.png",
        "parsing_color_IMG": "parsing_color_IMG/train/on/one.png",
        "id_embed_file_resize": "all_faceID/train/on/one.npy",
    }
    assert record["vqa_llva"] == 'A woman, "smiling" at ease.'
    facial = {
        labels.PERCEIVED_EMOTION.name: "happiness",
        labels.EYES_STATE.name: "narrowed",
        labels.MASK_WORN.name: False,
    }
    assert facial_labels(record["vqa_llva_more_face_detail"]) == facial
    mask = cv2.imread(str(tmp_path / record["parsing_mask_IMG"]), cv2.IMREAD_UNCHANGED)
    expected = np.zeros((64, 64), np.uint8)
    expected[10:20, 30:50] = coding("fgid-parts").codes["nose"]
    assert np.array_equal(mask, expected)
    assert json.loads((tmp_path / "rest" / "train" / "JSON_all.json").read_text("utf-8"))[0]["vqa_llva"] == ""


def test_masks_follow_the_crop(tmp_path: Path) -> None:
    parts = np.full((64, 64), part_names().index("background"), np.uint8)
    parts[20:40, 20:40] = part_names().index("hair")
    value = PartMap(parts, np.array([[1, 0, 0], [0, 1, 0]], np.float64)).encoded()
    shown = sample("one", {**HAPPY, labels.FACE_PARSING: value})
    twice = Sample(**{**vars(shown), "facts": {"crop_matrix": [2, 0, -30, 0, 2, -30]}})
    written(Fgid, tmp_path, samples=[twice])
    mask = cv2.imread(str(tmp_path / "parsing_mask_IMG/train/on/one.png"), cv2.IMREAD_UNCHANGED)
    expected = np.zeros((64, 64), np.uint8)
    expected[10:50, 10:50] = coding("fgid-parts").codes["hair"]
    assert np.array_equal(mask, expected)


def test_lists_come_back_value_by_value() -> None:
    visible, sources = np.ones(68, bool), [{"label": "smile", "score": float(np.float32(0.3))}]
    assert equal(labels.VISIBLE_68, visible, from_plain(labels.VISIBLE_68, to_plain(visible)))
    assert not equal(labels.VISIBLE_68, visible, from_plain(labels.VISIBLE_68, [True] * 67 + [False]))
    assert equal(labels.PROMPT_SCORES, sources, from_plain(labels.PROMPT_SCORES, to_plain(sources)))
    assert not equal(labels.PROMPT_SCORES, sources, [{"label": "smile", "score": 0.4}])
    assert not equal(labels.PROMPT_SCORES, sources, [])
