"""Personalised pictures: who they show, whether they show what was asked, and who stands where in a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from annotators.adapters.clip_checkpoint import ClipConfig
from annotators.adapters.clip_network import Loader
from annotators.base import Config
from annotators.crops import Pixels
from annotators.weights import ModelStore
from curate.evaluation.intervals import proportion
from curate.generate.progress import Bar
from curate.generators.promise import SAME_PERSON
from curate.measures.base import TABLE, Given, Input, Measure, Result
from curate.measures.columns_of_tables import groups_of, numbers, texts
from curate.measures.every_face import EveryFace, box_of
from curate.measures.pictures import beside, cosine, labels_of, looked_at, read
from curate.measures.summary import averaged, by_group, perceived
from schemas import FacecurateError, UsageError
from schemas.columns import labels

EMBEDDING = labels.EMBEDDING.name


@dataclass(frozen=True)
class PersonalizationConfig(ClipConfig):
    """Who passes, and which CLIP model reads prompts; the model's settings are those of annotator `clip`.

    Attributes:
        threshold: Cosine from which two faces pass for one person.
    """

    threshold: float = SAME_PERSON


class Personalization(Measure):
    """ID is the cosine of the largest face with the reference's; a picture without a face has none and counts as 0.

    CLIP-T is the cosine of picture and prompt; it is null, with the reason in `why`, where the model's weights are
    not on this machine. The picture is brought to a square by its middle, as CLIP's own preprocessing does.
    """

    name = "personalization"
    doc = "Identity (ID) and text alignment (CLIP-T) of personalised pictures, per row and by perceived group."
    source = "Ruiz et al. 2023, DreamBooth, section 5 (CLIP-T); Li et al. 2024, PhotoMaker (face similarity)"
    inputs = (
        Input("rows", TABLE, "a row per picture: `picture`, `reference`; `prompt`, `subject` if known",
              ("picture", "reference")),
    )  # fmt: skip
    config_type = PersonalizationConfig
    config: PersonalizationConfig

    def measure(self, given: Given) -> Result:
        """Both figures: means, by group and subject, and of each row."""
        table, path = given.tables["rows"], given.paths["rows"]
        pictures, references = (
            [beside(path, f) for f in table.column(c).to_pylist()] for c in ("picture", "reference")
        )
        files = list(dict.fromkeys([*pictures, *references]))
        looks = dict(zip(files, (labels_of(seen) for _, seen in looked_at(files, given)), strict=True))
        for file in references:
            if looks[file] is None:
                raise UsageError(f"no face was found in the reference {file}")
        prompts = texts(table, "prompt") if "prompt" in table.column_names else [None] * len(pictures)
        aligned, why = self._clip(pictures, prompts)
        rows: list[dict[str, Any]] = []
        for picture, reference, prompt, text in zip(pictures, references, prompts, aligned, strict=True):
            found, true = looks[picture], looks[reference]
            alike = cosine((found or {}).get(EMBEDDING), (true or {}).get(EMBEDDING))
            rows.append({"picture": picture.name, "reference": reference.name, "ID": 0.0 if alike is None else alike,
                         "face": found is not None, "CLIP-T": text,
                         "why": "" if text is not None else why if prompt else "no prompt"})  # fmt: skip
        identity = [row["ID"] for row in rows]
        passed = [value >= self.config.threshold for value in identity]
        subjects = groups_of(table, "subject")
        people = None if "subject" not in subjects else [s or f"row {i}" for i, s in enumerate(subjects["subject"])]
        groups = perceived([looks[r] for r in references]) | subjects
        facts = {
            "pictures": len(rows),
            "without a face": sum(not row["face"] for row in rows),
            "ID": averaged(identity, people).as_dict(),
            "same person": proportion(passed).as_dict(),
            "CLIP-T": averaged([row["CLIP-T"] for row in rows], people).as_dict(),
        }
        tables = {"groups": by_group(identity, groups, people), "rows": rows}
        notes = ("Groups are perceived in the references.", *([f"CLIP-T is not known: {why}"] if why else []))
        return Result(facts, tables, notes)

    def _clip(self, pictures: Sequence[Path], prompts: Sequence[str | None]) -> tuple[list[float | None], str]:
        """Cosine of each picture with its prompt, and why there is none."""
        nothing: list[float | None] = [None] * len(pictures)
        if not any(prompts):
            return nothing, "the table has no prompt"
        try:
            network = Loader(self.config.source)(ModelStore())
        except FacecurateError as error:
            return nothing, str(error)
        known = [i for i, prompt in enumerate(prompts) if prompt]
        words = network.texts([str(prompts[i]) for i in known])
        for i, text in zip(known, words, strict=True):
            nothing[i] = cosine(network.image(middle(read(pictures[i]), network.size)), text)
        return nothing, ""


def middle(pixels: Pixels, size: int) -> Pixels:
    """The picture's middle square of this side, as CLIP's preprocessing cuts it."""
    height, width = pixels.shape[:2]
    scale = size / min(height, width)
    wide = (max(round(width * scale), size), max(round(height * scale), size))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    resized = np.asarray(cv2.resize(pixels, wide, interpolation=how), np.uint8)
    top, left = (resized.shape[0] - size) // 2, (resized.shape[1] - size) // 2
    return np.ascontiguousarray(resized[top : top + size, left : left + size])


class GroupAssociation(Measure):
    """A place is right if the face there is more like its own reference than like any other of the picture.

    The face of a place is the one whose box's centre is nearest to it, no farther than that box's longer side; a
    place without a face is wrong.
    """

    name = "group_association"
    doc = "Group photos: share of places at which the person stands who was asked for, and their identity cosine."
    source = "ID-Patch (Zhang et al. 2024), ID-position association accuracy"
    inputs = (
        Input("places", TABLE, "a row per person of a picture: `picture`, `reference`, `x`, `y` in its pixels",
              ("picture", "reference", "x", "y")),
    )  # fmt: skip

    def measure(self, given: Given) -> Result:
        """Accuracy over all places, by picture and perceived group."""
        table, path = given.tables["places"], given.paths["places"]
        pictures, references = (
            [beside(path, f) for f in table.column(c).to_pylist()] for c in ("picture", "reference")
        )
        centres = np.stack([numbers(table, c, path) for c in ("x", "y")], axis=1)
        files = list(dict.fromkeys(references))
        looks = dict(zip(files, (labels_of(seen) for _, seen in looked_at(files, given)), strict=True))
        for file in files:
            if looks[file] is None:
                raise UsageError(f"no face was found in the reference {file}")
        finder = EveryFace(("identity",))
        rows: list[dict[str, Any]] = [{} for _ in pictures]
        with Bar("looking at groups", len(set(pictures)), given.quiet) as bar:
            for picture in dict.fromkeys(pictures):
                own = [i for i, p in enumerate(pictures) if p == picture]
                faces = finder.look(read(picture))
                wanted = [np.asarray((looks[references[i]] or {})[EMBEDDING]) for i in own]
                for place, i in enumerate(own):
                    right, alike = _at(centres[i], faces, wanted, place)
                    rows[i] = {"picture": picture.name, "reference": references[i].name, "right": right, "ID": alike}
                bar.step(1)
        hits = [bool(row["right"]) for row in rows]
        facts = {
            "pictures": len(set(pictures)),
            "association accuracy": proportion(hits).as_dict(),
            "ID": averaged([row["ID"] for row in rows]).as_dict(),
        }
        groups = {"picture": [row["picture"] for row in rows], **perceived([looks[r] for r in references])}
        return Result(facts, {"groups": by_group(hits, groups, shares=True), "places": rows})


def _at(centre: Any, faces: Sequence[dict[str, Any]], wanted: Sequence[Any], own: int) -> tuple[bool, float | None]:
    """Whether the face at a place is most like its own reference, and its cosine with that."""
    boxes = [box_of(face) for face in faces]
    away = [float(np.hypot(x + w / 2 - centre[0], y + h / 2 - centre[1])) for x, y, w, h in boxes]
    if not away or min(away) > max(boxes[int(np.argmin(away))][2:]):
        return False, None
    alike = [cosine(faces[int(np.argmin(away))].get(EMBEDDING), w) for w in wanted]
    if any(a is None for a in alike):
        return False, None
    values = [float(a) for a in alike if a is not None]
    return int(np.argmax(values)) == own and values.count(max(values)) == 1, values[own]


@dataclass(frozen=True)
class HoiConfig(Config):
    """When a detection counts.

    Attributes:
        score: Least score of a detection.
        gap: Largest gap between the object's box and the person's, in sides of the person's box; 0 is touching.
    """

    score: float = 0.3
    gap: float = 0.0


class HoiAlignment(Measure):
    """Detections come from a detector of the user's choice; one that names a `verb` must name the one asked for.

    A row is aligned, 1, if an object of the asked kind is detected whose box touches the person's, and else 0.
    """

    name = "hoi_alignment"
    doc = "Human-object interaction: share of pictures in which the object asked for is there and touches the person."
    source = "PersonaHOI (Hu et al. 2025); boxes as in HICO-DET (Chao et al. 2018)"
    inputs = (
        Input("rows", TABLE, "a row per picture: `picture`, `verb`, `object`, and the person's box `x`, `y`, `width`, "
              "`height` in pixels", ("picture", "verb", "object", "x", "y", "width", "height")),
        Input("detections", TABLE, "a row per detected object: `picture`, `label`, `x`, `y`, `width`, `height`; "
              "`score` and `verb` if known", ("picture", "label", "x", "y", "width", "height"), empty=True),
    )  # fmt: skip
    config_type = HoiConfig
    config: HoiConfig

    def measure(self, given: Given) -> Result:
        """Share of aligned rows, by verb and object and perceived group."""
        asked = _boxes(given, "rows")
        found = _boxes(given, "detections", "score")
        kinds = {key: texts(given.tables["rows"], key) for key in ("picture", "verb", "object")}
        rows = []
        for i, box in enumerate(asked):
            want = {key: values[i] for key, values in kinds.items()}
            rows.append({**want, "alignment": float(self._aligned(want, box[:4], found, given.tables["detections"]))})
        hits = [row["alignment"] == 1 for row in rows]
        groups = groups_of(given.tables["rows"], "verb", "object", "subject")
        facts = {"pictures": len(rows), "alignment": proportion(hits).as_dict()}
        return Result(facts, {"groups": by_group(hits, groups, shares=True), "rows": rows})

    def _aligned(self, want: Mapping[str, Any], person: Any, found: Any, detections: Any) -> bool:
        names, pictures = texts(detections, "label"), texts(detections, "picture")
        verbs = texts(detections, "verb") if "verb" in detections.column_names else [None] * len(names)
        for name, picture, verb, box in zip(names, pictures, verbs, found, strict=True):
            if picture != want["picture"] or name != want["object"] or verb not in (None, want["verb"]):
                continue
            if box[4] >= self.config.score and gap(person, box[:4]) <= self.config.gap * max(person[2:]):
                return True
        return False


def gap(first: Any, second: Any) -> float:
    """Distance of two boxes (x, y, width, height) in pixels; 0 where they touch or overlap."""
    across = max(first[0] - second[0] - second[2], second[0] - first[0] - first[2], 0.0)
    down = max(first[1] - second[1] - second[3], second[1] - first[1] - first[3], 0.0)
    return float(np.hypot(across, down))


def _boxes(given: Given, name: str, *more: str) -> Any:
    """Boxes of a table, (n, 4), with further columns that are 1 where the table lacks them."""
    table, path = given.tables[name], given.paths[name]
    columns = [numbers(table, c, path) for c in ("x", "y", "width", "height")]
    columns += [numbers(table, c, path) if c in table.column_names else np.ones(table.num_rows) for c in more]
    return np.stack(columns, axis=1)
