"""A linear model of face shape: the mean, directions of expression, and directions of identity that expression lacks.

After the linear models that GaFET (Ma et al. 2023) and others take their coefficients from, such as 3DMM and FLAME, but
fitted to the dataset's own meshes: expression is spanned by the movements of action units on the average head
(`curate.generators.au_movements`), identity by the principal components of what these leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.canonical_face import COUNT, Pose, canonical_face, fit_pose
from annotators.shape import to_68
from curate.generators.au_movements import field
from curate.generators.expression_reading import UNITS

Floats = NDArray[np.float64]
COMPONENTS = 30
"""Directions of identity; of 100 faces they reconstruct others to .7 % of the eye distance."""
LEAST_SINGULAR = 0.02
"""Share of the strongest direction of expression below which a direction is left out."""
EYES = (36, 45)
"""Outer corners of the eyes among the 68 points."""
POINTS = 68


@dataclass(frozen=True)
class ShapeModel:
    """A fitted model; shapes are (68, 3) cm in the frame of the head, flattened.

    Attributes:
        mean: (204,) mean shape of the faces it was fitted on.
        expression: (204, e) orthonormal directions of expression.
        identity: (204, i) orthonormal directions of identity, at right angles to those of expression.
        neutral: (e,) coefficients of a neutral expression.
    """

    mean: Floats
    expression: Floats
    identity: Floats
    neutral: Floats

    def coefficients(self, shapes: Floats) -> tuple[Floats, Floats]:
        """Identity and expression of shapes, (n, i) and (n, e); expression counts from neutral."""
        off = shapes - self.mean
        return off @ self.identity, off @ self.expression - self.neutral

    def shapes(self, identity: Floats, expression: Floats) -> Floats:
        """Shapes of coefficients, (n, 204)."""
        return np.asarray(self.mean + identity @ self.identity.T + (expression + self.neutral) @ self.expression.T)

    def neutralised(self, shapes: Floats) -> Floats:
        """The same faces with a neutral expression: what the model does not explain of them stays."""
        _, expression = self.coefficients(shapes)
        return np.asarray(shapes - expression @ self.expression.T)


def shape_of(mesh: NDArray[np.floating[Any]]) -> tuple[Floats, Pose]:
    """A mesh's 68 points in the frame of the head, (204,) cm, and its pose.

    Raises:
        ValueError: if the mesh has no extent.
    """
    pose = fit_pose(mesh)
    return to_68(pose.to_head(mesh[:COUNT])).astype(np.float64).ravel(), pose


def fit(shapes: Floats, neutral: NDArray[np.bool_], components: int = COMPONENTS) -> ShapeModel:
    """Fit a model.

    Args:
        shapes: (n, 204) cm.
        neutral: Which of them have a neutral expression; where none has, the mean counts as neutral.
        components: Most directions of identity.
    """
    mean = shapes.mean(0)
    expression = directions(UNITS)
    off = shapes - mean
    rest = off - off @ expression @ expression.T
    _, _, found = np.linalg.svd(rest, full_matrices=False)
    identity = found[: min(components, len(shapes) - 1)].T
    calm = off[neutral].mean(0) @ expression if neutral.any() else np.zeros(expression.shape[1])
    return ShapeModel(mean, expression, identity, calm)


def directions(units: Sequence[str]) -> Floats:
    """Orthonormal directions in which action units move the 68 points of the average head, (204, e)."""
    head = canonical_face().points
    still = to_68(head).astype(np.float64)
    moved = [(to_68(head + field(unit, head)) - still).ravel() for unit in units]
    left, sizes, _ = np.linalg.svd(np.stack(moved, axis=1), full_matrices=False)
    return np.asarray(left[:, sizes > LEAST_SINGULAR * sizes[0]], np.float64)


def error(given: Floats, found: Floats) -> Floats:
    """Root mean square distance of the 68 points over the distance of the outer eye corners, (n,)."""
    a, b = given.reshape(-1, POINTS, 3), found.reshape(-1, POINTS, 3)
    eyes = np.linalg.norm(a[:, EYES[0]] - a[:, EYES[1]], axis=1)
    return np.asarray(np.sqrt(((a - b) ** 2).sum(2).mean(1)) / eyes)
