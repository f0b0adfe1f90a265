"""Class folders in other data sets' orders, local binary patterns and points beside the pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from annotators.adapters.torch_runtime import torch_of
from curate.export.formats.fer_folders import ORDERS, FerConfig, FerFolders
from curate.export.local_binary import local_binary_pattern
from curate.export.options import ExportOptions
from curate.export.run import export
from curate.export.sample import FaceItem, Sample
from curate.store import Dataset
from schemas import UnknownNameError, labels, taxonomy
from schemas.columns import faces
from tests.export_samples import hard_cases

EMOTION = labels.PERCEIVED_EMOTION.name
PUBLISHED = {
    "fer2013": "Angry Disgust Fear Happy Sad Surprise Neutral",
    "raf-db": "Surprise Fear Disgust Happiness Sadness Anger Neutral",
    "affectnet-8": "Neutral Happy Sad Surprise Fear Disgust Anger Contempt",
    "expw": "angry disgust fear happy sad surprise neutral",
    "ferplus-8": "neutral happiness surprise sadness anger disgust fear contempt",
}


@pytest.fixture(scope="module")
def ds(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return hard_cases(tmp_path_factory.mktemp("fer"), 80)


@pytest.mark.parametrize("order", ORDERS)
def test_classes_stand_in_the_published_order(order: str, ds: Dataset, tmp_path: Path) -> None:
    options = ExportOptions(columns=(EMOTION,), crop="crop224", format_settings={"order": order})
    done = export(ds, "fer_folders", tmp_path / "out", options)
    assert done.comparison is not None and done.comparison.equal and EMOTION not in done.manifest["drops"]
    first = 1 if order == "raf-db" else 0
    expected = [f"{i + first}_{word}" for i, word in enumerate(PUBLISHED[order].split())]
    assert (tmp_path / "out/classes.txt").read_text().split() == expected
    found = {p.name for p in (tmp_path / "out/train").iterdir()}
    assert found == {name for name in expected if "ontempt" not in name}, "this dataset knows no contempt"


def test_torchvision_counts_classes_as_the_order_does(ds: Dataset, tmp_path: Path) -> None:
    torch_of("torch")
    from torchvision.datasets import ImageFolder

    options = ExportOptions(columns=(EMOTION,), crop="crop224", size=64, format_settings={"order": "raf-db"})
    done = export(ds, "fer_folders", tmp_path / "out", options)
    opened = ImageFolder(str(tmp_path / "out/train"))
    assert opened.classes == [f"{i + 1}_{word}" for i, word in enumerate(PUBLISHED["raf-db"].split())]
    unknown = list((tmp_path / "out/unlabelled/train").iterdir())
    assert len(opened) + len(unknown) == done.manifest["samples"]["train"] and unknown
    picture, number = opened[0]
    assert picture.size == (64, 64) and number == 0


def face(**known: Any) -> Sample:
    data = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    return Sample("k", 0, "train", data, ".png", 8, 8, (FaceItem("f", (0.0, 0.0, 8.0, 8.0), known),))


def test_contempt_is_kept_or_put_apart() -> None:
    """AffectNet's eight classes become its seven by losing contempt alone; orders of seven never had it."""
    for label in taxonomy("emotion-8").labels:
        sample = face(**{labels.EMOTION8.name: label})
        eight, seven = (FerFolders(FerConfig("affectnet-8", contempt)) for contempt in (True, False))
        known = "unlabelled/train/k.png"
        assert (eight._place(sample) == known) is False
        assert (seven._place(sample) == known) is (label == "contempt")
        assert seven._place(sample) in (eight._place(sample), known)
        assert (FerFolders(FerConfig("raf-db"))._place(sample) == known) is (label == "contempt")
    assert len(seven.classes) == 7 and len(eight.classes) == 8
    assert "contempt" in FerFolders(FerConfig("raf-db")).drops([labels.EMOTION8])[labels.EMOTION8.name]
    assert "contempt" in seven.drops([labels.EMOTION8])[labels.EMOTION8.name]
    assert eight.drops([labels.EMOTION8]) == {}


def test_companions_stand_beside_each_picture(ds: Dataset, tmp_path: Path) -> None:
    settings = {"order": "fer2013", "words": "false", "lbp": "true", "points": "true"}
    columns = (EMOTION, labels.POINTS_68.name)
    options = ExportOptions(columns=columns, crop="crop224", size=96, form="png", format_settings=settings)
    done = export(ds, "fer_folders", tmp_path / "out", options)
    assert done.comparison is not None and done.comparison.equal, done.comparison.examples
    assert done.comparison.values[labels.POINTS_68.name] > 50 and done.manifest["drops"] == {}
    pictures = list((tmp_path / "out/train").glob("*/*.png"))
    for path in pictures:
        below = path.relative_to(tmp_path / "out")
        grey = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2GRAY)
        lbp = cv2.imread(str(tmp_path / "out/lbp" / below), cv2.IMREAD_UNCHANGED)
        assert lbp.shape == (96, 96) and (lbp == local_binary_pattern(grey)).all()
    rows = ds.faces([faces.FACE_ID, labels.POINTS_68]).column(1)
    assert len(list((tmp_path / "out/points").rglob("*.npy"))) == len(rows) - rows.null_count
    shares = np.load(next((tmp_path / "out/points").rglob("*.npy")))
    assert shares.shape == (68, 2) and shares.dtype == np.float32 and ((shares > 0) & (shares < 1)).all()


@given(arrays(np.uint8, st.tuples(st.integers(3, 12), st.integers(3, 12)), elements=st.sampled_from([0, 7, 8, 9, 255])),
       st.sampled_from([(8, 1.0), (8, 2.0), (4, 1.5)]))  # fmt: skip
def test_patterns_are_those_of_scikit_image(grey: Any, kind: tuple[int, float]) -> None:
    from skimage.feature import local_binary_pattern as reference

    np.testing.assert_array_equal(local_binary_pattern(grey, *kind), reference(grey, *kind).astype(np.uint8))


def test_a_pattern_by_hand() -> None:
    """The right and upper neighbours of the middle are brighter: bits 0 and 2, and bit 1 between them."""
    grey = np.array([[0, 9, 9], [0, 5, 9], [0, 0, 0]], np.uint8)
    assert local_binary_pattern(grey)[1, 1] == 0b111


def test_an_order_that_is_none_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="raf-db"):
        FerFolders.preflight(FerConfig("rafdb"))
