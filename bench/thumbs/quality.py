"""quality.py PHOTOS COUNT SUBJECT...: of the first COUNT photos, for each subject, from its folders made.SUBJECT and png.SUBJECT: the mean and the least
SSIM of the PNGs, and the mean of the JPEGs, to a full decode that Pillow resized with Lanczos. Fails where a thumbnail
does not have the size that it should have."""
import os
import sys

import numpy
from PIL import Image, ImageOps, PngImagePlugin

Image.MAX_IMAGE_PIXELS = None
PngImagePlugin.MAX_TEXT_CHUNK = 1 << 26  # GraphicsMagick puts profiles there
taps = numpy.exp(-(numpy.arange(-5, 6) ** 2) / (2 * 1.5**2))
taps /= taps.sum()


def smooth(a):
    """An 11 x 11 Gaussian, where all of it lies in the image: the window of Wang et al., 2004."""
    a = sum(t * a[i : a.shape[0] - 10 + i] for i, t in enumerate(taps))
    return sum(t * a[:, i : a.shape[1] - 10 + i] for i, t in enumerate(taps))


def ssim(a, b):
    a, b = (numpy.asarray(each.convert("L"), dtype=float) for each in (a, b))
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    ma, mb = smooth(a), smooth(b)
    va, vb, both = smooth(a * a) - ma * ma, smooth(b * b) - mb * mb, smooth(a * b) - ma * mb
    return (((2 * ma * mb + c1) * (2 * both + c2)) / ((ma * ma + mb * mb + c1) * (va + vb + c2))).mean()


def find(folder, name):
    """Each program has its own idea of the name: behind it, or in the place of its ending."""
    stem = os.path.splitext(name)[0]
    for kind in ("png", "jpg", "jpeg"):
        for each in (name + "." + kind, stem + "." + kind, name):
            path = os.path.join(folder, each)
            if os.path.exists(path):
                return Image.open(path)
    sys.exit("%s has no thumbnail of %s" % (folder, name))


photos, count, subjects = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
values = {subject: ([], []) for subject in subjects}
for name in sorted(os.listdir(photos))[:count]:
    full = Image.open(os.path.join(photos, name))
    if full.mode == "CMYK":  # whose colours are a matter of the profile, not of the resizing
        continue
    full = ImageOps.exif_transpose(full).convert("RGB")
    scale = min(1, 256 / max(full.size))
    wanted = {}
    for subject in subjects:
        for folder, into in (("png." + subject, values[subject][0]), ("made." + subject, values[subject][1])):
            thumb = find(folder, name)
            if max(abs(thumb.size[i] - full.size[i] * scale) for i in (0, 1)) >= 1:
                sys.exit("%s has %s as %s" % (folder, name, thumb.size))
            if thumb.size not in wanted:
                wanted[thumb.size] = full.resize(thumb.size, Image.LANCZOS) if thumb.size != full.size else full
            into.append(ssim(wanted[thumb.size], thumb))
for subject, (lossless, jpeg) in values.items():
    print(subject, *("%.4f" % each for each in (numpy.mean(lossless), min(lossless), numpy.mean(jpeg))))
