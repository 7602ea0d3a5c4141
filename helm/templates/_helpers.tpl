{{/* A value as text. Helm parses numbers in a values file as floats, which templates print as 1e+06; JSON prints all digits. */}}
{{- define "orders.text" -}}
{{- if kindIs "string" . }}{{ . }}{{ else }}{{ toJson . }}{{ end -}}
{{- end }}

{{/* A quantity such as 500m or 64Mi as a plain number. */}}
{{- define "orders.quantity" -}}
{{- $text := include "orders.text" . -}}
{{- $units := dict "m" 0.001 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "Pi" 1125899906842624 "Ei" 1152921504606846976 -}}
{{- printf "%.3f" (mulf (regexFind "^[0-9.]+(e[0-9]+)?" $text | float64) (get $units (regexFind "[A-Za-z]+$" $text) | default 1)) -}}
{{- end }}

{{/* A duration such as 1h30m in seconds. */}}
{{- define "orders.seconds" -}}
{{- $units := dict "ns" 1e-9 "us" 1e-6 "ms" 0.001 "s" 1 "m" 60 "h" 3600 -}}
{{- $sum := 0.0 -}}
{{- range regexFindAll "[0-9.]+[a-z]+" . -1 }}
{{- $sum = addf $sum (mulf (regexFind "^[0-9.]+" . | float64) (get $units (regexFind "[a-z]+$" .))) }}
{{- end -}}
{{- printf "%.3f" $sum -}}
{{- end }}

{{/* GOMEMLIMIT: 90 % of a memory limit, in bytes. The rest is for memory that Go does not count. */}}
{{- define "orders.goMemLimit" -}}
{{- printf "%.0f" (floor (mulf (include "orders.quantity" . | float64) 0.9)) -}}
{{- end }}

{{- define "orders.repository" -}}
{{ .root.Values.global.imageRegistry | default .root.Values.image.registry | trimSuffix "/" }}/{{ .name }}
{{- end }}

{{- define "orders.image" -}}
{{- $image := .root.Values.image -}}
{{- $digest := get $image.digests (.name | camelcase | untitle) -}}
{{ include "orders.repository" . }}{{ with $digest }}@{{ . }}{{ else }}:{{ $image.tag | default .root.Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "orders.pullSecrets" -}}
{{- with concat .Values.global.imagePullSecrets .Values.image.pullSecrets | uniq }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "orders.selector" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{/* An image tag may be longer than a label value allows and end in other characters. */}}
{{- define "orders.labels" -}}
{{- with .root.Values.commonLabels }}
{{- toYaml . }}
{{ end -}}
{{ include "orders.selector" . }}
app.kubernetes.io/version: {{ .root.Values.image.tag | default .root.Chart.AppVersion | trunc 63 | trimAll "._-" | quote }}
app.kubernetes.io/part-of: orders
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "orders.metadata" -}}
name: {{ .name }}
labels:
  {{- include "orders.labels" . | nindent 2 }}
{{- end }}

{{/* Security contexts of a pod and of a container that meet the Pod Security profile "restricted". */}}
{{- define "orders.podSecurity" -}}
{{- range $key, $value := .Values.podSecurityContext }}
{{ $key }}: {{ include "orders.text" $value }}
{{- end }}
runAsNonRoot: true
seccompProfile: { type: RuntimeDefault }
{{- end }}
{{- define "orders.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "orders.secret.ordersActor" -}}{{ .Values.secrets.existing.ordersActor | default "orders-actor" }}{{- end }}
{{- define "orders.secret.paymentsSvc" -}}{{ .Values.secrets.existing.paymentsSvc | default "payments-svc" }}{{- end }}
{{- define "orders.secret.appToken" -}}{{ .Values.secrets.existing.appToken | default "payments-svc-app-token" }}{{- end }}
{{- define "orders.secret.apiToken" -}}{{ .root.Values.secrets.existing.apiToken | default (printf "%s-api-token" .name) }}{{- end }}

{{/* The Secret and key with the database address. "for" is view (the order database), state or ledger. */}}
{{- define "orders.dsn" -}}
{{- if eq .root.Values.postgresql.mode "bundled" -}}
name: orders-postgresql
key: {{ eq .for "ledger" | ternary "ledger-uri" "uri" }}
{{- else -}}
{{- $secret := .root.Values.postgresql.dsnSecret -}}
name: {{ $secret.name }}
key: {{ get $secret (printf "%sKey" .for) | default $secret.key }}
{{- end }}
{{- end }}

{{/*
The largest number of pods of an app that can hold database connections at once. During a rolling update all new pods can
run before any old pod has ended.
*/}}
{{- define "orders.maxPods" -}}
{{- $pods := .hpa.enabled | ternary .hpa.maxReplicas .replicas | int -}}
{{- eq .strategy.type "Recreate" | ternary $pods (mul 2 $pods) -}}
{{- end }}

{{/* The current base64 value of a key in a Secret of this release, or the given new value if the Secret has none. */}}
{{- define "orders.kept" -}}
{{- $secret := lookup "v1" "Secret" .root.Release.Namespace .secret | default dict -}}
{{- get ($secret.data | default dict) .key | default .fresh -}}
{{- end }}

{{/* The previous keys that a key rotation has added to a Secret of this release. They are kept until deleted from the Secret. */}}
{{- define "orders.previousKeys" -}}
{{- range .keys }}
{{- $name := printf "%s-previous" . }}
{{- with include "orders.kept" (dict "root" $.root "secret" $.secret "key" $name "fresh" "") }}
{{ $name }}: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* The pod annotations that configure an app's sidecar. */}}
{{- define "orders.sidecar" -}}
{{- $root := .root -}}
{{- $dapr := $root.Values.dapr -}}
{{- $requests := $dapr.resources.requests | default dict -}}
{{- $limits := $dapr.resources.limits | default dict -}}
{{- $ca := or $root.Values.customCA.configMap $root.Values.customCA.secret -}}
dapr.io/enabled: "true"
dapr.io/app-id: {{ .name }}
{{- if .invoked }}
dapr.io/app-port: {{ .port | quote }}
dapr.io/app-token-secret: {{ include "orders.secret.appToken" $root }}
{{- end }}
dapr.io/api-token-secret: {{ include "orders.secret.apiToken" . }}
dapr.io/config: {{ .name }}
dapr.io/log-level: {{ $dapr.logLevel }}
dapr.io/log-as-json: {{ $dapr.logAsJson | quote }}
{{- if $dapr.nativeSidecar }}
dapr.io/enable-native-sidecar: "true"
{{- else }}
dapr.io/block-shutdown-duration: {{ $dapr.blockShutdown }}
{{- end }}
dapr.io/graceful-shutdown-seconds: "5"
dapr.io/disable-builtin-k8s-secret-store: "true"
dapr.io/volume-mounts: sidecar-token:/var/run/secrets/kubernetes.io/serviceaccount
{{- if $ca }},custom-ca:/etc/orders/ca{{ end }}
{{- $env := list }}
{{- with $limits.memory }}
{{- $env = append $env (printf "GOMEMLIMIT=%s" (include "orders.goMemLimit" .)) }}
{{- end }}
{{- if $ca }}
{{- $env = append $env "SSL_CERT_DIR=/etc/orders/ca" }}
{{- end }}
{{- with $env }}
dapr.io/env: {{ join "," . }}
{{- end }}
{{- range $annotation, $value := dict "cpu-request" $requests.cpu "memory-request" $requests.memory "cpu-limit" $limits.cpu "memory-limit" $limits.memory }}
{{- if $value }}
dapr.io/sidecar-{{ $annotation }}: {{ include "orders.text" $value | quote }}
{{- end }}
{{- end }}
dapr.io/sidecar-seccomp-profile-type: RuntimeDefault
{{- end }}

{{/* All objects of one app. The two apps differ only in names, ports and settings. */}}
{{- define "orders.app" -}}
{{- $root := .root -}}
{{- $v := .values -}}
{{- $dapr := $root.Values.dapr -}}
{{- $account := $v.serviceAccount.name | default .name -}}
{{- $ca := or $root.Values.customCA.configMap $root.Values.customCA.secret -}}
{{- if $v.serviceAccount.create }}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "orders.metadata" (merge (dict "name" $account) .) | nindent 2 }}
  {{- with $v.serviceAccount.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}
---
# The sidecar may read only the Secret of its app.
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  {{- include "orders.metadata" . | nindent 2 }}
rules:
  - apiGroups: [""]
    resources: [secrets]
    resourceNames: [{{ .secret }}]
    verbs: [get]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  {{- include "orders.metadata" . | nindent 2 }}
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: {{ .name }} }
subjects:
  - { kind: ServiceAccount, name: {{ $account }}, namespace: {{ $root.Release.Namespace }} }
---
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "orders.metadata" . | nindent 2 }}
data:
  {{ .setting }}_ADDR: 0.0.0.0:{{ .port }}
  {{ .setting }}_METRICS_ADDR: 0.0.0.0:{{ .metrics }}
  SECRET_NAME: {{ .secret }}
  {{- with $root.Values.tracing }}
  {{- if .endpoint }}
  OTEL_EXPORTER_OTLP_ENDPOINT: {{ .endpoint | quote }}
  OTEL_TRACES_SAMPLER: parentbased_traceidratio
  OTEL_TRACES_SAMPLER_ARG: {{ .samplingRate | quote }}
  {{- end }}
  {{- end }}
  {{- range $key, $value := merge (deepCopy $v.settings) (.more | default dict) }}
  {{- with include "orders.text" $value }}
  {{ $key }}: {{ . | quote }}
  {{- end }}
  {{- end }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "orders.metadata" . | nindent 2 }}
spec:
  {{- if not $v.hpa.enabled }}
  replicas: {{ $v.replicas }}
  {{- end }}
  revisionHistoryLimit: {{ $v.revisionHistoryLimit }}
  selector:
    matchLabels:
      {{- include "orders.selector" . | nindent 6 }}
  strategy:
    {{- eq $v.strategy.type "Recreate" | ternary (omit $v.strategy "rollingUpdate") $v.strategy | toYaml | nindent 4 }}
  template:
    metadata:
      labels:
        {{- include "orders.labels" . | nindent 8 }}
      annotations:
        # The app and its sidecar read these only when they start, so a change must restart the pod.
        checksum/settings: {{ toJson $v.settings | sha256sum | trunc 16 }}
        checksum/dapr: {{ toJson (list $dapr $root.Values.tracing (omit $root.Values.postgresql "maxConnections" "reservedConnections") $root.Values.secrets) | sha256sum | trunc 16 }}
        {{- $sidecar := include "orders.sidecar" . | fromYaml }}
        {{- toYaml (merge (deepCopy $v.podAnnotations) $sidecar) | nindent 8 }}
    spec:
      serviceAccountName: {{ $account }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ $v.terminationGracePeriodSeconds }}
      securityContext:
        {{- include "orders.podSecurity" $root | trim | nindent 8 }}
      {{- include "orders.pullSecrets" $root | nindent 6 }}
      {{- with $v.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      topologySpreadConstraints:
        {{- with $v.topologySpreadConstraints }}
        {{- toYaml . | nindent 8 }}
        {{- else }}
        {{- range $topology := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
        - topologyKey: {{ $topology }}
          maxSkew: 1
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              {{- include "orders.selector" $ | nindent 14 }}
        {{- end }}
        {{- end }}
      containers:
        - name: {{ .name }}
          image: {{ include "orders.image" . }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          envFrom:
            - configMapRef: { name: {{ .name }} }
            {{- with $v.extraEnvFrom }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          env:
            {{- if .invoked }}
            - name: APP_API_TOKEN
              valueFrom: { secretKeyRef: { name: {{ include "orders.secret.appToken" $root }}, key: token } }
            {{- else }}
            - name: VIEW_DSN
              valueFrom:
                secretKeyRef:
                  {{- include "orders.dsn" (dict "root" $root "for" "view") | nindent 18 }}
            - name: STATE_DSN
              valueFrom:
                secretKeyRef:
                  {{- include "orders.dsn" (dict "root" $root "for" "state") | nindent 18 }}
            {{- end }}
            - name: DAPR_API_TOKEN
              valueFrom: { secretKeyRef: { name: {{ include "orders.secret.apiToken" . }}, key: token } }
            {{- with ($v.resources.limits | default dict).memory }}
            - { name: GOMEMLIMIT, value: {{ include "orders.goMemLimit" . | quote }} }
            {{- end }}
            {{- if $ca }}
            - { name: SSL_CERT_DIR, value: /etc/orders/ca }
            {{- end }}
            {{- with $v.extraEnv }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          ports:
            - { name: http, containerPort: {{ .port }} }
            - { name: metrics, containerPort: {{ .metrics }} } # not reachable through the Service, ingress or route of the API
          # Allows time for the sidecar, the secret store and the database to start.
          startupProbe:
            httpGet: { path: /livez, port: http }
            periodSeconds: 1
            timeoutSeconds: 3
            failureThreshold: 300
          livenessProbe:
            httpGet: { path: /livez, port: http }
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          readinessProbe:
            httpGet: { path: /readyz, port: http }
            periodSeconds: 3
            timeoutSeconds: 5
          # Keeps serving while endpoints and sidecars are told that the pod ends.
          lifecycle:
            preStop:
              sleep: { seconds: 5 }
          resources:
            {{- toYaml $v.resources | nindent 12 }}
          securityContext:
            {{- include "orders.containerSecurity" . | nindent 12 }}
          {{- if or $ca $v.extraVolumeMounts }}
          volumeMounts:
            {{- if $ca }}
            - { name: custom-ca, mountPath: /etc/orders/ca, readOnly: true }
            {{- end }}
            {{- with $v.extraVolumeMounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          {{- end }}
      volumes:
        # Mounted only into the sidecar, which reads the app's Secret with it.
        - name: sidecar-token
          projected:
            defaultMode: 0444 # the sidecar's user does not own these files
            sources:
              - serviceAccountToken: { path: token, expirationSeconds: 3600 }
              - configMap: { name: kube-root-ca.crt, items: [{ key: ca.crt, path: ca.crt }] }
              - downwardAPI: { items: [{ path: namespace, fieldRef: { fieldPath: metadata.namespace } }] }
        {{- with $root.Values.customCA.configMap }}
        - { name: custom-ca, configMap: { name: {{ . }} } }
        {{- end }}
        {{- with $root.Values.customCA.secret }}
        - { name: custom-ca, secret: { secretName: {{ . }}, defaultMode: 0444 } }
        {{- end }}
        {{- with $v.extraVolumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with $v.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $v.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $v.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- if $v.pdb.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "orders.metadata" . | nindent 2 }}
spec:
  maxUnavailable: {{ $v.pdb.maxUnavailable }}
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "orders.selector" . | nindent 6 }}
{{- end }}
{{- if $v.hpa.enabled }}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  {{- include "orders.metadata" . | nindent 2 }}
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: {{ .name }} }
  minReplicas: {{ $v.hpa.minReplicas }}
  maxReplicas: {{ $v.hpa.maxReplicas }}
  metrics:
    - type: ContainerResource
      containerResource:
        name: cpu
        container: {{ .name }}
        target: { type: Utilization, averageUtilization: {{ $v.hpa.targetCPUUtilizationPercentage }} }
  {{- with $v.hpa.behavior }}
  behavior:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- if $root.Values.networkPolicy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "orders.metadata" . | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "orders.selector" . | nindent 6 }}
  policyTypes: [Ingress]
  ingress:
    {{- if not .invoked }}
    - ports: [{ port: http }]
      {{- with $root.Values.networkPolicy.ingressFrom }}
      from:
        {{- toYaml . | nindent 8 }}
        - podSelector: { matchLabels: { app.kubernetes.io/name: orders-check, app.kubernetes.io/instance: {{ $root.Release.Name }} } }
      {{- end }}
    {{- end }}
    # Calls from the other sidecars and from Dapr's control plane.
    - ports: [{ port: 50002 }]
      from:
        - podSelector: { matchLabels: { app.kubernetes.io/name: orders-actor, app.kubernetes.io/instance: {{ $root.Release.Name }} } }
        - namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: {{ $root.Values.dapr.controlPlaneNamespace }} } }
    {{- if $root.Values.monitoring.serviceMonitor.enabled }}
    - ports:
        - port: metrics
        - port: 9090 # the sidecar's
    {{- end }}
{{- end }}
{{- end }}
