"""Statistics of an image's pixels, as features of a row: what a camera, a crop or a codec changes shows in them."""

from __future__ import annotations

from typing import Any

_GREY = (0.299, 0.587, 0.114)
"""How bright red, green and blue are (ITU-R BT.601)."""


def image_statistics(image: Any, prefix: str = "") -> dict[str, float]:
    """``brightness``, ``contrast``, ``saturation``, ``sharpness`` from 0 to 1; ``width``, ``height``, ``channels``.

    Takes what numpy can read as height × width, or height × width × channels: an array, a PIL image, a tensor on the
    CPU. Integers are of their type's whole range, as 0 to 255; floats are from 0 to 1, or to 255 where any is more
    than 1. Brightness is the mean of the grey image and contrast its deviation; sharpness is the mean step from
    one pixel to the next; an alpha channel counts as a channel and for nothing else. Raises ValueError for another
    shape, and for an image without pixels.

    >>> image_statistics([[0, 255], [0, 255]])["contrast"]
    0.5
    >>> sorted(image_statistics([[0.0, 1.0]], prefix="photo."))[:2]
    ['photo.brightness', 'photo.channels']
    """
    import numpy as np  # noqa: PLC0415 - the client needs it for this alone

    raw = np.asarray(image)
    if raw.ndim not in (2, 3) or not raw.size:
        raise ValueError(f"an image is height × width, or height × width × channels, not {raw.shape}")
    pixels = _scaled(raw).reshape(*raw.shape[:2], -1)
    colours = pixels[:, :, :3] if pixels.shape[2] >= 3 else pixels[:, :, :1]
    grey = colours @ np.array(_GREY) if colours.shape[2] == 3 else colours[:, :, 0]
    steps = [np.abs(np.diff(grey, axis=axis)) for axis in (0, 1)]
    count = sum(step.size for step in steps)
    found = {
        "brightness": float(grey.mean()),
        "contrast": float(grey.std()),
        "saturation": float((colours.max(axis=2) - colours.min(axis=2)).mean()),
        "sharpness": float(sum(step.sum() for step in steps) / max(count, 1)),
        "width": float(raw.shape[1]),
        "height": float(raw.shape[0]),
        "channels": float(pixels.shape[2]),
    }
    return {f"{prefix}{name}": value for name, value in found.items()}


def _scaled(raw: Any) -> Any:
    """Pixels from 0 to 1."""
    import numpy as np  # noqa: PLC0415

    if raw.dtype.kind == "b":
        return raw.astype(np.float64)
    if raw.dtype.kind in "iu":
        largest = 255 if raw.dtype.itemsize >= 4 else np.iinfo(raw.dtype).max  # plain lists are of 64 bits
        return raw.astype(np.float64) / largest
    pixels = raw.astype(np.float64)
    return pixels / 255 if pixels.max() > 1 else pixels
