"""Small datasets whose card is known by heart, and a form that answers every question."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from curate.card import About, read_about
from curate.store import Dataset
from schemas.columns import images, labels
from tests.evaluation_samples import KEY, chances, dataset
from tests.store_samples import table

GENDERS = ["Female"] * 6 + ["Male"] * 2 + [None, None]
AGES = ["20-29"] * 5 + ["3-9"] * 2 + ["70+"] * 2 + [None]
HOSTILE = "<script>alert(1)</script> | *x* [a](javascript:b) ``` \n# head"


def sample(path: Path, **more: Any) -> Dataset:
    """Ten pictures of a face each with gender, age group and a struct of probabilities; a picture that was left out."""
    return dataset(
        path, [1] * 10,
        {
            "demographics.v1": {
                labels.GENDER: GENDERS,
                labels.GENDER_PROB: chances(labels.GENDER_PROB, [{"Female": 0.75, "Male": 0.25}] * 9 + [None]),
                labels.AGE_GROUP: AGES,
            },
            "quality.v1": {labels.QUALITY_SCORE: [i / 10 for i in range(10)]},
        },
        status={"quality.v1": ["ok"] * 9 + ["failed"]}, rejected=["bad.jpg"], **more,
    )  # fmt: skip


def pictures(path: Path) -> Dataset:
    """The same with facts of the pictures: licences, GPS, EXIF turns, generated ones."""
    ds = sample(path)
    ids = [f"i{i}" for i in range(10)]
    ds.write("images", KEY, table({
        images.IMAGE_ID: [*ids, None], images.URI: [f"/home/someone/photos/p{i}.jpg" for i in range(11)],
        images.MEMBER: [None] * 11, images.NAME: [f"p{i}.jpg" for i in range(11)],
        images.FORMAT: ["JPEG"] * 10 + [None], images.HAS_GPS: [True, True, True] + [False] * 8,
        images.ORIENTATION: [6, 1, None] + [None] * 8, images.STATUS: ["ok"] * 10 + ["rejected"],
        images.REASON: [""] * 10 + ["corrupt"], images.LICENCE: ["CC0-1.0"] * 4 + [None] * 7,
        images.IS_SYNTHETIC: [False] * 8 + [True, True, None], images.PARENT: [None] * 8 + ["i0", None, None],
        images.GENERATOR: [None] * 8 + ["relight/1", None, None],
    }))  # fmt: skip
    return ds


def full(path: Path) -> About:
    """A form in which everything that Croissant asks for is answered."""
    path.write_text(
        """
[dataset]
name = "Ten faces"
description = "Ten faces drawn for tests."
version = "2.1.0"
url = "https://example.org/ten"
licence = "https://creativecommons.org/licenses/by/4.0/"
citation = "@misc{ten, title={Ten faces}}"
published = 2026-05-01
keywords = ["faces", "test"]
creators = [{name = "A. Person", url = "https://example.org/a"}, {name = "A Lab", kind = "organisation"}]
[motivation]
purpose = "To test cards."
[collection]
timeframe = ["2020-01-01", "2021-12-31"]
consent = "All agreed in writing."
[uses]
intended = ["Testing.", "Teaching."]
not_for = ["Horoscopes."]
[maintenance]
contact = "card@example.org"
""",
        "utf-8",
    )
    return read_about(path)
