#!/usr/bin/env bash
# Names, folders and links: each thumbnail is where it should be, and no photo is ever written to.
# shellcheck disable=SC1091,SC2154  # lib.sh sets some
. "$(dirname "$0")/lib.sh"
. "${ROOT:?the source tree}/tests/e2e/thumbs_lib.sh"
needs jq

images make jpeg one.jpg 60 40
images make png one.png 60 40
odd=$'new\nline.jpg'
quotes="it's \"quoted\" & <b>.jpg"
utf8='Grüße 写真.JPG'
bytes=$'not\xffutf8.jpg'
mkdir -p "src/a/b c/d" src/empty
for name in "$odd" "$quotes" "$utf8" "$bytes" plain.jpeg; do cp one.jpg "src/$name"; done
cp one.jpg "src/a/b c/d/deep.jpg"
cp one.jpg src/.hidden.jpg
run src out
equal "all are made" "0, " "$status, $(cat err)"
holds "a folder without images is not made" test ! -e out/empty
for name in "$odd" "$quotes" "$utf8" "$bytes" plain.jpeg "a/b c/d/deep.jpg" .hidden.jpg; do
  holds "$(printf %q "$name")" test -s "out/$name"
done
equal "the manifest is JSON" 7 "$(jq -c . out/manifest.jsonl | wc -l)"
equal "names are as they are" 1 "$(jq -r --arg name "$odd" 'select(.source == $name) | 1' out/manifest.jsonl)"
equal "bytes that are no text are there in hex" "6e6f74ff757466382e6a7067" \
  "$(jq -r 'select(.source_hex) | .source_hex' out/manifest.jsonl)"
run src out --only-changed
equal "and are known again" "0 7" "$status $(jq -r .state out/manifest.jsonl | grep -c unchanged)"
run src out --only-changed --bar
contains "the bar sums up" "7 unchanged" "$(cat err)"

# The format's ending is added, so that names do not meet.
mkdir both
cp one.jpg both/x.jpg
cp one.png both/x.png
run both both_out
equal "two thumbnails" "x.jpg x.png.jpg" "$(cd both_out && printf '%s\n' *.jpg | paste -sd ' ')"
cp one.jpg both/x.png.jpg
run both both_out2
equal "if they meet all the same, one is refused" "1 name_taken" "$status $(jq -r 'select(.state == "failed") | .error' both_out2/manifest.jsonl)"
contains "both are named" "x.png.jpg: name_taken: its thumbnail would be x.png.jpg, as that of x.png is" "$(cat err)"

rm both_out2/x.png.jpg both/x.png
run both both_out2 --only-changed
cp one.png both/x.png
run both both_out2 --only-changed
equal "also if the other one is unchanged" "x.jpg unchanged x.png made x.png.jpg failed" "$(jq -r '.source, .state' both_out2/manifest.jsonl | paste -sd ' ')"
run both both_out2 --only-changed
equal "and if the first one is" "x.jpg unchanged x.png unchanged x.png.jpg failed" "$(jq -r '.source, .state' both_out2/manifest.jsonl | paste -sd ' ')"

# What a terminal would obey is not printed.
mkdir controls
: >$'controls/\e[2J\xc2\x9b2J.jpg'
run controls controls_out
contains "a name with controls" "?[2J" "$(cat err)"
equal "has none in what is said" 0 "$(LC_ALL=C grep -caP '\x1b|\xc2[\x80-\x9f]' err)"

# Links.
mkdir -p links/real
cp one.jpg links/real
ln -s ../one.jpg links/linked.jpg
ln -s . links/loop
ln -s .. links/real/up
run links links_out
equal "a link to a file is followed, none to a folder" "linked.jpg real/one.jpg" "$(jq -r .source links_out/manifest.jsonl | paste -sd ' ')"

# DEST in SRC is no source; SRC in DEST is refused.
mkdir inside
cp one.jpg inside
run inside inside/thumbs
run inside inside/thumbs
equal "thumbnails are no sources" "one.jpg" "$(jq -r .source inside/thumbs/manifest.jsonl)"
cp -r src before
for dest in src . src/.. "$PWD/src" src/a/.. new/../src "$PWD/new/../src/"; do
  run src "$dest"
  equal "photos are never overwritten: $dest" 2 "$status"
  contains "it says why" "would lie among their sources" "$(cat err)"
done
ln -s src alias
run src alias
equal "nor through a link" 2 "$status"
mkdir linked
ln -s ../src/a linked/a
run src linked
equal "nor through one inside of DEST" "1 write_failed" "$status $(entry linked "a/b c/d/deep.jpg" .error)"
contains "which it tells" "linked/a/b c/d is or lies behind a link" "$(cat err)"
holds "nothing was touched" diff -r src before

# Bad command lines: one line, exit status 2.
refuses() {
  local says=$1
  shift
  run "$@"
  equal "exit status of: $*" 2 "$status"
  equal "lines of complaint of: $*" 1 "$(wc -l <err)"
  contains "complaint of: $*" "$says" "$(cat err)"
}
refuses "expected two folders, SRC and DEST"
refuses "expected two folders" src
refuses "a third folder, 'c'" a b c
refuses "cannot open nowhere: No such file or directory" nowhere out
refuses "one.jpg is no folder" one.jpg out
refuses "'0' is no size" src out --size 0
refuses "'20000' is no size" src out --size 20000
refuses "'1x' is no size" src out --size 1x
refuses "'256,' is no size" src out --size 256,
refuses "'fill' is neither contain nor cover" src out --fit fill
refuses "'bmp' is none of jpeg, webp, png, same" src out --format bmp
refuses "'101' is not between 1 and 100" src out --quality 101
refuses "'0' is not between" src out -j 0
refuses "'x' is not a size" src out --memory x
refuses "less than 4M" src out --memory 1M
refuses "the time must be above 0" src out --timeout 0
refuses "'ctime' is neither mtime nor hash" src out --only-changed=ctime
refuses "unknown flag --sise" src out --sise 3
refuses "the flag --size needs a value" src out --size
refuses "cannot make one.jpg/x" src one.jpg/x
refuses "cannot open no/where" src fresh --manifest no/where
echo "dear diary" >diary.txt
for file in src/plain.jpeg diary.txt; do
  cp "$file" kept
  refuses "$file" src fresh --manifest "$file"
  holds "$file is left as it is" cmp "$file" kept
done
run --help
equal "--help" "0 " "$status $(cat err)"
contains "tells the usage" "millpool thumbs SRC DEST" "$(cat printed)"
for flag in --size --fit --format --quality --profile --only-changed --jobs --memory --max-pixels --timeout --manifest --gallery --bar; do
  contains "and each flag" "$flag" "$(cat printed)"
done
run --size 20 -- src dashes
equal "words behind -- are folders" "0 20x13" "$status $(entry dashes plain.jpeg '"\(.outputs[0].width)x\(.outputs[0].height)"')"
