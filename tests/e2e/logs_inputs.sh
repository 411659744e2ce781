#!/usr/bin/env bash
# Inputs of every kind: empty, closed, with names that are patterns, and readers that are slow.
# shellcheck disable=SC1091,SC2154  # lib.sh sets some
. "$(dirname "$0")/lib.sh"
. "${ROOT:?the source tree}/tests/e2e/logs_lib.sh"

: >empty
equal "an empty file has no format, and no lines" $'total,,lines,0\n0' \
  "$("$millpool" logs empty --count-by level --csv 2>&1 | grep lines,; echo "${PIPESTATUS[0]}")"
printf '{"level":"info"}\n' >second.json
equal "the next one says what the format is" count-by,level,info,1 \
  "$("$millpool" logs empty second.json --count-by level --csv 2>/dev/null | tail -n 1)"
mkfifo pipe
printf 'n=5\n' >numbers
: >pipe &
equal "an empty pipe is opened once" sum,n,n,5 "$("$millpool" logs pipe numbers --sum n --csv 2>/dev/null | tail -n 1)"
wait

echo n=1 >'log[1]'
printf 'n=2\nn=3\n' >log1
equal "a file whose name is a pattern is itself" sum,n,n,1 "$("$millpool" logs 'log[1]' --sum n --csv 2>/dev/null | tail -n 1)"
equal "else it is a pattern" sum,n,n,5 "$("$millpool" logs 'log[0-9]' --sum n --csv 2>/dev/null | tail -n 1)"

equal "no standard input is an empty one" sum,n,n,0 \
  "$(timeout 20 "$millpool" logs --format logfmt --sum n --csv <&- | tail -n 1)"
"$millpool" logs numbers --format logfmt --sum n >&- 2>errors
equal "to no standard output nothing can be written: status 2" 2 $?
holds "which is said" grep -q 'cannot write to standard output' errors

# Lines that are there are printed, whoever else is waited for.
mkfifo slow
"$millpool" logs --format logfmt --match '' --where a slow >out &
run=$!
exec 3>slow
printf 'a=1\na=2\n' >&3
eventually "lines are printed as they come" grep -qx a=2 out
exec 3>&-
wait "$run"

# A reader that does not read, as a pager does.
awk 'BEGIN { for (i = 0; i < 100000; i++) print "n=" i }' >large
"$millpool" logs large --match n >slow &
run=$!
exec 3<slow
read -r line <&3
equal "what is printed begins" n=0 "$line"
kill -TERM "$run"
wait "$run"
equal "a signal ends what waits for its reader" 143 $?
