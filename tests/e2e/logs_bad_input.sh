#!/usr/bin/env bash
# Bad input gives one clear line, and the exit status that --help says.
# shellcheck disable=SC1091,SC2154  # lib.sh sets some
. "$(dirname "$0")/lib.sh"
. "${ROOT:?the source tree}/tests/e2e/logs_lib.sh"
needs gzip
access_log 2000 >log

# refused <status> <sentence> <arguments...>
refused() {
  local status=$1 sentence=$2 got
  shift 2
  "$millpool" logs "$@" >out 2>errors </dev/null
  got=$?
  equal "status of logs $*" "$status" "$got"
  equal "logs $*" "millpool logs: $sentence" "$(cat errors)"
  equal "nothing on standard output" "" "$(cat out)"
}
refused 2 "unknown flag --frob (--help lists them)" log --frob
refused 2 "the flag --top needs two values" log --top 5
refused 2 "--where: column 9: a value was expected" log --where 'status >'
refused 2 "format combined has no field 'size'; it has: remote_host, ident, user, time, request, method, path, protocol, status, bytes, referer, user_agent" \
  --format combined log --count-by size
printf 'what\nis\nthis\n' >junk
refused 2 "junk: of no known format (--format and --pattern say which)" junk
refused 2 "--checkpoint is for files: /dev/null cannot be read again from where it was" --format json /dev/null --checkpoint c
printf 'no checkpoint\n' >c
refused 2 "checkpoint c: it is no checkpoint of millpool logs" --format combined log --checkpoint c

"$millpool" logs --format combined none log . --count-by status --csv >out 2>errors
equal "a file that is not there: status 1" 1 $?
contains "it is named" "millpool logs: none: No such file or directory" "$(cat errors)"
contains "so is a folder" "millpool logs: .: it is a directory" "$(cat errors)"
contains "the others are read" "total,,lines,2000" "$(cat out)"

gzip -k log
head -c $(($(stat -c %s log.gz) / 2)) log.gz >cut.gz
"$millpool" logs --format combined cut.gz --csv >out 2>errors
equal "a truncated file: status 1" 1 $?
contains "it is said" "cut.gz: truncated: the gzip data ends too early at byte" "$(cat errors)"
whole=$(zcat cut.gz 2>/dev/null | wc -l)
lines=$(sed -n 's/total,,lines,//p' out)
holds "what could be read is told ($lines of $whole lines)" test "$lines" -ge "$whole" -a "$lines" -le $((whole + 1))

"$millpool" logs --format combined log --strict --csv >out 2>errors
equal "--strict: status 2" 2 $?
equal "it names the first malformed line" \
  "millpool logs: log: malformed line at byte $(grep -b 'not a line' log | head -1 | cut -d: -f1): not a line of a log" "$(cat errors)"
equal "and has no answers" "" "$(cat out)"
grep -v 'not a line' log | "$millpool" logs --format combined --strict --csv >out 2>&1
equal "--strict with nothing malformed: status 0" 0 $?

"$millpool" logs log --match '' 2>errors | head -n 1 >out
equal "nobody reads the output: silent" "" "$(cat errors)"
yes 'a=1' | "$millpool" logs --format logfmt >out 2>errors &
reader=$!
has_workers() { [[ $(grep -s ^Threads: "/proc/$reader/status" | tr -dc 0-9) -ge 2 ]]; }
eventually "it reads" has_workers
kill -TERM "$reader" # a shell lets its background jobs ignore SIGINT
wait "$reader"
equal "interrupted: status 130" 130 $?
