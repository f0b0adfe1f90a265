"""Who is who in a dataset: reads embeddings, clusters them under constraints, writes a layer."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.identity import children, thresholds
from curate.identity.clustering import NOBODY, Clusters, Constraints, cluster
from curate.identity.evidence import SPAN, Evidence, weigh
from curate.identity.false_matches import Rate, false_matches
from curate.identity.gather import Faces, codes, fingerprint, gather, groups_of
from curate.identity.graph import Ints, pairs_within
from curate.identity.layers import publish
from curate.identity.similar import THOROUGH, Pairs, Search, similar_pairs
from curate.store import Dataset, LayerInfo, config_hash
from schemas import Column, UsageError
from schemas.columns import labels

NAME = "identity_clusters"
VERSION = "1"
ID = "p-"
"""How ids of identities begin."""
COLUMNS = (
    labels.IDENTITY_ID,
    labels.IDENTITY_CONFIDENCE,
    labels.IDENTITY_SIZE,
    labels.IDENTITY_REVIEW,
    labels.IDENTITY_RIVAL,
)
COPIES = ("exact", "near", "mirrored")
"""Kinds of duplicates that show one face of one photo."""


@dataclass(frozen=True)
class Settings:
    """Choices of the clustering.

    Attributes:
        threshold: Least average cosine; None chooses it by the number of faces, see `thresholds.choose`.
        child_chance: Chance of being under 13 from which a face is never merged.
        assume_adults: The user's word that the dataset shows adults only.
        by: Columns whose values are the groups of the report on false matches.
        truth: Column that names who a face truly is, for the report on false matches.
        search: How the index is used for many faces.
    """

    threshold: float | None = None
    child_chance: float = children.CHILD_CHANCE
    assume_adults: bool = False
    by: tuple[str, ...] = ()
    truth: str = ""
    search: Search = field(default_factory=lambda: THOROUGH)


@dataclass(frozen=True)
class Identities:
    """The outcome.

    Attributes:
        layer: Name of the layer.
        written: False if the same layer was there already.
        threshold: The threshold used.
        counts: Faces, identities and reasons for review.
        rates: False matches per group.
    """

    layer: str
    written: bool
    threshold: float
    counts: dict[str, int]
    rates: list[Rate]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def find_identities(ds: Dataset, settings: Settings | None = None) -> Identities:
    """Cluster a dataset's faces into people and write the layer.

    Raises:
        UsageError: if there are no embeddings, or no ages and no word that all are adults.
        MissingExtraError: if there are too many faces to compare without the index and faiss is absent.
    """
    settings = settings or Settings()
    copies = labels.DUPLICATE_GROUP.name in ds.columns()
    wanted = [*settings.by, *([settings.truth] if settings.truth else [])]
    if copies:
        wanted += [labels.DUPLICATE_GROUP.name, labels.DUPLICATE_KIND.name]
    people = gather(ds, wanted, child_chance=settings.child_chance, assume_adults=settings.assume_adults)
    _refuse(ds, people)
    threshold = settings.threshold
    if threshold is None:
        threshold = thresholds.choose(int((people.present & ~people.guarded).sum()))
    names, named = _named(ds, people)
    rules = _rules(people, named, copies)
    rows = np.flatnonzero(people.present)
    found = similar_pairs(np.ascontiguousarray(people.vectors[rows]), threshold - SPAN, settings.search)
    pairs = Pairs(rows[found.a], rows[found.b], found.cosine, found.exact)
    clusters = cluster(people.vectors, pairs, threshold, rules)
    evidence = weigh(people.vectors, pairs, threshold, clusters, rules, people.age)
    rates = _rates(people, threshold, settings)
    config: dict[str, Any] = {
        "threshold": threshold,
        "child_chance": settings.child_chance,
        "assume_adults": settings.assume_adults,
    }
    if not found.exact:
        config |= {"probes": settings.search.probes, "neighbours": settings.search.neighbours}
    info = _layer(people, config, rules, names)
    values = _values(people, clusters, evidence, names, named)
    with ds.lock():
        written = publish(ds, info, people.ids, values, people.present, "no embedding")
    return Identities(info.name, written, threshold, _counts(people, values), rates)


def _refuse(ds: Dataset, people: Faces) -> None:
    if not people.present.any():
        raise UsageError(
            f"{ds.path} has no {labels.EMBEDDING.name}", fix="Run: facecurate annotate DATASET -a identity"
        )
    if (people.age[people.present] == children.Age.UNKNOWN).all():
        reason = "children are never merged by machine, and no ages tell who is one"
        fix = "Run: facecurate annotate DATASET -a age, or give --assume-adults if you know that all are"
        raise UsageError(f"{ds.path} has no {labels.AGE_PROB.name}", reason, fix)


def _named(ds: Dataset, people: Faces) -> tuple[list[str], Ints]:
    """Names that people gave in human layers, and for each face the number of its name or -1.

    A name may be an id that a clustering gave, such as a rival's: it stands for the person of that id's first face.
    """
    column = labels.IDENTITY_ID.name
    human = [i.name for i in ds.layers() if i.kind == "human" and column in i.columns]
    named: Ints = np.full(len(people), NOBODY)
    if not human:
        return [], named
    given = pa.chunked_array([t.column(0) for t in ds.iter_faces([column], layers=human)]).combine_chunks()
    distinct = pc.unique(given.drop_null()).sort()
    named = codes(given, distinct)
    known = {name: number for number, name in enumerate(distinct.to_pylist()) if name.startswith(ID)}
    for face, face_id in enumerate(people.ids.to_pylist() if known else []):
        if named[face] == NOBODY:
            named[face] = known.get(identity_id(face_id), NOBODY)
    return distinct.to_pylist(), named


def _rules(people: Faces, named: Ints, copies: bool) -> Constraints:
    a, b = pairs_within(people.image)
    together = _copies(people, named) if copies else np.full(len(people), NOBODY)
    return Constraints(a, b, named, together, people.guarded)


def _copies(people: Faces, named: Ints) -> Ints:
    """Groups of copies of one face, left out where a child, two names or one picture twice are in a group."""
    whole = codes(people.columns[labels.DUPLICATE_GROUP.name])
    kind = pc.is_in(people.columns[labels.DUPLICATE_KIND.name], value_set=pa.array(COPIES))
    group = np.where(kind.to_numpy(zero_copy_only=False) & people.present, whole, NOBODY)
    a, b = pairs_within(group)
    two_names = (named[a] != named[b]) & (named[a] >= 0) & (named[b] >= 0)
    clash = group[a[(people.image[a] == people.image[b]) | two_names]]
    return np.where(np.isin(group, np.concatenate([whole[people.guarded], clash])), NOBODY, group)


def _layer(people: Faces, config: dict[str, Any], rules: Constraints, names: list[str]) -> LayerInfo:
    """The layer's description; its name ends with a digest of settings and data."""
    data = fingerprint(
        people.ids, people.vectors, people.age, rules.named, rules.together, pa.array(names, pa.string())
    )
    config = {**config, "data": data}
    name = f"{NAME}.v{VERSION}-{config_hash(config)[:8]}"
    return LayerInfo(name, "model", NAME, VERSION, config, columns=tuple(c.name for c in COLUMNS))


def _values(
    people: Faces, clusters: Clusters, evidence: Evidence, names: list[str], named: Ints
) -> dict[Column, pa.Array]:
    first, place = np.unique(clusters.label, return_inverse=True)
    given = np.full(len(first), NOBODY)
    np.maximum.at(given, place, named)
    leaders = people.ids.take(pa.array(first)).to_pylist()
    ids = [names[g] if g >= 0 else identity_id(leader) for g, leader in zip(given, leaders, strict=True)]
    rival = np.where(evidence.rival >= 0, np.searchsorted(first, evidence.rival), len(ids))
    texts = pa.array([*ids, ""])
    return {
        labels.IDENTITY_ID: texts.take(pa.array(place)),
        labels.IDENTITY_CONFIDENCE: pa.array(evidence.confidence),
        labels.IDENTITY_SIZE: pa.array(np.bincount(place)[place].astype(np.int32)),
        labels.IDENTITY_REVIEW: pa.array(evidence.review, pa.string()),
        labels.IDENTITY_RIVAL: texts.take(pa.array(rival)),
    }


def identity_id(face_id: str) -> str:
    """Id of the identity whose first face this is; it stays when later faces join."""
    return ID + hashlib.blake2b(face_id.encode(), digest_size=8).hexdigest()


def _counts(people: Faces, values: dict[Column, pa.Array]) -> dict[str, int]:
    mask = pa.array(people.present)
    sizes = values[labels.IDENTITY_SIZE].filter(mask).to_numpy()
    found = {
        "faces": len(people),
        "without embedding": int((~people.present).sum()),
        "identities": round(float((1 / sizes).sum())),
        "faces that share an identity": int((sizes > 1).sum()),
        "largest identity": int(sizes.max(initial=0)),
    }
    for pair in pc.value_counts(values[labels.IDENTITY_REVIEW].filter(mask)).to_pylist():
        found[f"review: {pair['values']}"] = int(pair["counts"])
    return found


def _rates(people: Faces, threshold: float, settings: Settings) -> list[Rate]:
    groups = {name: groups_of(people, name) for name in settings.by}
    truth = codes(groups_of(people, settings.truth)) if settings.truth else None
    return false_matches(people, threshold, groups, truth)
