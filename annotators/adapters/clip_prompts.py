"""Prompts as data: named classes, the words for each, and the sentences those words are put into."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from annotators.adapters.clip_network import ClipNetwork
from annotators.runtime import Floats
from schemas import UsageError

SLOT = "{}"
HINT = "A class is written [[class]] with label, yes = [words] and, if it stands by itself, no = [words]"


@dataclass(frozen=True)
class PromptClass:
    """One class.

    Attributes:
        label: Its name.
        yes: Words that describe it; each is put into every template.
        no: Words for its opposite. With them the class is scored by itself, without them against the others.
    """

    label: str
    yes: tuple[str, ...]
    no: tuple[str, ...] = ()


@dataclass(frozen=True)
class PromptSet:
    """Classes and the sentences that their words are put into.

    Attributes:
        templates: Sentences with one `{}` each.
        classes: Either all with an opposite, or all without.
    """

    templates: tuple[str, ...]
    classes: tuple[PromptClass, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes in order."""
        return tuple(c.label for c in self.classes)

    def sentences(self, words: Iterable[str]) -> list[str]:
        """Every word in every template."""
        return [template.replace(SLOT, word) for word in words for template in self.templates]


class ZeroShot:
    """Scores faces against prompts; the prompts are embedded once, when it is made.

    A class is the mean of the unit embeddings of its sentences, brought to unit length again, as in Radford et al.
    2021, "Learning Transferable Visual Models From Natural Language Supervision", section 3.1.4. With an opposite, the
    score is the softmax of the two cosines times the model's own scale; without, the softmax over all classes.

    Args:
        network: Embeds the sentences.
        prompts: The classes.
    """

    def __init__(self, network: ClipNetwork, prompts: PromptSet) -> None:
        self.labels = prompts.labels
        self._scale = network.scale
        self._yes = _ensembles(network, prompts, [c.yes for c in prompts.classes])
        opposites = [c.no for c in prompts.classes]
        self._no = _ensembles(network, prompts, opposites) if all(opposites) else None

    def __call__(self, embedding: Floats) -> dict[str, float]:
        """Score of each class for an image embedding of unit length, shape (width,)."""
        image = embedding.astype(np.float64)
        yes = self._scale * (self._yes * image).sum(1)
        if self._no is None:
            weights = np.exp(yes - yes.max())
            scores = weights / weights.sum()
        else:
            no = self._scale * (self._no * image).sum(1)
            top = np.maximum(yes, no)
            scores = np.exp(yes - top) / (np.exp(yes - top) + np.exp(no - top))
        return {label: float(score) for label, score in zip(self.labels, scores, strict=True)}


def _ensembles(network: ClipNetwork, prompts: PromptSet, words: Sequence[Sequence[str]]) -> np.ndarray[Any, Any]:
    """One unit vector per class, shape (classes, width), float64."""
    sentences = [prompts.sentences(w) for w in words]
    distinct = list(dict.fromkeys(s for each in sentences for s in each))
    place = {sentence: i for i, sentence in enumerate(distinct)}
    rows = network.texts(distinct).astype(np.float64)
    means = np.stack([rows[[place[s] for s in each]].mean(0) for each in sentences])
    return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True))


@cache
def packaged(name: str) -> PromptSet:
    """A prompt set that comes with the package, by the name of its file."""
    text = resources.files("annotators").joinpath(f"data/prompts/{name}.toml").read_text("utf-8")
    return prompt_set(tomllib.loads(text), name)


def prompts_from(text: str) -> PromptSet:
    """Prompts as the user gives them: the path of a TOML file, or `label: words | words; label: words`.

    Raises:
        UsageError: if they cannot be understood; the message tells the form.
    """
    if text.strip().endswith(".toml"):
        path = Path(text.strip()).expanduser()
        try:
            return prompt_set(tomllib.loads(path.read_text("utf-8")), str(path))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise UsageError(f"prompts {path} cannot be read", str(error)) from error
    classes = []
    for part in (p for p in text.split(";") if p.strip()):
        label, colon, words = part.partition(":")
        if not colon:
            raise UsageError(f"prompts '{part.strip()}'", "expected 'label: words | words'", "A ';' parts the classes")
        classes.append({"label": label, "yes": words.split("|")})
    return prompt_set({"class": classes}, "prompts")


def prompt_set(data: Mapping[str, Any], where: str) -> PromptSet:
    """Prompts from parsed TOML.

    Args:
        data: `templates`, a list of sentences (only `{}` if not given); `class`, a list of tables; and `no`, words for
            the opposite of every class that has none of its own.
        where: What to name in errors.

    Raises:
        UsageError: if a class is incomplete, two share a name, or only some have an opposite.
    """
    if alien := sorted(set(data) - {"templates", "class", "no"}):
        raise UsageError(f"{where}: unknown key '{alien[0]}'", fix="Known: templates, class, no")
    shared = {"no": data["no"]} if "no" in data else {}
    templates = _words(data.get("templates", [SLOT]), f"{where}: templates")
    if bad := [t for t in templates if t.count(SLOT) != 1]:
        raise UsageError(f"{where}: template '{bad[0]}'", f"it needs one {SLOT} for the words")
    rows = data.get("class", [])
    classes = tuple(_class({**shared, **row}, where) for row in rows if isinstance(row, Mapping))
    names = [c.label for c in classes]
    if len(classes) != len(rows) or not classes:
        raise UsageError(f"{where} names no classes", fix=HINT)
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise UsageError(f"{where}: class '{twice[0]}' stands twice")
    if len({bool(c.no) for c in classes}) > 1:
        raise UsageError(f"{where}: some classes have an opposite ('no') and some have none", fix="Give all or none")
    if len(classes) == 1 and not classes[0].no:
        raise UsageError(f"{where}: one class alone cannot be scored", fix="Add another class, or 'no' words to it")
    return PromptSet(templates, classes)


def _class(row: Mapping[str, Any], where: str) -> PromptClass:
    label = str(row.get("label", "")).strip()
    if not label or "yes" not in row or set(row) - {"label", "yes", "no"}:
        raise UsageError(f"{where}: class '{label}' is incomplete or has unknown keys", fix=HINT)
    yes = _words(row["yes"], f"{where}: class '{label}'")
    return PromptClass(label, yes, _words(row["no"], f"{where}: class '{label}'") if "no" in row else ())


def _words(value: Any, what: str) -> tuple[str, ...]:
    words = (
        tuple(w.strip() for w in value) if isinstance(value, list) and all(isinstance(w, str) for w in value) else ()
    )
    if not words or not all(words):
        raise UsageError(f"{what}: expected a list of texts", fix=HINT)
    return words
