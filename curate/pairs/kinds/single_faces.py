"""Rows of one face each, with what a training script reads beside it: condition maps, masks, views, pools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from curate.pairs.base import Config, PairKind, Role, Row
from curate.pairs.pool import UNKNOWN, Pool
from curate.pairs.rules import NEAR
from curate.pairs.views.mirrors import mirrored_pose
from schemas import UsageError
from schemas.columns import labels

FACE = "face"
SYNTHETIC, AGAIN, NO_POSE, BETWEEN = (
    "its picture is generated", "a copy of its face is in the pool already", "its head's pose is unknown",
    "its yaw lies outside all bins",
)  # fmt: skip


class EachFace(PairKind):
    """Every face is a row, in a drawn order."""

    def propose(self, pool: Pool, rng: np.random.Generator) -> Iterator[Row]:
        """Each face once."""
        for face in rng.permutation(len(pool)).tolist():
            yield Row({FACE: (face,)})


class ConditionMaps(EachFace):
    """A face and maps of the same size that generators are conditioned on; a map that cannot be made is null."""

    name = "cond_maps"
    doc = "A face with its condition maps: albedo, shading, normals, depth, light, masks and heat of the expression."
    source = "InstaFace (Baliah et al. 2025), DiffFAE (Ren et al. 2024), Belharbi et al. 2024"
    roles = (Role(FACE, "the face", views={
        "albedo": "albedo", "shading": "shading", "normals": "normals", "depth": "depth", "light": "light",
        "face_mask": "face_mask", "context_mask": "context_mask", "skin_mask": "skin_mask",
        "surround_mask": "surround_mask", "emotion_heat": "emotion_heat", "id_embed": "embedding",
    }),)  # fmt: skip
    needs = (labels.MESH, labels.EMBEDDING, labels.PERCEIVED_EMOTION)
    carries = (labels.PERCEIVED_EMOTION, labels.YAW, labels.PITCH, labels.ROLL, labels.CAPTION, labels.EMBEDDING_CLIP)


class SelfSwap(EachFace):
    """A face that is restored from its own masked picture: the mask tells neither the outline nor the whole face."""

    name = "self_swap"
    doc = "A face with masks of its region, scaled and perforated at random, and its identity and other features."
    source = "SelfSwapper (Lee et al. 2024): self-supervised swapping by a masked autoencoder"
    roles = (Role(FACE, "source, target and truth in one", views={
        "face_mask": "face_mask", "shape_mask": "shape_mask", "perforated_mask": "perforated_mask",
        "id_embed": "embedding", "landmarks": "points_68", "texture": "uv_texture",
    }),)  # fmt: skip
    needs = (labels.MESH, labels.POINTS_68, labels.EMBEDDING)
    adults = True


class PretrainPool(EachFace):
    """Photographs of faces, each once, with the regions and a mask for masked pre-training."""

    name = "pretrain_pool"
    doc = "Each face of a photograph once, without copies and generated ones, with its regions and a patch mask."
    source = "FSFM (Wang et al. 2025): real faces for self-supervised pre-training"
    roles = (Role(FACE, "the face", views={"regions": "region_map", "hidden": "patch_mask"}),)
    needs = (labels.MESH,)

    def propose(self, pool: Pool, rng: np.random.Generator) -> Iterator[Row]:
        """Each face once; what is a copy of one before is noted."""
        taken: NDArray[np.int64] = np.empty(0, np.int64)
        for face in rng.permutation(len(pool)).tolist():
            again = False
            if not pool.synthetic[face]:
                again = copied_from(pool, face, taken)
                taken = taken if again else np.append(taken, face)
            yield Row({FACE: (face,)}, {"copy": again})

    def refuses(self, pool: Pool, row: Row) -> str:
        """Generated pictures and copies."""
        (face,) = row.faces[FACE]
        if pool.synthetic[face]:
            return SYNTHETIC
        return AGAIN if row.notes["copy"] else ""


class SpoofPairs(EachFace):
    """A photo as it is, and as if it were held before the camera as a print or on a screen."""

    name = "spoof_pairs"
    doc = "A live face with simulated presentation attacks: a print and a screen."
    source = "Learning facial liveness representation (Liu et al. 2022): live faces and attack types"
    roles = (Role(FACE, "the live face", views={"print_file": "print_attack", "replay_file": "replay_attack"}),)
    adults = True


@dataclass(frozen=True)
class YawViewsConfig(Config):
    """Settings of `yaw_views`.

    Attributes:
        bin_width: Width of a bin in degrees; the middle one has 0 in its middle.
        most_yaw: Beyond this yaw to either side no bin lies.
    """

    bin_width: float = 30.0
    most_yaw: float = 105.0


class YawViews(EachFace):
    """A face in the bin of its yaw, with its mirrored partner."""

    name = "yaw_views"
    doc = "A face with the angles of its head and the bin of its yaw, and the mirrored picture with its angles."
    source = "Identity preserving 3D head stylization (Bilecen et al. 2024): heads by view, with mirrored partners"
    roles = (Role(FACE, "the view", views={"mirror_file": "mirror", "mirror_points": "mirror_points_68"}),)
    needs = (labels.YAW, labels.PITCH, labels.ROLL, labels.POINTS_68)
    carries = (labels.POINTS_68, labels.CAPTION)
    config_type = YawViewsConfig
    config: YawViewsConfig
    figures: ClassVar[Mapping[str, str]] = {
        "yaw": "degrees", "pitch": "degrees", "roll": "degrees", "bin": "middle of the bin of the yaw, degrees",
        "mirror_yaw": "of the mirrored picture", "mirror_pitch": "likewise", "mirror_roll": "likewise",
        "mirror_bin": "likewise",
    }  # fmt: skip

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse bins without width."""
        assert isinstance(config, YawViewsConfig)
        if not 0 < config.bin_width <= 180:
            raise UsageError(f"yaw_views.bin_width={config.bin_width:g} is not between 0 and 180 degrees")

    def refuses(self, pool: Pool, row: Row) -> str:
        """Faces without pose."""
        (face,) = row.faces[FACE]
        pose = [pool.numbers(c)[face] for c in (labels.YAW, labels.PITCH, labels.ROLL)]
        if not np.isfinite(pose).all():
            return NO_POSE
        return BETWEEN if abs(pose[0]) > self.config.most_yaw else ""

    def facts(self, pool: Pool, row: Row) -> Mapping[str, Any]:
        """Angles and bins of the picture and its mirror image."""
        (face,) = row.faces[FACE]
        yaw, pitch, roll = (float(pool.numbers(c)[face]) for c in (labels.YAW, labels.PITCH, labels.ROLL))
        mirrored = mirrored_pose(yaw, pitch, roll)
        own = {"yaw": yaw, "pitch": pitch, "roll": roll, "bin": yaw_bin(yaw, self.config.bin_width)}
        names = ("mirror_yaw", "mirror_pitch", "mirror_roll")
        return own | dict(zip(names, mirrored, strict=True)) | {"mirror_bin": yaw_bin(-yaw, self.config.bin_width)}


def yaw_bin(yaw: float, width: float) -> float:
    """Middle of the bin of a yaw in degrees: a multiple of the width; ends belong to the bin nearer to the front."""
    steps = int(np.ceil(abs(yaw) / width - 0.5))
    return float(np.sign(yaw) * steps * width) + 0.0


def copied_from(pool: Pool, face: int, others: NDArray[np.int64]) -> bool:
    """Whether a face is in a copy of the picture of one of the others.

    By the layer of duplicates, or by the hashes of other pictures, this one's as it is or mirrored.
    """
    if pool.copies[face] != UNKNOWN and (pool.copies[others] == pool.copies[face]).any():
        return True
    if not pool.hashed[face]:
        return False
    comparable = others[pool.hashed[others] & (pool.picture[others] != pool.picture[face])]
    apart = np.bitwise_count(pool.hashes[comparable, 0][:, None] ^ pool.hashes[face]).min(1, initial=64)
    return bool((apart <= NEAR).any())


class UvFaces(EachFace):
    """A face unrolled: one texture layout and one list of triangles for all faces, with words and expression codes."""

    name = "uv_faces"
    doc = "A face's texture and geometry in one topology for all, with caption, expression codes and pose."
    source = "GenCA (Sun et al. 2024): text, identity and expression codes over texture and geometry"
    roles = (Role(FACE, "the face", views={
        "uv_texture": "uv_texture", "uv_geometry": "uv_geometry", "id_embed": "embedding",
    }),)  # fmt: skip
    needs = (labels.MESH, labels.EMBEDDING)
    carries = (labels.CAPTION, labels.BLENDSHAPES, labels.YAW, labels.PITCH, labels.ROLL)
