"""The grid of EmoNet-Face: its 40 categories across perceived gender, race group and age, adults only."""

from __future__ import annotations

from curate.generators.prompts.grid import GridRow, cells, seed_of
from curate.generators.prompts.words import describe, emonet_words
from schemas import taxonomy
from schemas.columns import labels

AGES = ("20-29", "30-39", "40-49", "50-59", "60-69", "70+")
PROMPT = "close-up portrait photograph of {face}, whose face shows {emotion}: {look}, soft light, plain background"


def emonet_grid(count: int, seed: int = 0) -> list[GridRow]:
    """`count` rows; cells of category x gender x race group x age differ by one row at most.

    The promised label of the category is `emonet_40`, which only a verifier of EmoNet's categories can check.
    """
    emotion = labels.EMONET_TOP
    axes = {
        emotion.name: taxonomy(emotion.taxonomy).labels,
        labels.GENDER.name: taxonomy(labels.GENDER.taxonomy).labels,
        labels.RACE.name: taxonomy(labels.RACE.taxonomy).labels,
        labels.AGE_GROUP.name: AGES,
    }
    rows = []
    for number, cell in enumerate(cells(axes, count, seed)):
        face = describe({k: v for k, v in cell.items() if k != emotion.name})
        looks = emonet_words()[cell[emotion.name]]
        look = looks[seed_of("look", seed, number) % len(looks)]
        prompt = PROMPT.format(face=face, emotion=cell[emotion.name].lower(), look=look)
        rows.append(GridRow(prompt, labels=cell, facts=cell, seed=seed_of("emonet", seed, number)))
    return rows
