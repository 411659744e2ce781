#!/usr/bin/env bash
# Whatever is wrong with an image: a typed error in the manifest and on standard error, exit status 1, no file under
# the thumbnail's name, and all other images are made.
# shellcheck disable=SC1091,SC2154  # lib.sh sets some
. "$(dirname "$0")/lib.sh"
. "${ROOT:?the source tree}/tests/e2e/thumbs_lib.sh"
needs jq

mkdir whole src
declare -A endings=([jpeg]=jpg [progressive]=jpg [cmyk]=jpg [png]=png [interlaced]=png [png16]=png [gif]=gif [webp]=webp
  [webp_lossless]=webp [webp_turned]=webp [tiff]=tif [tiff_lzw]=tif [png_text]=png)
for kind in "${!endings[@]}"; do
  file=$kind.${endings[$kind]}
  images make "$kind" "whole/$file"
  cp "whole/$file" src
  size=$(stat -c %s "whole/$file")
  for percent in 2 50 90; do head -c $((size * percent / 100)) "whole/$file" >"src/cut$percent.$file"; done
done
run src out --size 64
equal "some failed" 1 "$status"
for kind in "${!endings[@]}"; do
  file=$kind.${endings[$kind]}
  equal "$file" made "$(entry out "$file" .state)"
  for percent in 2 50 90; do
    equal "$file, cut to $percent %" "failed truncated" "$(entry out "cut$percent.$file" '"\(.state) \(.error)"')"
    contains "it is told" "cut$percent.$file: truncated: " "$(cat err)"
  done
done
equal "nothing is there but what was made" "${#endings[@]}" "$(find out -name '*.jpg' | wc -l)"
equal "nor is anything left over" 0 "$(find out -name '.*' -type f | wc -l)"
contains "the sum" "${#endings[@]} made, $((3 * ${#endings[@]})) failed" "$(tail -n 1 err)"
equal "a line for each" $((4 * ${#endings[@]})) "$(wc -l <out/manifest.jsonl)"

# Without its last two bytes a JPEG has no end, and an eighth of it is made of its first scan: it is cut all the same.
mkdir ends
for kind in jpeg progressive; do
  images make $kind large.jpg 2400 1600
  head -c -2 large.jpg >ends/$kind.jpg
done
images make png ends/png.png
truncate -s -2 ends/png.png
run ends ends_out --size 64
equal "no end mark" "truncated truncated truncated" "$(jq -r .error ends_out/manifest.jsonl | paste -sd ' ')"

# Bytes that are wrong in the middle: an error, or, where no checksum is, another picture; never a lost run.
mkdir flipped
for kind in "${!endings[@]}"; do
  "$python" - "whole/$kind.${endings[$kind]}" "flipped/$kind" "${endings[$kind]}" <<'EOF'
import sys
data = open(sys.argv[1], "rb").read()
for n in range(12):
    at = len(data) * (n + 1) // 14
    open("%s.%d.%s" % (sys.argv[2], n, sys.argv[3]), "wb").write(data[:at] + bytes(b ^ 0x5A for b in data[at:at + 64]) + data[at + 64:])
EOF
done
run flipped flipped_out --size 64
holds "the run comes to its end ($status)" test "$status" -le 1
equal "each has its line" "$(find flipped -type f | wc -l)" "$(wc -l <flipped_out/manifest.jsonl)"
equal "what is made is whole" "" "$(for each in flipped_out/*.jpg; do images size "$each" >/dev/null 2>&1 || echo "$each"; done)"
equal "a PNG's checksums are looked at" 0 "$(jq -r 'select(.source | test("^(png|interlaced)\\.")) | select(.state != "failed") | .source' flipped_out/manifest.jsonl | wc -l)"

# Pixel bombs, by their headers.
mkdir bombs
images make bomb_png bombs/bomb.png
images make bomb_gif bombs/bomb.gif
begun=$SECONDS
run bombs bombs_out --memory 100M
equal "refused by the header" "too_big too_big" "$(jq -r .error bombs_out/manifest.jsonl | paste -sd ' ')"
holds "at once" test $((SECONDS - begun)) -le 5
contains "with a reason" "100000 x 100000 pixels are more than --max-pixels allows" "$(cat err)"
run whole limited --max-pixels 300k
equal "the limit may be lower" "$(find whole -type f | wc -l)" "$(grep -c '"too_big"' limited/manifest.jsonl)"
images make interlaced whole/more.png 1200 1000
run whole limited --memory 4M
equal "what would need more than all memory is refused" too_big "$(entry limited more.png .error)"
contains "with a reason" "--memory allows 4 MiB" "$(grep more.png err)"
equal "what needs less is made" made "$(entry limited jpeg.jpg .state)"

# What is to be an image and goes on for ever, without its size being told.
mkdir far
images make jpeg_far far/far.jpg
run far far_out
equal "given up" too_big "$(entry far_out far.jpg .error)"
contains "with a reason" "more than 64 MiB stand in front of the image" "$(cat err)"

# What is no image.
mkdir odd
: >odd/empty.jpg
echo "no image" >odd/text.png
echo "notes" >odd/notes.txt
mkfifo odd/fifo.jpg
mkdir odd/folder.jpg
ln -s nowhere odd/dangling.jpg
cp whole/jpeg.jpg odd/secret.jpg
chmod 0 odd/secret.jpg
cp whole/png.png odd/good.png
run odd odd_out --size 64
equal "some failed" 1 "$status"
equal "an empty file" truncated "$(entry odd_out empty.jpg .error)"
equal "a text" unsupported "$(entry odd_out text.png .error)"
equal "a link to nothing" unreadable "$(entry odd_out dangling.jpg .error)"
equal "the good one" made "$(entry odd_out good.png .state)"
equal "what is no image by its name is passed over" "" "$(entry odd_out notes.txt .state)"
equal "a file that may not be read" unreadable "$(entry odd_out secret.jpg .error)"

# A deadline.
images large slow.png 12000 12000
mkdir slow
mv slow.png slow
cp whole/jpeg.jpg slow
run slow slow_out --timeout 250ms --size 64
equal "given up" timeout "$(entry slow_out slow.png .error)"
equal "the others are made" made "$(entry slow_out jpeg.jpg .state)"
equal "nothing has its name" "jpeg.jpg manifest.jsonl" "$(cd slow_out && find . -type f | sed 's|^\./||' | sort | paste -sd ' ')"

# Where nothing can be written.
mkdir -p full blocked/jpeg.jpg
cp whole/jpeg.jpg whole/png.png full
run full blocked --size 64
equal "a folder has the thumbnail's name" write_failed "$(entry blocked jpeg.jpg .error)"
equal "the others are made" made "$(entry blocked png.png .state)"
# Files of more than 2 KiB, as if there were no room for them.
trap '' XFSZ
for size in 64 400; do (ulimit -f 2 && run full "no_room$size" --size $size; echo "$status" >status_of_run); done
equal "a thumbnail has no room" "1 write_failed write_failed" "$(cat status_of_run) $(jq -r .error no_room400/manifest.jsonl | paste -sd ' ')"
equal "a smaller one has" "made made" "$(jq -r .state no_room64/manifest.jsonl | paste -sd ' ')"
(ulimit -f 2 && run src no_manifest --size 16; echo "$status" >status_of_run)
equal "the manifest has none" 2 "$(cat status_of_run)"
contains "which it tells" "no_manifest/manifest.jsonl: File too large" "$(cat err)"
equal "nothing is left over" 0 "$(find blocked no_room* no_manifest -name '.*' -type f | wc -l)"
