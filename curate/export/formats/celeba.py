"""CelebA: aligned pictures and lists of attributes, points, boxes, identities and parts, all in one order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from curate.export.base import Exporter, Part, Plan, equal
from curate.export.pieces import kept
from curate.export.sample import FaceItem, Sample
from curate.export.splits import shown
from curate.export.ties import no_place, ties, write_lines, write_listed
from schemas import Column, labels, taxonomy
from schemas.coding import coding
from schemas.columns import faces

PICTURES = "img_align_celeba"
ATTRIBUTES, POINTS = "list_attr_celeba.txt", "list_landmarks_align_celeba.txt"
BOXES, PARTS, IDENTITIES = "list_bbox_celeba.txt", "list_eval_partition.txt", "identity_CelebA.txt"
PEOPLE = "identity_names.txt"
"""Not one of CelebA's files: which of our identities has which number."""
POINTS_HEAD = (
    "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y"
)
BOX_HEAD = "image_id x_1 y_1 width height"
PART_OF = {"train": 0, "validation": 1, "val": 1, "test": 2}
NO_PART = 3
"""What belongs to none of CelebA's three parts; its readers then find it in none but `all`."""
NAMES = taxonomy(labels.CELEBA_PRESENT.taxonomy).labels
FLAG = coding("celeba-flag")
PRESENT, ABSENT = (int(FLAG.encode(label).value) for label in ("present", "absent"))
UNKNOWN = 0
"""Attribute that nobody judged, and identity that nobody knows: CelebA itself has neither."""
JUDGEMENTS = ("Attractive", "Chubby")
"""Nothing here judges them: they are present where an imported list says so, else unknown."""
MALE, EYEGLASSES = "Male", "Eyeglasses"


class CelebA(Exporter):
    """Every list has every picture. Unknown attributes and identities are 0, other splits are part 3."""

    name = "celeba"
    doc = "CelebA's folder img_align_celeba with its lists of attributes, landmarks, boxes, parts and identities."
    opened_by = "loaders of CelebA that do not insist on the original's checksums"
    needs_crop = True
    forms = ("jpeg",)
    box_tolerance = 0.5001

    _splits: tuple[str, ...] = ()

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """All but identity and the attribute lists; without those, gender as the attribute Male."""
        listed = labels.CELEBA_PRESENT in columns
        held = [labels.IDENTITY_ID, *((labels.CELEBA_PRESENT, labels.CELEBA_ABSTAINED) if listed else (labels.GENDER,))]
        found = no_place(columns, held, "CelebA")
        if listed and labels.GENDER in columns:
            found[labels.GENDER.name] = f"the attribute list speaks for {MALE}"
        if not listed and labels.EYEWEAR in columns:
            found[labels.EYEWEAR.name] = f"glasses and sunglasses both become {EYEGLASSES} (merge)"
        return found

    def needs(self, columns: Sequence[Column]) -> Sequence[Column]:
        """The detector's five points."""
        return (faces.POINTS_5,)

    def begin(self, folder: Path, plan: Plan) -> None:
        """Note the splits: where there are none, all is for training."""
        self._splits = plan.splits

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures; their lines are kept until `finish`."""
        return write_listed(folder, part, samples, _place, self._record)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """The lists; two of them begin with the number of pictures and the names of their columns."""
        people = {who: i + 1 for i, who in enumerate(sorted({r["who"] for r in kept(folder, parts) if r["who"]}))}
        count = sum(1 for _ in kept(folder, parts))

        def lines(head: str, line: Callable[[Mapping[str, Any]], Any]) -> Iterator[str]:
            yield head
            yield from (f"{record['name']} {line(record)}\n" for record in kept(folder, parts))

        def spaced(field: str) -> Callable[[Mapping[str, Any]], str]:
            return lambda record: " ".join(f"{v:2d}" for v in record[field])

        yield write_lines(folder / ATTRIBUTES, lines(f"{count}\n{' '.join(NAMES)}\n", spaced("flags")))
        yield write_lines(folder / POINTS, lines(f"{count}\n{POINTS_HEAD}\n", spaced("points")))
        yield write_lines(folder / BOXES, lines(f"{count}\n{BOX_HEAD}\n", spaced("box")))
        yield write_lines(folder / PARTS, lines("", lambda r: r["part"]))
        yield write_lines(folder / IDENTITIES, lines("", lambda r: people.get(r["who"], UNKNOWN)))
        yield write_lines(folder / PEOPLE, (f"{number} {who}\n" for who, number in people.items()))

    def read(self, folder: Path) -> Iterator[Sample]:
        """By the lists."""
        flags, boxes = (_numbers(folder / name, 2) for name in (ATTRIBUTES, BOXES))
        numbers = _numbers(folder / IDENTITIES, 0)
        told = (line.split(" ", 1) for line in (folder / PEOPLE).read_text("utf-8").splitlines())
        people = {int(number): who for number, who in told}
        for tie in ties(folder):
            name = PurePosixPath(tie.file).name
            x, y, w, h = (float(v) for v in boxes[name])
            values = _labels(flags[name]) | {labels.IDENTITY_ID.name: people.get(numbers[name][0])}
            yield tie.sample(folder, values, (x, y, w, h))

    def same(self, column: Column, given: Any, found: Any) -> bool:
        """Attribute lists as sets; where all forty are 0, none judged and no list at all look alike."""
        if column not in (labels.CELEBA_PRESENT, labels.CELEBA_ABSTAINED) or given is None:
            return equal(column, given, found)
        first = set(given) - (set(JUDGEMENTS) if column is labels.CELEBA_ABSTAINED else set())
        if found is None:
            return first in (set(), set(NAMES) - set(JUDGEMENTS))
        return first == set(found)

    def _record(self, sample: Sample, file: str) -> dict[str, Any]:
        face = sample.faces[0]
        return {
            "name": PurePosixPath(file).name,
            "flags": flags_of(face),
            "points": [round(float(v)) for v in face.labels[faces.POINTS_5.name].ravel()],
            "box": [round(v) for v in face.box or ()],
            "part": PART_OF.get(shown(sample.split, self._splits), NO_PART),
            "who": face.labels.get(labels.IDENTITY_ID.name),
        }


def flags_of(face: FaceItem) -> list[int]:
    """CelebA's forty values of a face: 1 present, -1 absent, 0 unknown."""
    if labels.CELEBA_PRESENT.name in face.labels:
        present, unsure = (face.labels.get(c.name) for c in (labels.CELEBA_PRESENT, labels.CELEBA_ABSTAINED))
        if present is None:
            return [UNKNOWN] * len(NAMES)
        unknown = {*(unsure or ()), *JUDGEMENTS}
        return [PRESENT if n in present else UNKNOWN if n in unknown else ABSENT for n in NAMES]
    gender, eyewear = (face.labels.get(c.name) for c in (labels.GENDER, labels.EYEWEAR))
    known = {
        MALE: None if gender is None else gender == MALE,
        EYEGLASSES: None if eyewear is None else eyewear != "none",
    }
    return [{True: PRESENT, False: ABSENT, None: UNKNOWN}[known.get(n)] for n in NAMES]


def _labels(flags: Sequence[int]) -> dict[str, Any]:
    by_name = dict(zip(NAMES, flags, strict=True))
    listed = any(flags)
    male = {PRESENT: MALE, ABSENT: "Female"}.get(by_name[MALE])
    return {
        labels.GENDER.name: male,
        labels.CELEBA_PRESENT.name: [n for n, v in by_name.items() if v == PRESENT] if listed else None,
        labels.CELEBA_ABSTAINED.name: [n for n, v in by_name.items() if v == UNKNOWN and n not in JUDGEMENTS]
        if listed
        else None,
    }


def _place(sample: Sample) -> str:
    return f"{PICTURES}/{sample.number + 1:06d}{sample.suffix}"


def _numbers(path: Path, head: int) -> dict[str, list[int]]:
    """First field -> the others as numbers, of the lines after the head."""
    rows = (line.split() for line in path.read_text("ascii").splitlines()[head:])
    return {name: [int(v) for v in values] for name, *values in rows}
