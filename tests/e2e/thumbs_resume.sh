#!/usr/bin/env bash
# A second run makes what has changed; one that was killed or interrupted is continued, and never leaves half a file.
# shellcheck disable=SC1091,SC2154  # lib.sh sets some
. "$(dirname "$0")/lib.sh"
. "${ROOT:?the source tree}/tests/e2e/thumbs_lib.sh"
needs jq

images make jpeg one.jpg 300 200
images make jpeg other.jpg 200 300
mkdir src
for n in {1..6}; do cp one.jpg "src/$n.jpg"; done
made() { jq -r 'select(.state == "made") | .source' out/manifest.jsonl | paste -sd ' '; }

run src out --size 64 --only-changed
equal "the first run makes all" "1.jpg 2.jpg 3.jpg 4.jpg 5.jpg 6.jpg" "$(made)"
run src out --size 64 --only-changed
equal "the second none" "0 " "$status $(made)"
equal "all have their lines" 6 "$(grep -c unchanged out/manifest.jsonl)"
touch -d '2001-02-03' src/2.jpg
cp other.jpg src/3.jpg
rm out/4.jpg
truncate -s 10 out/5.jpg
run src out --size 64 --only-changed
equal "what changed, what is gone, and what is broken" "2.jpg 3.jpg 4.jpg 5.jpg" "$(made)"
rm src/1.jpg
run src out --size 64 --only-changed
equal "a source that is gone has no line" 5 "$(wc -l <out/manifest.jsonl)"
run src out --size 65 --only-changed
equal "another size is another thumbnail" 5 "$(made | wc -w)"
run src out --size 65 --quality 70 --only-changed
equal "and so is another quality" 5 "$(made | wc -w)"
echo "no image" >src/7.jpg
run src out --size 65 --quality 70 --only-changed
cp one.jpg src/7.jpg
run src out --size 65 --quality 70 --only-changed
equal "what failed is tried again" "7.jpg" "$(made)"

# A folder that cannot be read now, a disk that is not there, another tree.
mkdir tree tree/sub
cp one.jpg tree/1.jpg
cp one.jpg tree/sub/2.jpg
states() { jq -r '.source, .state' tree_out/manifest.jsonl | paste -sd ' '; }
run tree tree_out --only-changed
chmod 0 tree/sub
run tree tree_out --only-changed
equal "what is in a folder that cannot be read" "1 1.jpg unchanged sub failed sub/2.jpg made" "$status $(states)"
chmod 0 tree
run tree tree_out --only-changed
equal "a SRC that cannot be read" "2 tree: cannot open the folder: Permission denied" "$status $(sed 's/^millpool thumbs: //' err)"
chmod 700 tree tree/sub
mkdir away
mv tree/* away
run tree tree_out --only-changed
equal "a SRC without images" "0 1.jpg unchanged sub failed sub/2.jpg made" "$status $(states)"
mv away/* tree
run tree tree_out --only-changed
equal "all is as it was" "0 1.jpg unchanged sub/2.jpg unchanged" "$status $(states)"
cp -rp tree copy
run copy tree_out --only-changed
equal "another SRC is another one" "0 1.jpg made sub/2.jpg made" "$status $(states)"

# By content.
run src out --only-changed=hash
equal "hashes are noted" 6 "$(jq -r '.hash | length' out/manifest.jsonl | grep -c 16)"
touch src/2.jpg
run src out --only-changed=hash
equal "a new date alone is no change" "" "$(made)"
cp -p src/2.jpg keep
printf '\x55' | dd of=src/2.jpg bs=1 seek=2000 conv=notrunc status=none
touch -r keep src/2.jpg
run src out --only-changed=hash
equal "another byte is, whatever the date says" "2.jpg" "$(jq -r 'select(.state != "unchanged") | .source' out/manifest.jsonl)"

run src sizes --size 64,32
# Killed in the middle: no half file, and the next run does the rest.
mkdir many
images make png large.png 1200 900
for n in {100..159}; do cp large.png "many/$n.png"; done
rm -rf out
"$millpool" thumbs many out --size 64 -j2 &
victim=$!
until [[ $(wc -l 2>/dev/null <out/manifest.jsonl) -ge 20 ]]; do :; done
kill -9 $victim
wait $victim 2>/dev/null
before=$(wc -l <out/manifest.jsonl)
holds "it was killed in the middle ($before)" test "$before" -lt 60
equal "every file is whole" "" "$(for each in out/*.jpg; do images size "$each" >/dev/null 2>&1 || echo "$each"; done)"
: >out/.millpool-thumbs-1-1.tmp
: >sizes/.millpool-thumbs-1-1.tmp
printf '{"source":"half a li' >>out/manifest.jsonl
run many out --size 64 --only-changed
equal "it is continued" 0 "$status"
contains "half a line is told" "lines passed over that make no sense: 1" "$(cat err)"
holds "what was made is not made again" test "$(grep -c unchanged out/manifest.jsonl)" -ge "$((before - 1))"
equal "all are there" "60 60" "$(wc -l <out/manifest.jsonl) $(find out -name '*.jpg' | wc -l)"
run src sizes --size 64,32
equal "leftovers are gone" 0 "$(find out sizes -name '.*' -type f | wc -l)"

# No more at a time than files may be open.
(ulimit -n 64 && run many few_files --size 8 -j 1000)
equal "few descriptors" 60 "$(grep -c '"made"' few_files/manifest.jsonl)"

# Interrupted: what is under way is finished.
for signal in INT TERM; do
  rm -rf out
  # A shell without job control starts what runs beside it with SIGINT ignored.
  "$python" - "$millpool" "$signal" <<'EOF' >said 2>&1
import os, signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.SIG_DFL)
run = subprocess.Popen([sys.argv[1], "thumbs", "many", "out", "--size", "64", "-j2"])
while not os.path.exists("out/manifest.jsonl") or sum(1 for _ in open("out/manifest.jsonl")) < 10:
    pass
run.send_signal(getattr(signal, "SIG" + sys.argv[2]))
print("status", run.wait())
EOF
  contains "SIG$signal" "status $((128 + $(kill -l $signal)))" "$(cat said)"
  contains "it is told" "interrupted: finishing the images that are under way" "$(cat said)"
  holds "in the middle" test "$(wc -l <out/manifest.jsonl)" -lt 60
  equal "each line has its thumbnail" "$(wc -l <out/manifest.jsonl)" "$(find out -name '*.jpg' | wc -l)"
  run many out --size 64 --only-changed
  equal "it is continued" "0 60" "$status $(wc -l <out/manifest.jsonl)"
done

# Two runs at once would take each other's files for leftovers.
exec 9<out
flock -n 9 || echo "skipped: no flock here"
exec 8<>shared.jsonl
flock -n 8
run src fresh --manifest shared.jsonl
equal "and so has a manifest" "2 another run writes to shared.jsonl" "$status $(sed 's/^millpool thumbs: //' err)"
run many out --size 64
equal "a folder has one run at a time" "2 another run writes to out" "$status $(sed 's/^millpool thumbs: //' err)"
