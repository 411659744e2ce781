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
app.kubernetes.io/name: {{ include "millpool.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "millpool.labels" -}}
{{ include "millpool.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
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

{{- /* The depth of the pool, summed over lanes and replicas, as a query. */ -}}
{{- define "millpool.depthQuery" -}}
sum(millpool_queue_depth{namespace="{{ .Release.Namespace }}",service="{{ include "millpool.fullname" . }}",pool="{{ .Values.pool.name }}"})
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
# Longer than the pool's keep_alive: its threads go first, so that the two loops do not fight.
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
{{- if and $scaler.enabled (le (float64 $v.hpa.scaleDown.stabilizationWindowSeconds) (float64 $v.pool.keepAlive)) -}}
{{- fail (printf "hpa.scaleDown.stabilizationWindowSeconds (%v) must exceed pool.keepAlive (%v): else pods go before the pool's threads have, and the two loops fight." $v.hpa.scaleDown.stabilizationWindowSeconds $v.pool.keepAlive) -}}
{{- end -}}
{{- end -}}
{{- range $v.extraPorts -}}
{{- if or (eq .name "admin") (eq (int .port) (int $v.admin.port)) -}}
{{- fail (printf "extraPorts: %s (%d) is the admin port, which the chart opens itself." .name (int .port)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
