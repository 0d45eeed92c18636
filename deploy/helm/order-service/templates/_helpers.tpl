{{- define "order-service.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "order-service.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "order-service.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "order-service.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "order-service.selector" -}}
app.kubernetes.io/name: {{ include "order-service.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "order-service.labels" -}}
{{ include "order-service.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "order-service.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}
{{- end }}

{{/* Of every pod: nobody in it is root, and nothing gets more rights than it was started with. */}}
{{- define "order-service.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "order-service.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Variables of a role: dict "root" . "role" .Values.api. What the role says goes before what both have. */}}
{{- define "order-service.env" -}}
{{- $config := mergeOverwrite (deepCopy .root.Values.config) .role.config }}
{{- $secrets := mergeOverwrite (deepCopy .root.Values.secrets) .role.secrets }}
{{- range $name := keys $config $secrets | uniq | sortAlpha }}
{{- if has $name (list "ROLE" "HTTP_ADDR" "ADMIN_ADDR" "METRICS_ADDR" "SHUTDOWN_DELAY") }}
{{- fail (printf "%s is set by the chart" $name) }}
{{- end }}
{{- if and (hasKey $config $name) (hasKey $secrets $name) }}
{{- fail (printf "%s is among config and among secrets" $name) }}
{{- end }}
{{- $secret := get $secrets $name }}
{{- if and $secret $secret.file }}
- name: {{ $name }}_FILE
  value: {{ include "order-service.secretsPath" . }}/{{ $name }}
{{- else }}
- name: {{ $name }}
{{- with $secret }}
  valueFrom: {secretKeyRef: {name: {{ .name | quote }}, key: {{ .key | quote }}}}
{{- else }}
  value: {{ get $config $name | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Where secrets are files, one for each variable. */}}
{{- define "order-service.secretsPath" -}}
/run/secrets/order-service
{{- end }}

{{/* Those files: dict "root" . "role" .Values.api. Kubernetes replaces them when the Secrets change. */}}
{{- define "order-service.secretFiles" -}}
{{- range $name, $secret := mergeOverwrite (deepCopy .root.Values.secrets) .role.secrets }}
{{- if $secret.file }}
- secret: {name: {{ $secret.name | quote }}, items: [{key: {{ $secret.key | quote }}, path: {{ $name }}}]}
{{- end }}
{{- end }}
{{- end }}

{{- define "order-service.volumeMounts" -}}
{{- $files := include "order-service.secretFiles" . }}
{{- if or $files .root.Values.extraVolumeMounts -}}
volumeMounts:
  {{- if $files }}
  - {name: secrets, mountPath: {{ include "order-service.secretsPath" . }}, readOnly: true}
  {{- end }}
  {{- with .root.Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "order-service.volumes" -}}
{{- $files := include "order-service.secretFiles" . }}
{{- if or $files .root.Values.extraVolumes -}}
volumes:
  {{- with $files }}
  - name: secrets
    projected:
      defaultMode: 0440
      sources:
        {{- . | nindent 8 }}
  {{- end }}
  {{- with .root.Values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Refuses a role that has none of some variables: it would not start. "where" is a variable without which it needs
none. An issuer counts where it can be asked for its keys, which takes a URL, and the sandbox where it is one; what a
Secret has is not known here. */}}
{{- define "order-service.needs" -}}
{{- $counts := dict "JWT_ISSUER" "^https?://[^/]" "PAYMENT_SANDBOX" "^true$" }}
{{- $config := mergeOverwrite (deepCopy .root.Values.config) .role.config }}
{{- $secrets := mergeOverwrite (deepCopy .root.Values.secrets) .role.secrets }}
{{- $found := false }}
{{- $where := "" }}
{{- with .where }}
{{- $found = not (regexMatch (get $counts .) (get $config .)) }}
{{- $where = printf ", where %s is %q" . (get $config .) }}
{{- end }}
{{- range .any }}
{{- if or (hasKey $secrets .) (regexMatch (get $counts . | default ".") (get $config .)) }}{{ $found = true }}{{ end }}
{{- end }}
{{- if not $found }}
{{- $any := join ", " .any | replace "JWT_ISSUER" "JWT_ISSUER as a URL" | replace "PAYMENT_SANDBOX" "PAYMENT_SANDBOX as \"true\"" }}
{{- fail (printf "%s needs %s%s%s, in config or secrets" .component (ternary "one of " "" (gt (len .any) 1)) $any $where) }}
{{- end }}
{{- end }}

{{/* The pod of a role: dict "root" . "component" "api" "role" .Values.api */}}
{{- define "order-service.pod" -}}
metadata:
  labels:
    {{- include "order-service.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
    {{- with .role.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: order-service
    {{- with .role.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "order-service.fullname" .root }}
  automountServiceAccountToken: false
  enableServiceLinks: false # their variables are not meant for the service
  terminationGracePeriodSeconds: {{ .root.Values.terminationGracePeriodSeconds }}
  securityContext:
    {{- include "order-service.podSecurity" .root | nindent 4 }}
  {{- with .root.Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .role.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  containers:
    - name: order-service
      image: {{ include "order-service.image" .root | quote }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      args: [--role={{ .component }}]
      env:
        - {name: HTTP_ADDR, value: ":8080"}
        - {name: METRICS_ADDR, value: ":9091"}
        - {name: ADMIN_ADDR, value: "127.0.0.1:9090"} # pprof, by kubectl port-forward
        {{- with .role.shutdownDelaySeconds }}
        - {name: SHUTDOWN_DELAY, value: {{ printf "%vs" . | quote }}}
        {{- end }}
        {{- include "order-service.env" (dict "root" .root "role" .role) | nindent 8 }}
      ports:
        - {name: http, containerPort: 8080}
        - {name: metrics, containerPort: 9091}
      securityContext:
        {{- include "order-service.containerSecurity" .root | nindent 8 }}
      resources:
        {{- toYaml .role.resources | nindent 8 }}
      # A start waits 30 s each for Postgres and Redis, a little for Kafka, and then ends by itself.
      startupProbe:
        httpGet: {path: /livez, port: http}
        periodSeconds: 2
        timeoutSeconds: 2
        failureThreshold: 60
      # Never about a backend: restarting this process would not bring one back.
      livenessProbe:
        httpGet: {path: /livez, port: http}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
      # Slower than what it asks, which takes 2 s at most, and twice quicker than SHUTDOWN_DELAY is over.
      readinessProbe:
        httpGet: {path: /readyz, port: http}
        periodSeconds: 2
        timeoutSeconds: 3
        failureThreshold: 2
      {{- with include "order-service.volumeMounts" . }}
      {{- . | nindent 6 }}
      {{- end }}
  {{- with include "order-service.volumes" . }}
  {{- . | nindent 2 }}
  {{- end }}
  topologySpreadConstraints:
    {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: {{ $.role.topologySpread }}
      labelSelector:
        matchLabels:
          {{- include "order-service.selector" $.root | nindent 10 }}
          app.kubernetes.io/component: {{ $.component }}
      matchLabelKeys: [pod-template-hash]
    {{- end }}
  {{- with .role.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .role.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .role.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
