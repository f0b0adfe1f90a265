"""Things on and before the face, drawn on its mesh and lit by its light: masks, eyewear, a hand, hair, a scarf."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from annotators.canonical_face import angles, fit_pose
from curate.generators.base import CannotGenerate, Config, Generator, Made, Parameters, Request
from curate.generators.kept_labels import EXPRESSION, POSE, SAME_FACE, WHO
from curate.generators.occluder_cloth import PRINTS
from curate.generators.occluder_eyewear import FORMS, FRAMES, LENSES, METAL, METALS, eyewear_layers
from curate.generators.occluder_hair import FORMS as HAIR_FORMS
from curate.generators.occluder_hair import hair_layers, hairline
from curate.generators.occluder_hand import POSES, SLEEVES, hand_layers
from curate.generators.occluder_head import Head, head
from curate.generators.occluder_masks import COLOURS as MASK_COLOURS
from curate.generators.occluder_masks import FORMS as MASK_FORMS
from curate.generators.occluder_masks import mask_layers
from curate.generators.occluder_render import Layer, composed
from curate.generators.occluder_scarf import COLOURS as SCARF_COLOURS
from curate.generators.occluder_scarf import HEIGHTS, WEAVES, scarf_layers
from curate.generators.promise import Change, Identity, Move, Promise
from curate.generators.soft_masks import as_bytes
from curate.generators.subject import Subject
from schemas import Column, UnknownNameError
from schemas.columns import labels

Numbers = dict[str, Any]

MOST_YAW = 50.0
"""Degrees beyond which the mesh is too flat on the far side to put things on it."""
SECOND = ("#e8e4da", "#d9b44a", "#20222a", "#b8c4cf")
COVERED = 0.05
"""Least rise of the covered share that a thing over the face promises."""
NO_EYEWEAR = "none"


@dataclass(frozen=True)
class Kind:
    """A kind of thing.

    Attributes:
        forms: Its forms; the first setting chooses among them.
        numbers: Draws what it looks like, for a form.
        layers: Draws it.
        changes: What a verifier should see.
        keeps: Labels that stay true under it.
        identity: Whether the person can still be recognised.
    """

    forms: tuple[str, ...]
    numbers: Callable[[str, np.random.Generator], Numbers]
    layers: Callable[[Head, Mapping[str, Any]], list[Layer]]
    changes: tuple[Change, ...]
    keeps: tuple[Column, ...]
    identity: Identity = Identity.OPEN


def _one_of(rng: np.random.Generator, options: Iterable[str]) -> str:
    listed = list(options)
    return listed[int(rng.integers(len(listed)))]


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(1 << 31))


def _mask(form: str, rng: np.random.Generator) -> Numbers:
    pattern = _one_of(rng, PRINTS)
    colour, second = _one_of(rng, MASK_COLOURS[form]), _one_of(rng, SECOND)
    plain = "plain" if form != "cloth" else pattern
    return {"form": form, "colour": colour, "second": second, "pattern": plain, "seed": _seed(rng)}


def _eyewear(form: str, rng: np.random.Generator, lens: str, opacity: float) -> Numbers:
    colour = _one_of(rng, METALS if form in METAL else FRAMES)
    return {"form": form, "colour": colour, "lens": lens, "opacity": opacity, "glare": float(rng.uniform(0.2, 1.0))}


def _glasses(form: str, rng: np.random.Generator) -> Numbers:
    return _eyewear(form, rng, "", 0.0)


def _sunglasses(form: str, rng: np.random.Generator) -> Numbers:
    return _eyewear(form, rng, _one_of(rng, LENSES), float(rng.uniform(0.90, 0.98)))


def _hand(form: str, rng: np.random.Generator) -> Numbers:
    return {
        "pose": form,
        "side": _one_of(rng, ("right", "left")),
        "angle": float(rng.uniform(-9, 9)),
        "size": float(rng.uniform(0.94, 1.04)),
        "spread": float(rng.uniform(0.5, 1.6)),
        "bends": [float(b) for b in rng.normal(0, 2.2, 4)],
        "sleeve": _one_of(rng, SLEEVES),
        "seed": _seed(rng),
    }


def _hair(form: str, rng: np.random.Generator) -> Numbers:
    fringe = form == "fringe"
    return {
        "form": form,
        "side": _one_of(rng, ("right", "left")),
        "length": float(rng.uniform(4.0, 5.5) if fringe else rng.uniform(9.0, 14.0)),
        "hairs": int(rng.integers(700, 1100) if fringe else rng.integers(350, 600)),
        "seed": _seed(rng),
    }


def _scarf(form: str, rng: np.random.Generator) -> Numbers:
    return {
        "up_to": form,
        "colour": _one_of(rng, SCARF_COLOURS),
        "second": _one_of(rng, SECOND),
        "pattern": _one_of(rng, ("plain", "plain", "stripes", "check")),
        "weave": _one_of(rng, WEAVES),
        "seed": _seed(rng),
    }


def _becomes(column: Column, label: str | bool) -> Change:
    return Change(column, Move.BECOMES, label=label)


MORE_COVERED = Change(labels.COVERED_SHARE, Move.UP, by=COVERED)
ANY_COVERED = Change(labels.COVERED_SHARE, Move.UP)
"""For what the verifier sees only faintly: skin before skin, hair, and scarves that end at the chin."""
FACE = (*WHO, *EXPRESSION, *POSE)
KINDS: Mapping[str, Kind] = {
    "mask": Kind(
        MASK_FORMS, _mask, mask_layers, (_becomes(labels.MASK_WORN, True), MORE_COVERED), (*FACE, labels.EYEWEAR)
    ),
    "glasses": Kind(
        tuple(FORMS), _glasses, eyewear_layers, (_becomes(labels.EYEWEAR, "glasses"),), (*FACE, labels.MASK_WORN),
        Identity.KEPT,
    ),
    "sunglasses": Kind(
        ("rectangular", "wayfarer", "aviator", "round", "cat_eye"), _sunglasses, eyewear_layers,
        (_becomes(labels.EYEWEAR, "sunglasses"), MORE_COVERED), (*FACE, labels.MASK_WORN),
    ),
    "hand": Kind(tuple(POSES), _hand, hand_layers, (ANY_COVERED,), SAME_FACE),
    "hair": Kind(HAIR_FORMS, _hair, hair_layers, (ANY_COVERED,), SAME_FACE),
    "scarf": Kind(tuple(HEIGHTS), _scarf, scarf_layers, (ANY_COVERED,), SAME_FACE),
}  # fmt: skip
"""Kind -> what it is. An expression under a mask is the one that was there: its labels are inherited, not measured."""


@dataclass(frozen=True)
class OccludeConfig(Config):
    """What covers the face.

    Attributes:
        kind: One of `KINDS`; empty draws one.
        form: A form of that kind, such as `surgical` or `aviator`; empty draws one.
        colour: Colour as `#rrggbb`, of the mask, frame, scarf or sleeve; empty draws one that such things have.
    """

    kind: str = ""
    form: str = ""
    colour: str = ""


class Occlude(Generator):
    """Fits a thing to the head's shape and pose, lights it, and lets it cast a soft shadow."""

    name = "occlude"
    version = "1"
    doc = "A medical mask, glasses, sunglasses, a hand, hair or a scarf, drawn and lit on the mesh."
    config_type = OccludeConfig
    config: OccludeConfig
    shown = (
        {"kind": "mask", "form": "surgical"},
        {"kind": "mask", "form": "cloth"},
        {"kind": "glasses", "form": "wayfarer"},
        {"kind": "glasses", "form": "round"},
        {"kind": "sunglasses", "form": "aviator"},
        {"kind": "hand", "form": "mouth"},
        {"kind": "hair", "form": "strands"},
        {"kind": "scarf", "form": "nose"},
    )

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse kinds, forms and colours that do not exist."""
        assert isinstance(config, OccludeConfig)
        if config.kind and config.kind not in KINDS:
            raise UnknownNameError("kind", config.kind, tuple(KINDS))
        forms = KINDS[config.kind].forms if config.kind else ()
        if config.form and config.form not in forms:
            known = forms or tuple(sorted({f for k in KINDS.values() for f in k.forms}))
            raise UnknownNameError(f"form of {config.kind or 'an unnamed kind'}", config.form, known)
        if config.colour and not _is_colour(config.colour):
            raise UnknownNameError("colour", config.colour, ("#16161a", "#f1f3f4"))

    def draw(self, request: Request, rng: np.random.Generator) -> dict[str, Any]:
        """Kind, form and looks.

        Raises:
            CannotGenerate: if the head is turned too far, or wears or lacks what the kind needs.
        """
        subject = request.face()
        possible = {kind: why for kind in KINDS if not (why := _obstacle(subject, kind))} or dict.fromkeys(KINDS, "")
        drawn = _one_of(rng, possible)
        kind = self.config.kind or drawn
        if why := _obstacle(subject, kind):
            raise CannotGenerate(why)
        form = self.config.form or _one_of(rng, KINDS[kind].forms)
        numbers = KINDS[kind].numbers(form, rng)
        if self.config.colour:
            numbers |= {key: self.config.colour for key in ("colour", "sleeve") if key in numbers}
        if kind == "hair":
            hairline(head(subject))
        return {"kind": kind, "numbers": numbers}

    def make(self, request: Request, parameters: Parameters) -> Iterable[Made]:
        """One picture; `changed` is what was drawn, with its shadow."""
        subject, kind = request.face(), KINDS[str(parameters["kind"])]
        pixels, changed = composed(subject.pixels, kind.layers(head(subject), parameters["numbers"]))
        mask = as_bytes(changed)
        note = {"kind": parameters["kind"], "drawn_share": float((mask > 127).mean())}
        yield Made(pixels, Promise(kind.identity, kind.changes, kind.keeps), mask, note=note)

    def aim(self, have: Mapping[str, Any], wanted: Mapping[str, str]) -> Mapping[str, Any] | None:
        """Glasses, sunglasses or a mask for bare faces that should have one; other cells as they are."""
        eyewear, mask = labels.EYEWEAR.name, labels.MASK_WORN.name
        rest = {k: v for k, v in wanted.items() if k not in (eyewear, mask)}
        if any(have.get(name) != label for name, label in rest.items()):
            return None
        asked = [str(wanted[eyewear])] if wanted.get(eyewear) not in (None, have.get(eyewear)) else []
        asked += ["mask"] * (mask in wanted and str(wanted[mask]) != str(have.get(mask)))
        if not asked:
            return {}
        bare = {"mask": str(wanted.get(mask)) == "True" and not have.get(mask)}
        bare |= dict.fromkeys(("glasses", "sunglasses"), have.get(eyewear) == NO_EYEWEAR)
        return {"kind": asked[0]} if len(asked) == 1 and bare.get(asked[0]) else None


def _is_colour(code: str) -> bool:
    return len(code) == 7 and code[0] == "#" and all(c in "0123456789abcdefABCDEF" for c in code[1:])


def _obstacle(subject: Subject, kind: str) -> str:
    """Why this kind cannot be put on this face; empty if it can."""
    yaw, pitch, _ = angles(fit_pose(subject.need_mesh()).rotation)
    if max(abs(yaw), abs(pitch)) > MOST_YAW:
        return f"the head is turned by {max(abs(yaw), abs(pitch)):.0f} degrees, more than {MOST_YAW:.0f}"
    worn = subject.labels.get(labels.EYEWEAR.name)
    if kind in ("glasses", "sunglasses") and worn not in (None, NO_EYEWEAR):
        return f"the face wears {worn} already"
    if kind == "mask" and subject.labels.get(labels.MASK_WORN.name):
        return "the face wears a mask already"
    return ""


__all__ = ["KINDS", "Kind", "Occlude", "OccludeConfig"]
