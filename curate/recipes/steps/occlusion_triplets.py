"""A step that lays clean faces, the same under a cover, and the cover's mask side by side, with one expression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annotators.base import Config
from curate.generate.again import Origins
from curate.generate.orders import Maker
from curate.recipes.layer_steps import OwnStep, write_csv
from curate.recipes.made_pairs import Skipped, save_picture
from curate.recipes.step import Done, Site
from curate.recipes.steps.edit_folders import TRAIN, pairs_of
from curate.recipes.steps.makeup_pairs import NOT_SAME, again
from schemas import UsageError
from schemas.columns import images, labels

CLEAN, OCCLUDED, MASK = PARTS = ("clean", "occluded", "mask")
TABLE = "triplets.csv"


@dataclass(frozen=True)
class OcclusionOptions(Config):
    """What is laid out.

    Attributes:
        expressed: Leave out faces whose expression is not known.
    """

    expressed: bool = True


class OcclusionTriplets(OwnStep):
    """Three rows per triplet, all with the expression of the clean face: under a cover it is the one that was there.

    Every occluded picture is made again from its stored parameters, and only one that comes out the same is written;
    what differs from the clean picture lies inside the mask.
    """

    name = "occlusion_triplets"
    doc = "Clean face, the same face under a cover, and the cover's mask, each row with the clean face's expression."
    options_type = OcclusionOptions
    options: OcclusionOptions

    def run(self, site: Site) -> Done:
        """Writes pictures and table."""
        skipped, rows, ds, maker = Skipped({}), [], site.open(), Maker()
        for pair in pairs_of(site, "occlude", (labels.PERCEIVED_EMOTION, images.SPLIT), skipped):
            emotion = pair.labels_before.get(labels.PERCEIVED_EMOTION.name)
            made = again(pair, Origins(ds, [pair.picture]), maker)
            if emotion is None and self.options.expressed:
                skipped.add("its expression is not known")
            elif made is None or made.changed is None or not np.array_equal(made.pixels, pair.after):
                skipped.add(NOT_SAME)
            else:
                pixels = {CLEAN: pair.before.pixels, OCCLUDED: pair.after, MASK: made.changed}
                for part in PARTS:
                    save_picture(site.folder / part / f"{pair.key}.png", pixels[part])
                    rows.append({
                        "triplet": pair.key, "part": part, "file": f"{part}/{pair.key}.png", "emotion": emotion,
                        "kind": pair.picture.lineage.parameters["kind"], "source_face": pair.before.face_id,
                        "split": pair.labels_before.get(images.SPLIT.name) or TRAIN,
                    })  # fmt: skip
        if not rows:
            why = "; ".join(f"{n} {k}" for k, n in skipped.counts.items())
            raise UsageError(f"step {site.step} found no triplets", why)
        path = write_csv(site.folder / TABLE, rows, list(rows[0]))
        return Done(len(rows) // 3, "triplets", skipped.counts, {}, (path,))
