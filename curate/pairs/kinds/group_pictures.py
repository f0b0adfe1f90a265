"""Pictures of several people: who is where, with whose face, for models that place several identities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.crops import Pixels
from curate.export.sample import Sample
from curate.pairs.base import ANY, SAME, Config, PairKind, Relation, Role, Row
from curate.pairs.pool import Pool
from curate.pairs.views.person_regions import left_to_right, owners
from schemas import UsageError
from schemas.columns import faces, images, labels

PEOPLE = "people"
TOO_SMALL, TOO_FEW, UNKNOWN_FACE = (
    "a face is smaller than min_px", "it shows fewer people than least_people", "a face has no embedding",
)  # fmt: skip
SIDES = {2: ("on the left", "on the right"), 3: ("on the left", "in the middle", "on the right")}
"""Number of people -> where each is; more are only numbered."""


@dataclass(frozen=True)
class MultiIdConfig(Config):
    """Settings of `multi_id_layout`.

    Attributes:
        min_px: Least longer side of every face's box in px; pictures with a smaller one are left out.
        least_people: Least number of people.
        patch: Side of an identity patch over the longer side of the picture.
    """

    min_px: float = 48.0
    least_people: int = 2
    patch: float = 0.0625


class MultiIdLayout(PairKind):
    """All faces of a picture from left to right, with a map of whose each pixel is and a patch per identity.

    Places and regions are in whole pictures, so it needs `--crop none`.
    """

    name = "multi_id_layout"
    doc = "A picture of several people, left to right: embedding, box and region of each, and identity patches."
    source = "UniPortrait (He et al. 2024), ID-Patch (Zhang et al. 2024), StoryMaker (Zhou et al. 2024)"
    roles = (Role(PEOPLE, "all faces of the picture, left to right", many=True,
                  views={"crops": "person_crop", "poses": "five_points"}),)  # fmt: skip
    needs = (labels.EMBEDDING, *faces.BOX)
    uses = (labels.CAPTION, labels.IDENTITY_ID, images.WIDTH, images.HEIGHT)
    carries = (labels.EMBEDDING, labels.CAPTION)
    relations = (Relation(PEOPLE, PEOPLE, picture=SAME, kin=ANY),)
    config_type = MultiIdConfig
    config: MultiIdConfig
    figures: ClassVar[Mapping[str, str]] = {
        "layout": "per person, left to right: face_id, person, box, centre, id_embed, and value in `regions`",
        "caption": "the people's captions as characters 1, 2, ... from left to right; null where none is known",
    }
    draws: ClassVar[Mapping[str, str]] = {
        "regions": "whose each pixel is: 1 for the leftmost person, 0 for nobody; by place around the faces",
        "id_patches": "a square per person about the middle of the face, drawn from the embedding, on black",
    }

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse sizes that cannot be."""
        assert isinstance(config, MultiIdConfig)
        if not 0 < config.patch <= 0.5:
            raise UsageError(f"multi_id_layout.patch={config.patch:g} is not between 0 and 0.5")
        if config.least_people < 1:
            raise UsageError(f"multi_id_layout.least_people={config.least_people} is less than 1")

    def propose(self, pool: Pool, rng: np.random.Generator) -> Iterator[Row]:
        """Every picture once, in a drawn order."""
        boxes = boxes_of(pool)
        by_picture: dict[int, list[int]] = {}
        for row, picture in enumerate(pool.picture.tolist()):
            by_picture.setdefault(picture, []).append(row)
        for picture in rng.permutation(list(by_picture)).tolist():
            rows = by_picture[picture]
            size = {c.name: int(pool.numbers(c)[rows[0]]) for c in (images.WIDTH, images.HEIGHT)}
            yield Row({PEOPLE: tuple(rows[i] for i in left_to_right(boxes[rows]))}, size)

    def refuses(self, pool: Pool, row: Row) -> str:
        """Pictures with too few or too small faces, or one whose identity cannot be given."""
        rows = list(row.faces[PEOPLE])
        if len(rows) < self.config.least_people:
            return TOO_FEW
        if boxes_of(pool)[rows, 2:].max(1).min() < self.config.min_px:
            return TOO_SMALL
        return "" if np.isfinite(pool.vectors[rows]).all() else UNKNOWN_FACE

    def facts(self, pool: Pool, row: Row) -> Mapping[str, Any]:
        """The layout, and one caption for all."""
        rows = list(row.faces[PEOPLE])
        boxes, vectors, who = boxes_of(pool)[rows], pool.vectors[rows], pool.texts(labels.IDENTITY_ID)
        layout = [
            {faces.FACE_ID.name: pool.face_ids[face], "person": who[face], "box": box.tolist(),
             "centre": (box[:2] + box[2:] / 2).tolist(),
             "id_embed": vector.tolist(), "region": place + 1}
            for place, (face, box, vector) in enumerate(zip(rows, boxes, vectors, strict=True))
        ]  # fmt: skip
        told = pool.texts(labels.CAPTION)
        return {"layout": layout, "caption": story([told[face] for face in rows])}

    def draw(self, row: Row, samples: Mapping[str, Sequence[Sample]]) -> Mapping[str, Pixels]:
        """Regions and patches, as large as the picture.

        Raises:
            UsageError: if the pictures are cut.
        """
        people = samples[PEOPLE]
        size = [int(row.notes[c.name]) for c in (images.WIDTH, images.HEIGHT)]
        if sorted(size) != sorted([people[0].width, people[0].height]):
            raise UsageError(f"{self.name} needs whole pictures", "these are cut to faces", "Add: --crop none")
        height, width = people[0].height, people[0].width
        boxes = np.array([s.faces[0].box for s in people], np.float64)
        vectors = [np.asarray(s.faces[0].labels[labels.EMBEDDING.name], np.float64).ravel() for s in people]
        side = max(round(self.config.patch * max(height, width)), 3)
        return {
            "regions": (owners(boxes, height, width) + 1).astype(np.uint8),
            "id_patches": patches(boxes[:, :2] + boxes[:, 2:] / 2, vectors, height, width, side),
        }


def boxes_of(pool: Pool) -> NDArray[np.float64]:
    """Boxes of a pool's faces, (n, 4) left, top, width, height in picture px."""
    found: NDArray[np.float64] = pool.once("boxes", lambda: np.column_stack([pool.numbers(c) for c in faces.BOX]))
    return found


def story(captions: Sequence[str | None]) -> str | None:
    """One text for several people: each is a numbered character, from left to right; None where none has a caption."""
    if not any(captions):
        return None
    places = SIDES.get(len(captions), ())
    said = []
    for number, caption in enumerate(captions):
        where = f" {places[number]}" if places else ""
        text = (caption or "not described").strip().rstrip(".")
        said.append(f"Character {number + 1}{where}: {text}.")
    return " ".join(said)


def patches(
    centres: NDArray[np.float64], vectors: Sequence[NDArray[np.float64]], height: int, width: int, side: int
) -> Pixels:
    """A square per person about the middle of the face, (height, width, 3) on black.

    ID-Patch draws its squares by a learned projection of the embedding; here the embedding's own numbers are the
    square's cells, so that who is meant can be read from it without a network.

    Args:
        centres: (n, 2) px.
        vectors: Embeddings.
        height: Of the picture.
        width: Of the picture.
        side: Of a square in px; made odd, so that it has a middle pixel.
    """
    image = np.zeros((height, width, 3), np.uint8)
    side += 1 - side % 2
    for (x, y), vector in zip(centres, vectors, strict=True):
        left, top = round(x - side / 2), round(y - side / 2)
        drawn = _cells(vector, side)
        rows = slice(min(max(top, 0), height), min(max(top + side, 0), height))
        columns = slice(min(max(left, 0), width), min(max(left + side, 0), width))
        if rows.start == rows.stop or columns.start == columns.stop:
            continue
        image[rows, columns] = drawn[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    return image


def _cells(vector: NDArray[np.float64], side: int) -> Pixels:
    """An embedding as a square of grey cells between 64 and 255."""
    tall = 2 ** int(np.log2(len(vector)) // 2)
    scaled = np.clip(vector / max(3 * float(vector.std()), 1e-9), -1, 1).reshape(tall, -1)
    grey = (64 + 191 * (scaled + 1) / 2).astype(np.uint8)
    return np.repeat(cv2.resize(grey, (side, side), interpolation=cv2.INTER_NEAREST)[..., None], 3, axis=2)
