"""Pictures written anew, so that nothing of an upload but its pixels is kept."""

import io
import warnings

from PIL import Image, ImageOps

from bookstore.catalogue.domain import NotACover

_MAX_PIXELS = 25_000_000
_MIN_SIDE = 40
_FORMATS = ("JPEG", "PNG", "WEBP")
_FULL = (800, 1200)
_SMALL = (240, 360)


def encoded(content: bytes) -> tuple[bytes, bytes]:
    """Write a picture anew, large and small; raise NotACover."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=_FORMATS) as opened:
                width, height = opened.size
                if width * height > _MAX_PIXELS:
                    raise NotACover("pixels")
                if min(width, height) < _MIN_SIDE:
                    raise NotACover("tiny")
                opened.draft("RGB", (_FULL[0] * 2, _FULL[1] * 2))
                opened.load()
                upright = ImageOps.exif_transpose(opened)
                picture = _flat(upright)
                return _webp(picture, _FULL), _webp(picture, _SMALL)
    except NotACover:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise NotACover("pixels") from error
    except Exception as error:  # what Pillow raises for broken files is of many kinds
        raise NotACover("kind") from error


def _flat(picture: Image.Image) -> Image.Image:
    """Return the picture in RGB, transparent parts on white."""
    if picture.mode.startswith("I"):  # 16 bits a pixel, which `convert` would cut off at 255
        picture = picture.convert("I").point(lambda value: value / 256).convert("L")
    if picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info:
        over = picture.convert("RGBA")
        under = Image.new("RGBA", over.size, "white")
        return Image.alpha_composite(under, over).convert("RGB")
    return picture.convert("RGB")


def _webp(picture: Image.Image, size: tuple[int, int]) -> bytes:
    fitted = picture.copy()
    fitted.thumbnail(size, Image.Resampling.LANCZOS)
    bare = Image.new("RGB", fitted.size)  # carries no EXIF, no comments, no profile
    bare.paste(fitted)
    out = io.BytesIO()
    bare.save(out, "WEBP", quality=82, method=4)
    return out.getvalue()
