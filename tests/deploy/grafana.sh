#!/usr/bin/env bash
# The dashboard, the rules and the adapter's queries before a real Prometheus, which scrapes a run
# with a token, and a program whose pools scale, fail, hold and hang: each query has an answer.
# shellcheck disable=SC1091,SC2154,SC2016  # lib.sh sets some; what is in quotes is for others
. "$(dirname "$0")/../e2e/lib.sh"
needs curl prometheus promtool jq python3
dashboard_server=${DASHBOARD_SERVER:?a server with pools to look at}
dashboard=$ROOT/deploy/grafana/millpool.json

quietly() { "$@" >/dev/null; }

# ---- what the dashboard is
board() { jq -r "$1" "$dashboard"; }
holds "it is JSON" quietly jq -e . "$dashboard"
equal "it is the chart's" ../helm/millpool/files/millpool.json "$(readlink "$dashboard")"
equal "its schema is one that Grafana 9 reads" true "$(board '.schemaVersion >= 36')"
equal "its rows" "Overview, Waits, Workers and scaling, Errors and breaker, Stuck, Process" \
  "$(board '[.panels[] | select(.type == "row").title] | join(", ")')"
equal "its variables" "datasource namespace job instance pool" "$(board '[.templating.list[].name] | join(" ")')"
equal "each panel has a title, a description and a unit" "" \
  "$(board '.panels[] | select(.type != "row") |
     select([.title, .description, .fieldConfig.defaults.unit] | any(. == null or . == "")) | .id')"
equal "no two have one number" "" "$(board '[.panels[].id] | group_by(.)[] | select(length > 1)[0]')"
equal "none lies on another" "" "$(board '[.panels[] | {title} + .gridPos] as $all |
  $all[] as $a | $all[] as $b | select($a.title < $b.title and
    $a.x < $b.x + $b.w and $b.x < $a.x + $a.w and $a.y < $b.y + $b.h and $b.y < $a.y + $a.h) |
  "\($a.title), \($b.title)"')"
equal "all ask the source that was chosen" '${datasource}' \
  "$(board '[.panels[] | select(.type != "row") | .datasource.uid, .targets[].datasource.uid] | unique[]')"

# ---- what there is to see
mkfifo until said && exec 8<>until
ours=()
stop_all() {
  local status=$?
  exec 8>&-
  kill "${ours[@]}" 2>/dev/null
  wait "${ours[@]}" 2>/dev/null
  (exit "$status")
  finish
}
trap stop_all EXIT

yes 0.02 | MILLPOOL_ADMIN_TOKEN=a-token-of-this-test "$millpool" run --admin 127.0.0.1:0 -j1 sleep 2>err &
ours+=($!)
has_url() { run_url=$(grep -o 'http://.*' err); }
await "the run says where its server is" has_url
"$dashboard_server" <&8 >said 2>/dev/null &
ours+=($!)
read -r url <said

cat >prometheus.yml <<END
global: {scrape_interval: 500ms, evaluation_interval: 500ms}
rule_files: ["$ROOT/deploy/prometheus/rules.yaml"]
scrape_configs:
  - job_name: orders
    static_configs:
      - targets: ["${url#http://}"]
        labels: {namespace: shop, service: orders, pod: orders-0}
  - job_name: run
    authorization: {type: Bearer, credentials: a-token-of-this-test}
    static_configs:
      - targets: ["${run_url#http://}"]
        labels: {namespace: shop, service: run, pod: run-0}
END
holds "its configuration is right" quietly promtool check config prometheus.yml
# started: prometheus answers, at $port. It cannot tell which port it got, so it is given a free one,
# and another where somebody else was faster.
started() {
  local try i
  for ((try = 0; try < 5; try++)); do
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    prometheus --config.file=prometheus.yml --storage.tsdb.path="data-$try" \
      --web.listen-address="127.0.0.1:$port" >prometheus.log 2>&1 &
    for ((i = 0; i < 300; i++)); do
      # It is ours that answers only if it lives: one that has no port ends.
      kill -0 $! 2>/dev/null || continue 2
      curl -sf "http://127.0.0.1:$port/-/ready" >/dev/null && grep -q "$port" prometheus.log && break 2
      nap 0.1
    done
    break
  done
  ours+=($!)
}
started
api() { curl -sf -G "http://127.0.0.1:$port/api/v1/$1" "${@:2}"; }
# ask <query>: its result, as JSON
ask() { api query --data-urlencode "query=$1" | jq -c .data.result; }
# answers <query>: whether it has an answer, of which one is a number. Sets `result`.
answers() {
  result=$(ask "$1") && jq -e 'any(.[]; .value[1] != "NaN")' <<<"$result"
}
scrapes() { answers "count(up{job=~\"orders|run\"} == 1) == 2"; }
await "it scrapes both, one with a token" scrapes
opened() { answers 'millpool_circuit_breaker_transitions_total{breaker="mail server"}'; }
await "there is a breaker" opened
await "there is a stuck task" answers 'millpool_tasks_stuck > 0'
await "there was scaling" answers 'count_over_time(millpool_scale_events_total[1m]) > 1'
await "counters count" answers 'rate(millpool_tasks_total{job="run",outcome="succeeded"}[5s]) > 0'

# ---- the dashboard's variables and queries
while IFS=$'\t' read -r name query; do
  [[ $query =~ ^label_values\((.*),\ ([a-z]+)\)$ ]] || fault "what is $query?"
  values=$(api "label/${BASH_REMATCH[2]}/values" --data-urlencode "match[]=${BASH_REMATCH[1]//\$[a-z]*\"/.+\"}")
  holds "there is a choice of $name" quietly jq -e '.data | length > 0' <<<"$values"
done < <(board '.templating.list[] | select(.type == "query") | [.name, .query.query] | @tsv')

queries=0
while IFS=$'\t' read -r title query legend; do
  queries=$((queries + 1))
  query=$(sed -E 's/\$__rate_interval/5s/g; s/"\$(namespace|job|instance|pool)"/".+"/g' <<<"$query")
  [[ $query != *\$* ]] || fault "$title: what stands for the variable in $query?"
  await "$title: there is an answer to $query" answers "$query"
  # What the legend names is there. Where nothing was to show, `or on() vector(0)` has no labels.
  [[ $query == *"or on() vector(0)" ]] && jq -e 'map(.metric) == [{}]' <<<"$result" >/dev/null && continue
  while read -r label; do
    jq -e --arg name "$label" 'any(.[]; .metric | has($name))' <<<"$result" >/dev/null ||
      fault "$title: no series has the label $label of the legend '$legend'"
  done < <(grep -oE '\{\{[a-z_]+\}\}' <<<"$legend" | tr -d '{}')
done < <(board '.panels[] | .title as $title | .targets[]? | [$title, .expr, .legendFormat] | @tsv')
holds "there were queries" test "$queries" -ge 50
# Which of our families nobody would see: only what the outcomes sum up to.
seen=$(board '[.panels[].targets[]?.expr] | join(" ")')
api label/__name__/values --data-urlencode 'match[]={__name__=~"millpool_.+"}' |
  jq -r '.data[]' | sed -E 's/_(sum|count)$/_bucket/' | sort -u >families
equal "each family is on the dashboard" millpool_tasks_accepted_total \
  "$(while read -r family; do grep -qE "\b$family\b" <<<"$seen" || echo "$family"; done <families)"

# ---- the rules
api rules >rules.json
rules() { jq -r "[.data.groups[].rules[]] | $1" rules.json; }
evaluated() { api rules >rules.json && jq -e '[.data.groups[].rules[].health] | all(. == "ok")' rules.json; }
await "all rules are evaluated, without a fault" evaluated
while read -r name; do
  await "the rule $name has an answer" answers "$name"
done < <(rules '.[] | select(.type == "recording").name')
# What each alert compares: the alert without its threshold.
alerts=0
while read -r name query; do
  alerts=$((alerts + 1))
  series=$(sed -E 's/^absent\((.*)\)$/\1/; s/ > 1\.2 \* / + /; s/ unless on / and on /; s/ (>|==) [0-9.]+( |$)/\2/' <<<"$query")
  [[ $series != "$query" && ! $series =~ (\>|==) ]] || fault "$name: where is the threshold of $query?"
  await "$name: there is something to compare, $series" answers "$series"
done < <(rules '.[] | select(.type == "alerting") | [.name, .query] | join(" ")')
holds "there were alerts" test "$alerts" -ge 15
await "a task that hangs is noticed" answers 'ALERTS{alertname="MillpoolTasksStuck",pool="thumbnails"}'
equal "no alert says that nobody is scraped" "[]" "$(ask 'ALERTS{alertname=~"MillpoolNotScraped|MillpoolNoPool"}')"

# ---- prometheus-adapter
# Its templates, as it fills them in for an HPA in the namespace shop.
adapter=$ROOT/deploy/prometheus/adapter.yaml
of() { sed -n "/^$1:/,/^[a-z]/p" "$adapter" | sed -n "s/^ *-* *$2: '\(.*\)'\$/\1/p"; }
for kind in rules externalRules; do
  mapfile -t found < <(of "$kind" seriesQuery)
  mapfile -t wanted < <(of "$kind" metricsQuery)
  equal "$kind has its metrics" 2 "${#wanted[@]}"
  for i in "${!wanted[@]}"; do
    series=${found[i]%%\{*}
    holds "the adapter finds ${found[i]}" quietly jq -e '.data | length > 0' \
      <<<"$(api series --data-urlencode "match[]=${found[i]}")"
    matchers='namespace="shop",pod=~"orders-0|run-0",pool=~"orders|run"' count=2
    [[ $kind == rules ]] || matchers='namespace="shop",pool="orders",service="orders"' count=1
    query=${wanted[i]//<<.Series>>/$series}
    query=${query//<<.LabelMatchers>>/$matchers}
    query=${query//<<.GroupBy>>/pod}
    await "the adapter has an answer to $query" answers "$query"
    equal "as many as there should be, of $query" "$count" "$(jq length <<<"$result")"
  done
done

# ---- KEDA's metrics-api
scale=$(curl -sf "$url/api/v1/queues/orders/scale")
equal "KEDA finds a number" number "$(jq -r '.value | type' <<<"$scale")"
if jq -e 'has("unfinished")' <<<"$scale" >/dev/null; then
  equal "and all that is not done, be it that it waits or runs" true "$(jq '.unfinished == .value + .running' <<<"$scale")"
fi
echo "$queries queries, $alerts alerts"
