#!/usr/bin/env bash
# What is read, and how it comes out: beside a full decode by Pillow.
# shellcheck disable=SC1091,SC2154  # lib.sh sets some
. "$(dirname "$0")/lib.sh"
. "${ROOT:?the source tree}/tests/e2e/thumbs_lib.sh"
needs jq

mkdir src
kinds=(jpeg jpeg420 progressive gray gray_progressive comment png png_gray png_palette png_alpha png16 png_gray16
  png_turned interlaced gif gif_animated gif_beyond odd_scan png_text webp webp_lossless webp_alpha webp_turned webp_animated tiff tiff_lzw
  tiff_deflate tiff_gray turned1 turned2 turned3 turned4 turned5 turned6 turned7 turned8)
ending() {
  case $1 in
    png* | interlaced) echo png ;;
    gif*) echo gif ;;
    webp*) echo webp ;;
    tiff*) echo tif ;;
    *) echo jpg ;;
  esac
}
for kind in "${kinds[@]}" cmyk tiff_cmyk tiff_turned profile; do images make "$kind" "src/$kind.$(ending "$kind")"; done

run src png --format png --size 96
equal "all are made" "0, " "$status, $(cat err)"
run src full --format png --size 2000
run src jpeg --size 96 --quality 95
equal "as JPEG, too" "0, " "$status, $(cat err)"
run src webp --size 96 --format webp --quality 95
equal "and as WebP" "0, " "$status, $(cat err)"
for kind in "${kinds[@]}"; do
  name=$kind.$(ending "$kind")
  png=$name
  [[ $name == *.png ]] || png=$name.png
  holds "$kind, an eighth or so" images same "src/$name" "png/$png" 2
  holds "$kind, in full" images same "src/$name" "full/$png" 1.5
  jpeg=$name
  [[ $name == *.jpg ]] || jpeg=$name.jpg
  holds "$kind as JPEG" images same "src/$name" "jpeg/$jpeg" 6
  webp=$name
  [[ $name == *.webp ]] || webp=$name.webp
  holds "$kind as WebP" images same "src/$name" "webp/$webp" 5
done

# CMYK has no one right answer without a profile; Pillow's is the same as ours.
holds "CMYK" images same src/cmyk.jpg png/cmyk.jpg.png 3
holds "CMYK in TIFF" images same src/tiff_cmyk.tif png/tiff_cmyk.tif.png 3

# Pillow 9 turns a TIFF twice; the JPEG of the same orientation it turns once.
holds "an orientation in TIFF" images same src/turned8.jpg png/tiff_turned.tif.png 3

# A box is meant for the image as it is seen.
equal "an upright image" "PNG RGB 72x96" "$(images size png/turned6.jpg.png)"
equal "the manifest tells its size" "480x640 72x96" \
  "$(entry png turned6.jpg '"\(.width)x\(.height) \(.outputs[0].width)x\(.outputs[0].height)"')"

# Gray stays gray, alpha stays where it can.
equal "gray JPEG" "JPEG L 96x72" "$(images size jpeg/gray.jpg)"
equal "gray PNG" "PNG L 96x72" "$(images size png/gray.jpg.png)"
equal "alpha in PNG" "PNG RGBA 96x72" "$(images size png/png_alpha.png)"
equal "alpha in WebP" "WEBP RGBA 96x72" "$(images size webp/png_alpha.png.webp)"
equal "no alpha in JPEG" "JPEG RGB 96x72" "$(images size jpeg/png_alpha.png.jpg)"
equal "never enlarged" "PNG RGB 640x480" "$(images size full/jpeg.jpg.png)"

# The profile exchanges red and blue; in the corner is red.
run src kept --profile keep --size 96
equal "colours are converted" "0 0 25" "$(images pixel jpeg/profile.jpg 4 4 | awk '{ print ($1 > 20), ($2 > 20), int($3 / 10) }')"
equal "or stay, and the profile with them" "25 0 0" "$(images pixel kept/profile.jpg 4 4 | awk '{ print int($1 / 10), ($2 > 20), ($3 > 20) }')"
equal "the profile is there" "icc" "$(images tags kept/profile.jpg)"
for format in png webp; do
  run src "kept_$format" --profile keep --size 96 --format $format
  equal "the profile is there in $format" "icc" "$(images tags kept_$format/profile.jpg.$format)"
done
equal "all else is stripped" "" "$(images tags jpeg/comment.jpg)$(images tags jpeg/turned6.jpg)$(images tags webp/webp_turned.webp)"

# --format same: what can be written stays, what cannot gets what is like it.
run src same --format same --size 96
equal "same" "JPEG PNG WEBP PNG PNG" "$(for each in jpeg.jpg png.png webp.webp gif.gif.png tiff.tif.png; do images size same/$each; done | cut -d ' ' -f 1 | paste -sd ' ')"

# The content counts, not the name.
mkdir liar
cp src/png.png liar/really.jpg
run liar lied --size 96
holds "a PNG that is called .jpg" images same liar/really.jpg lied/really.jpg 6
run liar lied_same --size 96 --format same
equal "and stays one" "PNG RGB 96x72" "$(images size lied_same/really.jpg.png)"

# Several sizes in one decode, and cover.
mkdir two
cp src/jpeg.jpg src/turned6.jpg two
run two sizes --size 100,40x40 --size 320x64 --fit cover
equal "each in a folder of its own" "100/jpeg.jpg 320x64/jpeg.jpg 40/jpeg.jpg" \
  "$(cd sizes && find . -name jpeg.jpg | sed 's|^\./||' | sort | paste -sd ' ')"
equal "cover fills the box" "JPEG RGB 320x64" "$(images size sizes/320x64/turned6.jpg)"
equal "the manifest lists them" "100/jpeg.jpg 40/jpeg.jpg 320x64/jpeg.jpg" "$(entry sizes jpeg.jpg '[.outputs[].path] | join(" ")')"
"$python" - <<'EOF' || fault "cover takes the middle"
from PIL import Image, ImageChops, ImageStat
full = Image.open("two/jpeg.jpg").convert("RGB").crop((80, 0, 560, 480)).resize((100, 100), Image.LANCZOS)
difference = ImageStat.Stat(ImageChops.difference(full, Image.open("sizes/100/jpeg.jpg").convert("RGB"))).mean
assert max(difference) < 4, difference
EOF

# HEIF, where libheif can write it.
mkdir heif
for kind in heic avif; do
  if ! images make $kind heif/photo.$kind 2>/dev/null; then
    echo "HEIF not compared: libheif writes no $kind here"
    continue
  fi
  head -c 3000 heif/photo.$kind >heif/cut.$kind
  images make ${kind}_lie heif/lie.$kind
  run heif heif_out --size 96
  equal "$kind is made" made "$(entry heif_out photo.$kind .state)"
  holds "$kind" images same src/jpeg.jpg heif_out/photo.$kind.jpg 5
  equal "a cut one is told" "1 failed" "$status $(entry heif_out cut.$kind .state)"
  equal "and one whose header promises more than there is" damaged "$(entry heif_out lie.$kind .error)"
done
