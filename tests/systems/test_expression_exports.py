"""Expression training data: the acceptance checks of the systems that train on such exports."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import yaml

from annotators.adapters.torch_runtime import torch_of
from curate.evaluation.metrics import detection
from curate.evaluation.metrics.classification import confusion
from schemas import labels, taxonomy
from schemas.coding import coding
from schemas.columns import faces, images
from tests.export_samples import hard_cases
from tests.systems.expression_samples import (
    BEGINNING,
    EMOTION,
    EMOTION8,
    exported,
    folders_read,
    judged,
    labels_by_picture,
    measured,
    settings,
)
from tests.systems.layout_samples import facecurate

if TYPE_CHECKING:
    from curate.store import Dataset

SIDE = 224
SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}


@pytest.fixture(scope="module")
def drawn(adults: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return judged(adults, tmp_path_factory.mktemp("drawn") / "dataset")


@pytest.fixture(scope="module")
def model_layer(adults: Dataset) -> list[str]:
    return [next(i.name for i in adults.layers() if EMOTION in i.columns)]


def test_system_069_vit_asf_orders(drawn: Dataset, model_layer: list[str], tmp_path: Path) -> None:
    from skimage.feature import local_binary_pattern
    from sklearn.metrics import accuracy_score, balanced_accuracy_score, recall_score

    truth = labels_by_picture(drawn, EMOTION8)
    kept = {key: label for key, label in truth.items() if label != "contempt"}
    assert len(truth) >= 38 and min(Counter(truth.values()).values()) >= 4
    found = {}
    for order in ("raf-db", "affectnet-8", "ferplus-8"):
        folder = exported(drawn, "fer_folders", tmp_path / order, "--crop", "crop224", "--columns", EMOTION8,
                          *settings(order=order, lbp="true"))  # fmt: skip
        found[order] = folders_read(folder, order)
    assert found["affectnet-8"] == found["ferplus-8"] == truth, "orders of eight keep contempt"
    assert found["raf-db"] == {key: kept.get(key) for key in truth}, "an order of seven puts it apart"
    told = json.loads((tmp_path / "raf-db/facecurate-export.json").read_text("utf-8"))
    assert "contempt has no counterpart" in told["drops"][EMOTION8]
    pictures = list((tmp_path / "raf-db/unassigned").glob("*/*.jpg"))
    assert len(pictures) == len(kept)
    for path in pictures:
        grey = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2GRAY)
        beside = tmp_path / "raf-db/lbp" / path.relative_to(tmp_path / "raf-db").with_suffix(".png")
        lbp = cv2.imread(str(beside), cv2.IMREAD_UNCHANGED)
        assert grey.shape == (SIDE, SIDE) and (lbp == local_binary_pattern(grey, 8, 1)).all()

    answers = labels_by_picture(drawn, EMOTION, model_layer)
    keys = [key for key in kept if answers[key] is not None]
    one, two = [kept[key] for key in keys], [answers[key] for key in keys]
    table = tmp_path / "answers.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([("truth", "answer"), *zip(one, two, strict=True)])
    figures = measured("emotion_metrics", table, *settings(rounds=20), to=tmp_path / "figures.json")["tables"]
    values = {row["figure"]: row["value"] for row in figures["figures"] if row["group"] == "all"}
    assert values["accuracy"] == pytest.approx(accuracy_score(one, two))
    assert values["balanced accuracy"] == pytest.approx(balanced_accuracy_score(one, two))
    names = [row["label"] for row in figures["classes"]]
    recalls = recall_score(one, two, labels=names, average=None, zero_division=0)
    told_recalls = [row["recall"] for row in figures["classes"] if row["n"]]
    assert told_recalls == pytest.approx([r for r, row in zip(recalls, figures["classes"], strict=True) if row["n"]])


def truth_by_key(ds: Dataset) -> dict[str, str | None]:
    """File name of a face in an export -> its emotion."""
    found: dict[str, str | None] = {}
    numbers: Counter[str] = Counter()
    for row in ds.faces([faces.IMAGE_ID, EMOTION]).to_pylist():
        start = row[faces.IMAGE_ID.name][:BEGINNING]
        found[f"{start}_{numbers[start]}"] = row[EMOTION]
        numbers[start] += 1
    return found


def test_system_085_resemotenet(tmp_path: Path) -> None:
    torch_of("torch")
    from torchvision.datasets import ImageFolder

    ds = hard_cases(tmp_path / "drawn", 150)
    assert facecurate("split", ds.path, "--stratify", EMOTION, "--disjoint", "", "-q") == 0
    rows = ds.faces([images.SPLIT, EMOTION]).to_pylist()
    classes = Counter(row[EMOTION] for row in rows)
    counts = Counter((row[images.SPLIT.name], row[EMOTION]) for row in rows)
    assert len(classes) == 8 and len(counts) == 24 and len(rows) > 160
    for (part, label), count in counts.items():
        assert abs(count - SHARES[part] * classes[label]) <= 1, (part, label)

    export = exported(ds, "fer2013_csv", tmp_path / "csv", "--crop", "margin", "--size", 96)
    with (export / "fer2013.csv").open(newline="") as file:
        told = list(csv.DictReader(file))
    assert set(told[0]) == {"emotion", "pixels", "Usage"} and len(told) == sum(r[EMOTION] is not None for r in rows)
    for row in told:
        pixels = [int(v) for v in row["pixels"].split()]
        assert len(pixels) == 2304 and min(pixels) >= 0 and max(pixels) <= 255 and row["emotion"] in "0123456"
    assert Counter(r["Usage"] for r in told)["Training"] == sum(
        r[EMOTION] is not None and r[images.SPLIT.name] == "train" for r in rows
    )
    truth = truth_by_key(ds)
    for order in ("fer2013", "raf-db", "affectnet-8", "expw"):
        how = settings(order=order, contempt="false")
        folder = exported(
            ds, "fer_folders", tmp_path / order, "--crop", "margin", "--size", 64, "--columns", EMOTION, *how
        )
        opened = ImageFolder(str(folder / "train"))
        listed = [name for name in coding(order).order if name != "contempt"]
        published = [f"{coding(order).encode(name).value}_{coding(order).spell(name)}" for name in listed]
        assert opened.classes == published == (folder / "classes.txt").read_text().split()
        for path, number in opened.samples:
            assert truth[Path(path).stem] == listed[number]


def test_system_095_fer_yolo_mamba(drawn: Dataset, tmp_path: Path) -> None:
    folder = exported(drawn, "yolo", tmp_path / "out", "--columns", EMOTION, *settings(classes=EMOTION, order="raf-db"))
    told = yaml.safe_load((folder / "data.yaml").read_text("utf-8"))
    order = coding("raf-db")
    names = list(told["names"].values())
    assert names == [*(order.spell(label) for label in order.order), "unknown"]
    assert {order.read(name) for name in names[:-1]} == set(taxonomy("raf-db-7").labels) and told["nc"] == 8
    rows: dict[str, list[tuple[int, list[float]]]] = {}
    for row in drawn.faces([faces.IMAGE_ID, *faces.BOX, EMOTION]).to_pylist():
        number = 7 if row[EMOTION] is None else order.order.index(row[EMOTION])
        place = row[faces.IMAGE_ID.name][:BEGINNING]
        rows.setdefault(place, []).append((number, [row[c.name] for c in faces.BOX]))
    pictures = {p.stem: p for p in (folder / "images").glob("*/*")}
    texts = {p.stem: p for p in (folder / "labels").glob("*/*.txt")}
    assert set(pictures) == set(texts) == set(rows) and len(texts) >= 38
    by_class: dict[int, list[detection.Picture]] = {number: [] for number in range(8)}
    for key, path in texts.items():
        height, width = cv2.imread(str(pictures[key])).shape[:2]
        lines = np.array([line.split() for line in path.read_text("ascii").splitlines()], float)
        assert ((lines[:, 1:] >= 0) & (lines[:, 1:] <= 1)).all()
        size = np.array([width, height])
        boxes = np.hstack([(lines[:, 1:3] - lines[:, 3:] / 2) * size, lines[:, 3:] * size])
        for (number, (x, y, w, h)), line, box in zip(rows[key], lines, boxes, strict=True):
            corners = np.clip([x, y, x + w, y + h], 0, [*size, *size])
            assert number == line[0] and np.abs(box - [*corners[:2], *(corners[2:] - corners[:2])]).max() <= 1
        for number, found in by_class.items():
            own = boxes[lines[:, 0] == number]
            found.append(detection.Picture(own, own, np.ones(len(own))))
    precisions = [float(detection.average_precision(detection.match(found))) for found in by_class.values()]
    assert precisions == [1.0] * 8, "mAP at an overlap of one half"


def test_system_096_poster_landmarks(drawn: Dataset, model_layer: list[str], tmp_path: Path) -> None:
    from sklearn.metrics import confusion_matrix

    from curate import api

    how = settings(order="affectnet-8", points="true")
    columns = ("--columns", f"{EMOTION8},{labels.POINTS_68.name}")
    eight = exported(drawn, "fer_folders", tmp_path / "eight", "--crop", "crop224", *columns, *how)
    found = sorted((eight / "points").rglob("*.npy"))
    pictures = {p.with_suffix(".jpg").relative_to(eight / "points"): p for p in found}
    assert len(pictures) >= 36
    faces_of = api.run(eight / "unassigned", tmp_path / "again", api.Options(annotators=("mesh",), workers=2))
    seen = {r[images.NAME.name]: r[labels.POINTS_68.name] for r in
            faces_of.faces([images.NAME, labels.POINTS_68]).to_pylist()}  # fmt: skip
    apart = []
    for below, path in pictures.items():
        shares = np.load(path)
        assert cv2.imread(str(eight / below)).shape == (SIDE, SIDE, 3)
        assert shares.shape == (68, 2) and shares.dtype == np.float32
        again = next((v for name, v in seen.items() if name.endswith(below.name)), None)
        if again is not None:
            off = np.linalg.norm(shares * SIDE - np.reshape(again, (68, 2)), axis=1)
            apart.append(float(off.mean() / SIDE))
    assert len(apart) >= 30 and np.median(apart) < 0.02, "drawn on the crop, the points lie where the face has them"
    assert max(apart) < 0.08

    seven = exported(drawn, "fer_folders", tmp_path / "seven", "--crop", "crop224", *columns,
                     *settings(order="affectnet-8", points="true", contempt="false"))  # fmt: skip
    both = folders_read(eight, "affectnet-8"), folders_read(seven, "affectnet-8")
    assert both[0].keys() == both[1].keys()
    assert {key for key in both[0] if both[0][key] != both[1][key]} == {
        k for k, v in both[0].items() if v == "contempt"
    }
    truth, answers = labels_by_picture(drawn, EMOTION), labels_by_picture(drawn, EMOTION, model_layer)
    keys = [k for k in truth if truth[k] is not None and answers[k] is not None]
    one, two = [truth[k] for k in keys], [answers[k] for k in keys]
    names = list(taxonomy("emotion-7").labels)
    np.testing.assert_array_equal(confusion(one, two, names), confusion_matrix(one, two, labels=names))
