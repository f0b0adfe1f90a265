"""Puts an agreement report together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curate.evaluation.progress import steps
from curate.review.agreement.adjudication import adjudicate
from curate.review.agreement.arms import Against
from curate.review.agreement.beside import Beside
from curate.review.agreement.consensus import opinion
from curate.review.agreement.groups import by_arm, groupings
from curate.review.agreement.items import items_of, seen_blind
from curate.review.agreement.layer import write_consensus
from curate.review.agreement.options import AgreementOptions
from curate.review.agreement.resampling import Pictures
from curate.review.agreement.results import Agreement
from curate.review.agreement.reviewers import reviewers
from curate.review.agreement.sections import Maker
from curate.review.agreement.words import Words, read_words
from curate.store import Dataset
from curate.store.names import check_name
from schemas import UsageError

NO_BLIND = (
    "Nobody saw a picture without the model's answers, so agreement may only say that reviewers left the same answers "
    "standing. Send a share blind with `review push --blind 0.2`."
)


def agreement(dataset: Dataset | str | Path, options: AgreementOptions | None = None) -> Agreement:
    """How far reviewers agree with each other, with the right answers, and with what they were shown.

    Args:
        dataset: The dataset or its folder.
        options: See `AgreementOptions`. With `consensus` the dataset's lock is taken and a layer is written.

    Returns:
        Figures with intervals; `Agreement.save` writes them.

    Raises:
        FacecurateError: with one clear line: no such review or column, nothing that came home.
    """
    options = options or AgreementOptions()
    if options.rounds < 1 or options.min_group < 1:
        raise UsageError("rounds and the smallest group", "they must be 1 or more")
    ds = dataset if isinstance(dataset, Dataset) else Dataset.open(dataset)
    words = read_words(ds, options.reviews)
    name = check_name("file", options.name or "-".join(words.reviews))
    beside = Beside(words)
    groups = groupings(beside, options.by)
    items, left_out = items_of(words, beside)
    opinions = [opinion(item, words.raters) for item in items]
    queue = adjudicate(words, items, opinions, options.costs)
    pictures = Pictures(words.pictures, options.rounds, options.seed, options.min_group)
    maker = Maker(words.raters, pictures, Against(words, beside, pictures, groups), groups, by_arm(beside))
    made = []
    with steps(len(items) + 1, options.quiet) as announce:
        for item in items:
            announce(item.title)
            made.append(maker.section(item))
        announce("reviewers")
        people = reviewers(words, beside, items, pictures, options.rounds, options.seed)
    layer = None
    if options.consensus:
        with ds.lock():
            layer = write_consensus(words, beside, items, opinions)
    return Agreement(
        name, _about(words), words.reviews, tuple(i.name for i in words.layers), _counts(words), tuple(people),
        tuple(made), left_out, queue, tuple(_comments(words)), tuple(g.by for g in groups),
        {"rounds": options.rounds, "seed": options.seed, "min_group": options.min_group, "costs": dict(options.costs)},
        tuple(_notes(words, beside)), ds.path, layer.name if layer is not None else "",
    )  # fmt: skip


def _about(words: Words) -> dict[str, Any]:
    info = words.ds.info
    return {"name": info.name or words.ds.path.name, "revision": info.revision, "faces": words.ds.counts().faces}


def _counts(words: Words) -> dict[str, int]:
    saw = words.saw()
    return {
        "pictures": len(saw), "pictures seen twice or more": sum(len(who) >= 2 for who in saw.values()),
        "faces": len(words.faces), "gold pictures": len(words.gold),
        "comments": sum(bool(v.comments) for v in words.visits),
    }  # fmt: skip


def _comments(words: Words) -> list[tuple[str, str, str]]:
    noted = sorted((v for v in words.visits if v.comments), key=lambda v: v.at, reverse=True)
    return [(words.raters[v.rater], v.image_id, v.comments) for v in noted]


def _notes(words: Words, beside: Beside) -> Sequence[str]:
    blind = seen_blind(words)
    found = []
    if len(words.raters) == 1:
        found.append("One reviewer alone has nobody to agree with: only gold pictures and time can tell of their work.")
    elif not any(len(who) >= 2 for who in words.saw().values()):
        found.append("No picture was seen by two reviewers: send pictures to several with `review push --overlap 2`.")
    if np.isfinite(blind).any() and not (blind == 1).any():
        found.append(NO_BLIND)
    if not words.gold:
        found.append("There are no gold pictures, so nothing tells who is right: agreement is not accuracy.")
    lost = sorted(set(words.gold.values()) - set(beside.gold.values()))
    if lost:
        found.append(f"The layers with the right answers are gone: {', '.join(lost)}.")
    return found
