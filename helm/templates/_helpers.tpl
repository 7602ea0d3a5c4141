{{/* A value as text. Numbers of a values file are floating-point, which templates print as 1e+06; JSON prints them in full. */}}
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

{{/* 90 % of a memory limit in bytes: Go's heap stays below it, the rest is for stacks and the runtime. */}}
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

{{/* A tag may be longer than a label, and end in what a label may not. */}}
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

{{/* The settings of restricted Pod Security, for a pod with its sidecar and for a container. */}}
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

{{/* Where the Secret with the database's addresses holds the one for: view, state or ledger. */}}
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
The pods of an app that may hold connections at once. During a rolling update all the new pods can run while none of
the old ones has ended yet.
*/}}
{{- define "orders.maxPods" -}}
{{- $pods := .hpa.enabled | ternary .hpa.maxReplicas .replicas | int -}}
{{- eq .strategy.type "Recreate" | ternary $pods (mul 2 $pods) -}}
{{- end }}

{{/* A key that a Secret of this release has already, as it stands there, or else the given new one. */}}
{{- define "orders.kept" -}}
{{- $secret := lookup "v1" "Secret" .root.Release.Namespace .secret | default dict -}}
{{- get ($secret.data | default dict) .key | default .fresh -}}
{{- end }}

{{/* The previous keys that a rotation has put into a Secret of this release; they stay until they are deleted there. */}}
{{- define "orders.previousKeys" -}}
{{- range .keys }}
{{- $name := printf "%s-previous" . }}
{{- with include "orders.kept" (dict "root" $.root "secret" $.secret "key" $name "fresh" "") }}
{{ $name }}: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* Annotations of an app's pods for its sidecar. */}}
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

{{/* The two apps differ in names, ports and settings; how they live with their sidecar is the same. */}}
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
# The sidecar reads its app's keys, and nothing else.
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
        # Neither the app nor its sidecar takes these over while it runs.
        checksum/settings: {{ toJson $v.settings | sha256sum | trunc 16 }}
        checksum/dapr: {{ toJson (list $dapr (omit $root.Values.postgresql "maxConnections" "reservedConnections") $root.Values.secrets) | sha256sum | trunc 16 }}
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
            - { name: metrics, containerPort: {{ .metrics }} } # no Service, ingress or route of the API leads to it
          # The sidecar, the secret store and the database may all be late.
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
          # Endpoints and sidecars hear of the pod's end while it still serves.
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
        # Mounted into the sidecar alone, which asks Kubernetes for the app's keys with it.
        - name: sidecar-token
          projected:
            defaultMode: 0444 # the sidecar runs as no owner of these files
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
    # Sidecars call each other, and the control plane calls them.
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
