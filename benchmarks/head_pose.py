"""Errors of head pose and gaze where the answer is known or two readings must agree.

python -m benchmarks.head_pose

There are no photos with measured angles at hand. Known are: projections of the canonical face with noise
and perspective; photos turned in the picture plane; mirrored photos.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from annotators.canonical_face import Pose, angles, canonical_face, fit_pose, rotation_of
from annotators.weights import ModelStore
from benchmarks.labelling import arguments, decode, fairface, label, made
from benchmarks.statistics import Estimate, mean, proportion, table
from schemas.columns import labels

CHAIN = ("mesh", "blendshapes", "head_pose", "gaze")
ANGLES = [c.name for c in (labels.YAW, labels.PITCH, labels.ROLL)]
Row = dict[str, Any]


def synthetic(noise: float, distance: float | None, count: int = 500) -> list[Estimate]:
    """Mean absolute error in degrees of yaw, pitch and roll on projected canonical faces.

    Args:
        noise: Standard deviation on every coordinate as a share of the face's width.
        distance: Of the camera in cm, or None for a weak perspective picture.
        count: Number of random poses: |yaw| < 60, |pitch| < 30, |roll| < 45 degrees.
    """
    rng = np.random.default_rng(0)
    errors = []
    width = np.ptp(canonical_face().points[:, 0])
    for _ in range(count):
        true = rng.uniform([-60, -30, -45], [60, 30, 45])
        head = canonical_face().points @ rotation_of(*true).T
        if distance:
            head[:, :2] *= (distance / (distance - head[:, 2]))[:, None]
        head += rng.normal(0, noise * width, head.shape)
        mesh = Pose(np.eye(3), 12.0, np.zeros(3)).to_image(head)
        errors.append(np.abs(np.subtract(angles(fit_pose(mesh).rotation), true)))
    return [mean(e) for e in np.transpose(errors)]


def variants(data: Path, count: int, turn: float) -> Iterator[tuple[bytes, Row]]:
    """FairFace validation crops: as they are, mirrored, and turned clockwise."""
    for index, (content, _) in enumerate(islice(fairface(data, "validation"), count)):
        image = decode(content)
        height, width = image.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -turn, 0.8)
        turned = cv2.warpAffine(image, matrix, (width, height))
        for kind, picture in (("plain", image), ("mirrored", image[:, ::-1]), ("turned", turned)):
            yield cv2.imencode(".png", picture[:, :, ::-1])[1].tobytes(), {"face": index, "kind": kind}


def agreement(rows: list[Row], turn: float) -> list[list[Any]]:
    """Mean absolute difference between what a changed photo must give and what it gives."""
    by_kind = {(r["face"], r["kind"]): r for r in rows if r.get(ANGLES[0]) is not None}
    lines: list[list[Any]] = []
    for kind in ("mirrored", "turned"):
        pairs = [(r, by_kind[f, kind]) for (f, k), r in by_kind.items() if k == "plain" and (f, kind) in by_kind]
        found = np.array([[b[a] for a in ANGLES] for _, b in pairs])
        plain = [[a[n] for n in ANGLES] for a, _ in pairs]
        if kind == "mirrored":
            due = np.array([[-y, p, -r] for y, p, r in plain])
        else:
            due = np.array([angles(rotation_of(0, 0, turn) @ rotation_of(*p)) for p in plain])
        errors = np.abs((found - due + 180) % 360 - 180)
        lines.append([f"{kind} photo (n={len(pairs)})", *(mean(e) for e in errors.T)])
    both = [(r, by_kind[f, "mirrored"]) for (f, k), r in by_kind.items() if k == "plain" and (f, "mirrored") in by_kind]
    both = [(a, b) for a, b in both if a["gaze_yaw"] is not None and b["gaze_yaw"] is not None]
    yaw = mean([abs(a["gaze_yaw"] + b["gaze_yaw"]) for a, b in both])
    pitch = mean([abs(a["gaze_pitch"] - b["gaze_pitch"]) for a, b in both])
    lines.append([f"gaze, mirrored photo (n={len(both)})", yaw, pitch, ""])
    return lines


def main() -> None:
    """Print the tables."""
    parser = arguments(__doc__)
    parser.add_argument("--faces", type=int, default=300)
    chosen = parser.parse_args()
    turn = 20.0
    lines: list[list[Any]] = []
    for noise, distance in ((0.0, None), (0.01, None), (0.02, None), (0.0, 100.0), (0.0, 50.0)):
        name = f"canonical face, noise {noise:.0%} of its width" + (
            f", camera at {distance:.0f} cm" if distance else ""
        )
        lines.append([name, *synthetic(noise, distance)])
    rows = label(variants(chosen.data, chosen.faces, turn), made(*CHAIN), ModelStore())
    lines += agreement(rows, turn)
    print(table(["mean absolute error, degrees", "yaw", "pitch", "roll"], lines))
    plain = [r for r in rows if r["kind"] == "plain" and r.get("looks_at_camera") is not None]
    print(f"\nlooks at the camera, FairFace: {proportion([r['looks_at_camera'] for r in plain])} of {len(plain)}")


if __name__ == "__main__":
    main()
