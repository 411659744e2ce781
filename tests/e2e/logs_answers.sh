#!/usr/bin/env bash
# What millpool logs counts is what awk counts, however the input is stored.
# shellcheck disable=SC1091,SC2154,SC2016  # lib.sh sets some; what is in quotes is for others
. "$(dirname "$0")/lib.sh"
. "${ROOT:?the source tree}/tests/e2e/logs_lib.sh"
needs python3 gzip
questions=(--format combined --count-by status --count-by path --histogram minute --sum bytes --csv)

access_log 30000 1 >one.log
access_log 20000 2 >two.log
head -c -1 two.log >unfinished.log # no newline at its end
gzip -k one.log
cat <(head -n 5000 two.log | gzip) <(tail -n +5001 two.log | gzip) >two.log.gz
expected=$(awk_says one.log two.log | grep -v ^numbers,)

equal "two files" "$expected" "$("$millpool" logs one.log two.log "${questions[@]}" 2>/dev/null | millpool_says)"
equal "by a pattern" "$expected" "$("$millpool" logs '*e.log' 't*o.log' "${questions[@]}" 2>/dev/null | millpool_says)"
equal "compressed, of several members" "$expected" \
  "$("$millpool" logs one.log.gz two.log.gz "${questions[@]}" 2>/dev/null | millpool_says)"
equal "standard input" "$expected" "$(cat one.log two.log | "$millpool" logs "${questions[@]}" 2>/dev/null | millpool_says)"
equal "compressed standard input" "$expected" \
  "$(cat one.log.gz two.log.gz | "$millpool" logs - "${questions[@]}" 2>/dev/null | millpool_says)"
equal "a file as standard input" "$expected" \
  "$("$millpool" logs "${questions[@]}" two.log - <one.log 2>/dev/null | millpool_says)"
equal "without a last newline" "$expected" \
  "$("$millpool" logs one.log unfinished.log "${questions[@]}" -j1 2>/dev/null | millpool_says)"
if command -v zstd >/dev/null; then
  zstd -q one.log two.log
  equal "zstd" "$expected" "$("$millpool" logs one.log.zst two.log.zst "${questions[@]}" 2>/dev/null | millpool_says)"
fi

sizes() { awk '/^[0-9.]+ -/ { sub(/.* HTTP\/1.1" [0-9]+ /, ""); if ($1 != "-") print $1 }' one.log | sort -n; }
rank() { sizes | awk -v p="$1" '{ v[NR] = $1 } END { r = p * NR / 100; k = int(r); if (k < r) k++; print v[k < 1 ? 1 : k] }'; }
equal "percentiles" "$(rank 50) $(rank 99) $(sizes | head -1) $(sizes | tail -1)" \
  "$("$millpool" logs one.log --percentile 50,99 bytes --min bytes --max bytes --json 2>/dev/null |
    jq -r '[.answers[].rows[].value] | join(" ")')"

equal "percentiles of whole tenths" $'p7,70\np55,550\np99.9,999' \
  "$(seq 1000 | sed s/^/n=/ | "$millpool" logs --format logfmt --percentile p7,p55,p99.9 n --csv | grep ^perc | cut -d, -f3,4)"

equal "--where" "$(grep -cE ' HTTP/1.1" (404|500) ' one.log)" \
  "$("$millpool" logs one.log --where 'status >= 400' --json 2>/dev/null | jq .selected)"
equal "--where with an expression and a time" "$(grep -cE '2015:1[0-9]:.*GET /page/1[0-9] ' one.log)" \
  "$("$millpool" logs one.log --json 2>/dev/null --where \
    'path =~ "^/page/1[0-9]$" and time >= 2015-05-17T10:00 and time < 2015-05-17T20:00' | jq .selected)"
equal "--match prints what grep prints, in order" "$(grep 'agent 7"' one.log two.log -h)" \
  "$("$millpool" logs one.log two.log --match 'agent 7"')"
equal "--match with an expression" "$(grep -E 'agent [34]"$' one.log)" "$("$millpool" logs one.log --match 'agent [34]"$')"
sed 's/$/\r/' one.log >returns.log
equal "--match with an expression, before \\r\\n" "$(grep -E $'agent [34]"\r$' returns.log)" \
  "$("$millpool" logs returns.log --match 'agent [34]"$')"
equal "--match with \\A" "$(grep ^10.0.1 one.log)" "$("$millpool" logs one.log --match '\A10.0.1')"
equal "--match with --where" "$(grep -E ' 500 [0-9-]+ "-" "agent 7"' one.log)" \
  "$("$millpool" logs one.log --match 'agent 7"' --where 'status = 500' 2>/dev/null)"
equal "--top" "$(awk_says one.log | grep ^path, | LC_ALL=C sort -t, -k3,3nr -k2,2 | head -5 | cut -d, -f2,3)" \
  "$("$millpool" logs one.log --top 5 path --csv 2>/dev/null | grep ^top, | cut -d, -f3,4)"

exact=$(awk '/^10/ { print $1 }' one.log | sort -u | wc -l)
estimate=$("$millpool" logs one.log --distinct remote_host --json 2>/dev/null | jq '.answers[0].rows[0].value')
holds "--distinct: $estimate for $exact" test $((estimate * 100)) -ge $((exact * 97)) -a $((estimate * 100)) -le $((exact * 103))

sample=$("$millpool" logs one.log --sample 20 --json 2>/dev/null | jq -r '.answers[0].rows[].key')
equal "--sample gives lines of the log" "20" "$(grep -cxFf <(echo "$sample") one.log)"
equal "the same sample whoever reads" "$sample" \
  "$("$millpool" logs one.log.gz -j3 --sample 20 --json 2>/dev/null | jq -r '.answers[0].rows[].key')"
holds "another seed, another sample" test "$sample" != \
  "$("$millpool" logs one.log --seed 2 --sample 20 --json 2>/dev/null | jq -r '.answers[0].rows[].key')"

read -r groups other lines < <("$millpool" logs one.log --count-by path --max-groups 10 --json 2>/dev/null |
  jq -r '[(.answers[0].rows | length), (.answers[0].rows[] | select(.key == "(other)").value), ([.answers[0].rows[].value] | add)] | join(" ")')
equal "--max-groups: all lines are told, of ten groups and the rest" \
  "11 $(awk_says one.log | awk -F, '/^status/ { n += $3 } END { print n }')" "$groups $lines"
holds "there is a rest" test "$other" -gt 0

printf '%s\n' '{"a": {"b": 1}, "ts": 0}' '{"a": {"b": 2}, "ts": 60}' '{bad' >app.json
equal "json" $'1,1\n2,1\n1970-01-01 00:00,1\n1970-01-01 00:01,1' \
  "$("$millpool" logs app.json --count-by a.b --histogram minute --csv 2>/dev/null | grep -E '^(count|hist)' | cut -d, -f3,4)"
printf 'level,ms\ninfo,1.5\n"wa""rn",2.25\ninfo,x\nshort\n' >t.csv
equal "csv" $'count-by,level,info,2\ncount-by,level,"wa""rn",1\nsum,ms,ms,3.75' \
  "$("$millpool" logs --format csv t.csv --count-by level --sum ms --csv 2>/dev/null | grep -v ^total | tail -n +2)"
printf '\xef\xbb\xbfResponse Time,b\r\n7,"x\r\ny",1\r\n2,z\r\n' >spaces.csv
equal "csv: a column with blanks, and a record of two lines" "lines,3 selected,1 malformed,2" \
  "$("$millpool" logs --format csv spaces.csv --where '"Response Time" < 3' --csv 2>/dev/null | grep ^total | cut -d, -f3,4 | xargs)"
equal "a pattern" $'INFO,1\nWARN,1' "$(printf 'x [INFO] a\ny [WARN] b\n' |
  "$millpool" logs --pattern '{t} [{level}] {}' --count-by level --csv | grep ^count | cut -d, -f3,4)"

"$millpool" logs one.log --count-by status --histogram hour --plot out.svg >/dev/null 2>&1
printf 'u=caf\xe9\nu=\x01\xc2\x9b\nu=\xef\xbf\xbf\n' |
  "$millpool" logs --format logfmt --count-by u --plot bytes.svg >/dev/null
holds "--plot writes XML, whatever bytes a log has" \
  python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse("bytes.svg")'
holds "--plot writes XML" python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse("out.svg")'
"$millpool" logs one.log --format combined 2>errors >/dev/null
contains "malformed lines are shown with their place" \
  "one.log: malformed line at byte $(grep -b 'not a line' one.log | head -1 | cut -d: -f1): not a line of a log" "$(cat errors)"
equal "ten of them" 10 "$(grep -c 'malformed line at' errors)"
