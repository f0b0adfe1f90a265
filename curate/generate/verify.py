"""Looks at generated pictures again and says of each whether its promise was kept, as a layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from curate.engine.plan import choose
from curate.evaluation.intervals import Estimate, proportion
from curate.generate.again import Origins, Stored, pixels_of, stored
from curate.generate.crowd import Crowd, crowd
from curate.generate.intake import detector_of
from curate.generate.judging import Origin, Verdict, judge
from curate.generate.looking import Looker, Seen, usual_verifiers
from curate.generate.progress import Bar
from curate.generators.base import CannotGenerate, Request
from curate.generators.registry import generator, generator_names
from curate.identity.gather import fingerprint
from curate.identity.layers import publish
from curate.ingest import SourceReader
from curate.store import Dataset, LayerInfo, config_hash
from schemas import Column
from schemas.columns import faces, labels

NAME = "generation_check"
VERSION = "1"
COLUMNS = tuple(labels.GENERATION_CHECK.values())
CHUNK = 16


@dataclass
class Account:
    """What verifiers found about one generator's pictures.

    Attributes:
        kept: Whether each picture's promise was kept, None where nothing could be judged.
        promises: Promise -> whether it was held, for each picture.
        cosines: Cosine of each picture with its subject.
        unread: Reason -> pictures that could not be judged at all.
    """

    kept: list[bool | None] = field(default_factory=list)
    promises: dict[str, list[bool]] = field(default_factory=dict)
    cosines: list[float] = field(default_factory=list)
    unread: Counter[str] = field(default_factory=Counter)

    def add(self, verdict: Verdict) -> None:
        """Count a verdict."""
        self.kept.append(verdict.kept)
        for name in verdict.held:
            self.promises.setdefault(name, []).append(True)
        for name in verdict.broken:
            self.promises.setdefault(name.partition(":")[0], []).append(False)
        if verdict.own is not None:
            self.cosines.append(verdict.own)

    @property
    def share(self) -> Estimate:
        """Share of pictures whose promise was kept, of those that could be judged."""
        return proportion([k for k in self.kept if k is not None])


@dataclass(frozen=True)
class Verified:
    """The outcome.

    Attributes:
        layer: Name of the layer.
        written: False if the same layer was there already.
        accounts: Generator -> what was found.
    """

    layer: str
    written: bool
    accounts: dict[str, Account]


def verify(
    ds: Dataset, names: Sequence[str] | None = None, verifiers: Sequence[str] | None = None, quiet: bool = True
) -> Verified:
    """Label generated pictures and the portraits they were made from by the same verifiers, compare, write the layer.

    Args:
        ds: The dataset.
        names: Only pictures of these generators.
        verifiers: Annotators that judge; those that a generator satisfied on purpose never judge it.
        quiet: No progress bar.

    Raises:
        UsageError: if there are no generated pictures.
        UnknownNameError: for an unknown verifier.
        ModelError: if a model file is missing.
    """
    pictures = stored(ds, names)
    finder, settings = detector_of(ds)
    wanted = tuple(verifiers) if verifiers is not None else usual_verifiers()
    choose(wanted, settings, finder).require_models()
    people = crowd(ds)
    accounts: dict[str, Account] = {}
    verdicts: dict[str, Verdict] = {}
    boxes: dict[str, Seen] = {}
    looker = Looker(wanted, settings, finder)
    with Bar("verifying", len(pictures), quiet) as bar:
        for picture, verdict, seen in _judged(ds, pictures, looker, people, accounts):
            bar.step(1)
            verdicts[picture.image_id] = verdict
            if seen is not None:
                boxes[picture.image_id] = seen
    layer, written = _publish(ds, wanted, verdicts, boxes)
    return Verified(layer, written, accounts)


def _judged(
    ds: Dataset, pictures: Sequence[Stored], looker: Looker, people: Crowd, accounts: dict[str, Account]
) -> Iterator[tuple[Stored, Verdict, Seen | None]]:
    origins = Origins(ds, pictures)
    with SourceReader() as reader:
        for start in range(0, len(pictures), CHUNK):
            ready = []
            for picture in pictures[start : start + CHUNK]:
                account = accounts.setdefault(picture.lineage.name, Account())
                pixels = pixels_of(picture, reader)
                try:
                    request = origins.request(picture.lineage)
                except CannotGenerate as answer:
                    account.unread[str(answer)] += 1
                    continue
                if pixels is None:
                    account.unread["its file cannot be read any more"] += 1
                    continue
                ready.append((picture, pixels, request))
            after = looker.look([pixels for _, pixels, _ in ready])
            for (picture, _, request), seen in zip(ready, after, strict=True):
                verdict = judge(
                    picture.lineage.promise, seen, origin_of(request, looker), people, conditioners_of(picture)
                )  # fmt: skip
                accounts[picture.lineage.name].add(verdict)
                yield picture, verdict, seen


def conditioners_of(picture: Stored) -> tuple[str, ...]:
    """Annotators that cannot verify a picture."""
    name = picture.lineage.name
    return generator(name).conditioners if name in generator_names() else ()


def origin_of(request: Request, looker: Looker) -> Origin:
    """What verifiers say of the portraits that a picture was made from."""
    both = [s for s in (request.subject, request.partner) if s is not None]
    seen = dict(zip((s.face_id for s in both), looker.look([s.pixels for s in both]), strict=True))
    first = "" if request.subject is None else request.subject.face_id
    second = "" if request.partner is None else request.partner.face_id
    return Origin(first, seen.get(first), second, seen.get(second))


def _publish(
    ds: Dataset, wanted: Sequence[str], verdicts: dict[str, Verdict], boxes: dict[str, Seen]
) -> tuple[str, bool]:
    """Write the verdicts beside the faces that were judged: the largest of each generated picture."""
    table = ds.faces([faces.FACE_ID, faces.IMAGE_ID, *faces.BOX])
    ids, homes = (table.column(c.name).to_pylist() for c in (faces.FACE_ID, faces.IMAGE_ID))
    places = list(zip(*(table.column(c.name).to_pylist() for c in faces.BOX), strict=True))
    shown = [
        verdicts[home] if home in boxes and places[row][:2] == boxes[home].box[:2] else None
        for row, home in enumerate(homes)
    ]
    values: dict[Column, list[Any]] = {
        labels.PROMISE_KEPT: [v and v.kept for v in shown],
        labels.PROMISE_BROKEN: [v and list(v.broken) for v in shown],
        labels.PROMISE_UNCHECKED: [v and list(v.unchecked) for v in shown],
        labels.MADE_COSINE: [v and v.own for v in shown],
        labels.PARTNER_COSINE: [v and v.partner for v in shown],
        labels.NEAREST_COSINE: [v and v.nearest for v in shown],
    }
    arrays = {column: pa.array(found, column.type) for column, found in values.items()}
    face_ids = pa.array(ids, pa.string())
    config = {"verifiers": list(wanted), "data": fingerprint(face_ids, *arrays.values())}
    name = f"{NAME}.v{VERSION}-{config_hash(config)[:8]}"
    info = LayerInfo(name, "model", NAME, VERSION, config, columns=tuple(c.name for c in COLUMNS))
    with ds.lock():
        known = pa.array([v is not None for v in shown]).to_numpy(zero_copy_only=False)
        written = publish(ds, info, face_ids, arrays, known, "no generated face that was judged")
    return name, written
