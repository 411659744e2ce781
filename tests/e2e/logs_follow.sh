#!/usr/bin/env bash
# --follow counts what is appended, through rotation and truncation, each line once.
# shellcheck disable=SC1091,SC2154  # lib.sh sets some
. "$(dirname "$0")/lib.sh"
. "${ROOT:?the source tree}/tests/e2e/logs_lib.sh"
needs jq
printf 'n=1\nn=2\nn=' >log
"$millpool" logs --format logfmt log --sum n --json --follow --interval 10ms >out 2>errors &
run=$!
sum_is() { [[ $(tail -n 1 out | jq '.answers[0].rows[0].value' 2>/dev/null) == "$1" ]]; }
eventually "what is there is counted, but for the unfinished line" sum_is 3
printf '10\n' >>log
eventually "once it is finished it is" sum_is 13
mv log log.1
printf 'n=100\n' >>log.1 # the writer has not reopened it yet
printf 'n=1000\n' >log
eventually "both files of a rotation are read to their ends" sum_is 1113
printf 'n=10000\n' >>log
eventually "the new one is followed" sum_is 11113
: >log
printf 'n=5\n' >>log
eventually "so is one that was cut" sum_is 11118
kill -TERM "$run" # as Ctrl-C, which a shell lets its background jobs ignore
wait "$run"
equal "it ends: status 0" 0 $?
holds "with the last answers" sum_is 11118
contains "rotation is said" "log: it was replaced: going on with the new one" "$(cat errors)"
contains "so is a cut" "log: it was cut: reading it from its begin" "$(cat errors)"

printf 'bad\nn=1\nn=22222222222' >short
"$millpool" logs short --format logfmt --sum n --csv --follow --interval 10ms >out 2>errors &
run=$!
eventually "but for the unfinished line" grep -qx sum,n,n,1 out
printf 'n=3\nn=4\n' >short
eventually "one that was cut behind its last whole line is read from its begin" grep -qx sum,n,n,8 out
for n in 1 2 3; do
  echo "n=${n}0" >>short
  eventually "and followed" grep -qx "sum,n,n,$((8 + 5 * n * (n + 1)))" out
done
kill -TERM "$run"
wait "$run"
equal "a malformed line is told once, however often there is a report" 1 "$(grep -c 'short: malformed line at byte 0: bad' errors)"

printf 'level,ms\ninfo,1\n' >table
: >later
"$millpool" logs table later --format csv --count-by level --csv --follow --interval 10ms >out 2>errors &
run=$!
eventually "a table is followed" grep -qx count-by,level,info,1 out
mv table table.1
printf 'level,ms\nwarn,1\n' >table
eventually "the columns' names are no line, in the next file either" grep -qx count-by,level,warn,1 out
printf 'level,ms\nerror,1\n' >>later
eventually "nor in one that was empty" grep -qx count-by,level,error,1 out
mv table table.2
printf 'level,other\nwarn,1\n' >table
eventually "a file with other columns is left out" grep -q 'table: left out, since its columns' errors
kill -TERM "$run"
wait "$run"
equal "and that is no success: status 1" 1 $?
equal "three lines in all" total,,lines,3 "$(grep lines, out | tail -n 1)"

: >empty
for format in '' '--format csv'; do
  # shellcheck disable=SC2086  # it is two words, or none
  "$millpool" logs empty $format --count-by level --follow 2>errors
  equal "nothing to begin with: status 2" 2 $?
  holds "and the reason" grep -q 'there is .* yet to' errors
done

printf 'a\n' >lines
"$millpool" logs lines --match a --follow >out &
run=$!
eventually "lines are printed as they come" grep -qx a out
printf 'b\nab\n' >>lines
eventually "the matching ones" grep -qx ab out
kill -TERM "$run" # as Ctrl-C, which a shell lets its background jobs ignore
wait "$run"
equal "and no others" $'a\nab' "$(cat out)"
