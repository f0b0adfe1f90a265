"""How labels of a dataset are said in a prompt."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from schemas import UsageError, taxonomy
from schemas.column import REGISTRY, Column, Kind

NOUN = "person"
"""Stands where no label says woman or man."""


@cache
def _words() -> dict[str, Any]:
    return tomllib.loads(resources.files("curate").joinpath("generators/data/words.toml").read_text("utf-8"))


@cache
def emonet_words() -> dict[str, tuple[str, ...]]:
    """Category of EmoNet -> how such a face looks, in words that follow `looks`."""
    text = resources.files("annotators").joinpath("data/prompts/emonet.toml").read_text("utf-8")
    return {entry["label"]: tuple(entry["yes"]) for entry in tomllib.loads(text)["class"]}


def spoken_columns() -> tuple[str, ...]:
    """Columns whose labels can be said."""
    words = _words()
    return tuple(dict.fromkeys([*words["order"], *words["after"], _emonet().name]))


def sig_words(axis: str) -> Mapping[str, str]:
    """Words of SIG's own axes: `race` or `view`."""
    return dict(_words()["sig"][axis])


def phrase(column: str, label: str) -> tuple[bool, str]:
    """How one label is said, and whether it stands before the noun.

    Raises:
        UsageError: if there are no words for it; says which labels have some.
    """
    words = _words()
    if column == _emonet().name and label in emonet_words():
        return False, f"who looks {emonet_words()[label][0]}"
    for place in ("before", "after"):
        known = words[place].get(column, {})
        if label in known:
            return place == "before", known[label]
        if known:
            fix = f"Labels with words: {', '.join(known)}"
            why = "faces of people under 20 are not made" if _is_young(column, label) else "it has no words"
            raise UsageError(f"no picture can be asked for with {column}={label}", why, fix)
    fix = f"Columns with words: {', '.join(spoken_columns())}"
    raise UsageError(f"no picture can be asked for by {column}", "its labels have no words", fix)


def _is_young(column: str, label: str) -> bool:
    from annotators.caption import MINOR_GROUPS
    from schemas.columns import labels

    return column == labels.AGE_GROUP.name and label in MINOR_GROUPS


def describe(wanted: Mapping[str, str]) -> str:
    """A noun phrase for a face with these labels: `a middle-aged Indian woman, smiling broadly with happy eyes`.

    Raises:
        UsageError: for a column or label without words.
    """
    order = list(_words()["order"])
    names = sorted(wanted, key=lambda n: order.index(n) if n in order else len(order))
    before: list[str] = []
    after: list[str] = []
    for name in names:
        first, text = phrase(name, wanted[name])
        (before if first else after).append(text)
    gendered = _gender().name in wanted
    noun = before.pop() if gendered else NOUN
    head = " ".join([*before, noun])
    article = "an" if head[:1].lower() in "aeiou" else "a"
    return ", ".join([f"{article} {head}", *after])


def label_column(name: str) -> Column | None:
    """The column of labels of that name, or None where a name is no such column.

    Raises:
        UsageError: if the column has labels of no fixed set.
    """
    found = REGISTRY.get(name)
    if found is None:
        return None
    if found.kind is not Kind.LABEL or not found.taxonomy:
        why = f"it is a {found.kind.value}, not a label of a fixed set"
        raise UsageError(f"{name} cannot be an axis of a grid", why)
    return found


def check_label(column: Column, label: str) -> str:
    """The canonical label; `TaxonomyError` where it is none."""
    return taxonomy(column.taxonomy).canonical(label)


def _gender() -> Column:
    from schemas.columns import labels

    return labels.GENDER


def _emonet() -> Column:
    from schemas.columns import labels

    return labels.EMONET_TOP
