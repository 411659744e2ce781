#!/usr/bin/env bash
# How many instructions and allocations does a task take, and is that what was recorded?
#
#   ./dev bench counts [--record]
#
# Times differ with the machine and with who else uses it; these figures do not, so that a test can
# hold them. Paths: A posts from outside, C submits and gets, D posts from inside, F forks and
# joins. Instructions are those of the whole process, all threads, under callgrind: the difference
# between many rounds and few, a task. They must be within 5 % of those in recorded.txt, and three
# runs within 3 % of each other (in A the worker is met at other moments each time); allocations
# exactly as recorded. A build that nothing was recorded
# for, another compiler say, is only told. --record takes the figures of this tree, in the builds
# bench and dev: the latter is what the test gate.counts compares. Without valgrind: allocations only.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
recorded=$here/recorded.txt
few=1 many=9
failures=0

# counted <program> <path> <rounds>: the instructions of a run.
counted() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 2>&1 >/dev/null |
    sed -n 's/.*Collected : \([0-9]*\)$/\1/p'
}

# figures <program>: a line a path: <path> <instructions> <spread in %> <allocations>; - without valgrind.
figures() {
  local program=$1 path tasks_few tasks_many allocations
  for path in A C D F; do
    read -r tasks_few _ < <("$program" "$path" $few)
    read -r tasks_many allocations < <("$program" "$path" $many)
    {
      if command -v valgrind >/dev/null; then
        for _ in 1 2 3; do
          echo "$(counted "$program" "$path" $few) $(counted "$program" "$path" $many)"
        done
      fi
    } | awk -v path="$path" -v few="$tasks_few" -v many="$tasks_many" -v allocations="$allocations" '
      { each = ($2 - $1) / (many - few); sum += each
        if (NR == 1 || each < least) least = each
        if (each > most) most = each }
      END {
        if (NR) printf "%s %.1f %.2f", path, sum / NR, 100 * (most - least) / least
        else printf "%s - -", path
        printf " %.3f\n", allocations / many
      }'
  done
}

# recorded_for <build>: its lines, without the build.
recorded_for() {
  awk -v build="$1" '{ own = $0; sub(/^[^ ]+ +[^ ]+ +[^ ]+  /, "", own) } own == build { print $1, $2, $3 }' "$recorded"
}

# Replaces what was recorded for the build of this program.
record() {
  local program=$1 build path instructions allocations
  build=$("$program" about)
  {
    awk -v build="$build" '{ own = $0; sub(/^[^ ]+ +[^ ]+ +[^ ]+  /, "", own) } own != build' "$recorded"
    while read -r path instructions _ allocations; do
      printf '%-4s %14s %14s  %s\n' "$path" "$instructions" "$allocations" "$build"
    done < <(figures "$program")
  } >"$recorded.new"
  mv "$recorded.new" "$recorded"
}

fault() { echo "FAILED: $*"; failures=$((failures + 1)); }

# compare <program>: exit code 77 where there is nothing to compare, or not all of it.
compare() {
  local program=$1 build compared=0 skipped='' path instructions spread allocations was is_allocated
  build=$("$program" about)
  printf '%s\n%-4s %14s %9s %14s %14s %14s\n' "$build" path instructions spread recorded allocations recorded
  while read -r path instructions spread allocations; do
    compared=$((compared + 1))
    read -r was is_allocated < <(recorded_for "$build" | awk -v path="$path" '
      $1 == path { print $2, $3; found = 1 } END { if (!found) print "- -" }')
    printf '%-4s %14s %8s%% %14s %14s %14s\n' \
      "$path" "$instructions" "$spread" "$was" "$allocations" "$is_allocated"
    if [[ $is_allocated == - ]]; then
      skipped="nothing is recorded for this build"
    elif [[ $is_allocated != "$allocations" ]]; then
      fault "$path: $allocations allocations a task, recorded are $is_allocated"
    fi
    if [[ $instructions == - ]]; then
      skipped="valgrind is not installed (./dev setup test): allocations only"
      continue
    fi
    awk -v spread="$spread" 'BEGIN { exit spread < 3 ? 0 : 1 }' ||
      fault "$path: three runs differ by $spread %: the path is not the same each time"
    [[ $was == - ]] || awk -v now="$instructions" -v was="$was" \
      'BEGIN { exit now <= 1.05 * was && now >= 0.95 * was ? 0 : 1 }' ||
      fault "$path: $instructions instructions a task, recorded are $was"
  done < <(figures "$program")
  ((compared == 4)) || fault "$compared of 4 paths ran"
  if ((failures)); then
    echo "If that is what the change is about: ./dev bench counts --record"
    exit 1
  fi
  [[ -z $skipped ]] || { echo "skipped: $skipped"; exit 77; }
}

case ${1:-} in
  '' | --quick)
    program=$(dirname "${MILLPOOL:?the program of the build; ./dev bench counts sets it}")/millpool_counts
    (compare "$program") || (($? == 77)) ;;
  --program) compare "$2" ;;  # what the test does
  --record)
    command -v valgrind >/dev/null || { echo "bench counts: valgrind is not installed" >&2; exit 1; }
    for preset in bench dev; do
      [[ -e $root/build/$preset/build.ninja ]] || (cd "$root" && cmake --preset "$preset" >/dev/null)
      (cd "$root" && cmake --build --preset "$preset" --target millpool_counts >/dev/null)
      record "$root/build/$preset/millpool_counts"
    done
    cat "$recorded" ;;
  *) echo "bench counts: what is $1?" >&2; exit 2 ;;
esac
