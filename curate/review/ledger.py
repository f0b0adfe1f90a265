"""What a dataset knows of a review: project, questions, what was shown, how far it came home."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from curate.review.spec import Spec
from curate.store import Dataset
from curate.store.parts import read_json, write_json
from schemas import DatasetError, UnknownNameError, UsageError

FOLDER = "reviews"
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
SCALE = float(1 << 32)


@dataclass(frozen=True)
class Ledger:
    """A review of a dataset.

    Attributes:
        name: Of the review: small letters, digits and `-`.
        url: Of the server.
        spec: What is asked for.
        note: The project's description on the server: it finds the project again after a stop.
        project: Its number on the server; 0 while it is not known.
        revision: Of the dataset's faces.
        layers: Layers that spoke when the first task was sent: what was shown follows from them.
        blind: Share of pictures that are shown without a prediction.
        overlap: Annotations wanted per task.
        seed: Decides which pictures are blind.
        gold: Pictures whose right answers are known, by the layer that holds them: image id -> layer.
        media: How the server finds pictures, as `curate.review.media` takes it.
        sending: A chunk is on its way: it may have arrived, or may still.
        home: Annotation id -> time of its last change, of those that were taken home.
        minors: Pictures that may show minors were sent too.
    """

    name: str
    url: str
    spec: Spec
    note: str
    project: int = 0
    revision: int = 0
    layers: tuple[str, ...] = ()
    blind: float = 0.0
    overlap: int = 1
    seed: int = 0
    gold: Mapping[str, str] = field(default_factory=dict)
    media: Mapping[str, str] = field(default_factory=dict)
    sending: bool = False
    home: Mapping[str, str] = field(default_factory=dict)
    minors: bool = False

    def is_blind(self, image_id: str) -> bool:
        """Whether a picture is shown without a prediction."""
        drawn = hashlib.blake2b(f"{self.seed}:{image_id}".encode(), digest_size=4).digest()
        return int.from_bytes(drawn, "big") / SCALE < self.blind

    def save(self, ds: Dataset) -> Ledger:
        """Write it, whole or not at all; gives itself."""
        data = {**asdict(replace(self, spec=None)), "spec": self.spec.as_dict()}  # type: ignore[arg-type]
        write_json(path_of(ds, self.name), {"format": "facecurate-review", "version": 1, **data})
        return self

    def with_(self, ds: Dataset, **changes: Any) -> Ledger:
        """A changed copy, written."""
        return replace(self, **changes).save(ds)


def path_of(ds: Dataset, name: str) -> Path:
    """Where a review is kept.

    Raises:
        UsageError: for a name that cannot be one.
    """
    if not NAME.fullmatch(name):
        raise UsageError(f"'{name}' cannot name a review", "up to 40 small letters, digits and -", "Example: round-1")
    return ds.path / FOLDER / f"{name}.json"


def names(ds: Dataset) -> list[str]:
    """Names of a dataset's reviews."""
    return sorted(p.stem for p in (ds.path / FOLDER).glob("*.json"))


def load(ds: Dataset, name: str) -> Ledger:
    """A review of a dataset.

    Raises:
        UnknownNameError: if there is none of that name.
        DatasetError: if its file is not understood.
    """
    path = path_of(ds, name)
    if not path.is_file():
        raise UnknownNameError("review", name, names(ds))
    data = read_json(path)
    try:
        spec = Spec.from_dict(data["spec"])
        rest = {k: v for k, v in data.items() if k not in ("format", "version", "spec")}
        return Ledger(**{**rest, "spec": spec, "layers": tuple(rest["layers"])})
    except (KeyError, TypeError) as error:
        raise DatasetError(f"{path} is not understood", str(error), "Restore it from a copy") from error


def note_for(ds: Dataset) -> str:
    """A description that no other project has."""
    return f"Made by facecurate from the dataset '{ds.info.name}'. Review {uuid.uuid4().hex}. Keep this line."
