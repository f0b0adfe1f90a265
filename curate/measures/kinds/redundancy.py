"""How many pictures of a folder show what another one shows already, such as frames of a still video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from curate.evaluation.intervals import proportion
from curate.identity.graph import components
from curate.identity.hamming import BITS, FINE_BITS, fine_distance, near_hashes
from curate.identity.hashes import hash_picture
from curate.identity.progress import follow
from curate.measures.base import PICTURES, Config, Given, Input, Measure, Result
from curate.measures.pictures import files_of, read
from curate.measures.summary import share_of
from schemas import UsageError
from schemas.columns import hashes

SHOWN = 20


@dataclass(frozen=True)
class RedundancyConfig(Config):
    """When two pictures count as alike.

    Attributes:
        bits: Most differing bits of the 64-bit perceptual hash, at most 11.
        fine_bits: Most differing bits of the 256-bit one.
    """

    bits: int = BITS
    fine_bits: int = FINE_BITS

    def __post_init__(self) -> None:
        if not 0 <= self.bits <= 11 or not 0 <= self.fine_bits <= 256:
            raise UsageError("settings of redundancy", "bits are 0 to 11 and fine_bits 0 to 256")


class Redundancy(Measure):
    """Alike pictures form groups (linked by any chain of alike pairs); all but one picture of a group are redundant."""

    name = "redundancy"
    doc = "Share of a folder's pictures that are near-duplicates of another one, by perceptual hashes."
    source = "Zauner 2010 (DCT hash); Bulat et al. 2022 (redundancy of video pools)"
    inputs = (Input("pictures", PICTURES, "a folder of pictures, such as frames of a video"),)
    config_type = RedundancyConfig
    config: RedundancyConfig

    def measure(self, given: Given) -> Result:
        """The share, the largest groups, and which picture of each would stay."""
        files = files_of(given.folders["pictures"])
        found = [hash_picture(read(p)) for p in follow(files.values(), len(files), "hashing", given.quiet)]
        coarse = np.array([f[hashes.HASH.name] for f in found], np.uint64)
        a, b = near_hashes(coarse, coarse, self.config.bits)
        words = np.frombuffer(b"".join(f[hashes.FINE.name] for f in found), np.uint64).reshape(len(found), -1)
        near = fine_distance(words, words, a, b) <= self.config.fine_bits
        group = components(len(found), a[near], b[near])
        names = list(files)
        _, first, sizes = np.unique(group, return_index=True, return_counts=True)
        redundant = np.ones(len(names), bool)
        redundant[first] = False
        order = np.argsort(-sizes, kind="stable")[:SHOWN]
        rows = [{"stays": names[first[i]], "pictures": int(sizes[i])} for i in order if sizes[i] > 1]
        share = proportion(redundant)
        facts: dict[str, Any] = {"pictures": len(names), "groups": len(sizes), "redundant": share.value}
        return Result(facts, {"share": [{"figure": "redundant", **share_of(redundant)}], "largest groups": rows})
