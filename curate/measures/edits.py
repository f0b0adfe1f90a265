"""Generated pictures of a dataset beside the faces they were made from: what was done, how strongly, who it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curate.generate.lineage import Lineage
from curate.measures.summary import GROUPS
from curate.store import Dataset
from schemas import Column, UsageError
from schemas.columns import faces, images, labels

EDITS = ("style", "kind", "method", "format", "look", "parts", "side", "direction", "tone", "expression")
"""Parameters or settings that name an edit, the first that is there."""
STRENGTHS = ("strength", "severity", "quality", "years", "yaw", "factor", "sigma", "detail")
"""Parameters or settings that say how strong it is."""
LINEAGE = (images.PARENT_FACE, images.GENERATOR, images.GENERATOR_SEED, images.GENERATION, images.PARENT,
           images.PARTNER_FACE, images.IS_SYNTHETIC)  # fmt: skip


@dataclass(frozen=True)
class Edit:
    """One generated picture.

    Attributes:
        lineage: Where it comes from.
        before: Row of the face it was made from, by column name.
        after: Row of its largest face; None where no face was found in it.
        name: Generator and, where it has kinds, the kind.
        strength: How strong the edit is by the generator's own number; None where it has none.
    """

    lineage: Lineage
    before: Mapping[str, Any]
    after: Mapping[str, Any] | None
    name: str
    strength: float | None


def edits(
    ds: Dataset, columns: Sequence[Column], edit: str = "", strength: str = "", generators: Sequence[str] = ()
) -> list[Edit]:
    """All generated pictures of a dataset that were made from a face of it.

    Args:
        ds: The dataset.
        columns: Label columns that the rows shall have; perceived groups are added where they are at hand.
        edit: Parameter that names the edit; by default the first of `EDITS`.
        strength: Parameter that says how strong it is; by default the first of `STRENGTHS`.
        generators: Only of these.

    Raises:
        UsageError: if there are none, or the dataset lacks one of the columns.
    """
    known = ds.columns()
    for column in columns:
        if column.name not in known:
            raise UsageError(f"{ds.path} has no {column.name}", fix="Label it: facecurate run, or annotate -a NAME")
    wanted = [*columns, *(c for c in GROUPS if c.name in known and c not in columns)]
    table = ds.faces([faces.FACE_ID, faces.IMAGE_ID, *faces.BOX, *wanted, images.IS_SYNTHETIC]).to_pylist()
    by_face = {row[faces.FACE_ID.name]: row for row in table}
    largest: dict[str, dict[str, Any]] = {}
    for row in table:
        best = largest.get(row[faces.IMAGE_ID.name])
        if best is None or _area(row) > _area(best):
            largest[row[faces.IMAGE_ID.name]] = row
    found = []
    for row in ds.images([images.IMAGE_ID, *LINEAGE], where=f"{images.GENERATION.name} is not null").to_pylist():
        lineage = Lineage.of_row(row)
        if lineage.parent_face in by_face and (not generators or lineage.name in generators):
            name, amount = described(lineage, edit, strength)
            after = largest.get(row[images.IMAGE_ID.name])
            found.append(Edit(lineage, by_face[lineage.parent_face], after, name, amount))
    if not found:
        raise UsageError(
            f"{ds.path} holds no pictures made from its faces", fix="Make some: facecurate generate DATASET -w NAME"
        )
    return found


def described(lineage: Lineage, edit: str = "", strength: str = "") -> tuple[str, float | None]:
    """Name and strength of an edit; arguments as in `edits`."""
    said = {**_flat(lineage.settings), **_flat(lineage.parameters)}
    kind = next((said[k] for k in ([edit] if edit else EDITS) if isinstance(said.get(k), str) and said[k]), "")
    keys = [strength] if strength else STRENGTHS
    given = {**_flat(lineage.parameters), **{k: v for k, v in _flat(lineage.settings).items() if v is not None}}
    amount = next((given[k] for k in keys if _is_number(given.get(k))), None)
    return f"{lineage.name} {kind}".strip(), None if amount is None else float(amount)


def _flat(data: Mapping[str, Any]) -> dict[str, Any]:
    """Values one level deep; those of inner objects do not hide outer ones."""
    inner = {k: v for value in data.values() if isinstance(value, Mapping) for k, v in value.items()}
    return {**inner, **{k: v for k, v in data.items() if not isinstance(v, Mapping)}}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _area(row: Mapping[str, Any]) -> float:
    width, height = (float(row[c.name]) for c in faces.BOX[2:])
    return width * height


def person_of(row: Mapping[str, Any]) -> str:
    """Who a face is, as far as the dataset knows: the identity, else the face itself."""
    return str(row.get(labels.IDENTITY_ID.name) or row[faces.FACE_ID.name])
