#!/usr/bin/env bash
# Jobs that must end do end, with all they started: --timeout and --halt now.
# shellcheck disable=SC1091,SC2154,SC2016,SC1083  # lib.sh sets some; jobs expand what is in quotes; {} is ours
. "$(dirname "$0")/lib.sh"

mark=98$$.  # seconds to sleep that no other process here sleeps

# Others run on while one times out. It takes ten seconds, so that the others surely are in time; the rest
# of this script goes on meanwhile.
"$millpool" run -j2 -k --timeout 10 sh -c 'test {} -ne 0 || sleep 60; echo {}' ::: 0 1 2 3 >late 2>/dev/null &
late=$!

"$millpool" run --timeout 0.2 --joblog log sh -c 'sleep {}1 & sleep {}2 & sleep {}3' ::: $mark 2>err
equal "a job that times out has failed" 123 $?
contains "it is told" "job 1 was killed because it timed out" "$(cat err)"
equal "exit -1 and the signal" "-1 15" "$(tail -1 log | cut -f7,8 | tr '\t' ' ')"
equal "its grandchildren are gone" "" "$(processes_with "sleep $mark")"

# Who does not listen to TERM is killed, and so is what it started. Where the machine was too busy for the job
# to say that it does not listen, it gets more time.
for limit in 0.2 2 20; do
  rm -f deaf.*
  "$millpool" run --timeout $limit --joblog log \
    sh -c 'trap "" TERM; : >deaf.1; (trap "" TERM; : >deaf.2; sleep {}4) & sleep {}5; sleep {}6' ::: $mark 2>/dev/null
  [[ -e deaf.1 && -e deaf.2 ]] && break
done
holds "the job and its child ignored TERM" test -e deaf.1 -a -e deaf.2
equal "KILL comes after TERM" "-1 9" "$(tail -1 log | cut -f7,8 | tr '\t' ' ')"
equal "no process is left that ignores TERM" "" "$(processes_with "sleep $mark")"

# 1000 % of the median of quick jobs is far below a minute.
"$millpool" run -j2 --timeout 1000% --joblog log sleep ::: 0.02 0.02 0.02 0.02 0.02 60 2>err
contains "a percentage of the median" "job 6 was killed because it timed out" "$(cat err)"

mkfifo ready
"$millpool" run -j2 --joblog log --halt now,fail=1 sh -c '{}' ::: "echo >ready; sleep ${mark}7" 'read x <ready; exit 7' 'touch third'
equal "--halt now,fail=1" 123 $?
equal "the other job was killed" "" "$(processes_with "sleep $mark")"
equal "nothing started afterwards" "" "$(ls third 2>/dev/null)"
equal "the log has the job that failed only" "2 7" "$(tail -n +2 log | cut -f1,7 | tr '\t' ' ')"

equal "--halt soon,fail=2 lets nothing start" $'1\n2' \
  "$("$millpool" run -j1 --halt soon,fail=2 sh -c 'echo {}; false' ::: 1 2 3 4)"
"$millpool" run -j1 --halt now,success=1 sh -c 'exit {}' ::: 1 0 1
equal "--halt now,success=1 ends well" 0 $?
equal "--halt with a percentage of all jobs" $'1\n2' \
  "$("$millpool" run -j1 --halt soon,fail=50% sh -c 'echo {}; false' ::: 1 2 3 4)"

# Not one zombie while jobs come and go: each job looks at its parent's children.
zombies=$(seq 60 | "$millpool" run -j4 sh -c 'grep -l "^PPid:.$PPID\$" /proc/[0-9]*/status 2>/dev/null | xargs grep -h "^State:.Z" 2>/dev/null | wc -l' | sort -n | tail -1)
holds "zombies at a time are at most the jobs that just ended" test "$zombies" -le 4

# Orphans that ended are taken away too, when the next job starts: the third one here waits for the end.
equal "no zombie of an orphan is left" 0 "$(printf '%s\n' '(exec true) & wait; exit' 'setsid true & echo $! >orphan' \
  'until read -r _ _ state _ </proc/$(cat orphan)/stat && test $state = Z; do test -e /proc/$(cat orphan) || break; sleep 0.02; done 2>/dev/null' \
  'grep -l "^PPid:.$PPID\$" /proc/[0-9]*/status 2>/dev/null | xargs grep -h "^State:.Z" | wc -l' | "$millpool" run -j1 -k sh -c '{}' | tail -1)"

# --delay keeps starts apart: four pauses are a lower bound, however busy the machine is.
begun=${EPOCHREALTIME/./}
"$millpool" run -j4 --delay 0.05 true ::: 1 2 3 4 5
holds "--delay" test $((${EPOCHREALTIME/./} - begun)) -ge 200000

"$millpool" run --memfree 1K true ::: 1
equal "--memfree lets a job start where there is memory" 0 $?

wait $late
equal "a run of which a job timed out" 123 $?
equal "only who is late is killed" $'1\n2\n3' "$(cat late)"
