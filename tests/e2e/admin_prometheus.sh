#!/usr/bin/env bash
# A run that is looked at: its page passes promtool, a real Prometheus scrapes it, and each query of
# the guide has an answer; it is steered over HTTP, and its server is gone when it ends.
# shellcheck disable=SC1091,SC2154,SC2016  # lib.sh sets some; what is in quotes is for others
. "$(dirname "$0")/lib.sh"
needs curl promtool prometheus jq
if ! "$millpool" run --help | grep -q -e --admin; then
  echo "skipped: this build has no admin server"
  exit 77
fi


# More jobs than come to an end.
yes | "$millpool" run --admin 127.0.0.1:0 -j4 true 2>err &
run=$!
has_url() { url=$(grep -o 'http://.*' err); }
await "it says where its server is" has_url
stop_all() {
  local status=$?
  kill "$run" "${server:-$run}" 2>/dev/null
  (exit "$status")
  finish
}
trap stop_all EXIT

await "it is alive" curl -sf "$url/livez"
holds "it is ready" curl -sf -o /dev/null "$url/readyz"
curl -s "$url/metrics" >page
equal "promtool finds no fault" "" "$(promtool check metrics <page 2>&1)"
contains "it has the run's pool" 'millpool_workers_max{pool="run"} 4' "$(cat page)"
open=$(curl -s -H 'Accept: application/openmetrics-text; version=1.0.0' "$url/metrics")
equal "OpenMetrics ends as it must" "# EOF" "$(tail -n 1 <<<"$open")"

# ---- a real server
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >prometheus.yml <<EOF
scrape_configs:
  - job_name: millpool
    scrape_interval: 500ms
    static_configs:
      - targets: ["${url#http://}"]
EOF
holds "its configuration is right" promtool check config --syntax-only prometheus.yml >/dev/null
prometheus --config.file=prometheus.yml --storage.tsdb.path=data --web.listen-address="127.0.0.1:$port" \
  >prometheus.log 2>&1 &
server=$!
# answers <query>: whether it has one, of numbers
answers() {
  local result
  result=$(curl -sf --data-urlencode "query=$1" "http://127.0.0.1:$port/api/v1/query" |
    jq -r '.data.result | length as $n | [.[].value[1]] | if $n > 0 then join(" ") else "none" end')
  [[ -n $result && $result != none && $result != *NaN* ]]
}
await "it scrapes" answers 'up{job="millpool"} == 1'
queries=$(grep -o '^| [^|]* | `[^`]*` |$' "$ROOT/docs/guide/metrics.md" | sed -n 's/^[^`]*`\(.*\)` |$/\1/p' | grep millpool_)
equal "the guide has its queries" 6 "$(wc -l <<<"$queries")"
while IFS= read -r query; do
  await "there is an answer to $query" answers "$query"
done <<<"$queries"
await "counters count" answers 'rate(millpool_tasks_total{outcome="succeeded"}[1m]) > 0'
await "the scrape in OpenMetrics has its metadata" \
  eval 'curl -sf "http://127.0.0.1:$port/api/v1/metadata?metric=millpool_queue_wait_seconds" | jq -e ".data | length > 0"'

# ---- steered
post() { curl -s -H 'Content-Type: application/json' -d "$1" "$url/api/v1/pools/run"; }
equal "it is resized" '{"changes":[{"name":"max_workers","from":"4","to":"3"}]}' \
  "$(post '{"action":"resize","max_workers":3}')"
contains "the page shows it" 'millpool_workers_max{pool="run"} 3' "$(curl -s "$url/metrics")"
contains "what cannot be is refused" 'min_workers (7) must not exceed max_workers (3)' \
  "$(post '{"action":"resize","min_workers":7}')"
contains "so is more than it has room for" 'max_workers (5) must not exceed what the program was started with (4)' \
  "$(post '{"action":"resize","max_workers":5}')"
contains "what would lose jobs is refused" "'when_full' cannot be changed in this program" \
  "$(post '{"action":"reconfigure","options":{"when_full":"discard_oldest"}}')"
post '{"action":"pause"}' >/dev/null
pauses() { curl -s "$url/metrics" | grep -q 'millpool_tasks_running{pool="run"} 0'; }
await "a pause by hand stays one" pauses
contains "and is not ended by the run" 'millpool_paused{pool="run"} 1' "$(curl -s "$url/metrics")"
post '{"action":"resume"}' >/dev/null
equal "it goes on" ok "$(curl -s "$url/livez")"
equal "a page of another site is refused" 403 \
  "$(curl -s -o /dev/null -w '%{http_code}' -H 'Origin: https://evil.example' \
     -H 'Content-Type: application/json' -d '{"action":"pause"}' "$url/api/v1/pools/run")"

kill -TERM "$server" && wait "$server"
kill -TERM "$run"
wait "$run"
holds "its server is gone" eval '! curl -s "$url/livez"'

# ---- bad input
said=$("$millpool" run --admin 1.2.3.4.5:1 true ::: 1 2>&1)
equal "an address that is none ends it with 2" 2 $?
contains "and one sentence" "--admin: admin_options.host: '1.2.3.4.5' is no address" "$said"
said=$("$millpool" run --admin 0.0.0.0:0 true ::: 1 2>&1)
equal "no token where others can come ends it with 2" 2 $?
contains "and one sentence" "MILLPOOL_ADMIN_TOKEN must be set" "$said"
said=$(MILLPOOL_ADMIN_TOKEN=t "$millpool" run --admin 0.0.0.0:0 echo ::: 1 2>/dev/null)
equal "with one it runs" 1 "$said"
