"""The Label Studio form for rating generated faces: quality, authenticity, where distortions are, and in words."""

from __future__ import annotations

from schemas import UsageError

FORM = "rating_form.xml"
MEDIA = ("image", "video")
STARS = 5

_RATED = {"quality": "How good is the picture of the face?", "authenticity": "How real does the face look?"}


def rating_form(media: str = "image") -> str:
    """XML for Label Studio: two ratings of 1 to 5, a brush over what is distorted, and a description.

    Names of the controls are those that the measure `mos` reads as `kind`. A brush needs a still picture: of a video,
    raters mark the frame that `$frame` shows.

    Args:
        media: What tasks show: `image` (task key `image`), or `video` (task keys `video` and `frame`).

    Raises:
        UsageError: for other media.
    """
    if media not in MEDIA:
        raise UsageError(f"media={media}", fix=f"Known: {', '.join(MEDIA)}")
    shown = "frame" if media == "video" else "image"
    parts = ['  <Video name="video" value="$video"/>'] if media == "video" else []
    parts.append(f'  <Image name="{shown}" value="${shown}" zoom="true"/>')
    for name, question in _RATED.items():
        parts += [
            f'  <Header value="{question}"/>',
            f'  <Rating name="{name}" toName="{media if media == "video" else shown}" maxRating="{STARS}"'
            ' required="true"/>',
        ]
    parts += [
        '  <Header value="Paint over what looks distorted"/>',
        f'  <BrushLabels name="salience" toName="{shown}">',
        '    <Label value="distorted" background="#d1495b"/>',
        "  </BrushLabels>",
        f'  <TextArea name="distortion" toName="{shown}" placeholder="Describe the distortion" rows="2"'
        ' maxSubmissions="1"/>',
    ]
    return "\n".join(["<View>", *parts, "</View>"]) + "\n"
