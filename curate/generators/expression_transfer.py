"""One person's expression on another's face, by the action units that are read from both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from annotators.canonical_face import COUNT
from curate.generators.au_editor import KEPT, LEAST, PROMISED, editable_pose
from curate.generators.au_movements import STRONGEST, movements
from curate.generators.base import CannotGenerate, Config, Generator, Made, Parameters, Request
from curate.generators.expression_drawing import drawn
from curate.generators.expression_reading import OPENING, shown
from curate.generators.expression_shape import moved_head
from curate.generators.openings import MOUTH
from curate.generators.promise import Change, Identity, Move, Promise
from curate.generators.subject import Subject
from schemas import UsageError
from schemas.columns import labels

SMALLEST = 0.1
"""Difference of intensity from which a unit is changed."""
PER_LEVEL = (0.13, 0.29)
"""Gap in cm that one step of intensity of AU25 and of AU26 opens between the lips' middle."""


@dataclass(frozen=True)
class ExpressionTransferConfig(Config):
    """How much of the expression is taken over.

    Attributes:
        strength: 1 takes it over as it is read, 0.5 goes half of the way.
    """

    strength: float = 1.0


class ExpressionTransfer(Generator):
    """Reads both faces' units from their meshes and changes the subject's by the difference, as the AU editor does.

    What is read is the geometry of thirteen units: looks of the eyes and tight lips are not taken over.
    """

    name = "expression_transfer"
    version = "1"
    doc = "The partner's expression on the subject's face, unit by unit."
    requires = (labels.MESH,)
    takes_partner = True
    config_type = ExpressionTransferConfig
    config: ExpressionTransferConfig

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse a strength that would leave the range of intensities."""
        assert isinstance(config, ExpressionTransferConfig)
        if not 0 < config.strength <= 1.5:
            raise UsageError(f"strength {config.strength:g}", "it is more than 0 and at most 1.5",
                             "give another number")  # fmt: skip

    def draw(self, request: Request, rng: np.random.Generator) -> dict[str, Any]:
        """The difference of each unit's intensity between the two faces."""
        own, wanted = levels_of(request.face()), levels_of(request.other())
        changes = {}
        for unit in movements():
            change = self.config.strength * (wanted.get(unit, 0.0) - own.get(unit, 0.0))
            if abs(change) >= SMALLEST:
                changes[unit] = round(float(np.clip(change, -STRONGEST, STRONGEST)), 3)
        if not changes:
            raise CannotGenerate("both faces show the same expression")
        return {"levels": changes}

    def make(self, request: Request, parameters: Parameters) -> Iterator[Made]:
        """One picture."""
        subject = request.face()
        pose, mesh = editable_pose(subject), subject.need_mesh()[:COUNT]
        changes = dict(parameters["levels"])
        new = pose.to_image(moved_head(pose.to_head(mesh), changes))
        result = drawn(subject.pixels, mesh, new, pose, changes)
        promised = tuple(
            Change(labels.AU_SCORE, Move.UP if level > 0 else Move.DOWN, unit)
            for unit, level in changes.items()
            if unit in PROMISED and abs(level) >= LEAST
        )
        note = {"partner": request.other().face_id}
        yield Made(result.pixels, Promise(Identity.KEPT, promised, KEPT), result.changed, note=note)


def levels_of(subject: Subject) -> dict[str, float]:
    """Unit -> intensity that a face shows; an open mouth by how far the jaw has dropped.

    Raises:
        CannotGenerate: if the face has no mesh or is turned too far.
    """
    pose, mesh = editable_pose(subject), subject.need_mesh()
    found = shown(mesh, pose)
    if not any(unit in found for unit in OPENING):
        return found
    head = pose.to_head(mesh[:COUNT])
    upper, lower = (list(chain[3:-3]) for chain in MOUTH)
    gap = float((head[upper, 1] - head[lower, 1]).mean())
    return {**found, **opening(gap)}


def opening(gap: float) -> dict[str, float]:
    """Intensities of parted lips and a dropped jaw that make a gap of so many cm between the lips."""
    lips, jaw = PER_LEVEL
    parted = min(gap / lips, 2.0)
    return {"AU25": round(parted, 2), "AU26": round(min(max(gap - parted * lips, 0.0) / jaw, float(STRONGEST)), 2)}
