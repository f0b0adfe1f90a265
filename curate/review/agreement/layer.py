"""The reviewers' common answers as a layer of their own.

It is of kind `human` with the annotator `consensus`: people's words, and nobody's own. As the newest of its kind it
speaks before those that it was made from. A word that comes home later is newer and speaks first, until this is made
again; where the consensus is silent (one word only, a tie) the newest single word speaks as before.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from curate.report.sample import MINOR_FLAG
from curate.review.agreement.beside import Beside
from curate.review.agreement.consensus import ENOUGH, Opinion
from curate.review.agreement.items import Ask, Item, present
from curate.review.agreement.words import CONSENSUS, Words
from curate.review.rows import ABSTAIN
from curate.store import LayerInfo
from curate.store.human import columns_of, write_word
from schemas import REGISTRY, Kind
from schemas.columns import faces, labels

OTHERWISE = "fewer than two reviewers judged this face"
VERSION = "1"
Row = dict[str, Any]


def write_consensus(
    words: Words, beside: Beside, items: Sequence[Item], opinions: Sequence[Opinion]
) -> LayerInfo | None:  # fmt: skip
    """Write the reviewers' common answers; the dataset is locked.

    Args:
        words: What they said.
        beside: What was shown and what is right.
        items: What was asked.
        opinions: One per item.

    Returns:
        The layer; the one that is there if the same words made it; None if no face has two words.
    """
    rows = rows_of(words, items, opinions)
    if not rows:
        return None
    config = {"reviews": list(words.reviews), "words": _digest(words, beside, rows)}
    taken = {i.name: i for i in words.ds.layers()}
    stem = f"{CONSENSUS}-{'-'.join(words.reviews)}"
    for number in itertools.count(1):
        name = f"{stem}-{number}"
        if name not in taken:
            break
        if taken[name].config == config:
            return taken[name]
    part_of = dict(zip(words.faces, words.parts, strict=True))
    said: dict[str, dict[str, Row]] = {}
    for face, row in rows.items():
        said.setdefault(part_of[face], {})[face] = row
    reliability = {i.name: dict(o.facts) for i, o in zip(items, opinions, strict=True) if o.facts}
    info = LayerInfo(
        name, "human", CONSENSUS, VERSION, config=config, columns=columns_of(rows.values()),
        extra={"layers": [i.name for i in words.layers], "reviewers": len(words.raters), "reliability": reliability},
    )  # fmt: skip
    write_word(words.ds, info, said, OTHERWISE)
    return info


def rows_of(words: Words, items: Sequence[Item], opinions: Sequence[Opinion]) -> dict[str, Row]:
    """Face -> column -> common answer, of faces that at least `ENOUGH` reviewers judged."""
    there = present(words)
    judges, yes = np.isfinite(there).sum(1), np.nansum(there, axis=1)
    found: dict[str, Row] = {}
    for i, face in enumerate(words.faces):
        if judges[i] < ENOUGH:
            continue
        row: Row = {}
        if 2 * yes[i] != judges[i]:
            row[labels.REVIEW_REJECTED.name] = bool(2 * yes[i] < judges[i])
        if 2 * yes[i] >= judges[i]:
            _answer(row, items, opinions, i, moved=any(w.box is not None for w in words.said[i].values()))
        if row:
            found[face] = row
    return found


def _answer(row: Row, items: Sequence[Item], opinions: Sequence[Opinion], face: int, moved: bool) -> None:
    """Fill a row with the common answers on one face."""
    for item, common in zip(items, opinions, strict=True):
        value = common.values[face]
        if item.ask is Ask.BOX:
            if moved and np.isfinite(value).all():
                row.update(zip((c.name for c in faces.BOX), value.tolist(), strict=True))
            continue
        name = item.name if item.column is None else item.column.name
        flag = f"{name}{ABSTAIN}"
        if common.abstained[face] and flag in REGISTRY:
            row[flag] = True
        elif np.isfinite(value).any():
            told = float(np.nanmax(item.answers[face])) if item.field == MINOR_FLAG else value  # one voice is enough
            _put(row, item, name, told)
            if flag in REGISTRY and item.ask is Ask.CHOICE and not item.field:
                row[flag] = False


def _put(row: Row, item: Item, name: str, value: Any) -> None:
    """Put a code, a number or points where the column has them."""
    kind = REGISTRY[name].kind
    if kind is Kind.POINTS:
        row[name] = [None if np.isnan(v) else float(v) for v in value]
    elif kind is Kind.SCORES:
        row.setdefault(name, {})[item.field] = float(value)
    elif kind is Kind.LIST:
        row.setdefault(name, []).extend([item.field] if value == 1 else [])
    elif kind is Kind.FLAG:
        row[name] = bool(value)
    else:
        row[name] = item.labels[int(value)] if item.ask is Ask.CHOICE else float(value)


def _digest(words: Words, beside: Beside, rows: Mapping[str, Row]) -> str:
    told = [VERSION, sorted(i.name for i in words.layers), beside.gold, rows]
    return hashlib.blake2b(json.dumps(told, sort_keys=True).encode(), digest_size=8).hexdigest()
