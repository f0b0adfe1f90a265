"""What the checks of a model's captions let through and stop, held against the crowd's labels of FairFace photos.

    facecurate run DATA/photos/fairface DATASET
    python -m benchmarks.caption_checks DATASET --data DATA

No vision-language model takes part: the answers are made from the crowd's labels, right and wrong on purpose.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from annotators.adapters.vlm import CaptionVlm
from annotators.adapters.vlm_checks import check_answer
from annotators.adapters.vlm_questions import Answer, questionnaire
from annotators.base import Face, FaceBatch
from benchmarks.statistics import proportion, table
from curate.store import Dataset
from schemas import taxonomy
from schemas.columns import faces, images, labels

GENDERS = taxonomy(labels.GENDER.taxonomy).labels
AGES = taxonomy(labels.AGE_GROUP.taxonomy).labels


def crowd(data: Path) -> dict[str, dict[str, Any]]:
    """File name -> the crowd's labels of the FairFace photos."""
    with (data / "photos" / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["source"] == "fairface"]
    return {Path(r["file"]).name: json.loads(r["label_json"]) for r in rows}


def labelled(ds: Dataset, known: dict[str, dict[str, Any]]) -> Iterator[tuple[Face, dict[str, Any]]]:
    """Faces that are alone in their picture, with the crowd's labels."""
    own = [faces.FACE_ID, faces.IMAGE_ID, images.NAME, labels.CAPTION, *CaptionVlm.requires]
    found = ds.faces([c.name for c in own])
    names = found.column(images.NAME.name).to_pylist()
    for face, name in zip(FaceBatch(found, {}), names, strict=True):
        if names.count(name) == 1 and Path(name).name in known:
            yield face, known[Path(name).name]


def rejected(face: Face, caption: str = "A person.", **said: str) -> bool:
    """Whether an answer would be given back."""
    return bool(check_answer(Answer(caption, said), face, questionnaire()).reasons)


def far(age: str) -> str:
    """An age group at least four away."""
    place = AGES.index(age)
    return AGES[place - 4] if place >= 4 else AGES[place + 4]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    pairs = list(labelled(Dataset.open(options.dataset), crowd(options.data)))
    truths = [(face, t["gender_perceived"], t["age_group"].replace("more than 70", "70+")) for face, t in pairs]
    own = [face for face, *_ in truths if face[labels.CAPTION]]
    rows = [
        ["the rule-based caption of the face itself", proportion([rejected(f, f[labels.CAPTION]) for f in own])],
        ["gender as the crowd says", proportion([rejected(f, gender=g) for f, g, _ in truths])],
        ["gender: the other", proportion([rejected(f, gender=_other(g)) for f, g, _ in truths])],
        ["age group as the crowd says", proportion([rejected(f, age=a) for f, _, a in truths])],
        ["age group: four or more away", proportion([rejected(f, age=far(a)) for f, _, a in truths])],
    ]
    print(table(["answer", f"rejected (n = {len(truths)} faces, {len(own)} with a caption)"], rows))
    races = sorted({t["race_perceived"] for _, t in pairs})
    rows = []
    for race in races:
        group = [(f, t["gender_perceived"]) for f, t in pairs if t["race_perceived"] == race]
        right = proportion([rejected(f, gender=g) for f, g in group])
        rows.append([race, right, proportion([rejected(f, gender=_other(g)) for f, g in group])])
    print(table(["perceived race", "gender as the crowd says: rejected", "the other: rejected"], rows))


def _other(gender: str) -> str:
    return next(g for g in GENDERS if g != gender)


if __name__ == "__main__":
    main()
