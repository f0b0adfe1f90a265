"""Avatars of a dataset's faces: parameters from labels, and a program that renders them, adjusted until it fits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from annotators.adapters.minors import may_be_minor
from annotators.crops import Pixels
from curate.avatar.loop import BUDGET, Adjusted, CannotScore, Dial, Settings, adjust
from curate.avatar.parameters import NAMES, READ, avatar_of, check, schema
from curate.generate.looking import Looker
from curate.generators.adapters.program import OUT, REQUEST, check_command
from curate.generators.adapters.program import run as call
from curate.generators.base import CannotGenerate
from curate.identity.progress import follow
from curate.report.sample import NEEDED, minors, told_minors
from curate.store import Dataset
from curate.store.parts import replacing, write_json
from curate.store.view import FaceView
from curate.text_quality.texts import Known
from schemas import Column, UnknownNameError, UsageError
from schemas.columns import faces, labels

SIMILARITY, ATTRIBUTES = "face_similarity", "attribute_accuracy"
JUDGED = (labels.GENDER, labels.AGE_GROUP, labels.PERCEIVED_EMOTION)
"""Labels of the face that the rendered one should have, too."""
TRIALS, SCHEMA = "trials.jsonl", "avatar.schema.json"


@dataclass(frozen=True)
class AvatarOptions:
    """What is done.

    Attributes:
        command: Program that renders: `{request}` is a JSON file with the parameters, `{out}` the picture it writes.
            Only parameters are written if empty.
        similarity: Least cosine of the two faces by SFace.
        attributes: Least share of the labels in `JUDGED` that agree; 0 asks for none.
        budget: Renderings per face at most.
        dials: Parameters that may be turned, the first ones first.
        faces: Faces at most.
        seconds: Limit of one rendering.
        quiet: No progress bar.
    """

    command: str = ""
    similarity: float = 0.363
    attributes: float = 0.0
    budget: int = BUDGET
    dials: Sequence[str] = NAMES
    faces: int = 20
    seconds: float = 120.0
    quiet: bool = True

    def __post_init__(self) -> None:
        for name in self.dials:
            if name not in NAMES:
                raise UnknownNameError("parameter", name, NAMES)
        if not 0 < self.similarity <= 1 or not 0 <= self.attributes <= 1 or self.budget < 1 or self.faces < 1:
            raise UsageError("options of avatars", "0 < similarity <= 1, 0 <= attributes <= 1, budget and faces >= 1")


@dataclass(frozen=True)
class Done:
    """An avatar's file and, where it was rendered, how that went."""

    file: Path
    adjusted: Adjusted | None


def avatars(dataset: Dataset, folder: Path, options: AvatarOptions) -> tuple[list[Done], int]:
    """Write `FACE.json` for faces of adults, the schema, and the log of all trials.

    Faces in pictures in which anybody may be a minor, or is of unknown age, are left out: nothing is made of them.

    Args:
        dataset: The dataset.
        folder: Where to.
        options: See there.

    Returns:
        What was written, and the number of faces left out.

    Raises:
        UsageError: for a wrong command, or if no face is left.
    """
    words = check_command("avatars", options.command, (OUT, REQUEST)) if options.command else []
    rows, left_out = _adults(dataset)
    if not rows:
        raise UsageError(f"{dataset.path} has no faces to make avatars of", f"{left_out} may show minors")
    write_json(folder / SCHEMA, schema())
    looker = Looker(("identity", "demographics", "emotion")) if words else None
    done, log = [], []
    for values in follow(rows[: options.faces], min(len(rows), options.faces), "avatars", options.quiet):
        avatar = avatar_of(values[faces.FACE_ID], values)
        found = None
        if looker is not None:
            found = _rendered(avatar, values, words, looker, options)
            avatar["parameters"] = {**avatar["parameters"], **found.best.settings}
            avatar["adjusted"] = {"accepted": found.accepted, "why": found.why, "trials": len(found.trials),
                                  "scores": dict(found.best.scores)}  # fmt: skip
            log += [{faces.FACE_ID.name: values[faces.FACE_ID], **t.as_dict()} for t in found.trials]
        check(avatar)
        file = folder / f"{values[faces.FACE_ID]}.json"
        write_json(file, avatar)
        done.append(Done(file, found))
    if words:
        with replacing(folder / TRIALS) as out:
            out.write("".join(json.dumps(line) + "\n" for line in log).encode())
    return done, left_out


def _adults(dataset: Dataset) -> tuple[list[Known], int]:
    view = FaceView(dataset)
    here = set(view.columns())
    wanted = [c for c in dict.fromkeys((*NEEDED, *READ, *JUDGED, labels.EMBEDDING)) if c.name in here]
    table = view.table(wanted)
    told = set(told_minors(dataset).to_pylist())
    images = table.column(faces.IMAGE_ID.name).to_pylist()
    everyone = [Known({c: row[c.name] for c in wanted}) for row in table.to_pylist()]
    flags = minors(table) | np.array(
        [i in told or may_be_minor(v) for i, v in zip(images, everyone, strict=True)], bool
    )
    barred = {i for i, flag in zip(images, flags, strict=True) if flag}
    rows = [values for values in everyone if values[faces.IMAGE_ID] not in barred]
    return rows, len(everyone) - len(rows)


def _rendered(
    avatar: Mapping[str, Any], values: Mapping[Column, Any], words: list[str], looker: Looker, options: AvatarOptions
) -> Adjusted:
    if values.get(labels.EMBEDDING) is None:
        raise UsageError(
            "faces have no embeddings to be compared by", fix="Run: facecurate annotate DATASET -a identity"
        )
    goals = {SIMILARITY: options.similarity}
    if options.attributes:
        goals[ATTRIBUTES] = options.attributes

    def trial(settings: Settings) -> dict[str, float]:
        asked = {**avatar, "parameters": {**avatar["parameters"], **settings}}
        try:
            picture = call(words, asked, None, options.seconds)
        except CannotGenerate as error:
            raise CannotScore(str(error)) from error
        return scored(picture, values, looker)

    dials = [Dial(name) for name in options.dials]
    return adjust(avatar["parameters"], dials, trial, goals, options.budget)


def scored(picture: Pixels, values: Mapping[Column, Any], looker: Looker) -> dict[str, float]:
    """Scores of a rendered face against the labels of the real one.

    Raises:
        CannotScore: if no face is found.
    """
    seen = looker.look([picture])[0]
    if seen is None or seen.value(labels.EMBEDDING) is None:
        raise CannotScore("no face was found in the rendered picture")
    one, other = (np.asarray(v, np.float64) for v in (values[labels.EMBEDDING], seen.value(labels.EMBEDDING)))
    told = [c for c in JUDGED if values.get(c) is not None]
    agree = [seen.value(c) == values[c] for c in told]
    return {SIMILARITY: float(one @ other), ATTRIBUTES: float(np.mean(agree)) if agree else 1.0}
