{{- define "millpool.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "millpool.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "millpool.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "millpool.selector" -}}
app.kubernetes.io/name: {{ include "millpool.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "millpool.labels" -}}
{{ include "millpool.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | replace "+" "_" | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | quote }}
{{- end -}}

{{- define "millpool.serviceAccount" -}}
{{- default (include "millpool.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "millpool.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "millpool.tokenSecret" -}}
{{- if .Values.admin.token.value -}}
{{- printf "%s-admin" (include "millpool.fullname" .) -}}
{{- else -}}
{{- .Values.admin.token.existingSecret -}}
{{- end -}}
{{- end -}}

{{- /* The unfinished tasks of the pool, summed over lanes and replicas, as a query. */ -}}
{{- define "millpool.unfinishedQuery" -}}
{{- $of := printf "namespace=%q,service=%q,pool=%q" .Release.Namespace (include "millpool.fullname" .) .Values.pool.name -}}
sum(millpool_queue_depth{ {{- $of -}} }) + sum(millpool_tasks_running{ {{- $of -}} })
{{- end -}}

{{- /* behavior of an HPA; that KEDA makes takes the same. */ -}}
{{- define "millpool.behavior" -}}
{{- $up := .Values.hpa.scaleUp -}}
{{- $down := .Values.hpa.scaleDown -}}
scaleUp:
  stabilizationWindowSeconds: {{ $up.stabilizationWindowSeconds }}
  selectPolicy: Max
  policies:
    - type: Percent
      value: {{ $up.percent }}
      periodSeconds: {{ $up.periodSeconds }}
    - type: Pods
      value: {{ $up.pods }}
      periodSeconds: {{ $up.periodSeconds }}
# Ten times the pool's keep_alive, or so: its threads are at rest when pods are thought about.
scaleDown:
  stabilizationWindowSeconds: {{ $down.stabilizationWindowSeconds }}
  policies:
    - type: Pods
      value: {{ $down.pods }}
      periodSeconds: {{ $down.periodSeconds }}
{{- end -}}

{{- /* What a schema cannot say. Each is one sentence. */ -}}
{{- define "millpool.check" -}}
{{- $v := .Values -}}
{{- if and $v.hpa.enabled $v.keda.enabled -}}
{{- fail "hpa.enabled and keda.enabled exclude each other: KEDA makes an HPA of its own, and two would fight over the replicas." -}}
{{- end -}}
{{- range $name := list "hpa" "keda" -}}
{{- $scaler := index $v $name -}}
{{- if and $scaler.enabled (gt (int $scaler.minReplicas) (int $scaler.maxReplicas)) -}}
{{- fail (printf "%s.minReplicas (%d) must not exceed %s.maxReplicas (%d)." $name (int $scaler.minReplicas) $name (int $scaler.maxReplicas)) -}}
{{- end -}}
{{- if and $scaler.enabled (lt (float64 $v.hpa.scaleDown.stabilizationWindowSeconds) (mulf 2 $v.pool.keepAlive)) -}}
{{- fail (printf "hpa.scaleDown.stabilizationWindowSeconds (%v) must be at least twice pool.keepAlive (%v), and better ten times: the loop of the pods has to be the slower one." $v.hpa.scaleDown.stabilizationWindowSeconds $v.pool.keepAlive) -}}
{{- end -}}
{{- end -}}
{{- /* A name of a Service is an RFC 1035 label: with a letter first. */ -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" (include "millpool.fullname" .)) -}}
{{- fail (printf "%q is no name for a Service, which begins with a letter: give fullnameOverride." (include "millpool.fullname" .)) -}}
{{- end -}}
{{- if and $v.hpa.enabled (not $v.hpa.metric.selector) (not (regexMatch "^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$" $v.pool.name)) -}}
{{- fail (printf "pool.name (%q) is no value of a label, and an HPA selects by labels: give hpa.metric.selector, another name, or take keda." $v.pool.name) -}}
{{- end -}}
{{- range $v.extraPorts -}}
{{- if or (eq .name "admin") (eq (int .port) (int $v.admin.port)) -}}
{{- fail (printf "extraPorts: %s (%d) is the admin port, which the chart opens itself." .name (int .port)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
