"""COCO: boxes of faces in one JSON file, with attributes and keypoints where they are there."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curate.importers.base import Found, Importer, Record, maybe
from schemas import REGISTRY, SchemaError, UsageError, check, labels_of
from schemas.columns import images, labels

FACES = ("face", "head", "human face", "person face")
PICTURE = images.IMAGE_ID.name
"""COCO's word for the picture of an annotation, which is this project's too."""
KEYPOINTS = (5, 68)
FOLDERS = ("images", ".", "train", "val", "test", "train2017", "val2017")


class Coco(Importer):
    """Annotations of the categories face, head or human face; attributes named as columns here become labels."""

    name = "coco"
    doc = "COCO's JSON: boxes of faces, `attributes` named as this project's columns, 5 or 68 keypoints."
    files = "a JSON file with images, annotations and categories (annotations/*.json), and the pictures"
    licence = ""
    labelled_by = "whoever made the annotations"
    crops = False

    def read(self, folder: Path, found: Found) -> None:
        """Every JSON file in `annotations`, or in the folder itself if there is none."""
        inside = sorted(folder.glob("annotations/*.json")) or sorted(folder.glob("*.json"))
        files = [folder] if folder.is_file() else inside
        if not files:
            raise UsageError(f"'{folder / 'annotations'}' is missing", "it holds COCO's JSON files")
        for path in files:
            _read_file(path, folder.parent if folder.is_file() else folder, found)


def _read_file(path: Path, root: Path, found: Found) -> None:
    try:
        told = json.loads(path.read_text("utf-8"))
        pictures = {p["id"]: p["file_name"] for p in told["images"]}
        kinds = {c["id"]: str(c["name"]) for c in told["categories"]}
        by_picture: dict[Any, list[dict[str, Any]]] = defaultdict(list)
        for note in told["annotations"]:
            by_picture[note[PICTURE]].append(note)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"'{path}' is no COCO file", f"{type(error).__name__}: {error}") from None
    for picture in by_picture.keys() - pictures.keys():
        found.left_out[f"annotations of a picture that {path.name} does not list"] += len(by_picture[picture])
    split = _split(path.stem)
    for picture, name in pictures.items():
        place = _place(root, str(name))
        records = [r for note in by_picture[picture] if (r := _record(note, kinds, place, split, path, found))]
        found.records += records or [Record(place, split=split, face=False)]


def _split(stem: str) -> str | None:
    words = stem.lower().replace("-", "_")
    known = {"train": "train", "val": "validation", "test": "test"}
    return next((split for word, split in known.items() if word in words), None)


def _place(root: Path, name: str) -> Path:
    return maybe(root, *(f"{folder}/{name}" for folder in FOLDERS)) or root / "images" / name


def _record(
    note: dict[str, Any], kinds: dict[Any, str], place: Path, split: str | None, path: Path, found: Found
) -> Record | None:
    kind = kinds.get(note.get("category_id"), "")
    if kind.lower() not in FACES:
        found.left_out[f"annotations of the category '{kind}', which is no face"] += 1
        return None
    box = note.get("bbox")
    if not isinstance(box, list) or len(box) != 4:
        raise UsageError(f"'{path}': annotation {note.get('id')} has no bbox of four numbers")
    values, extra = declared(note.get("attributes") or {}, found)
    points = np.array(note.get("keypoints") or [], np.float32).reshape(-1, 3)
    known = points[:, :2] if len(points) in KEYPOINTS and (points[:, 2] > 0).all() else None
    if known is not None and len(known) == labels.POINTS_68.shape[0]:
        values[labels.POINTS_68.name] = known.ravel().tolist()
    return Record(
        place, values, box=tuple(map(float, box)),  # type: ignore[arg-type]
        points=known, layout="" if known is None else f"points-{len(known)}", split=split, extra=extra,
    )  # fmt: skip


def declared(told: dict[str, Any], found: Found) -> tuple[dict[str, Any], dict[str, Any]]:
    """Values named as declared label columns, and all others; values that a column refuses are counted."""
    values: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for name, value in told.items():
        column = REGISTRY.get(name)
        if value is None or value == "":
            continue
        if column is None or name not in vars_of_labels():
            extra[name] = value
            continue
        flat = list(np.array(value, object).ravel()) if column.shape and isinstance(value, list) else value
        try:
            check(column, pa.array([flat], column.type), labels_of)
            values[name] = flat
        except (SchemaError, pa.ArrowException):
            found.left_out[f"values that {name} does not take"] += 1
    return values, extra


def vars_of_labels() -> set[str]:
    """Names of the columns of label layers that an importer may fill."""
    own = set(labels.LAYER)
    return {c.name for c in vars(labels).values() if hasattr(c, "kind")} - own
