#!/usr/bin/env bash
# How many photos a second become thumbnails, in how much memory, and how good are they?
#
#   ./dev bench thumbs [--quick] [--json] [--rounds N]
#
# Photos: the JPEGs of the wallpaper packages that ./dev bench thumbs installs, and those in $MILLPOOL_PHOTOS (else
# ../shared/data/images beside the source tree, where that is), again and again until there are 200. Each subject makes
# 256 px JPEGs of quality 80, two images at a time, in rounds that take turns (5; --quick: 3). Each has to give one file a
# photo, of the right size. sharp and vipsthumbnail run in several ways, and the best one counts. A rival that is not
# installed is named and left out.
#
# Medians; the spread is (largest - smallest) / median. Peak memory is that of the largest process: where xargs runs two
# at a time, there are two of them. SSIM is of the luma, to a full decode that Pillow resized with Lanczos: `lossless` of
# PNG thumbnails, which is the resizing alone, and `jpeg` of those that were timed.
set -euo pipefail
millpool=${MILLPOOL:?the program to measure; ./dev bench thumbs sets it}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
measure=$(dirname "$millpool")/millpool_measure
rounds=5 json=0
while (($#)); do
  case $1 in
    --quick) rounds=3 ;;
    --json) json=1 ;;
    --rounds) rounds=$2; shift ;;
    *) echo "bench thumbs: what is $1?" >&2; exit 2 ;;
  esac
  shift
done
say() { echo "bench thumbs: $*" >&2; }
"$millpool" --help | grep -q thumbs || { say "the program was built without thumbs"; exit 1; }

python=
for candidate in /usr/bin/python3 python3; do
  "$candidate" -c 'import PIL, numpy' 2>/dev/null && python=$candidate && break
done
[[ -n $python ]] || { say "no python3 with Pillow and numpy, to look at what was made"; exit 1; }

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
mkdir photos

# ---- the photos, under names of their own; the same ones again until there are 200

photos_at=${MILLPOOL_PHOTOS:-$root/../shared/data/images}
{
  for package in plasma-workspace-wallpapers mate-backgrounds ukui-wallpapers lxqt-themes; do
    { dpkg -L "$package" 2>/dev/null || say "no photos of $package: it is not installed"; } |
      { grep -iE '\.jpe?g$' || true; } | while IFS= read -r file; do
        if [[ -f $file && ! -L $file ]]; then printf '%s\n' "$file"; fi
      done
  done
  if [[ -d $photos_at ]]; then find "$(cd "$photos_at" && pwd)" -type f -iname '*.jp*g' | sort; else say "no photos at $photos_at"; fi
} >files
different=$(wc -l <files)
((different > 0)) || { say "there are no photos"; exit 1; }
count=0
while ((count < 200)); do
  while IFS= read -r file; do
    count=$((count + 1))
    name=${file##*/}
    ln -s "$file" "photos/$(printf %03d "$count")_${name// /_}"
  done <files
done
bytes=$(cat photos/* | wc -c)

# ---- the subjects: <name> <how many at a time>

sharp=$root/build/bench_sharp
if command -v npm >/dev/null && command -v node >/dev/null; then
  [[ -d $sharp/node_modules/sharp ]] || npm install --silent --no-audit --no-fund --prefix "$sharp" sharp >/dev/null 2>&1 ||
    say "npm cannot install sharp"
fi
subjects=(millpool)
if [[ -d $sharp/node_modules/sharp ]]; then subjects+=(sharp-2x1 sharp-4x1 sharp-2x2); else say "sharp is absent (npm)"; fi
if command -v vipsthumbnail >/dev/null; then subjects+=(vips-1x2 vips-2x1 vips-2x2); else say "vipsthumbnail is absent"; fi
if command -v gm >/dev/null; then subjects+=(gm-2); else say "gm is absent"; fi

cat >sharp.cjs <<'EOF'
const [modules, from, to, kind, at_once, threads] = process.argv.slice(2);
const sharp = require(modules + "/sharp"), fs = require("fs");
sharp.cache(false);
sharp.concurrency(+threads);
const files = fs.readdirSync(from);
async function work() {
  for (let file; (file = files.shift()) !== undefined;) {
    const small = sharp(from + "/" + file, {failOn: "none"}).rotate()
      .resize(256, 256, {fit: "inside", withoutEnlargement: true});
    await (kind === "png" ? small.png() : small.jpeg({quality: 80})).toFile(to + "/" + file + (kind === "png" ? ".png" : ""));
  }
}
Promise.all(Array.from({length: +at_once}, work)).catch(error => { console.error(error); process.exit(1); });
EOF
# xargs reads a file of names, each alone on a line; 16 for a process, so that starting it counts little.
(cd photos && printf '%s\n' *) >names

# start <subject> <kind> <folder>: prints what measure prints.
start() {
  local subject=$1 kind=$2 to=$PWD/$3 how=${1#*-} options=
  mkdir -p "$to"
  case $subject in
    millpool) "$measure" /dev/null "$millpool" thumbs photos "$to" --size 256 --format "$kind" -j2 ;;
    sharp-*) "$measure" /dev/null node sharp.cjs "$sharp/node_modules" photos "$to" "$kind" "${how%x*}" "${how#*x}" ;;
    vips-*)
      [[ $kind == png ]] || options='[Q=80,strip]'
      (cd photos && VIPS_CONCURRENCY=${how#*x} "$measure" ../names xargs -P"${how%x*}" -n16 vipsthumbnail \
        --size '256x256>' -o "$to/%s.${kind/jpeg/jpg}$options") ;;
    gm-*)
      (cd photos && OMP_NUM_THREADS=1 "$measure" ../names xargs -P"$how" -n16 gm mogrify -output-directory "$to" \
        -auto-orient -size 512x512 -thumbnail '256x256>' -format "${kind/jpeg/jpg}" -quality 80) ;;
  esac
}

for ((round = 1; round <= rounds; round++)); do
  for subject in "${subjects[@]}"; do
    rm -rf "made.$subject"
    read -r wall cpu rss status < <(start "$subject" jpeg "made.$subject")
    made=$(find "made.$subject" -name '*.jp*g' | wc -l)
    if ((status != 0 || made != count)); then
      say "$subject made $made of $count, exit status $status"
      [[ $subject != millpool ]] || exit 1
    fi
    echo "$subject $wall $cpu $rss" >>rounds
    if ((json)); then
      awk -v subject="$subject" -v n="$count" -v wall="$wall" -v cpu="$cpu" -v rss="$rss" 'BEGIN {
        printf "{\"case\":\"thumbs\",\"subject\":\"%s\",\"images\":%d,\"images_per_second\":%.1f,", subject, n, n / wall
        printf "\"cpu_percent\":%.0f,\"peak_rss_kib\":%d}\n", 100 * cpu / wall, rss }'
    fi
  done
done

# ---- how good they are: once, for one way of each

judged=()
for subject in "${subjects[@]}"; do
  case $subject in millpool | sharp-2x1 | vips-2x1 | gm-2) ;; *) continue ;; esac
  start "$subject" png "png.$subject" >/dev/null
  judged+=("$subject")
done
"$python" "$here/quality.py" photos "$different" "${judged[@]}" >quality
((json)) && { awk '{ printf "{\"case\":\"quality\",\"subject\":\"%s\",\"ssim_mean\":%s,\"ssim_min\":%s,\"ssim_jpeg_mean\":%s}\n", $1, $2, $3, $4 }' quality; exit; }

echo "$count photos ($different different ones, each $((count / different)) times), $((bytes / 1000000)) MB, to 256 px JPEG of quality 80, $rounds rounds"
awk -v count="$count" '
  FILENAME == "quality" { mean[$1] = $2; least[$1] = $3; jpeg[$1] = $4; next }
  { n[$1]++; wall[$1, n[$1]] = $2; cpu[$1] += $3; if ($4 > rss[$1]) rss[$1] = $4; if (n[$1] == 1) order[++subjects] = $1 }
  function sorted(s,   i, j, t) {
    for (i = 2; i <= n[s]; i++)
      for (j = i; j > 1 && wall[s, j] < wall[s, j - 1]; j--) { t = wall[s, j]; wall[s, j] = wall[s, j - 1]; wall[s, j - 1] = t }
  }
  function gate(text, value, limit, met) { printf "%s: %s, aim %s: %s\n", text, value, limit, (met ? "met" : "not met") }
  END {
    printf "%-10s %9s %8s %14s %8s %10s %26s %10s\n", "subject", "images/s", "spread", "millpool is", "CPU s", "peak KiB", "SSIM lossless, mean least", "jpeg"
    for (k = 1; k <= subjects; k++) {
      s = order[k]; sorted(s)
      median[s] = (wall[s, int((n[s] + 1) / 2)] + wall[s, int(n[s] / 2) + 1]) / 2
      family = s; sub(/-.*/, "", family)
      if (!(family in best) || median[s] < best[family]) best[family] = median[s]
      printf "%-10s %9.1f %7.0f%% %13.2fx %8.2f %10d", s, count / median[s], 100 * (wall[s, n[s]] - wall[s, 1]) / median[s],
             median[s] / median["millpool"], cpu[s] / n[s], rss[s]
      if (s in mean) printf "    %14s %11s %10s\n", mean[s], least[s], jpeg[s]; else print ""
    }
    ours = median["millpool"]
    if ("sharp" in best) gate("images/s beside sharp at its best", sprintf("%.2fx", best["sharp"] / ours), "1.15x", best["sharp"] / ours >= 1.15)
    if ("vips" in best) gate("images/s beside vipsthumbnail at its best", sprintf("%.2fx", best["vips"] / ours), "1.25x", best["vips"] / ours >= 1.25)
    gate("peak memory", sprintf("%.0f MB", rss["millpool"] * 1024 / 1e6), "150 MB", rss["millpool"] * 1024 <= 150e6)
    gate("SSIM of the worst thumbnail", least["millpool"], "0.98", least["millpool"] >= 0.98)
  }' quality rounds
