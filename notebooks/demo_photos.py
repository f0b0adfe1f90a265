"""Make the demo's photos from scikit-image's astronaut (NASA, public domain): every part has something to show.

Usage: python notebooks/demo_photos.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps
from skimage.data import astronaut

FACE = (150, 20, 330, 250)


def make(folder: Path) -> None:
    """Write the photos: plain, turned, grey, small, dark, blurred, occluded, several in one, broken."""
    folder.mkdir(parents=True, exist_ok=True)
    person = Image.fromarray(astronaut())
    for name, picture in variants(person).items():
        picture.save(folder / name)
    exif = Image.Exif()
    exif[0x0112] = 6
    person.rotate(90, expand=True).save(folder / "camera turned.jpg", exif=exif)
    person.save(folder / "same.jpg", quality=92)
    (folder / "same again.jpg").write_bytes((folder / "same.jpg").read_bytes())
    whole = (folder / "same.jpg").read_bytes()
    (folder / "broken.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "page.jpg").write_text("<!doctype html><title>404 not found</title>")
    Image.new("RGB", (320, 240), "seagreen").save(folder / "no face.png")


def variants(person: Image.Image) -> dict[str, Image.Image]:
    """File name -> picture that holds at least one face."""
    return {
        "plain.png": person,
        "mirror.jpg": ImageOps.mirror(person),
        "tilted.jpg": person.rotate(15, Image.Resampling.BICUBIC),
        "grey.jpg": ImageOps.grayscale(person),
        "small.png": person.resize((96, 96), Image.Resampling.LANCZOS),
        "dark.jpg": ImageEnhance.Brightness(person).enhance(0.3),
        "blurred.jpg": person.filter(ImageFilter.GaussianBlur(4)),
        "masked.jpg": masked(person),
        "sunglasses.jpg": sunglasses(person),
        "three.jpg": side_by_side(person),
        "visage ü 顔.webp": person.crop(FACE).resize((540, 690)),
    }


def masked(person: Image.Image) -> Image.Image:
    """A medical mask over mouth and nose."""
    picture = person.copy()
    ImageDraw.Draw(picture).polygon([(190, 130), (258, 124), (262, 168), (228, 192), (194, 172)], fill=(150, 190, 210))
    return picture


def sunglasses(person: Image.Image) -> Image.Image:
    """Dark glasses over both eyes."""
    picture = person.copy()
    draw = ImageDraw.Draw(picture)
    draw.ellipse((186, 92, 220, 122), fill=(15, 15, 18))
    draw.ellipse((228, 90, 262, 120), fill=(15, 15, 18))
    draw.line((218, 104, 230, 103), fill=(15, 15, 18), width=4)
    return picture


def side_by_side(person: Image.Image) -> Image.Image:
    """Three faces of different sizes in one picture."""
    face = person.crop(FACE)
    sheet = Image.new("RGB", (720, 300), (60, 70, 80))
    for x, size in ((20, (220, 281)), (270, (160, 204)), (460, (110, 140))):
        sheet.paste(face.resize(size, Image.Resampling.LANCZOS), (x, 10))
    return sheet


if __name__ == "__main__":
    make(Path(sys.argv[1]))
