"""Faces that may be the source of generated ones, the best first, and why the others may not."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.report.sample import AGES, may_be_minors, told_minors
from curate.store import Dataset
from curate.store.checks import as_array
from schemas import ImageStatus, UnknownNameError
from schemas.columns import faces, images, labels

Flags = NDArray[np.bool_]

BEST, RANDOM = "best", "random"
ORDERS = (BEST, RANDOM)
TRAINING = "train"
"""How names of training parts begin; faces of any other named part are held out."""

MINOR = "may be a minor's, or stands beside a face that may"
HELD_OUT = "in a validation or test part"
GENERATED = "in a generated picture"
COPY = "a copy of a photo that is there already"
NOT_OK = "the picture cannot be read"
UNMATCHED = "not among the faces asked for"
WAYS_OUT = {
    HELD_OUT: "--any-split takes them",
    GENERATED: "--from-synthetic takes them",
    MINOR: "no option takes them; where ages are unknown, --assume-adults gives your word",
}


@dataclass(frozen=True)
class Rules:
    """Which faces may be sources.

    Attributes:
        where: SQL condition over the view.
        order: `best` for the highest quality first, `random` for a draw.
        seed: Of the draw, and of ties.
        from_synthetic: Faces of generated pictures too.
        any_split: Faces of validation and test parts too. A picture made from one belongs in no part: in training
            it would give the person away, in a test it is no photograph.
        assume_adults: The user's word that faces of unknown age are adults'. No word stands against a label.
    """

    where: str = ""
    order: str = BEST
    seed: int = 0
    from_synthetic: bool = False
    any_split: bool = False
    assume_adults: bool = False

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise UnknownNameError("order of faces", self.order, ORDERS)


@dataclass(frozen=True)
class Candidates:
    """The faces that may be sources.

    Attributes:
        table: A row per face, in the order in which they are to be used.
        left_out: Reason -> faces.
        total: Faces in the dataset.
    """

    table: pa.Table
    left_out: dict[str, int]
    total: int

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def ids(self) -> list[str]:
        """Their face ids."""
        return list(self.table.column(faces.FACE_ID.name).to_pylist())

    def why_none(self) -> str:
        """What kept all faces out, in words."""
        parts = [f"{n:,} {reason}" for reason, n in sorted(self.left_out.items(), key=lambda kv: -kv[1])]
        return f"of {self.total:,} faces: " + "; ".join(parts) if parts else "it holds no faces"

    def ways_out(self) -> str:
        """What a user could do about it."""
        return "; ".join(f"faces {r}: {WAYS_OUT[r]}" for r in self.left_out if r in WAYS_OUT)


def pictures_with_minors(ds: Dataset, assume_adults: bool) -> pa.Array:
    """`image_id` of every picture with a face that may be a minor's, or that its list calls one's."""
    known = ds.columns()
    wanted = [faces.IMAGE_ID.name, *(c.name for c in AGES if c.name in known)]
    found = [told_minors(ds)]
    for table in ds.iter_faces(wanted):
        ids = as_array(table.column(faces.IMAGE_ID.name))
        found.append(ids.filter(pa.array(may_be_minors(table, assume_adults))).cast(pa.string()))
    return pc.unique(pa.concat_arrays(found))


def candidates(ds: Dataset, rules: Rules, others: Sequence[str] = ()) -> Candidates:
    """Look through all faces.

    Args:
        ds: The dataset.
        rules: Which may be sources.
        others: Further columns of the table.

    Raises:
        UnknownNameError: for a column in the condition that is not here.
        UsageError: for a condition that SQL does not understand.
    """
    known = ds.columns()
    useful = (
        labels.QUALITY_SCORE, labels.YAW, labels.PITCH, labels.ROLL, labels.DUPLICATE_KEEP, labels.DUPLICATE_GROUP,
        labels.IDENTITY_ID,
    )  # fmt: skip
    names = [faces.FACE_ID, faces.IMAGE_ID, images.STATUS, images.IS_SYNTHETIC, images.SPLIT]
    wanted = [c.name for c in (*names, *(c for c in useful if c.name in known))]
    wanted = list(dict.fromkeys([*wanted, *others]))
    young = pictures_with_minors(ds, rules.assume_adults)
    total = sum(t.num_rows for t in ds.iter_faces([faces.FACE_ID]))
    reasons: Counter[str] = Counter()
    kept = []
    asked = 0
    for table in ds.iter_faces(wanted, rules.where or None):
        asked += table.num_rows
        free = np.ones(table.num_rows, bool)
        for reason, hit in _reasons(table, rules, young):
            reasons[reason] += int((free & hit).sum())
            free &= ~hit
        kept.append(table.filter(pa.array(free)))
    reasons[UNMATCHED] = total - asked
    found = pa.concat_tables(kept, promote_options="permissive") if kept else ds.faces(wanted, "false")
    return Candidates(_ordered(found, rules), {r: n for r, n in reasons.items() if n}, total)


def _reasons(table: pa.Table, rules: Rules, young: pa.Array) -> list[tuple[str, Flags]]:
    status = table.column(images.STATUS.name)
    found = [(NOT_OK, _true(pc.not_equal(status, ImageStatus.OK.value)))]
    if not rules.from_synthetic:
        found.append((GENERATED, _true(table.column(images.IS_SYNTHETIC.name))))
    found.append((MINOR, _true(pc.is_in(table.column(faces.IMAGE_ID.name), value_set=young))))
    if not rules.any_split:
        found.append((HELD_OUT, held_out(table)))
    if labels.DUPLICATE_KEEP.name in table.column_names:
        found.append((COPY, _true(pc.invert(table.column(labels.DUPLICATE_KEEP.name)))))
    return found


def held_out(table: pa.Table) -> Flags:
    """Faces of a named part that is not for training."""
    names = table.column(images.SPLIT.name).cast(pa.string())
    training = pc.starts_with(pc.utf8_lower(pc.utf8_trim_whitespace(names)), TRAINING)
    return _true(pc.and_(pc.invert(training), pc.not_equal(names, "")))


def _true(column: pa.ChunkedArray) -> Flags:
    return np.asarray(pc.fill_null(column, False).to_numpy(zero_copy_only=False), bool)


def _ordered(table: pa.Table, rules: Rules) -> pa.Table:
    ids = table.column(faces.FACE_ID.name).to_pylist()
    draw = np.array([_draw(face, rules.seed) for face in ids], np.uint64)
    if rules.order == RANDOM or labels.QUALITY_SCORE.name not in table.column_names:
        order = np.argsort(draw, kind="stable")
    else:
        quality = table.column(labels.QUALITY_SCORE.name).to_numpy().astype(np.float64)
        order = np.lexsort((draw, -np.nan_to_num(quality, nan=-1.0)))
    return table.take(pa.array(order))


def _draw(face: str, seed: int) -> int:
    return int.from_bytes(hashlib.blake2b(f"{seed}:{face}".encode(), digest_size=8).digest(), "big")
