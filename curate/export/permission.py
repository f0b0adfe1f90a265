"""Who allows what: licences of pictures and of the models behind the labels, and consent."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from curate.store import Dataset
from schemas import Column

FREE = re.compile(
    r"\b(cc0|public domain|pdm|cc[- ]by([- ]sa)?([- ]\d\.\d)?|apache|mit|bsd|isc|unlicense|odc[- ]by|odbl|us gov)\b",
    re.IGNORECASE,
)
BOUND = re.compile(
    r"\b(cc[- ]by[- ]nc\w*|nc|non[- ]?commercial|research|academic|nd|no[- ]?deriv\w*|all rights reserved|evaluation|"
    r"proprietary|editorial|terms)\b", re.IGNORECASE,
)  # fmt: skip


@dataclass(frozen=True)
class Blocker:
    """Why an export, or part of it, may not be used commercially.

    Attributes:
        what: The licence or the layer.
        why: The reason.
        pictures: How many pictures it stands at; 0 for a layer, which concerns all.
    """

    what: str
    why: str
    pictures: int = 0


def commercial(licence: str | None) -> bool | None:
    """Whether a licence's words allow commercial use of changed copies; None where they do not tell.

    Reads words, not law: what it does not know it does not allow.
    """
    text = (licence or "").strip()
    if not text:
        return None
    if BOUND.search(text):
        return False
    return True if FREE.search(text) else None


def picture_blockers(licences: Iterable[str | None]) -> list[Blocker]:
    """Licences that do not allow commercial use, or do not say so, the most frequent first."""
    counts = Counter((licence or "").strip() for licence in licences)
    found = []
    for licence, number in counts.most_common():
        allowed = commercial(licence)
        if allowed:
            continue
        why = "it does not allow commercial use" if allowed is False else "it is not known to allow commercial use"
        found.append(Blocker(licence or "no licence stated", why, number))
    return found


def label_blockers(ds: Dataset, columns: Sequence[Column], layers: Sequence[str] | None = None) -> list[Blocker]:
    """Layers among those that speak for the columns whose models were trained under terms that forbid it."""
    from annotators.weights import ModelStore

    store, wanted, found = ModelStore(), {c.name for c in columns}, []
    for info in ds.layers():
        if (layers is not None and info.name not in layers) or not wanted & set(info.columns):
            continue
        for digest in info.weights.values():
            entry = next((e for e in store.entries() if e.sha256 == digest), None)
            if entry is not None and not entry.commercial:
                found.append(Blocker(f"layer {info.name}", f"its model {entry.name} is under {entry.licence}"))
    return found
