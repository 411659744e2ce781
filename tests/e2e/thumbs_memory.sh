#!/usr/bin/env bash
# The budget holds: images of 100 megapixels do not add up, whatever their format keeps in memory.
# shellcheck disable=SC1091,SC2154  # lib.sh sets some
. "$(dirname "$0")/lib.sh"
. "${ROOT:?the source tree}/tests/e2e/thumbs_lib.sh"
needs jq

# peak <arguments...>: of a run, in KiB, as the kernel tells who waits for it; and its exit status.
peak() {
  "$python" - "$millpool" thumbs "$@" <<'EOF'
import os, resource, subprocess, sys
status = subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, status)
EOF
}
around=30000  # KiB: the program, its libraries, and what the C library keeps

# A plain PNG goes through row by row: 100 megapixels need no more than one.
mkdir rows
images large rows/1.png 12000 8400
cp rows/1.png rows/2.png
cp rows/1.png rows/3.png
read -r kib status < <(peak rows rows_out -j3 --memory 16M)
equal "all are made" "0 3" "$status $(grep -c '"made"' rows_out/manifest.jsonl)"
holds "three of 100 megapixels in 16 MB ($kib KiB)" test "$kib" -le $((16 * 1024 + around))

# Nor does a tall one hold a filter for each of its rows.
mkdir tall
images large tall/1.png 1 2000000
read -r kib status < <(peak tall tall_out --memory 4M)
equal "all are made" "0 1" "$status $(grep -c '"made"' tall_out/manifest.jsonl)"
holds "two million rows in 4 MB ($kib KiB)" test "$kib" -le $((4 * 1024 + around))

# A progressive JPEG of 3000 x 3000 keeps 54 MB of coefficients where it is not reduced to an eighth, and each of four
# jobs would have one.
mkdir progressive
images make progressive progressive/1.jpg 3000 3000
for n in 2 3 4 5 6; do cp progressive/1.jpg progressive/$n.jpg; done
read -r kib status < <(peak progressive progressive_out -j4 --size 1000 --memory 80M)
equal "all are made" "0 6" "$status $(grep -c '"made"' progressive_out/manifest.jsonl)"
holds "one at a time in 80 MB ($kib KiB)" test "$kib" -le $((80 * 1024 + around))
read -r wide _ < <(peak progressive progressive_out -j4 --size 1000 --memory 400M)
holds "and four where that is allowed ($wide KiB)" test "$wide" -gt $((kib + 40000))
holds "but not more than is allowed" test "$wide" -le $((400 * 1024 + around))
read -r kib status < <(peak progressive progressive_out -j4 --size 1000 --memory 20M)
equal "refused where one is too much" "1 6" "$status $(grep -c '"too_big"' progressive_out/manifest.jsonl)"
holds "without its being read ($kib KiB)" test "$kib" -le $((20 * 1024 + around))

# Reduced to an eighth it keeps a coefficient of 64: the same images in a tenth of the memory.
read -r kib status < <(peak progressive progressive_out -j4 --size 200 --memory 32M)
equal "all are made" "0 6" "$status $(grep -c '"made"' progressive_out/manifest.jsonl)"
holds "four at a time in 32 MB ($kib KiB)" test "$kib" -le $((32 * 1024 + around))
holds "as a full decode would be" images same progressive/1.jpg progressive_out/1.jpg 4

# Nor do masses of metadata, or a length that is not true.
for kind in jpeg_stuffed.jpg png_stuffed.png png_stuffed_behind.png tiff_stuffed.tif heic_stuffed.heic; do
  mkdir "$kind"
  images make "${kind%.*}" "$kind/1.${kind#*.}" 1300 950 || continue
  for n in 2 3 4; do cp "$kind/1.${kind#*.}" "$kind/$n.${kind#*.}"; done
  read -r kib _ < <(peak "$kind" "${kind}_out" -j4 --memory 15M)
  holds "$kind keeps to 15 MB ($kib KiB)" test "$kib" -le $((15 * 1024 + around))
done

# What the formats keep is at most what was reckoned.
for kind in interlaced gif webp webp_lossless webp_alpha tiff tiff_lzw png16 cmyk; do
  mkdir "$kind"
  case $kind in gif) ending=gif ;; webp*) ending=webp ;; tiff*) ending=tif ;; cmyk) ending=jpg ;; *) ending=png ;; esac
  images make "$kind" "$kind/1.$ending" 2400 1600
  for n in 2 3 4; do cp "$kind/1.$ending" "$kind/$n.$ending"; done
  read -r kib status < <(peak "$kind" "${kind}_out" -j4 --memory 40M)
  equal "$kind" "0 4" "$status $(grep -c '"made"' "${kind}_out/manifest.jsonl")"
  holds "$kind keeps to 40 MB ($kib KiB)" test "$kib" -le $((40 * 1024 + around))
done
