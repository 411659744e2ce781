#!/usr/bin/env bash
# How many short jobs a second does each command runner start, two at a time, and in how much memory?
#
#   ./dev bench run [--quick] [--full] [--json] [--rounds N] [--jobs N]
#
# Every subject runs `true ARGUMENT` for each of N arguments (5,000; --quick: 1,000), in rounds that
# take turns (5; --quick: 3), so that a disturbance hits all of them. Before that each has to show that
# it runs every argument once. millpool writes a joblog, the others none. Medians; the spread is
# (largest - smallest) / median. Then the memory of millpool, at 5 thousand and 500 thousand inputs
# (--quick: 1 and 10 thousand; --full: 5 million too), all of them really run.
set -euo pipefail
millpool=${MILLPOOL:?the program to measure; ./dev bench run sets it}
measure=$(dirname "$millpool")/millpool_measure
rounds=5 jobs=5000 json=0 sizes=(5000 500000)
while (($#)); do
  case $1 in
    --quick) rounds=3 jobs=1000 sizes=(1000 10000) ;;
    --full) sizes+=(5000000) ;;
    --json) json=1 ;;
    --rounds) rounds=$2; shift ;;
    --jobs) jobs=$2; shift ;;
    *) echo "bench run: what is $1?" >&2; exit 2 ;;
  esac
  shift
done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

# Both GNU parallel and moreutils have a `parallel`; where both are installed Debian renames the latter.
moreutils='' gnu=''
for program in parallel parallel.moreutils; do
  if command -v "$program" >/dev/null; then
    if "$program" --version </dev/null 2>/dev/null | grep -q GNU; then gnu=$program; else moreutils=$program; fi
  fi
done
subjects=(millpool)
for name in xargs xjobs make; do command -v "$name" >/dev/null && subjects+=("$name"); done
[[ -z $moreutils ]] || subjects+=(moreutils)
[[ -z $gnu ]] || subjects+=(parallel)

# A makefile with a target an argument: the one form in which make runs jobs of ours.
makefile() {
  local program=$1 inputs=$2
  { echo "all: $(tr '\n' ' ' <"$inputs")"; sed "s|.*|&:; @$program &|" "$inputs"; } >"$inputs.mk"
}

# run <subject> <program> <inputs>: prints what measure prints.
run() {
  local subject=$1 program=$2 inputs=$3
  case $subject in
    millpool) "$measure" "$inputs" "$millpool" run -j2 --joblog log "$program" ;;
    xargs) "$measure" "$inputs" xargs -P2 -n1 "$program" ;;
    xjobs) "$measure" "$inputs" xjobs -j2 "$program" ;;
    make) "$measure" /dev/null make -s -j2 -f "$inputs.mk" ;;
    moreutils) "$measure" /dev/null "+$inputs" "$moreutils" -j2 "$program" -- ;;
    parallel) "$measure" "$inputs" "$gnu" --will-cite -j2 "$program" ;;
  esac
}

# Each subject runs every argument once.
cat >note <<'EOF'
#!/bin/sh
echo >>"seen.$1"
EOF
chmod +x note
seq 200 >few
makefile ./note few
for subject in "${subjects[@]}"; do
  rm -f seen.*
  run "$subject" ./note few >/dev/null
  if [[ $(cat seen.* | wc -l) != 200 || $(find . -name 'seen.*' | wc -l) != 200 ]]; then
    echo "bench run: $subject does not run every argument once" >&2
    exit 1
  fi
done

seq "$jobs" >inputs
makefile true inputs
for ((round = 1; round <= rounds; round++)); do
  for subject in "${subjects[@]}"; do
    read -r wall cpu rss status < <(run "$subject" true inputs)
    ((status == 0)) || { echo "bench run: $subject failed with $status" >&2; exit 1; }
    if [[ $subject == millpool ]]; then
      done_jobs=$(awk -F '\t' 'NR > 1 && $7 == 0 && $8 == 0' log | wc -l)
      ((done_jobs == jobs)) || { echo "bench run: the joblog has $done_jobs of $jobs jobs" >&2; exit 1; }
    fi
    echo "$subject $wall $cpu $rss" >>rounds
    if ((json)); then
      awk -v subject="$subject" -v jobs="$jobs" -v wall="$wall" -v cpu="$cpu" -v rss="$rss" 'BEGIN {
        printf "{\"case\":\"run\",\"subject\":\"%s\",\"jobs\":%d,\"jobs_per_second\":%.0f,", subject, jobs, jobs / wall
        printf "\"cpu_percent\":%.0f,\"peak_rss_kib\":%d}\n", 100 * cpu / wall, rss }'
    fi
  done
done

table() {
  awk -v jobs="$jobs" '
    { n[$1]++; wall[$1, n[$1]] = $2; if ($4 > rss[$1]) rss[$1] = $4; if (n[$1] == 1) order[++subjects] = $1 }
    function sorted(s,   i, j, t) {
      for (i = 2; i <= n[s]; i++)
        for (j = i; j > 1 && wall[s, j] < wall[s, j - 1]; j--) {
          t = wall[s, j]; wall[s, j] = wall[s, j - 1]; wall[s, j - 1] = t
        }
    }
    END {
      printf "%-10s %10s %8s %14s %12s\n", "subject", "jobs/s", "spread", "millpool is", "peak KiB"
      for (k = 1; k <= subjects; k++) {
        s = order[k]
        sorted(s)
        median = (wall[s, int((n[s] + 1) / 2)] + wall[s, int(n[s] / 2) + 1]) / 2
        if (k == 1) ours = median
        printf "%-10s %10.0f %7.0f%% %13.2fx %12d\n", s, jobs / median, 100 * (wall[s, n[s]] - wall[s, 1]) / median,
               median / ours, rss[s]
        if (s == "xjobs") rival = median
      }
      if (rival) printf "jobs/s beside xjobs: %.2fx, at least 1.1x: %s\n", rival / ours, (rival / ours >= 1.1 ? "met" : "not met")
      else print "jobs/s beside xjobs: not measured, xjobs is absent"
    }' rounds
}
((json)) || table

peak=$(awk '$1 == "millpool" && $4 > peak { peak = $4 } END { print peak }' rounds)
for size in "${sizes[@]}"; do
  seq "$size" >many
  read -r wall _ rss status < <(run millpool true many)
  ((rss <= peak)) || peak=$rss
  if ((json)); then
    printf '{"case":"memory","subject":"millpool","jobs":%d,"peak_rss_kib":%d}\n' "$size" "$rss"
  else
    awk -v size="$size" -v wall="$wall" -v rss="$rss" \
      'BEGIN { printf "%d inputs: peak %d KiB, %.0f jobs/s\n", size, rss, size / wall }'
  fi
  ((status == 0)) || exit 1
done
((json)) || awk -v peak="$peak" 'BEGIN {
  printf "highest peak of millpool: %.2f MB, below 12 MB: %s\n", peak * 1024 / 1e6, (peak * 1024 < 12e6 ? "met" : "not met") }'
