#!/usr/bin/env bash
# On logs of real hosts, where they are: what awk and grep say of them.
# shellcheck disable=SC1091,SC2154  # lib.sh sets some
. "$(dirname "$0")/lib.sh"
data=${MILLPOOL_LOGS:-${ROOT:?the source tree}/../shared/data/logs}
[[ -r $data/apache_logs ]] || { echo "skipped: no $data/apache_logs (MILLPOOL_LOGS names its folder)"; exit 77; }
needs jq
equal "status counts" "$(awk '{ print $9 }' "$data/apache_logs" | sort | uniq -c | sort -k1,1nr -k2,2 | awk '{ print $2 "," $1 }')" \
  "$("$millpool" logs "$data/apache_logs" --count-by status --csv 2>/dev/null | grep ^count | cut -d, -f3,4)"
equal "the top ten paths" "$(awk '{ print $7 }' "$data/apache_logs" | sort | uniq -c | LC_ALL=C sort -k1,1nr -k2,2 | head | awk '{ print $2 "," $1 }')" \
  "$("$millpool" logs "$data/apache_logs" --top 10 path --csv 2>/dev/null | grep ^top | cut -d, -f3,4)"
equal "minutes" "$(awk '{ print substr($4, 2, 17) }' "$data/apache_logs" | sort -u | wc -l)" \
  "$("$millpool" logs "$data/apache_logs" --histogram minute --csv 2>/dev/null | grep -c ^histogram)"
equal "the sum of bytes" "$(awk '$10 ~ /^[0-9]+$/ { n += $10 } END { printf "%.0f\n", n }' "$data/apache_logs")" \
  "$("$millpool" logs "$data/apache_logs" --sum bytes --json 2>/dev/null | jq '.answers[0].rows[0].value')"
equal "none is malformed" 0 "$("$millpool" logs "$data/apache_logs" --json 2>/dev/null | jq .malformed)"
equal "programs of a syslog" \
  "$(awk '{ sub(/\[.*/, "", $5); sub(/:.*/, "", $5); print $5 }' "$data/elastic_auth.log" | sort | uniq -c | sort -k1,1nr -k2,2 | head -5 | awk '{ print $2 "," $1 }')" \
  "$("$millpool" logs "$data/elastic_auth.log" --top 5 program --csv 2>/dev/null | grep ^top | cut -d, -f3,4)"
equal "a sum over JSON objects" "$(jq -s 'map(.connections.accepted) | add' "$data/nginxplus_json_logs")" \
  "$("$millpool" logs "$data/nginxplus_json_logs" --sum connections.accepted --json 2>/dev/null | jq '.answers[0].rows[0].value')"
equal "each object is one" "$(wc -l <"$data/nginxplus_json_logs")" \
  "$("$millpool" logs "$data/nginxplus_json_logs" --json 2>/dev/null | jq .lines)"
