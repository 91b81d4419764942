"""Small pictures of every format and kind that ox reads, and seeded ways to break their files."""

from __future__ import annotations

import io
import random
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

SIDE = 24
INTERESTING = (0, 1, 2, 7, 8, 9, 16, 127, 128, 255, 256, 1000, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31)
INTERESTING += (2**32 - 1, 2**32 - 8)


def originals() -> dict[str, list[bytes]]:
    """Whole files by format, several kinds of each."""
    rng = np.random.default_rng(0)
    rgb = Image.fromarray(rng.integers(0, 256, (SIDE, SIDE + 5, 3), dtype=np.uint8))
    smooth = rgb.resize((90, 70), Image.Resampling.BICUBIC)
    modes = {mode: rgb.convert(mode) for mode in ("1", "L", "P", "RGBA", "CMYK", "LA", "YCbCr")}
    modes["RGBA"].putalpha(modes["L"])
    deep = Image.fromarray(rng.integers(0, 65536, (SIDE, SIDE), dtype=np.uint16))
    real = Image.fromarray(rng.uniform(0, 1, (SIDE, SIDE)).astype(np.float32))
    more = [rgb.rotate(90), rgb.rotate(180)]
    turned = Image.Exif()
    turned[0x0112] = 6
    turned[0x010E] = "a description"
    profile = bytes(range(256)) * 8
    made: dict[str, list[tuple[Image.Image, dict]]] = {
        "JPEG": [
            (smooth, {}),
            (smooth, {"progressive": True, "quality": 30}),
            (smooth, {"subsampling": 2, "exif": turned.tobytes(), "icc_profile": profile}),
            (modes["L"], {"optimize": True, "comment": b"a comment"}),
            (modes["CMYK"], {}),
            (smooth, {"restart_marker_blocks": 2}),
        ],
        "MPO": [(smooth, {"save_all": True, "append_images": [smooth.rotate(90)]})],
        "PNG": [
            *((modes[mode], {}) for mode in ("1", "L", "RGBA", "LA")),
            (rgb, {"icc_profile": profile, "exif": turned.tobytes()}),
            (modes["P"], {"transparency": bytes(range(256))}),
            (modes["P"].quantize(4), {"bits": 2}),
            (rgb, {"transparency": (1, 2, 3)}),
            (deep, {}),
            (rgb, {"save_all": True, "append_images": more}),
        ],
        "BMP": [(modes[mode], {}) for mode in ("1", "L", "P", "RGBA")] + [(rgb, {})],
        "WEBP": [
            (smooth, {}),
            (modes["RGBA"], {"lossless": True}),
            (smooth, {"exif": turned.tobytes(), "icc_profile": profile}),
            (rgb, {"save_all": True, "append_images": more}),
        ],
        "TIFF": [
            (rgb, {}),
            *((rgb, {"compression": name}) for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")),
            (modes["1"], {"compression": "group4"}),
            (modes["1"], {"compression": "tiff_ccitt"}),
            (modes["P"], {}),
            (modes["CMYK"], {"compression": "tiff_lzw"}),
            (modes["RGBA"], {}),
            (modes["YCbCr"], {}),
            (deep, {}),
            (real, {"compression": "tiff_deflate"}),
            (rgb, {"save_all": True, "append_images": more, "exif": turned}),
            (rgb, {"big_tiff": True}),
        ],
        "GIF": [
            (modes["P"], {}),
            (modes["L"], {"interlace": 1}),
            (modes["P"], {"save_all": True, "append_images": more, "transparency": 3, "loop": 0, "disposal": 2}),
        ],
        "PPM": [(rgb, {}), (modes["L"], {}), (modes["1"], {}), (deep.convert("I"), {})],
    }
    files = {form: [_saved(image, form, options) for image, options in kinds] for form, kinds in made.items()}
    files["PPM"] += [
        b"P3\n# text\n4 2 255\n" + b"10 20 30 " * 8,
        b"P2\n3 3\n7\n1 2 3 4 5 6 7 0 1\n",
        b"P1\n4 2\n10110010\n",
    ]
    files["BMP"].append(_run_lengths())
    try:
        import pillow_heif
    except ImportError:
        return files
    heif = io.BytesIO()
    pillow_heif.from_pillow(smooth).save(heif)
    return files | {"HEIF": [heif.getvalue()]}


def mutated(files: dict[str, list[bytes]], seed: int, number: int) -> tuple[str, bytes]:
    """The format and the broken file with this number, the same for the same seed; one in fifty is not broken."""
    chance = random.Random(f"{seed} {number}")
    form = chance.choice(sorted(files))
    data = chance.choice(files[form])
    if chance.random() < 0.02:
        return form, data
    other = chance.choice(files[chance.choice(sorted(files)) if chance.random() < 0.2 else form])
    broken = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        chance.choice(MUTATORS)(broken, other, chance)
    if form == "PNG" and chance.random() < 0.7:
        broken = _with_checksums(bytes(broken))  # or hardly any would get past the first chunk
    return form, bytes(broken[: 1 << 20])


def _bits(data: bytearray, other: bytes, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 2, 4, 16))):
        if data:
            data[_place(data, chance)] ^= 1 << chance.randrange(8)


def _truncated(data: bytearray, other: bytes, chance: random.Random) -> None:
    del data[_place(data, chance) :]


def _number(data: bytearray, other: bytes, chance: random.Random) -> None:
    """A length, a size or an offset."""
    width, place = chance.choice((1, 2, 4)), _place(data, chance)
    value = chance.choice(INTERESTING) % 256**width
    if chance.random() < 0.3 and data:
        value = (int.from_bytes(data[place : place + width], "big") + chance.randint(-3, 3)) % 256**width
    data[place : place + width] = value.to_bytes(width, chance.choice(("big", "little")))


def _swapped(data: bytearray, other: bytes, chance: random.Random) -> None:
    """Two parts in each other's place: chunks, where the format has some."""
    cuts = _chunks(data) or [_place(data, chance) for _ in range(4)]
    if len(cuts) >= 3:
        a, b, c = sorted(chance.choices(cuts, k=3))
        data[a:c] = data[b:c] + data[a:b]


def _repeated(data: bytearray, other: bytes, chance: random.Random) -> None:
    cuts = _chunks(data) or [_place(data, chance) for _ in range(2)]
    a, b = sorted(chance.choices(cuts, k=2))
    data[a:a] = bytes(data[a:b][:4096]) * chance.choice((1, 2, 50))


def _removed(data: bytearray, other: bytes, chance: random.Random) -> None:
    cuts = _chunks(data) or [_place(data, chance) for _ in range(2)]
    a, b = sorted(chance.choices(cuts, k=2))
    del data[a:b]


def _spliced(data: bytearray, other: bytes, chance: random.Random) -> None:
    """Its beginning and another file's end, at one place or at two."""
    place = _place(data, chance)
    data[place:] = other[place if chance.random() < 0.7 else chance.randrange(len(other)) :]


def _noise(data: bytearray, other: bytes, chance: random.Random) -> None:
    place = _place(data, chance)
    data[place : place + chance.choice((0, 4, 32))] = chance.randbytes(chance.choice((1, 4, 32, 500)))


def _appended(data: bytearray, other: bytes, chance: random.Random) -> None:
    data.extend(other if chance.random() < 0.5 else bytes(chance.choice((1, 1000, 60000))))


def _inside(data: bytearray, other: bytes, chance: random.Random) -> None:
    """Bits and length of what a PNG has compressed, compressed anew; of other formats, bits."""
    cuts = [cut for cut in _chunks(data) if data[cut + 4 : cut + 8] == b"IDAT"] if data[:4] == b"\x89PNG" else []
    if not cuts:
        return _bits(data, other, chance)
    place = chance.choice(cuts)
    length = int.from_bytes(data[place : place + 4], "big")
    try:
        pixels = bytearray(zlib.decompress(data[place + 8 : place + 8 + length]))
    except zlib.error:
        return _bits(data, other, chance)
    chance.choice((_bits, _number, _truncated, _noise, _appended))(pixels, other, chance)
    packed = zlib.compress(bytes(pixels[: 1 << 20]), chance.choice((0, 1, 9)))
    data[place : place + 8 + length] = len(packed).to_bytes(4, "big") + b"IDAT" + packed
    return None


MUTATORS: tuple[Callable[[bytearray, bytes, random.Random], None], ...] = (
    _bits, _bits, _number, _number, _number, _truncated, _swapped, _repeated, _removed, _spliced, _noise, _appended,
    _inside,
)  # fmt: skip


def _place(data: bytearray, chance: random.Random) -> int:
    """A place in the file; half of them in its beginning, which says how the rest is to be read."""
    return chance.randrange(min(len(data), 64) or 1) if chance.random() < 0.5 else chance.randrange(len(data) or 1)


def _chunks(data: bytearray) -> list[int]:
    """Where the chunks of a PNG, the segments of a JPEG or the parts of a WebP begin."""
    cuts = []
    if data[:4] == b"\x89PNG":
        place = 8
        while place + 12 <= len(data):
            cuts.append(place)
            place += 12 + int.from_bytes(data[place : place + 4], "big")
    elif data[:2] == b"\xff\xd8":
        cuts = [i for i in range(2, len(data) - 1) if data[i] == 0xFF and data[i + 1] not in (0, 0xFF)]
    elif data[:4] == b"RIFF":
        place = 12
        while place + 8 <= len(data):
            cuts.append(place)
            place += 8 + int.from_bytes(data[place + 4 : place + 8], "little") // 2 * 2
    return cuts


def _with_checksums(data: bytes) -> bytearray:
    """A PNG whose chunks have the checksums that their contents ask for."""
    fixed, place = bytearray(data[:8]), 8
    while place + 8 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        body = data[place + 4 : place + 8 + length]
        fixed += data[place : place + 4] + body + zlib.crc32(body).to_bytes(4, "big")
        place += 12 + length
    return fixed


def _saved(image: Image.Image, form: str, options: dict) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def _run_lengths() -> bytes:
    """A BMP of 8 bits with run lengths, which Pillow reads and doesn't write."""
    palette = b"".join(bytes((i, i, i, 0)) for i in range(256))
    rows = b"".join(b"\x08" + bytes([row * 20]) + b"\x00\x03\x01\x02\x03\x00\x00\x00" for row in range(8)) + b"\x00\x01"
    sizes = (40, 11, 8)  # of this header, width, height
    header = b"".join(size.to_bytes(4, "little") for size in sizes) + b"\x01\0\x08\0" + (1).to_bytes(4, "little")
    header += len(rows).to_bytes(4, "little") + bytes(8) + (256).to_bytes(4, "little") + bytes(4)
    start = 14 + len(header) + len(palette)
    size = (start + len(rows)).to_bytes(4, "little")
    return b"BM" + size + bytes(4) + start.to_bytes(4, "little") + header + palette + rows
