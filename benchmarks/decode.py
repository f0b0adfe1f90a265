"""What checked decoding costs beside bare decoding with Pillow and OpenCV, one thread, same bytes.

Usage: python -m benchmarks.decode [--data FOLDER] [--crops N] [--repeats N]

The folder holds `fairface/*.parquet` (bytes in `image`) and `photos/`. Printed are milliseconds per picture,
the best of the repeats, and the ratio of `load` to each bare decoder over files that all three can read.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from curate.ingest import load
from schemas.columns import sources as src


def bare_pillow(data: bytes) -> object:
    """Pillow to an RGB array."""
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB"))


def bare_cv2(data: bytes) -> object:
    """OpenCV to a BGR array."""
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)


class Bytes:
    """A reader that already has the bytes, so that only decoding is timed."""

    def __init__(self, pictures: Sequence[bytes]) -> None:
        self.pictures = pictures

    def read(self, _: str, member: int | None = None) -> bytes:
        """The picture of that number."""
        assert member is not None
        return self.pictures[member]


def seconds(work: Callable[[int], object], count: int, repeats: int) -> float:
    """Least time over the repeats for all pictures."""
    best = float("inf")
    for _ in range(repeats):
        start = perf_counter()
        for i in range(count):
            work(i)
        best = min(best, perf_counter() - start)
    return best


def compare(name: str, pictures: Sequence[bytes], repeats: int) -> None:
    """Print one line for a set of pictures."""
    reader = Bytes(pictures)

    def checked(i: int) -> object:
        return load({src.URI.name: name, src.MEMBER.name: i}, reader=reader)  # type: ignore[arg-type]

    times = [
        seconds(work, len(pictures), repeats) / len(pictures) * 1000
        for work in (checked, lambda i: bare_pillow(pictures[i]), lambda i: bare_cv2(pictures[i]))
    ]
    ours, pillow, opencv = times
    print(
        f"{name:<28}{len(pictures):>6}{ours:>10.3f}{pillow:>10.3f}{opencv:>10.3f}"
        f"{ours / pillow:>12.2f}{ours / opencv:>12.2f}"
    )


def readable(folder: Path) -> list[bytes]:
    """Bytes of the files that become pixels, without those of over 20 megapixels."""
    files = [p for p in sorted(folder.rglob("*")) if p.is_file()]
    loaded = [(p, load({src.URI.name: str(p)}).pixels) for p in files]
    return [p.read_bytes() for p, pixels in loaded if pixels is not None and pixels.size < 60_000_000]


def progressive(pictures: Sequence[bytes]) -> list[bytes]:
    """The same pictures in progressive coding."""
    found = []
    for data in pictures:
        out = io.BytesIO()
        Image.open(io.BytesIO(data)).convert("RGB").save(out, "JPEG", quality=90, progressive=True)
        found.append(out.getvalue())
    return found


def main() -> None:
    """Run all comparisons."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--crops", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    part = next(iter(sorted((options.data / "fairface").glob("*.parquet"))))
    crops = pq.read_table(part, columns=["image"])["image"].to_pylist()[: options.crops]
    photos = readable(options.data / "photos")
    jpeg = [p for p in photos if p.startswith(b"\xff\xd8")]
    large = [p for p in jpeg if len(p) > 200_000]
    print(
        f"{'ms per picture':<28}{'n':>6}{'load':>10}{'Pillow':>10}{'OpenCV':>10}{'load/Pillow':>12}{'load/OpenCV':>12}"
    )
    compare("FairFace crops, 224 px", crops, options.repeats)
    compare("photos, JPEG", jpeg, options.repeats)
    compare("photos, JPEG over 200 kB", large, options.repeats)
    compare("photos, all formats", photos, options.repeats)
    compare("crops, progressive", progressive(crops[:300]), options.repeats)


if __name__ == "__main__":
    main()
