"""Labels without training: a CLIP model tells how well words fit a face. Not calibrated; see docs/adapters.md."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotators.adapters.clip import ClipAnnotator, clip_files
from annotators.adapters.clip_checkpoint import ClipConfig
from annotators.adapters.clip_network import Loader, View
from annotators.adapters.clip_prompts import PromptSet, ZeroShot, packaged, prompts_from
from annotators.adapters.minors import may_be_minor
from annotators.base import Config, Face
from schemas import Column, UsageError, taxonomy
from schemas.columns import labels

if TYPE_CHECKING:
    from annotators.weights import ModelStore

NOT_FOR_MINORS = ("Sexual Lust",)
"""Categories that are not written for a face that may be a child's."""


@dataclass(frozen=True)
class PromptedConfig(ClipConfig):
    """A CLIP model and prompts.

    Attributes:
        prompts: TOML file of prompts; empty for those of the package.
    """

    prompts: str = ""


class ZeroShotAnnotator(ClipAnnotator):
    """Common part: one image pass shared with the other CLIP annotators, prompts embedded once per process."""

    config: PromptedConfig

    @classmethod
    def weights_of(cls, config: Config) -> tuple[str, ...]:
        assert isinstance(config, PromptedConfig)
        cls.prompt_set(config)
        path = Path(config.prompts.strip()).expanduser()
        own = (f"{path.parent}/{path.name}",) if path.suffix == ".toml" else ()
        return (*clip_files(config), *own)

    @classmethod
    @abstractmethod
    def prompt_set(cls, config: PromptedConfig) -> PromptSet:
        """The prompts of these settings.

        Raises:
            UsageError: if they cannot be used.
        """

    def setup(self, models: ModelStore) -> None:
        network = models.shared(Loader(self.config.source))
        self._view = View(network, self.config.margin)
        self._score = ZeroShot(network, self.prompt_set(self.config))

    def scores(self, face: Face) -> dict[str, float]:
        """Score of each class of the prompts."""
        return self._score(face.once(self._view))


def _for_taxonomy(config: PromptedConfig, name: str, file: str) -> PromptSet:
    """Prompts whose classes are labels of a taxonomy, each with an opposite."""
    prompts = prompts_from(config.prompts) if config.prompts else packaged(file)
    if alien := sorted(set(prompts.labels) - set(taxonomy(name).labels)):
        raise UsageError(f"prompts name '{alien[0]}'", f"which is not a label of {name}")
    if not all(c.no for c in prompts.classes):
        raise UsageError("these prompts need an opposite ('no') for every class")
    return prompts


@dataclass(frozen=True)
class CelebaConfig(PromptedConfig):
    """See `PromptedConfig`.

    Attributes:
        present: Least score from which an attribute is there.
        absent: Score up to which it is not; in between the annotator abstains.
    """

    present: float = 0.7
    absent: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.absent < self.present <= 1:
            raise UsageError(f"absent={self.absent}, present={self.present}", fix="0 <= absent < present <= 1")


class ClipCeleba(ZeroShotAnnotator):
    """CelebA's attributes by words. Attractive and Chubby are judgements: they have no prompts and stay null."""

    name = "clip_celeba"
    version = "1"
    doc = "CelebA attributes without training: fit of words against their opposites by a CLIP model."
    provides = (labels.CELEBA_SCORE, labels.CELEBA_PRESENT, labels.CELEBA_ABSTAINED)
    config_type = CelebaConfig
    config: CelebaConfig

    @classmethod
    def prompt_set(cls, config: PromptedConfig) -> PromptSet:
        return _for_taxonomy(config, labels.CELEBA_SCORE.taxonomy, "celeba")

    def label(self, face: Face) -> Mapping[Column, Any]:
        scores = self.scores(face)
        present = [name for name, score in scores.items() if score >= self.config.present]
        unsure = [name for name, score in scores.items() if self.config.absent < score < self.config.present]
        return {labels.CELEBA_SCORE: scores, labels.CELEBA_PRESENT: present, labels.CELEBA_ABSTAINED: unsure}


@dataclass(frozen=True)
class EmonetConfig(PromptedConfig):
    """See `PromptedConfig`.

    Attributes:
        least: Least score of the highest category; below it none is named.
        lead: Least distance to the second; below it none is named.
    """

    least: float = 0.7
    lead: float = 0.05


class ClipEmonet(ZeroShotAnnotator):
    """EmoNet's forty categories by words, each against a neutral face; a face can fit several."""

    name = "clip_emonet"
    version = "1"
    doc = "EmoNet's 40 categories without training: fit of words against a neutral face by a CLIP model."
    requires = (labels.AGE_PROB,)
    provides = (labels.EMONET_SCORE, labels.EMONET_TOP)
    config_type = EmonetConfig
    config: EmonetConfig

    @classmethod
    def prompt_set(cls, config: PromptedConfig) -> PromptSet:
        return _for_taxonomy(config, labels.EMONET_SCORE.taxonomy, "emonet")

    def label(self, face: Face) -> Mapping[Column, Any]:
        barred = NOT_FOR_MINORS if may_be_minor(face) else ()
        scores = {name: score for name, score in self.scores(face).items() if name not in barred}
        return {labels.EMONET_SCORE: scores, labels.EMONET_TOP: clear_winner(scores, self.config)}


def clear_winner(scores: Mapping[str, float], config: EmonetConfig) -> str | None:
    """The highest category, or None where it is too low or another is too near."""
    ranked = sorted(scores, key=lambda name: (-scores[name], name))
    if not ranked or scores[ranked[0]] < config.least:
        return None
    if len(ranked) > 1 and scores[ranked[0]] - scores[ranked[1]] < config.lead:
        return None
    return ranked[0]


@dataclass(frozen=True)
class OwnPromptsConfig(PromptedConfig):
    """A CLIP model and the user's prompts.

    Attributes:
        prompts: TOML file, or `label: words | words; label: words`.
        least: Least score of the best class; below it none is named.
    """

    least: float = 0.5


class ClipPrompts(ZeroShotAnnotator):
    """Classes of the user's own, described in words."""

    name = "clip_prompts"
    version = "1"
    doc = "Your own classes, described in words: how well each fits the face by a CLIP model."
    provides = (labels.PROMPT_SCORES, labels.PROMPT_LABEL)
    config_type = OwnPromptsConfig
    config: OwnPromptsConfig

    @classmethod
    def prompt_set(cls, config: PromptedConfig) -> PromptSet:
        if not config.prompts.strip():
            raise UsageError(
                "clip_prompts needs prompts",
                fix="Give --set clip_prompts.prompts=FILE.toml, or 'label: words | words; label: words'",
            )
        return prompts_from(config.prompts)

    def label(self, face: Face) -> Mapping[Column, Any]:
        scores = self.scores(face)
        best = max(scores, key=lambda name: scores[name])
        rows = [{"label": name, "score": score} for name, score in scores.items()]
        return {labels.PROMPT_SCORES: rows, labels.PROMPT_LABEL: best if scores[best] >= self.config.least else None}
