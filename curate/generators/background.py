"""The same person before another background; the face stays as it is, to the bit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from annotators.colour import SRGB_TO_XYZ, linear_rgb
from curate.generators.base import CannotGenerate, Config, Generator, Made, Parameters, Request
from curate.generators.kept_labels import SAME_FACE, SKIN
from curate.generators.matting import Matte, matte_share, person_matte
from curate.generators.promise import Identity, Promise
from curate.generators.regions import regions
from curate.generators.scenery import SCENES
from curate.generators.soft_masks import as_bytes, soften
from curate.generators.subject import Subject
from schemas import UnknownNameError, UsageError

FOLDER = "folder"
ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
LEAST_BACKGROUND = 0.04
"""Share of the portrait that must be background for another to be worth it."""
WRAP = 0.35
"""How much of the background's light reaches around the edge of the person."""
MATCH = 0.45
"""How far a background's brightness and colour are brought to those of the photo, as powers of their ratio."""


@dataclass(frozen=True)
class BackgroundConfig(Config):
    """What is behind the person.

    Attributes:
        kind: `studio`, `night`, `outdoors`, or `folder` for pictures of your own; empty draws one (of the folder too
            where one is given).
        folder: Folder with background pictures (JPEG, PNG, WebP), best without people.
        blur: Blur of a folder's pictures, as the standard deviation in px at 512.
    """

    kind: str = ""
    folder: str = ""
    blur: float = 4.0


class Background(Generator):
    """Cuts the person out by GrabCut from the mesh's seeds and lays them before another scene."""

    name = "background"
    version = "1"
    doc = "The person before a studio's paper, night lights, the open air or a picture of yours; the face untouched."
    config_type = BackgroundConfig
    config: BackgroundConfig
    shown = tuple({"kind": kind} for kind in ("studio", "night", "outdoors", "studio", "night", "outdoors"))

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse unknown scenes, and a folder without pictures."""
        assert isinstance(config, BackgroundConfig)
        if config.kind and config.kind not in (*SCENES, FOLDER):
            raise UnknownNameError("background", config.kind, (*SCENES, FOLDER))
        if config.kind == FOLDER and not config.folder:
            raise UsageError("background.kind=folder needs a folder", fix="Give background.folder=PATH")
        if config.folder and not pictures(config.folder):
            raise UsageError(f"no pictures in {config.folder}", fix=f"Give a folder with files {', '.join(ENDINGS)}")
        if not 0 <= config.blur <= 100:
            raise UsageError(f"background.blur={config.blur:g} is not between 0 and 100")

    def draw(self, request: Request, rng: np.random.Generator) -> dict[str, Any]:
        """Scene and its seed, or the picture and the part of it."""
        request.face().need_mesh()
        kinds = (*SCENES, *([FOLDER] if self.config.folder else []))
        drawn, seed = kinds[int(rng.integers(len(kinds)))], int(rng.integers(1 << 31))
        kind = self.config.kind or drawn
        if kind != FOLDER:
            return {"kind": kind, "seed": seed}
        files = pictures(self.config.folder)
        place = [float(v) for v in rng.uniform(0, 1, 2)]
        file = files[int(rng.integers(len(files)))]
        return {"kind": kind, "folder": self.config.folder, "file": file, "place": place, "blur": self.config.blur}

    def make(self, request: Request, parameters: Parameters) -> Iterable[Made]:
        """One picture.

        Raises:
            CannotGenerate: if hardly any background is seen, or the picture for it is gone.
        """
        subject = request.face()
        matte = person_matte(subject)
        if matte is None or matte_share(matte.alpha) < LEAST_BACKGROUND:
            raise CannotGenerate("hardly any background is seen around the person")
        scene = matched(subject, matte, _scene(subject.side, parameters))
        pixels, changed = before(subject, matte, scene)
        note = {"background_share": matte_share(matte.alpha)}
        yield Made(pixels, Promise(Identity.KEPT, keeps=(*SAME_FACE, *SKIN)), as_bytes(changed), note=note)


def pictures(folder: str) -> list[str]:
    """Names of the pictures in a folder, sorted; empty if it is none."""
    path = Path(folder)
    return sorted(p.name for p in path.iterdir() if p.suffix.lower() in ENDINGS) if path.is_dir() else []


def _scene(side: int, parameters: Parameters) -> NDArray[np.float32]:
    """Linear RGB, (side, side, 3)."""
    if parameters["kind"] != FOLDER:
        rng = np.random.default_rng(int(parameters["seed"]))
        return np.asarray(SCENES[str(parameters["kind"])](side, rng), np.float32)
    path = Path(str(parameters["folder"])) / str(parameters["file"])
    try:
        with Image.open(path) as opened:
            picture = np.asarray(ImageOps.exif_transpose(opened).convert("RGB"), np.uint8)
    except OSError as error:
        raise CannotGenerate(f"the background {path.name} cannot be read") from error
    size = min(picture.shape[:2])
    top, left = (round(p * (n - size)) for p, n in zip(parameters["place"], picture.shape[:2], strict=True))
    cut = picture[top : top + size, left : left + size]
    how = cv2.INTER_AREA if size > side else cv2.INTER_CUBIC
    light = linear_rgb(cv2.resize(cut, (side, side), interpolation=how)).astype(np.float32)
    sigma = float(parameters["blur"]) * side / 512
    return np.asarray(cv2.GaussianBlur(light, (0, 0), sigma) if sigma > 0.3 else light, np.float32)


def matched(subject: Subject, matte: Matte, scene: NDArray[np.float32]) -> NDArray[np.float32]:
    """The scene with its brightness and colour brought nearer to those of the light on the person."""
    luma = SRGB_TO_XYZ[1].astype(np.float32)
    old = linear_rgb(subject.pixels).astype(np.float32)
    weight = matte.alpha
    person = (old * weight[..., None]).sum((0, 1)) / max(float(weight.sum()), 1.0)
    mean = scene.mean((0, 1))
    gain = float(np.clip((person @ luma / max(float(mean @ luma), 1e-4)) ** MATCH, 0.4, 2.2))
    whole = old.mean((0, 1))
    cast = whole / max(float(whole @ luma), 1e-4)
    tint = np.clip(cast, 0.4, 2.0) ** (0.6 * MATCH)
    return np.asarray(np.clip(scene * gain * tint / float(tint @ luma), 0, 1), np.float32)


def before(subject: Subject, matte: Matte, scene: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The person before a scene, and where the picture changed, 0-1."""
    parts = regions(subject)
    alpha = matte.alpha[..., None]
    light = linear_rgb(np.asarray(np.rint(np.clip(matte.colour, 0, 255)), np.uint8)).astype(np.float32)
    spill = cv2.GaussianBlur(scene * (1 - alpha), (0, 0), 0.020 * subject.side)
    rim = np.clip(soften(1 - matte.alpha, 0.008 * subject.side) * 1.6, 0, 1) * (parts.face <= 0) * matte.alpha
    light = light + WRAP * rim[..., None] * (spill - light * 0.25)
    mixed = np.clip(light * alpha + scene * (1 - alpha), 0, 1)
    coded = np.where(mixed > 0.0031308, 1.055 * np.maximum(mixed, 1e-9) ** (1 / 2.4) - 0.055, 12.92 * mixed)
    changed = np.maximum(1 - matte.alpha, rim)
    changed = np.where((changed < 0.01) | (parts.face > 0), 0, changed).astype(np.float32)
    new = np.asarray(np.rint(coded * 255), np.uint8)
    return np.where(changed[..., None] > 0, new, subject.pixels), changed
