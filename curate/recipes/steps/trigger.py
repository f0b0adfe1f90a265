"""A step that writes captions with a trigger word, and prompts to evaluate with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from annotators.base import Config
from curate.recipes.layer_steps import LayerStep, gathered, values, write_layer
from curate.recipes.logic.triggers import SENTENCE, TAGS, check, named, prompts, tagged
from curate.recipes.step import Done, Site
from curate.store.parts import replacing
from schemas import UnknownNameError
from schemas.columns import labels

PROMPTS = "prompts.txt"
READ = (labels.PERCEIVED_EMOTION, labels.EYEWEAR, labels.MOUTH_STATE, labels.EYES_STATE, labels.YAW, labels.PITCH)


@dataclass(frozen=True)
class TriggerOptions(Config):
    """How the person is named.

    Attributes:
        trigger: The rare word that is to mean the person.
        subject: What the person is an instance of.
        form: `tags`: the trigger first, then tags; `sentence`: a sentence that names `trigger subject` once.
    """

    trigger: str = "sks"
    subject: str = "person"
    form: str = TAGS


class Trigger(LayerStep):
    """Captions of the chosen faces for LoRA or DreamBooth, as a layer that exports read."""

    name = "trigger_captions"
    doc = "Captions that begin with a trigger word or name it once, from what may change between pictures; 20 prompts."
    options_type = TriggerOptions
    options: TriggerOptions

    def check(self, site: Site) -> None:
        """The trigger is a word."""
        check(self.options.trigger)
        if self.options.form not in (TAGS, SENTENCE):
            raise UnknownNameError("form of captions", self.options.form, (TAGS, SENTENCE))

    def run(self, site: Site) -> Done:
        """Writes the layer and the prompts."""
        o = self.options
        here = [c for c in READ if c.name in site.open().columns()]
        found, chosen = gathered(site, here)
        told = [dict(zip(here, row, strict=True)) for row in zip(*(values(found, c) for c in here), strict=True)]
        said = [tagged(o.trigger, t) if o.form == TAGS else named(o.trigger, o.subject, t) for t in told]
        captions = pa.array([c if k else None for c, k in zip(said, chosen, strict=True)], pa.string())
        write_layer(site, o.as_dict(), found, {labels.CAPTION: captions}, np.asarray(chosen), "not selected")
        path = site.folder / PROMPTS
        subject = o.subject if o.form == SENTENCE else ""
        with replacing(path) as file:
            file.write("".join(f"{p}\n" for p in prompts(o.trigger, subject)).encode())
        return Done(int(chosen.sum()), "captions", {}, {"trigger": o.trigger}, (path,))
