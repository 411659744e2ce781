#!/usr/bin/env bash
# Real worker processes under a load that grows tenfold and falls again, as many as the HPA's algorithm
# says: nothing is lost, whether a pod ends in order, has too much in hand, or is killed; and nothing is
# left of pods whose broker goes.
# shellcheck disable=SC1091,SC2154  # lib.sh sets some
. "$(dirname "$0")/../e2e/lib.sh"
pods=$millpool

# A busy machine disturbs the load, and so it takes longer until it is steady. What is never so ends
# the run, and all of this fits in the 300 s that the test may take.
timeout -k 10 200 "$pods" --limit 60s --must-settle >out 2>err
equal "it ends with 0, and says nothing else" "0 " "$? $(cat err)"
cat out
# number <sed expression with a group>: what the report says there.
number() { sed -nE "s/$1/\\1/p" out; }

# ---- the tasks: a killed pod's come back, as do those of one that could not finish six
made=$(number '^tasks: ([0-9]+) made.*')
holds "there was a load" test "${made:-0}" -gt 1000
equal "each task is done once" "$made" "$(number '^tasks: [0-9]+ made, ([0-9]+) done once, 0 lost.*')"
holds "a killed pod held some" test "$(number '.* 1 killed: it held ([0-9]+), which came back$')" -ge 1
holds "one gave back what it could not finish" test "$(number '.*; ([0-9]+) tasks given back$')" -ge 6
holds "these were delivered again" test "$(number '.* ([0-9]+) delivered again$')" -ge 7

# ---- the pods
started=$(number '^pods: ([0-9]+) started.*')
ended=$(number '^pods: .* ([0-9]+) ended with 0.*')
equal "all but the killed one ended with 0" "$started" "$((ended + 1))"
equal "each drained with /readyz at 503" "$ended" "$(number '^drains: ([0-9]+), \/readyz said 503 in each.*')"
holds "one of them with tasks in hand" test "$(number '^drains: .* ([0-9]+) with tasks in hand.*')" -ge 1
equal "and their ledgers balance" "$ended" "$(number '^ledgers: ([0-9]+), all balance.*')"
holds "of as many tasks" test "$(number '^ledgers: .*accepted ([0-9]+) =.*')" -ge 1000

# ---- the autoscaler. Ten times the load needs more than thrice the pods.
holds "there were more pods for more load" test "$(number '^pods: .* at most ([0-9]+) at once.*')" -ge 4
equal "one at first, and one at last" "1 1" "$(grep -E '^ +[0-9]' out | awk '{ n = $5 } NR == 1 { first = n } END { print first, n }')"
holds "the times to steady state are told" \
  grep -qE '^time to steady state: up [0-9.]+ s, down [0-9.]+ s$' out

# ---- who is left when the broker goes
mkfifo rows
# begin: a run whose first pod is up. Sets $run, and $mark: its pods' command lines have that.
begin() {
  mark=$(mktemp -d "$scratch/run.XXXX")
  TMPDIR=$mark "$pods" --hold 60s --limit 20s >rows 2>err &
  run=$!
  exec 8<rows
  read -r _ <&8
  read -r _ <&8  # a first row: it begins once a pod is ready
}
# left: the processes of that run. grep has the pattern in a file, so that it does not find itself.
left() { printf '%s' "$mark" >pattern && grep -laFf pattern /proc/[0-9]*/cmdline 2>/dev/null; }
# gone: none is left, now or soon.
gone() {
  local i
  for ((i = 0; i < 600; i++)); do
    [[ -z $(left) ]] && return
    nap 0.05
  done
  return 1
}
begin
holds "it has a pod" test -n "$(left)"
kill -TERM "$run"
wait "$run"
equal "a run that is interrupted says so" "1 millpool_pods: interrupted" "$? $(cat err)"
equal "and leaves no pod" "" "$(left)"
exec 8<&-
begin
kill -KILL "$run"
wait "$run" 2>killed
holds "pods whose broker is killed end as well" gone
equal "in order: their accounts are written" "1" "$(cat "$mark"/*/pod-1 | grep -c '^pod 1: accepted [0-9]* = .*inside 0$')"
exec 8<&-

said=$("$pods" --metric cpu 2>&1)
equal "a metric that it does not know ends it with 2" 2 $?
contains "and one sentence" "'cpu' is neither unfinished nor waiting" "$said"
