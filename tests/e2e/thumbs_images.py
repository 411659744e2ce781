"""Images for the e2e tests of millpool thumbs, and an independent opinion on what came of them: Pillow's.

  thumbs_images.py make KIND FILE [WIDTH HEIGHT]   writes an image; without a kind: lists them
  thumbs_images.py same SOURCE THUMB [TOLERANCE]   whether THUMB is SOURCE, decoded in full, turned, on white,
                                                   resized with Lanczos; TOLERANCE: mean difference, of 255
  thumbs_images.py size FILE                       prints "FORMAT MODE WIDTHxHEIGHT"
  thumbs_images.py pixel FILE X Y                  prints the pixel's red, green and blue
  thumbs_images.py tags FILE                       prints which metadata there is: exif, icc, xmp, comment
"""
import io
import struct
import sys
import zlib

from PIL import Image, ImageChops, ImageCms, ImageOps, ImageStat, TiffImagePlugin

Image.MAX_IMAGE_PIXELS = None


def picture(width=640, height=480):
    """Smooth colours, with edges in the light, and another colour in each corner: so each turn differs."""
    across = Image.linear_gradient("L").rotate(90).resize((width, height))
    down = Image.linear_gradient("L").resize((width, height))
    round_about = Image.radial_gradient("L").resize((width, height))
    rings = round_about.point(lambda v: v * 5 % 256).convert("RGB")
    image = Image.blend(Image.merge("RGB", (across, down, round_about)), rings, 0.2)
    for colour, at in (("red", (0, 0)), ("lime", (1, 0)), ("blue", (0, 1)), ("white", (1, 1))):
        w, h = width // 5, height // 5
        image.paste(Image.new("RGB", (w, h), colour), (at[0] * (width - w), at[1] * (height - h)))
    return image


def exif(orientation):
    block = Image.Exif()
    block[0x0112] = orientation
    block[0x010E] = "a description that must not survive"
    return block.tobytes()


def swapped_profile():
    """sRGB with red and blue exchanged: whoever uses it exchanges them in the image."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return data.replace(b"rXYZ", b"____").replace(b"bXYZ", b"rXYZ").replace(b"____", b"bXYZ")


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png(width, height, rows, depth=8, colour=2, interlace=0, level=6):
    """A PNG file of rows of bytes, as they are stored; `rows` may be a generator."""
    packer = zlib.compressobj(level)
    data = b"".join(packer.compress(b"\0" + row) for row in rows) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def png16(image):
    def row(y):
        line = image.crop((0, y, image.width, y + 1)).tobytes()
        return b"".join(bytes((v, v)) for v in line)

    return png(image.width, image.height, (row(y) for y in range(image.height)), depth=16)


def adam7(image):
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    data = image.tobytes()
    pixel = lambda x, y: data[(y * image.width + x) * 3 : (y * image.width + x) * 3 + 3]
    rows = (
        b"".join(pixel(x, y) for x in range(x0, image.width, dx))
        for x0, y0, dx, dy in passes
        for y in range(y0, image.height, dy)
    )
    return png(image.width, image.height, rows, interlace=1)


def with_alpha(image):
    """Transparent at the left, opaque at the right; what is transparent is green."""
    alpha = Image.linear_gradient("L").rotate(90).resize(image.size)
    return Image.merge("RGBA", (*Image.merge("RGB", image.split()).split(), alpha))


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def patched(data, at, new):
    return data[:at] + new + data[at + len(new) :]


def odd_scan(image):
    """A baseline JPEG with a spectral selection that only a progressive one has."""
    data = saved(image, "JPEG", quality=95, subsampling=0)
    return patched(data, data.index(b"\xff\xda") + 12, b"\0")


def with_text(data, size, before=b"IDAT"):
    at = data.index(before) - 4
    return data[:at] + chunk(b"tEXt", b"Comment\0" + b"x" * size) + data[at:]


def stuffed_tiff(image):
    """One strip, whose length is said to be that of the file: 60 MB."""
    TiffImagePlugin.STRIP_SIZE = 1 << 30
    data = saved(image, "TIFF", compression="tiff_lzw")
    (directory,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, directory)
    for at in range(directory + 2, directory + 2 + entries * 12, 12):
        if struct.unpack_from("<H", data, at) == (279,):
            data = patched(data, at + 8, struct.pack("<I", 60_000_000))
    return data + bytes(60_000_000)


def heif(image, codec):
    """By libheif's own encoders: a HEIC (codec 1) or AVIF (4) file."""
    import ctypes as c
    import tempfile

    class Error(c.Structure):
        _fields_ = [("code", c.c_int), ("subcode", c.c_int), ("message", c.c_char_p)]

    library = c.CDLL("libheif.so.1")

    def call(name, *arguments):
        function = getattr(library, "heif_" + name)
        function.restype = Error
        error = function(*arguments)
        if error.code != 0:
            raise OSError("%s: %s" % (name, error.message.decode()))

    library.heif_context_alloc.restype = c.c_void_p
    library.heif_image_get_plane.restype = c.c_void_p
    context = c.c_void_p(library.heif_context_alloc())
    encoder, picture, stride = c.c_void_p(), c.c_void_p(), c.c_int()
    call("context_get_encoder_for_format", context, codec, c.byref(encoder))
    call("encoder_set_lossy_quality", encoder, 90)
    rgb, interleaved_rgb, interleaved = 1, 10, 10  # libheif's colour space, chroma and channel
    call("image_create", image.width, image.height, rgb, interleaved_rgb, c.byref(picture))
    call("image_add_plane", picture, interleaved, image.width, image.height, 24)
    plane = library.heif_image_get_plane(picture, interleaved, c.byref(stride))
    data = image.convert("RGB").tobytes()
    for y in range(image.height):
        c.memmove(plane + y * stride.value, data[y * image.width * 3 :], image.width * 3)
    call("context_encode_image", context, picture, encoder, None, None)
    with tempfile.NamedTemporaryFile() as out:
        call("context_write_to_file", context, out.name.encode())
        return out.read()


def heif_lie(image, codec):
    """One whose header promises twice the height."""
    data = heif(image, codec)
    return patched(data, data.index(b"ispe") + 12, struct.pack(">I", image.height * 2))


KINDS = {
    "jpeg": lambda p: saved(p, "JPEG", quality=95, subsampling=0),
    "jpeg420": lambda p: saved(p, "JPEG", quality=92),
    "progressive": lambda p: saved(p, "JPEG", quality=95, progressive=True),
    "gray": lambda p: saved(p.convert("L"), "JPEG", quality=95),
    "gray_progressive": lambda p: saved(p.convert("L"), "JPEG", quality=95, progressive=True),
    "cmyk": lambda p: saved(p.convert("CMYK"), "JPEG", quality=95),
    "profile": lambda p: saved(p, "JPEG", quality=95, icc_profile=swapped_profile()),
    "comment": lambda p: saved(p, "JPEG", quality=95, exif=exif(1), comment=b"must not survive"),
    "png": lambda p: saved(p, "PNG"),
    "png_gray": lambda p: saved(p.convert("L"), "PNG"),
    "png_palette": lambda p: saved(p.quantize(64), "PNG"),
    "png_alpha": lambda p: saved(with_alpha(p), "PNG"),
    "png16": png16,
    "png_gray16": lambda p: saved(p.convert("L").convert("I").point(lambda v: v * 257), "PNG"),
    "interlaced": adam7,
    "gif": lambda p: saved(p.quantize(128), "GIF"),
    "gif_animated": lambda p: saved(
        p.quantize(128), "GIF", save_all=True, append_images=[Image.new("P", p.size, 7)] * 2
    ),
    "webp": lambda p: saved(p, "WEBP", quality=95),
    "webp_lossless": lambda p: saved(p, "WEBP", lossless=True),
    "webp_alpha": lambda p: saved(with_alpha(p), "WEBP", lossless=True, exact=True),
    "webp_turned": lambda p: saved(p, "WEBP", quality=95, exif=exif(6)),
    "webp_animated": lambda p: saved(
        p, "WEBP", lossless=True, save_all=True, append_images=[Image.new("RGB", p.size, "pink")]
    ),
    "tiff": lambda p: saved(p, "TIFF"),
    "tiff_lzw": lambda p: saved(p, "TIFF", compression="tiff_lzw"),
    "tiff_deflate": lambda p: saved(p, "TIFF", compression="tiff_adobe_deflate"),
    "tiff_gray": lambda p: saved(p.convert("L"), "TIFF"),
    "tiff_cmyk": lambda p: saved(p.convert("CMYK"), "TIFF"),
    "tiff_turned": lambda p: saved(p, "TIFF", tiffinfo={274: 8}),
    "png_turned": lambda p: saved(p, "PNG", exif=exif(6)),
    "heic": lambda p: heif(p, 1),
    "avif": lambda p: heif(p, 4),
    "heic_lie": lambda p: heif_lie(p, 1),
    "avif_lie": lambda p: heif_lie(p, 4),
    # What is odd, and nothing is lost by it.
    "odd_scan": odd_scan,
    "gif_beyond": lambda p: patched(saved(p.quantize(128), "GIF"), 6, struct.pack("<HH", 10, 10)),
    "png_text": lambda p: with_text(saved(p, "PNG"), 200_000),
    # Metadata, and other things that are not pixels, in masses.
    "jpeg_stuffed": lambda p: b"\xff\xd8" + (b"\xff\xe1\xff\xff" + bytes(65533)) * 1000 + saved(p, "JPEG")[2:],
    "jpeg_far": lambda p: b"\xff\xd8\xff" + bytes(300_000_000),
    "png_stuffed": lambda p: with_text(saved(p, "PNG"), 15_000_000),
    "png_stuffed_behind": lambda p: with_text(saved(p, "PNG"), 15_000_000, b"IEND"),
    "heic_stuffed": lambda p: heif(p, 1) + struct.pack(">I", 60_000_008) + b"free" + bytes(60_000_000),
    "tiff_stuffed": stuffed_tiff,
    # Headers that promise more than anybody has.
    "bomb_png": lambda p: png(100000, 100000, [b""]),
    "bomb_gif": lambda p: b"GIF89a\1\0\1\0\x80\0\0" + bytes(6) + b"," + struct.pack("<HHHHBB", 0, 0, 65535, 65535, 0, 8),
}
for number in range(1, 9):
    KINDS["turned%d" % number] = lambda p, n=number: saved(p, "JPEG", quality=95, subsampling=0, exif=exif(n))


def make(kind, path, width=640, height=480):
    data = KINDS[kind](picture(int(width), int(height)))
    with open(path, "wb") as out:
        out.write(data)


def large(path, width, height):
    """A PNG of many pixels in few bytes, written row by row."""
    row = bytes(range(256)) * (int(width) * 3 // 256 + 1)
    data = png(int(width), int(height), (row[: int(width) * 3] for _ in range(int(height))), level=1)
    with open(path, "wb") as out:
        out.write(data)


def on_white(image):
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    if image.mode.startswith("I"):
        image = image.convert("I").point(lambda v: v / 257).convert("L")
    return image.convert("RGB")


def resized(image, size):
    """Colours weighted by their alpha, as it must be."""
    if image.mode == "RGBA":
        small = image.convert("RGBa").resize(size, Image.LANCZOS).convert("RGBA")
        return on_white(small)
    return on_white(image).resize(size, Image.LANCZOS)


def same(source, thumb, tolerance=2.0):
    ours = Image.open(thumb)
    theirs = Image.open(source)
    theirs.seek(0)
    theirs = ImageOps.exif_transpose(theirs)
    if theirs.mode == "P" and "transparency" in theirs.info:
        theirs = theirs.convert("RGBA")
    difference = ImageChops.difference(on_white(ours), resized(theirs, ours.size))
    mean = max(ImageStat.Stat(difference).mean)
    if mean > float(tolerance):
        sys.exit("%s differs from %s by %.2f of 255 in the mean" % (thumb, source, mean))


def tags(path):
    info = Image.open(path).info
    names = {"exif": "exif", "icc_profile": "icc", "xmp": "xmp", "XML:com.adobe.xmp": "xmp", "comment": "comment"}
    print(*sorted({names[key] for key in info if key in names and info[key]}))


def main(command, *arguments):
    if command == "make" and not arguments:
        print(*KINDS, sep="\n")
    elif command == "size":
        image = Image.open(arguments[0])
        print(image.format, image.mode, "%dx%d" % image.size)
    elif command == "pixel":
        print(*Image.open(arguments[0]).convert("RGB").getpixel((int(arguments[1]), int(arguments[2]))))
    else:
        {"make": make, "large": large, "same": same, "tags": tags}[command](*arguments)


main(*sys.argv[1:])
