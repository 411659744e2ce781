#!/usr/bin/env bash
# How fast are four questions about a large access log answered in one pass, and in how much memory?
#
#   ./dev bench logs [--quick] [--full] [--json] [--rounds N] [--copies N]
#
# The log: apache_logs in $MILLPOOL_LOGS (else ../shared/data/logs beside the source tree), 840 times with the day shifted
# each time, 2 GB (--quick: 84 times). The questions: lines by status, the ten paths that most lines have, p99 of the
# sizes, lines by minute. Then a literal that is looked for, and the same questions of the log as gzip and as zstd.
#
# Subjects take turns in rounds (5; --quick: 3), after each has shown that it counts the statuses as millpool does; one
# that does not is named, and measured all the same. Decoders alone (pigz, zstd) answer nothing: they are there to compare
# with. GoAccess, which takes minutes, is asked once, with --full. Rivals that are not installed are named and left out.
# Medians; the spread is (largest - smallest) / median; memory is that of the largest process.
set -euo pipefail
millpool=${MILLPOOL:?the program to measure; ./dev bench logs sets it}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
measure=$(dirname "$millpool")/millpool_measure
rounds=5 json=0 copies=840 full=0
while (($#)); do
  case $1 in
    --quick) rounds=3 copies=84 ;;
    --full) full=1 ;;
    --json) json=1 ;;
    --rounds) rounds=$2; shift ;;
    --copies) copies=$2; shift ;;
    *) echo "bench logs: what is $1?" >&2; exit 2 ;;
  esac
  shift
done
say() { echo "bench logs: $*" >&2; }
"$millpool" --help | grep -q logs || { say "the program was built without logs"; exit 1; }
source_log=${MILLPOOL_LOGS:-$root/../shared/data/logs}/apache_logs
[[ -r $source_log ]] || { say "no $source_log (MILLPOOL_LOGS names its folder)"; exit 1; }

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
python3 "$here/copies.py" "$source_log" "$copies" >access.log
size=$(stat -c %s access.log)
gzip -c access.log >access.log.gz
has_zstd=0
if command -v zstd >/dev/null; then has_zstd=1; zstd -q access.log; else say "left out: zstd is not installed"; fi

# DuckDB comes as an npm package: ./dev bench logs installs it into build/.
duckdb=$root/build/duckdb
if [[ ! -d $duckdb/node_modules ]] && command -v npm >/dev/null; then
  mkdir -p "$duckdb"
  npm install --silent --no-fund --no-audit --prefix "$duckdb" @duckdb/node-api >/dev/null 2>&1 || true
fi

literal=logstash-monitorama
cat >four.awk <<'EOF'
{ status[$9]++; path[$7]++; minute[substr($4, 2, 17)]++; if ($10 != "-") size[$10]++ }
END {
  for (k in status) print "s", k, status[k]
  for (k in path) print "p", k, path[k]
  for (k in minute) print "m", k, minute[k]
  for (k in size) print "b", k, size[k]
}
EOF
# What comes out of that, of one awk or of many, as the answers.
cat >finish.sh <<'EOF'
awk '{ n[$1 " " $2] += $3 } END { for (k in n) print k, n[k] }' >sums
grep '^s' sums | sort
grep '^p' sums | sort -k3,3nr | head -10
grep '^m' sums | sort
grep '^b' sums | sort -k2,2n | awk '{ v[NR] = $2; c[NR] = $3; n += $3 } END { for (i = 1; i <= NR; i++) { s += c[i]; if (s >= 0.99 * n) { print "p99", v[i]; exit } } }'
EOF
questions=(--format combined --count-by status --top 10 path --percentile p99 bytes --histogram minute --no-bar)
cores=$(nproc)
mkdir scripts
script() { cat >"scripts/$1"; }
echo "mawk -f four.awk access.log | bash finish.sh" | script plain.mawk
echo "parallel --will-cite --pipepart -a access.log --block -2 -j$cores mawk -f four.awk | bash finish.sh" | script plain.parallel
echo "node $here/duckdb.mjs $duckdb access.log $cores" | script plain.duckdb
echo "LC_TIME=C goaccess access.log --log-format=COMBINED --no-global-config -o g.json" | script plain.goaccess
echo "rg $literal access.log" | script match.ripgrep
echo "LC_ALL=C grep $literal access.log" | script match.grep
echo "zcat access.log.gz | mawk -f four.awk | bash finish.sh" | script gzip.mawk
echo "node $here/duckdb.mjs $duckdb access.log.gz $cores" | script gzip.duckdb
echo "pigz -dc access.log.gz" | script gzip.pigz
echo "zstdcat access.log.zst | mawk -f four.awk | bash finish.sh" | script zstd.mawk
echo "node $here/duckdb.mjs $duckdb access.log.zst $cores" | script zstd.duckdb
echo "zstd -dc access.log.zst" | script zstd.zstd

# command_of <case.subject>: fills `command`.
command_of() {
  case $1 in
    plain.millpool) command=("$millpool" logs "${questions[@]}" access.log) ;;
    gzip.millpool) command=("$millpool" logs "${questions[@]}" access.log.gz) ;;
    zstd.millpool) command=("$millpool" logs "${questions[@]}" access.log.zst) ;;
    match.millpool) command=("$millpool" logs --match "$literal" access.log) ;;
    *) command=(bash "scripts/$1") ;;
  esac
}
is_there() {
  case $1 in
    *.millpool) return 0 ;;
    *.mawk) command -v mawk ;;
    *.parallel) command -v mawk && [[ $(parallel --version 2>/dev/null) == "GNU parallel"* ]] ;;
    *.duckdb) command -v node && [[ -d $duckdb/node_modules/@duckdb ]] ;;
    *.ripgrep) command -v rg ;;
    *.pigz) command -v pigz ;;
    *.goaccess) command -v goaccess ;;
    *) return 0 ;;
  esac >/dev/null
}
cases=(plain.millpool plain.mawk plain.parallel plain.duckdb match.millpool match.ripgrep match.grep
  gzip.millpool gzip.mawk gzip.duckdb gzip.pigz)
((!has_zstd)) || cases+=(zstd.millpool zstd.mawk zstd.duckdb zstd.zstd)

subjects=()
for one in "${cases[@]}"; do
  if is_there "$one"; then subjects+=("$one"); else say "left out: ${one#*.} is not installed"; fi
done

# Each counts what millpool counts.
expected=$("$millpool" logs "${questions[@]}" --csv access.log 2>/dev/null | sed -n 's/^count-by,status,\(.*\),\(.*\)/s \1 \2/p' | sort)
printed=$("$millpool" logs --match "$literal" access.log | cksum)
for one in "${subjects[@]}"; do
  command_of "$one"
  case $one in
    *.millpool | *.pigz | *.zstd) continue ;;
    match.*) [[ $("${command[@]}" | cksum) == "$printed" ]] || say "$one prints other lines" ;;
    *) [[ $("${command[@]}" 2>/dev/null | grep '^s ' | sort) == "$expected" ]] || say "$one counts otherwise" ;;
  esac
done

for ((round = 1; round <= rounds; round++)); do
  for one in "${subjects[@]}"; do
    command_of "$one"
    read -r wall cpu rss status < <("$measure" /dev/null "${command[@]}")
    ((status == 0)) || { say "$one failed with $status"; exit 1; }
    echo "$one $wall $cpu $rss" >>rounds
    ((!json)) || printf '{"case":"%s","subject":"%s","bytes":%d,"seconds":%s,"cpu_seconds":%s,"peak_rss_kib":%d}\n' \
      "${one%.*}" "${one#*.}" "$size" "$wall" "$cpu" "$rss"
  done
done
if ((full)) && is_there plain.goaccess; then
  command_of plain.goaccess
  read -r wall cpu rss status < <("$measure" /dev/null "${command[@]}")
  echo "plain.goaccess $wall $cpu $rss" >>rounds
fi
((!json)) || exit 0

awk -v bytes="$size" '
  { n[$1]++; wall[$1, n[$1]] = $2; if ($4 > rss[$1]) rss[$1] = $4; if (n[$1] == 1) order[++subjects] = $1 }
  function median(s,   i, j, t) {
    for (i = 2; i <= n[s]; i++)
      for (j = i; j > 1 && wall[s, j] < wall[s, j - 1]; j--) { t = wall[s, j]; wall[s, j] = wall[s, j - 1]; wall[s, j - 1] = t }
    return (wall[s, int((n[s] + 1) / 2)] + wall[s, int(n[s] / 2) + 1]) / 2
  }
  function gate(what, value, least, unit) {
    printf "%-52s %8.2f%s, at least %s: %s\n", what, value, unit, least, (value >= least ? "met" : "not met")
  }
  function rate(s) { return bytes / m[s] / 1e6 }
  END {
    printf "%d MB\n%-8s %-10s %8s %8s %12s %12s\n", bytes / 1e6, "case", "subject", "MB/s", "spread", "millpool is", "peak KiB"
    for (k = 1; k <= subjects; k++) {
      s = order[k]
      m[s] = median(s)
      split(s, part, ".")
      if (part[2] == "millpool") ours = m[s]
      printf "%-8s %-10s %8.0f %7.0f%% %11.2fx %12d\n", part[1], part[2], rate(s), 100 * (wall[s, n[s]] - wall[s, 1]) / m[s], m[s] / ours, rss[s]
    }
    print ""
    gate("four questions, MB/s", rate("plain.millpool"), 3500, "")
    if (m["plain.duckdb"]) gate("beside DuckDB", m["plain.duckdb"] / m["plain.millpool"], 5, "x")
    if (m["plain.parallel"]) gate("beside mawk under GNU parallel", m["plain.parallel"] / m["plain.millpool"], 7, "x")
    if (m["match.ripgrep"]) gate("a literal, beside ripgrep", m["match.ripgrep"] / m["match.millpool"], 1, "x")
    gate("gzip, MB/s decompressed", rate("gzip.millpool"), 500, "")
    if (m["zstd.millpool"]) gate("zstd, MB/s decompressed", rate("zstd.millpool"), 1200, "")
    printf "%-52s %8.1f MB, at most 32: %s\n", "peak memory", rss["plain.millpool"] / 1024, (rss["plain.millpool"] <= 32768 ? "met" : "not met")
  }' rounds
