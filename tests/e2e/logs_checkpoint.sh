#!/usr/bin/env bash
# A run that is killed at any moment goes on where it was, and counts nothing twice.
# shellcheck disable=SC1091,SC2154  # lib.sh sets some
. "$(dirname "$0")/lib.sh"
. "${ROOT:?the source tree}/tests/e2e/logs_lib.sh"
needs python3 gzip
access_log 40000 3 >part
for _ in 1 2 3 4 5 6 7 8; do cat part; done >big.log
gzip -1k part
questions=(--format combined --count-by status --count-by path --histogram minute --sum bytes --csv)
expected=$(awk_says big.log part | grep -v ^numbers,)

killed=0
for round in $(seq 200); do
  "$millpool" logs big.log part.gz "${questions[@]}" --checkpoint state --checkpoint-every 1ms >out 2>/dev/null &
  run=$!
  # Later each time, and so at last late enough for the slowest build: whatever it is doing then.
  read -rt "$((round / 100)).$(printf %02d $((round % 100)))" <> <(:) || true
  kill -KILL "$run" 2>/dev/null
  wait "$run" 2>/dev/null && break
  killed=$((killed + 1))
done
holds "it was killed some times ($killed)" test "$killed" -ge 1
equal "and counted all, once" "$expected" "$(millpool_says <out)"

equal "another run has nothing to read, and the same answers" "$expected" \
  "$("$millpool" logs big.log part.gz "${questions[@]}" --checkpoint state 2>/dev/null | millpool_says)"
head -n 500 part >>big.log
printf '%s' "$(tail -n 1 part)" >>big.log # unfinished
equal "what was appended is counted, an unfinished line with it" "$(awk_says big.log part | grep -v ^numbers,)" \
  "$("$millpool" logs big.log part.gz "${questions[@]}" --checkpoint state 2>/dev/null | millpool_says)"
echo >>big.log
equal "finished it is not counted again" "$(awk_says big.log part | grep -v ^numbers,)" \
  "$("$millpool" logs big.log part.gz "${questions[@]}" --checkpoint state 2>/dev/null | millpool_says)"
mv big.log big.log.1
access_log 1000 4 >big.log
equal "a rotated file is known again" "$(awk_says big.log big.log.1 part | grep -v ^numbers,)" \
  "$("$millpool" logs big.log big.log.1 part.gz "${questions[@]}" --checkpoint state 2>/dev/null | millpool_says)"

echo n=1 >grown
"$millpool" logs --format logfmt --sum n --csv --follow --interval 10ms --checkpoint followed --checkpoint-every 20ms grown >out 2>errors &
run=$!
eventually "it follows" grep -qx sum,n,n,1 out
mv grown grown.1
echo n=10 >grown
eventually "through a rotation" grep -qx sum,n,n,11 out
kill -TERM "$run"
wait "$run"
equal "what was followed is not counted again, by whatever name" sum,n,n,11 \
  "$("$millpool" logs --format logfmt --sum n --csv --checkpoint followed grown grown.1 | tail -n 1)"

mkdir many
for n in $(seq 100); do
  echo "n=$n" >"many/$n"
  gzip -k "many/$n"
done
equal "what was read is closed" sum,n,n,10100 \
  "$(ulimit -n 40 && "$millpool" logs --format logfmt --sum n --csv --checkpoint many.state many/* | tail -n 1)"
equal "and a year that is another one is no other query" sum,n,n,10100 \
  "$("$millpool" logs --format logfmt --sum n --csv --checkpoint many.state --year 1999 many/* | tail -n 1)"

head -c 100000 part.gz >torn.gz
for round in 1 2 3 4 5; do
  "$millpool" logs torn.gz "${questions[@]}" --checkpoint torn --checkpoint-every 1ms >/dev/null 2>errors
  equal "a problem is told whenever it is met: status 1" 1 $?
  holds "and the reason" grep -q '^millpool logs: torn.gz: ' errors
  rm torn
done

"$millpool" logs big.log --format combined --count-by path --checkpoint state >/dev/null 2>errors
equal "other questions: status 2" 2 $?
equal "and the reason" "millpool logs: checkpoint state: it is of another query (other flags, or another format)" "$(cat errors)"
