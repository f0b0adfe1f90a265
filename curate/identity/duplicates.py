"""Groups of faces that show the same photo, and the best of each group. Nothing is deleted."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.identity import children, copies, hamming
from curate.identity.copies import Ties, embedding_ties, face_ties, picture_ties
from curate.identity.gather import Faces, codes, fingerprint, gather, unfold
from curate.identity.graph import Ints, components
from curate.identity.hashes import picture_hashes
from curate.identity.layers import publish
from curate.identity.similar import Search
from curate.store import Dataset, LayerInfo, config_hash
from schemas import Column, Reason
from schemas.columns import faces, hashes, images, labels
from schemas.taxonomy import taxonomy

NAME = "duplicate_groups"
VERSION = "1"
COLUMNS = (labels.DUPLICATE_GROUP, labels.DUPLICATE_KIND, labels.DUPLICATE_SIZE, labels.DUPLICATE_KEEP)
KINDS = taxonomy("duplicate-kind").labels


@dataclass(frozen=True)
class Settings:
    """Choices of the search for duplicates.

    Attributes:
        bits: Most differing bits of the 64-bit hash.
        fine_bits: Most differing bits of the 256-bit hash.
        cosine: Least cosine of two cuts of one photo.
        child_chance: Chance of being under 13 from which a face is reported but never thinned out.
        assume_adults: The user's word that the dataset shows adults only.
        search: How the index is used for many faces.
    """

    bits: int = hamming.BITS
    fine_bits: int = hamming.FINE_BITS
    cosine: float = copies.COSINE
    child_chance: float = children.CHILD_CHANCE
    assume_adults: bool = False
    search: Search = field(default_factory=Search)


@dataclass(frozen=True)
class Duplicates:
    """The outcome.

    Attributes:
        layer: Name of the layer.
        written: False if the same layer was there already.
        counts: Faces by kind of duplicate, groups, faces to drop, pictures that are byte for byte the same.
    """

    layer: str
    written: bool
    counts: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def find_duplicates(ds: Dataset, settings: Settings | None = None, quiet: bool = True) -> Duplicates:
    """Group a dataset's faces by photo and write the layer.

    Pictures that are byte for byte the same are not faces of their own: the ledger lists them. Ties by
    embedding are looked for among faces that are certainly no child's.

    Raises:
        UsageError: if there are no faces.
    """
    settings = settings or Settings()
    quality = [labels.QUALITY_SCORE] if labels.QUALITY_SCORE.name in ds.columns() else []
    place = [images.WIDTH, images.HEIGHT, *faces.BOX, faces.POINTS_5, images.PARENT, images.IS_SYNTHETIC, *quality]
    people = gather(ds, place, child_chance=settings.child_chance, assume_adults=settings.assume_adults)
    with ds.lock():
        table = picture_hashes(ds, quiet)
        ties = _ties(people, table, settings)
        values = _values(people, ties)
        config = {k: v for k, v in asdict(settings).items() if k != "search"}
        config["data"] = fingerprint(people.ids, ties.a, ties.b, ties.kind, people.age, values[labels.DUPLICATE_KEEP])
        name = f"{NAME}.v{VERSION}-{config_hash(config)[:8]}"
        info = LayerInfo(name, "model", NAME, VERSION, config, columns=tuple(c.name for c in COLUMNS))
        written = publish(ds, info, people.ids, values, np.ones(len(people), bool), "")
        unread = pc.is_in(table.filter(table.column(hashes.HASH.name).is_null())[hashes.IMAGE_ID.name], people.pictures)
    counts = {**_counts(ds, people, values), "pictures that could not be read again": pc.sum(unread).as_py() or 0}
    return Duplicates(name, written, counts)


def _ties(people: Faces, table: pa.Table, settings: Settings) -> Ties:
    """All ties between faces; pictures without faces are left out first, since blank ones are all alike."""
    table = table.filter(pc.is_in(table.column(hashes.IMAGE_ID.name), value_set=people.pictures))
    known = table.column(hashes.IMAGE_ID.name).combine_chunks()
    place = pc.fill_null(pc.index_in(people.pictures, value_set=known), -1).to_numpy()
    by_picture = face_ties(picture_ties(table, settings.bits, settings.fine_bits), place[people.image], _boxes(people))
    rows = np.flatnonzero(people.present & ~people.guarded)
    points, ok = unfold(people.columns[faces.POINTS_5.name])
    rows = rows[ok[rows]]
    laid_out = points[rows].reshape(-1, 5, 2).astype(np.float64)
    found = embedding_ties(np.ascontiguousarray(people.vectors[rows]), laid_out, settings.search, settings.cosine)
    a, b = np.concatenate([by_picture.a, rows[found.a]]), np.concatenate([by_picture.b, rows[found.b]])
    kept = ~_made_of_one(people, a, b)
    return Ties(a[kept], b[kept], np.concatenate([by_picture.kind, found.kind])[kept])


def _made_of_one(people: Faces, a: Ints, b: Ints) -> NDArray[np.bool_]:
    """Pairs of a generated face and its photograph or another one made of it: alike on purpose, and no copies."""
    parent = people.columns[images.PARENT.name].cast(pa.string())
    own = people.pictures.take(pa.array(people.image)).cast(pa.string())
    origin = codes(pc.coalesce(parent, own))
    made = pc.fill_null(people.columns[images.IS_SYNTHETIC.name], False).to_numpy(zero_copy_only=False)
    return np.asarray((origin[a] == origin[b]) & (made[a] | made[b]))


def _boxes(people: Faces) -> NDArray[np.float64]:
    sides = [people.columns[c.name].to_numpy(zero_copy_only=False) for c in (images.WIDTH, images.HEIGHT)]
    boxes = [people.columns[c.name].to_numpy(zero_copy_only=False) for c in faces.BOX]
    return np.asarray(np.column_stack(boxes).astype(np.float64) / np.column_stack(sides + sides))


def _values(people: Faces, ties: Ties) -> dict[Column, pa.Array]:
    group = components(len(people), ties.a, ties.b)
    size = np.bincount(group, minlength=len(people))[group]
    kind = np.full(len(people), copies.UNIQUE)
    np.minimum.at(kind, ties.a, ties.kind)
    np.minimum.at(kind, ties.b, ties.kind)
    leaders = people.ids.take(pa.array(group)).to_pylist()
    return {
        labels.DUPLICATE_GROUP: pa.array([group_id(leader) for leader in leaders]),
        labels.DUPLICATE_KIND: pa.array(KINDS).take(pa.array(kind)),
        labels.DUPLICATE_SIZE: pa.array(size.astype(np.int32)),
        labels.DUPLICATE_KEEP: pa.array(_keep(people, group)),
    }


def _keep(people: Faces, group: Ints) -> NDArray[np.bool_]:
    """The best of each group by quality, then by size of the face, then the first; all where one may be a child."""
    area = np.prod([people.columns[c.name].to_numpy(zero_copy_only=False) for c in faces.BOX[2:]], axis=0)
    quality = np.full(len(people), -1.0)
    if labels.QUALITY_SCORE.name in people.columns:
        quality = np.nan_to_num(people.columns[labels.QUALITY_SCORE.name].to_numpy(zero_copy_only=False), nan=-1.0)
    order = np.lexsort((np.arange(len(people)), -area, -quality, group))
    keep = np.zeros(len(people), bool)
    keep[order[np.flatnonzero(np.diff(group[order], prepend=-1))]] = True
    return keep | np.isin(group, group[people.guarded])


def group_id(face_id: str) -> str:
    """Id of the duplicate group whose first face this is; it stays when later copies join."""
    return "d-" + hashlib.blake2b(face_id.encode(), digest_size=8).hexdigest()


def _counts(ds: Dataset, people: Faces, values: dict[Column, pa.Array]) -> dict[str, int]:
    sizes = values[labels.DUPLICATE_SIZE].to_numpy()
    kinds = {p["values"]: int(p["counts"]) for p in pc.value_counts(values[labels.DUPLICATE_KIND]).to_pylist()}
    in_group = sizes > 1
    return {
        "faces": len(people),
        "groups of duplicates": round(float((1 / sizes[in_group]).sum())),
        **{f"faces tied: {kind}": kinds.get(kind, 0) for kind in KINDS if kind != "unique"},
        "faces that could be dropped": int((~values[labels.DUPLICATE_KEEP].to_numpy(zero_copy_only=False)).sum()),
        "faces in groups that may show a child": int((in_group & people.guarded).sum()),
        "pictures with the same bytes (ledger)": ds.counts().reasons.get(Reason.DUPLICATE.value, 0),
    }
