#!/usr/bin/env bash
# Photos that cameras made: orientations, CMYK with a profile in several segments, gray, odd markers. They are found in
# $MILLPOOL_PHOTOS, or beside the source tree.
# shellcheck disable=SC1091,SC2154  # lib.sh sets some
. "$(dirname "$0")/lib.sh"
. "${ROOT:?the source tree}/tests/e2e/thumbs_lib.sh"
needs jq
photos=${MILLPOOL_PHOTOS:-$ROOT/../shared/data/images}
[[ -d $photos ]] || { echo "skipped: no photos at $photos (MILLPOOL_PHOTOS)"; exit 77; }

run "$photos" out --format png --size 256,1200
equal "all are made" "0 " "$status $(cat err)"
count=0
while IFS= read -r source; do
  count=$((count + 1))
  for size in 256 1200; do
    thumb=out/$size/$source.png
    if [[ $source == cmyk_* ]]; then continue; fi
    holds "$source at $size" images same "$photos/$source" "$thumb" 2.5
  done
done < <(jq -r .source out/manifest.jsonl)
holds "there are photos ($count)" test "$count" -ge 1

# CMYK by its profile: LittleCMS through Pillow, over the full image.
for each in "$photos"/cmyk_*.jpg; do
  [[ -e $each ]] || continue
  "$python" - "$each" "out/256/$(basename "$each").png" <<'EOF' || fault "$each by its profile"
import io, sys
from PIL import Image, ImageChops, ImageCms, ImageOps, ImageStat
source, thumb = Image.open(sys.argv[1]), Image.open(sys.argv[2]).convert("RGB")
profile = ImageCms.ImageCmsProfile(io.BytesIO(source.info["icc_profile"]))
full = ImageCms.profileToProfile(source, profile, ImageCms.createProfile("sRGB"), outputMode="RGB", renderingIntent=0)
full = ImageOps.exif_transpose(full).resize(thumb.size, Image.LANCZOS)
mean = max(ImageStat.Stat(ImageChops.difference(full, thumb)).mean)
assert mean < 3, mean
EOF
done

# The manifest tells the size as it is seen.
while IFS=$'\t' read -r source size; do
  equal "$source as it is seen" "$("$python" -c 'import sys; from PIL import Image, ImageOps; print("%dx%d" % ImageOps.exif_transpose(Image.open(sys.argv[1])).size)' "$photos/$source")" "$size"
done < <(jq -r '"\(.source)\t\(.width)x\(.height)"' out/manifest.jsonl)
