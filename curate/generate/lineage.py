"""Where a generated picture comes from: what the dataset, the file and the file's name say of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from curate.generators.promise import Promise
from schemas import DatasetError
from schemas.columns import images
from schemas.columns import sources as src


@dataclass(frozen=True)
class Lineage:
    """All that is needed to make a picture again and to check it.

    Attributes:
        generator: Its name and version, `name/version`.
        parent: `image_id` of the photograph, empty where there is none.
        parent_face: `face_id` of the subject, empty where there is none.
        partner_face: `face_id` of the second face, empty where there is none.
        seed: That the parameters were drawn with.
        parameters: All parameters of the picture.
        promise: What it promises.
        step: Its number among the pictures of one request.
        steps: Number of these pictures.
        note: Facts about this picture.
        settings: The generator's settings under which the parameters were drawn.
        wanted: Column -> label that the picture was made for; empty if for none.
        row: Row of a prompt grid that it was made from; empty if from none.
        side: Side of the picture in pixels.
        digital_source: What kind of source the picture is, by `DigitalSource`.
        run: Id of the run that made it.
        extra: Further facts, such as the fill and the cell it was made for.
    """

    generator: str
    parent: str
    parent_face: str
    partner_face: str
    seed: int
    parameters: Mapping[str, Any]
    promise: Promise
    step: int
    steps: int
    note: Mapping[str, Any]
    settings: Mapping[str, Any]
    wanted: Mapping[str, str]
    row: Mapping[str, Any]
    side: int
    digital_source: str
    run: str
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the generator."""
        return self.generator.rpartition("/")[0]

    @property
    def version(self) -> str:
        """Version of the generator."""
        return self.generator.rpartition("/")[2]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {**asdict(self), "promise": self.promise.as_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Lineage:
        """Read what `as_dict` gave.

        Raises:
            DatasetError: if fields are missing or unknown.
        """
        try:
            return cls(**{**data, "promise": Promise.from_dict(data["promise"])})
        except (KeyError, TypeError, ValueError) as error:
            raise DatasetError("the lineage of a picture is not understood", f"{error}") from error

    def columns(self) -> dict[str, Any]:
        """Values of the lineage columns."""
        own = {f.name for f in fields(self)} - {"generator", "parent", src.PARENT_FACE.name, src.PARTNER_FACE.name}
        rest = {k: v for k, v in self.as_dict().items() if k in own and k != "seed"}
        return {
            images.IS_SYNTHETIC.name: True,
            images.PARENT.name: self.parent or None,
            images.PARENT_FACE.name: self.parent_face or None,
            images.PARTNER_FACE.name: self.partner_face or None,
            images.GENERATOR.name: self.generator,
            images.GENERATOR_SEED.name: self.seed,
            images.GENERATION.name: compact(rest),
        }

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Lineage:
        """The lineage in a row of the images table.

        Raises:
            DatasetError: if the row has none, or it is not understood.
        """
        text = row.get(images.GENERATION.name)
        try:
            rest = json.loads(text) if text else None
        except ValueError:
            rest = None
        if not isinstance(rest, dict):
            name = row.get(images.IMAGE_ID.name)
            raise DatasetError(f"picture {name} has no {images.GENERATION.name}", "it cannot be checked or made again")
        return cls.from_dict({
            **rest,
            "generator": row.get(images.GENERATOR.name) or "",
            "seed": row.get(images.GENERATOR_SEED.name) or 0,
            **{c.name: row.get(c.name) or "" for c in (images.PARENT, images.PARENT_FACE, images.PARTNER_FACE)},
        })  # fmt: skip


def compact(data: Any) -> str:
    """JSON without spaces, keys sorted: equal data give equal text."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def seed_of(generator: str, settings: Mapping[str, Any], face: str, number: int, seed: int, *goal: Any) -> int:
    """The seed of one request: the same for the same request, different for any other; 0 to 2**63 - 1.

    Args:
        generator: `name/version`.
        settings: Of the generator.
        face: Face to start from; empty for none.
        number: Of the request among those for this face and these settings.
        seed: Of the run.
        goal: Labels wanted and row of a grid, where there are any; JSON.
    """
    return int.from_bytes(_digest([generator, json_safe(settings), face, number, seed, *goal], 8), "big") >> 1


def stem_of(seed: int, side: int, form: str) -> str:
    """File name of a request's pictures, without step and suffix."""
    return _digest([seed, side, form], 12).hex()


def json_safe(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as JSON can hold them: NaN, which stands for a value that is drawn, becomes null."""
    return {k: None if isinstance(v, float) and v != v else v for k, v in settings.items()}  # noqa: PLR0124 - NaN


def _digest(data: Any, size: int) -> bytes:
    return hashlib.blake2b(compact(data).encode(), digest_size=size).digest()
