"""Captions that begin with a trigger word, and prompts to evaluate what was learnt of it.

FaceChain and kohya's scripts read `trigger, tag, tag, ...`; PersonaMagic and DreamBooth a sentence that names the
placeholder once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from schemas import Column, UsageError, labels

TAGS = "tags"
SENTENCE = "sentence"
PROMPTS = (
    "a photo of {}", "a portrait of {} in a library", "{} reading a newspaper in a cafe", "{} riding a bicycle",
    "{} hiking in the mountains", "{} cooking in a kitchen", "{} playing the piano", "{} on a beach at sunset",
    "{} in the rain under an umbrella", "{} wearing a red hat", "{} wearing a suit", "{} wearing round glasses",
    "{} laughing", "{} looking surprised", "{} with closed eyes", "an oil painting of {}", "a pencil drawing of {}",
    "a marble bust of {}", "a black and white photo of {}", "{} seen from the side in a city at night",
)  # fmt: skip
"""Twenty scenes, actions, clothes, expressions and styles in which a learnt person is looked at."""
_TURN, _NOD = 20.0, 15.0


def check(trigger: str) -> str:
    """The trigger word, or words, without blanks around them.

    Raises:
        UsageError: if it is empty, holds a comma or a line break.
    """
    clean = trigger.strip()
    if not clean or set(clean) & set(",\n\r"):
        raise UsageError(f"trigger {trigger!r}", "it must be a word or two, without commas and line breaks")
    return clean


def tags(values: Mapping[Column, Any]) -> list[str]:
    """Tags of what a picture shows and what may change from picture to picture; nothing on who the person is.

    Age, gender, race and skin stay out: they belong to the trigger word.
    """
    found = []
    emotion = values.get(labels.PERCEIVED_EMOTION)
    if emotion:
        found.append(f"{emotion} expression" if emotion != "neutral" else "neutral expression")
    for column, words in (
        (labels.EYEWEAR, {"glasses": "glasses", "sunglasses": "sunglasses"}),
        (labels.MOUTH_STATE, {"open": "open mouth", "parted": "parted lips"}),
        (labels.EYES_STATE, {"closed": "closed eyes"}),
    ):
        if word := words.get(values.get(column) or ""):
            found.append(word)
    yaw, pitch = values.get(labels.YAW), values.get(labels.PITCH)
    if yaw is not None:
        found.append("front view" if abs(yaw) < _TURN else "head turned to the side")
    if pitch is not None and abs(pitch) >= _NOD:
        found.append("head tilted up or down")
    return found


def tagged(trigger: str, values: Mapping[Column, Any]) -> str:
    """`trigger, tag, tag`, as LoRA scripts read it."""
    return ", ".join([check(trigger), *tags(values)])


def named(trigger: str, subject: str, values: Mapping[Column, Any]) -> str:
    """A sentence that names the trigger once: `a photo of sks person, smiling, front view`."""
    rest = [t for t in tags(values) if not count(trigger, t)]
    return ", ".join([f"a photo of {check(trigger)} {subject}".strip(), *rest])


def count(trigger: str, text: str) -> int:
    """How often a trigger stands in a text as a word of its own."""
    return len(re.findall(rf"(?<!\w){re.escape(trigger)}(?!\w)", text))


def prompts(trigger: str, subject: str) -> list[str]:
    """Twenty prompts to evaluate a learnt person with, each naming the trigger once."""
    return [p.format(f"{check(trigger)} {subject}".strip()) for p in PROMPTS]
