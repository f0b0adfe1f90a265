"""Captions: how varied they are, whether they can be read back, and whether they say what the columns say.

    python -m benchmarks.caption [--captions N]

Measured on random label combinations, so it needs no pictures and no models.
"""

from __future__ import annotations

import argparse
import random
import re
import time
from collections import Counter
from itertools import pairwise

from annotators.caption_grammar import Caption, compose, fact, grammar
from annotators.caption_parser import parse
from benchmarks.statistics import proportion, table


def labels_of_slots() -> dict[str, list[str]]:
    """Every slot with its labels."""
    words = grammar()
    found: dict[str, list[str]] = {"gender": ["Male", "Female"]}
    for slot, label in [*words.leads, *words.ages, *words.forms]:
        found.setdefault(slot, []).append(label)
    return found


def random_claims(chance: random.Random) -> dict[str, str]:
    """Labels of a face of which a random half of the slots is sure."""
    claims = {slot: chance.choice(values) for slot, values in labels_of_slots().items() if chance.random() < 0.5}
    if claims.get("age") not in {None, "0-2", "3-9", "10-19"}:
        claims["maturity"] = "adult"
    return claims


def distinct(captions: list[str], n: int) -> float:
    """Distinct n-grams over all n-grams (Li et al., "A diversity-promoting objective function", 2016)."""
    grams = [gram for text in captions for gram in zip(*(re.findall(r"\w+", text)[i:] for i in range(n)), strict=False)]
    return len(set(grams)) / len(grams)


def template(caption: Caption) -> str:
    """The caption's shape: openings and punctuation with the claims' words taken out."""
    return re.sub(r"[^,.]*(?=[,.])", "_", caption.text) + caption.text.split()[0]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--captions", type=int, default=20_000)
    count = parser.parse_args().captions
    chance = random.Random(0)
    claims = [random_claims(chance) for _ in range(count)]
    start = time.process_time()
    captions = [compose(c, random.Random(i)) for i, c in enumerate(claims)]
    written = time.process_time() - start
    exact = [parse(c.text) == set(c.facts) for c in captions]
    within = [set(c.facts) <= {fact(*pair) for pair in said.items()} for c, said in zip(captions, claims, strict=True)]
    texts = [c.text for c in captions]
    shapes = Counter(template(c) for c in captions)
    rows = [
        ["read back exactly", proportion(exact)],
        ["claims within the labels", proportion(within)],
        ["distinct captions", proportion([n == 1 for n in Counter(texts).values()])],
        ["distinct-1, distinct-2, distinct-3", ", ".join(f"{distinct(texts, n):.4f}" for n in (1, 2, 3))],
        ["shapes; share of the most frequent", f"{len(shapes)}; {max(shapes.values()) / count:.3f}"],
        ["distinct openings (first three words)", len({tuple(t.split()[:3]) for t in texts})],
        ["words, mean", f"{sum(len(t.split()) for t in texts) / count:.1f}"],
        ["claims, mean", f"{sum(len(c.claims) for c in captions) / count:.2f}"],
        ["time to write, ms", f"{written / count * 1000:.3f}"],
    ]
    print(table([f"{count} captions of random labels", ""], rows))
    same = {"gender": "Female", "age": "30-39", "maturity": "adult", "emotion": "happiness", "smile": "active",
            "camera": "true", "turn": "image_left"}  # fmt: skip
    one = [compose(same, random.Random(i)).text for i in range(1000)]
    repeats = sum(a == b for a, b in pairwise(one))
    print(f"\nOne face, 1000 seeds: {len(set(one))} captions, {repeats} neighbours alike, "
          f"{len({' '.join(t.split()[:4]) for t in one})} openings of four words")  # fmt: skip


if __name__ == "__main__":
    main()
