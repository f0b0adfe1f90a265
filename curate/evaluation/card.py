"""The card of the truth: where it is from, what it holds, and whether a model may have seen it in training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from annotators.heads import heads_folder
from annotators.weights import ModelStore
from curate.evaluation.descent import kin
from curate.evaluation.roles import Roles
from curate.evaluation.truth import Truth
from curate.ingest.filesystem import is_url
from curate.store import Dataset, LayerInfo
from schemas import UnknownNameError

SOURCE = "SOURCE.txt"
LONGEST = 2000
TRAINING_SETS = {
    "FairFace": ("fairface",), "AffectNet": ("affectnet",), "FER2013": ("fer2013", "fer-2013"), "FERPlus": ("ferplus",),
    "RAF-DB": ("raf-db", "rafdb"), "CelebA": ("celeba",), "UTKFace": ("utkface",), "LFW": ("lfw",), "WFLW": ("wflw",),
    "300-W": ("300w", "300-w"), "VGGFace2": ("vggface",), "MS1M": ("ms1m", "ms-celeb"), "DISFA": ("disfa",),
    "BP4D": ("bp4d",), "IMDB-WIKI": ("imdb", "wiki"), "WIDER FACE": ("widerface", "wider face", "wider_face"),
    "Adience": ("adience",), "muxspace": ("muxspace", "facial_expressions", "press-style"), "MORPH": ("morph",),
}  # fmt: skip
"""Data sets that models are often trained on -> words by which a text speaks of them."""


@dataclass(frozen=True)
class TruthCard:
    """Facts about a truth.

    Attributes:
        name: Its name.
        file: File name, `layer:NAME` or `extra`; no folders, so that the page can be passed on.
        sha256: Of the file.
        rows: Rows it has.
        columns: Column -> what it was taken for; empty if it was not used.
        says: Who says so and under which licence, from the user, `SOURCE.txt`, or the table's own columns.
        overlaps: Model file or layer -> why it may have been trained on these pictures, or how it is kin to the truth.
        notes: What reading it took.
    """

    name: str
    file: str
    sha256: str
    rows: int
    columns: Mapping[str, str]
    says: str
    overlaps: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain data for the JSON."""
        return {**asdict(self), "notes": list(self.notes)}


def truth_card(
    truth: Truth, roles: Roles, groups: Iterable[str], note: str, ds: Dataset, layers: Sequence[LayerInfo]
) -> TruthCard:
    """Collect what is known about a truth; `groups` are its columns that faces are grouped by."""
    says = note or _source_text(truth) or _own_words(truth)
    words = f"{truth.source} {says} {' '.join(str(s) for s in ds.info.sources)}"
    file = truth.source if not truth.sha256 else PurePosixPath(truth.source).name
    return TruthCard(
        truth.name,
        file,
        truth.sha256,
        len(truth),
        _meanings(truth, roles, groups),
        says,
        kin(truth, layers, ds.layers()) | _overlaps(words, layers),
        truth.notes,
    )


def _source_text(truth: Truth) -> str:
    if not truth.sha256 or is_url(truth.source):
        return ""
    beside = Path(truth.source).parent / SOURCE
    if not beside.is_file():
        return ""
    text = " ".join(beside.read_text("utf-8", errors="replace").split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


def _own_words(truth: Truth) -> str:
    """Values of the table's own columns of licences and origins, the most frequent first."""
    said = []
    for name in ("licence", "license", "label_origin", "origin", "source"):
        values = [str(v) for v in truth.columns.get(name, []) if v is not None]
        if values:
            ranked = sorted(set(values), key=lambda v: (-values.count(v), v))
            more = f" and {len(ranked) - 3} more" if len(ranked) > 3 else ""
            said.append(f"{name}: {'; '.join(ranked[:3])}{more}")
    return ". ".join(said)


def _meanings(truth: Truth, roles: Roles, groups: Iterable[str]) -> dict[str, str]:
    meanings = dict.fromkeys(truth.columns, "")
    for pairing in roles.pairings:
        target = f"{pairing.column.name}.{pairing.field}" if pairing.field else pairing.column.name
        before = meanings[pairing.truth]
        meanings[pairing.truth] = f"{before}, {target}" if before else f"truth of {target}"
    meanings |= dict.fromkeys(roles.counts, "number of faces")
    meanings |= dict.fromkeys(roles.box, "box") | dict.fromkeys(roles.points, "points")
    for name, meaning in ((roles.key_column, f"key ({roles.key})"), (roles.identity, "identity")):
        if name:
            meanings[name] = meaning
    for name in groups:
        meanings[name] = f"{meanings[name]}; groups" if meanings[name] else "groups"
    return meanings


def _overlaps(words: str, layers: Sequence[LayerInfo]) -> dict[str, str]:
    """Models whose cards name a data set that the truth, too, seems to come from."""
    told = _sets_named(words)
    found: dict[str, str] = {}
    for model, card in _cards(layers):
        trained = " ".join(t for t in card.split(". ") if any(w in t.lower() for w in ("train", "fitted")))
        for name in sorted(told & _sets_named(trained)):
            found[model] = (
                f"trained on {name}, its card says, and this truth speaks of it: it may have seen these faces"
            )
    return found


def _cards(layers: Sequence[LayerInfo]) -> Iterator[tuple[str, str]]:
    """Name and card of every model that the layers used: files of the catalogue, and heads of the package."""
    store = ModelStore()
    for weight in dict.fromkeys(w for layer in layers for w in layer.weights):
        try:
            yield weight, store.entry(weight).card
        except UnknownNameError:
            continue
    for name in dict.fromkeys(layer.annotator for layer in layers):
        beside = (heads_folder() / f"{name}.toml", heads_folder() / f"{name}.md")
        texts = [file.read_text("utf-8") for file in beside if file.is_file()]
        if texts:
            yield name, "fitted on: " + " ".join(texts).replace(". ", ", ")


def _sets_named(text: str) -> set[str]:
    low = text.lower()
    return {name for name, words in TRAINING_SETS.items() if any(w in low for w in words)}
