"""Expressions on portraits by action units, as single pictures or clips."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from annotators.canonical_face import COUNT, Array, Pose, angles, fit_pose
from curate.generators import au_settings
from curate.generators.au_movements import SIDES, presets
from curate.generators.base import CannotGenerate, Config, Generator, Made, Parameters, Request
from curate.generators.expression_drawing import drawn
from curate.generators.expression_reading import shown as units_shown
from curate.generators.expression_shape import moved_head
from curate.generators.promise import Change, Identity, Move, Promise
from curate.generators.subject import Subject
from schemas import UnknownNameError, UsageError
from schemas.columns import labels

BOTH = "both"
MOST_YAW = 40.0
"""Degrees of yaw past which half of the mesh is guessed."""
MOST_FRAMES = 240
PROMISED = ("AU1", "AU2", "AU4", "AU5", "AU7", "AU9", "AU12", "AU25", "AU26", "AU43")
"""Units whose score rises in at least four of five faces when they are raised by 3; see benchmarks/au_editor.py."""
CLEAR = 1.2
"""Strength of an emotion that another face should be taken to show."""
MORE = 0.6
"""Strength that is added to an emotion that the face shows already."""
LEAST = 1.0
"""Change of intensity from which a change of the score is promised."""
KEPT = (labels.RACE, labels.RACE4, labels.GENDER, labels.AGE, labels.AGE_GROUP, labels.MONK)


@dataclass(frozen=True)
class AuEditorConfig(Config):
    """What the face does.

    Attributes:
        au: Signed changes of intensity, such as `AU12=3,AU6=2` (5 is FACS's E; below 0 takes the unit back), emotions
            (`happiness`, `surprise=0.5`), `neutral`, which takes back what the face shows, or several of these;
            empty draws an emotion.
        side: The subject's `left` or `right` side, or `both`.
        frames: Pictures of a clip from neutral to apex and back; 1 gives the apex alone.
        timing: Shares of the clip: neutral, onset, apex, offset.
    """

    au: str = ""
    side: str = BOTH
    frames: int = 1
    timing: str = "0.1,0.3,0.3,0.3"


class AuEditor(Generator):
    """Moves the mesh by the units' fields, slides lids over eyeballs, paints the mouth's inside and folds of skin."""

    name = "au_editor"
    version = "2"
    doc = "Action units and emotions of signed intensity, on one side or both, as a picture or a clip."
    requires = (labels.MESH,)
    config_type = AuEditorConfig
    config: AuEditorConfig
    shown = (
        {"au": "AU12=3"}, {"au": "happiness"}, {"au": "surprise"}, {"au": "anger"}, {"au": "sadness"},
        {"au": "disgust"}, {"au": "AU43=5"}, {"au": "AU12=4", "side": "left"}, {"au": "neutral"},
        {"au": "AU26=4", "frames": 5},
    )  # fmt: skip

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Read the settings, so that a mistake shows before the first picture."""
        assert isinstance(config, AuEditorConfig)
        if config.au:
            au_settings.expression(config.au)
        if config.side not in (BOTH, *SIDES):
            raise UnknownNameError("side", config.side, (BOTH, *SIDES))
        if not 1 <= config.frames <= MOST_FRAMES:
            raise UsageError(f"frames {config.frames}", f"a clip has 1 to {MOST_FRAMES}", "give another number")
        phases(config.frames, config.timing)

    def draw(self, request: Request, rng: np.random.Generator) -> dict[str, Any]:
        """The changes of all units; the emotion, drawn if it is left open."""
        subject = request.face()
        pose = editable_pose(subject)
        names = tuple(presets())
        drawn_name = names[int(rng.integers(len(names)))]
        text = self.config.au or drawn_name
        changes = au_settings.levels(au_settings.expression(text), units_shown(subject.need_mesh(), pose))
        if not changes:
            raise CannotGenerate("the face shows no unit that could be taken back")
        return {"au": text, "levels": changes, "side": self.config.side, "frames": self.config.frames,
                "timing": self.config.timing}  # fmt: skip

    def make(self, request: Request, parameters: Parameters) -> Iterator[Made]:
        """The picture at the apex, or a clip whose first frame is the portrait itself."""
        subject = request.face()
        pose = editable_pose(subject)
        mesh = subject.need_mesh()[:COUNT]
        head = pose.to_head(mesh)
        changes = dict(parameters["levels"])
        sides = SIDES if parameters["side"] == BOTH else (parameters["side"],)
        for step, (phase, share) in enumerate(phases(parameters["frames"], parameters["timing"])):
            yield _frame(subject, mesh, head, pose, {u: v * share for u, v in changes.items()}, sides, step, phase)

    def aim(self, have: Mapping[str, Any], wanted: Mapping[str, str]) -> Mapping[str, Any] | None:
        """An expression that turns the face's perceived emotion into the wanted one; all else must be there already."""
        emotion = labels.PERCEIVED_EMOTION.name
        if any(have.get(name) != label for name, label in wanted.items() if name != emotion):
            return None
        goal, now = wanted.get(emotion), have.get(emotion)
        if goal is None:
            return {}
        if goal == au_settings.NEUTRAL:
            return None if now == goal else {"au": au_settings.NEUTRAL}
        if goal not in presets():
            return None
        if goal == now:
            return {"au": f"{goal}={MORE}"}
        clear = f"{goal}={CLEAR}"
        return {"au": clear if now == au_settings.NEUTRAL else f"{au_settings.NEUTRAL},{clear}"}


def phases(frames: int, timing: str) -> tuple[tuple[str, float], ...]:
    """Phase and share of the full change for each picture; rise and fall are smooth.

    Args:
        frames: Number of pictures; one alone is the apex.
        timing: Shares of the clip: neutral, onset, apex, offset.

    Raises:
        UsageError: if the shares are not four numbers of at least 0 and more than 0 together.
    """
    try:
        shares = np.array([float(v) for v in timing.split(",")])
    except ValueError:
        shares = np.zeros(0)
    if len(shares) != 4 or not np.isfinite(shares).all() or (shares < 0).any() or not shares.sum() > 0:
        raise UsageError(f"timing '{timing}'", "four shares are needed: neutral, onset, apex, offset",
                         "write for example 0.1,0.3,0.3,0.3")  # fmt: skip
    if frames == 1:
        return (("apex", 1.0),)
    ends = np.cumsum(shares) / shares.sum()
    return tuple(_phase(i / (frames - 1), ends) for i in range(frames))


def _phase(place: float, ends: Array) -> tuple[str, float]:
    names = ("neutral", "onset", "apex", "offset")
    if place == 0:
        return names[0], 0.0
    number = min(int(np.searchsorted(ends, place - 1e-9)), 3)
    start = ends[number - 1] if number else 0.0
    share = (place - start) / max(ends[number] - start, 1e-9)
    smooth = float(share * share * (3 - 2 * share))
    return names[number], (0.0, smooth, 1.0, 1 - smooth)[number]


def _frame(
    subject: Subject, mesh: Array, head: Array, pose: Pose, changes: Mapping[str, float], sides: Iterable[str],
    step: int, phase: str,
) -> Made:  # fmt: skip
    """One picture."""
    moving = {unit: level for unit, level in changes.items() if level}
    note = {"phase": phase, "levels": {u: round(v, 3) for u, v in moving.items()}}
    if not moving:
        changed = np.zeros(subject.pixels.shape[:2], np.uint8)
        return Made(subject.pixels.copy(), Promise(Identity.KEPT, keeps=KEPT), changed, step, note)
    sides = tuple(sides)
    new = pose.to_image(moved_head(head, moving, sides))
    result = drawn(subject.pixels, mesh, new, pose, moving, sides)
    changes_promised = tuple(
        Change(labels.AU_SCORE, Move.UP if level > 0 else Move.DOWN, unit)
        for unit, level in moving.items()
        if unit in PROMISED and abs(level) >= LEAST
    )
    return Made(result.pixels, Promise(Identity.KEPT, changes_promised, KEPT), result.changed, step, note)


def editable_pose(subject: Subject) -> Pose:
    """Pose of the head.

    Raises:
        CannotGenerate: if the mesh is missing, has no extent or belongs to a head that is turned too far.
    """
    try:
        pose = fit_pose(subject.need_mesh())
    except ValueError as error:
        raise CannotGenerate(str(error)) from error
    if abs(angles(pose.rotation)[0]) > MOST_YAW:
        raise CannotGenerate("the head is turned too far for its expression to be moved")
    return pose
