{{- define "orders.image" -}}
{{ .root.Values.image.registry }}/{{ .name }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{- define "orders.selector" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- define "orders.labels" -}}
{{ include "orders.selector" . }}
app.kubernetes.io/version: {{ .root.Values.image.tag | default .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: orders
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "orders.metadata" -}}
name: {{ .name }}
labels:
  {{- include "orders.labels" . | nindent 2 }}
{{- end }}

{{/* What restricted Pod Security asks of a pod, for the sidecar too, and of a container. */}}
{{- define "orders.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
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

{{- define "orders.dsn" -}}
{{- if eq .Values.postgresql.mode "bundled" -}}
name: orders-postgresql
key: uri
{{- else -}}
name: {{ .Values.postgresql.dsnSecret.name }}
key: {{ .Values.postgresql.dsnSecret.key }}
{{- end }}
{{- end }}

{{/* A key that a Secret of this release has already, as it stands there, or else the given new one. */}}
{{- define "orders.kept" -}}
{{- $secret := lookup "v1" "Secret" .root.Release.Namespace .secret | default dict -}}
{{- get ($secret.data | default dict) .key | default .fresh -}}
{{- end }}

{{/* The two apps differ in names, ports and settings; how they live with their sidecar is the same. */}}
{{- define "orders.app" -}}
{{- $root := .root -}}
{{- $v := .values -}}
{{- $dapr := $root.Values.dapr -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "orders.metadata" . | nindent 2 }}
automountServiceAccountToken: false
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
  - { kind: ServiceAccount, name: {{ .name }}, namespace: {{ $root.Release.Namespace }} }
---
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "orders.metadata" . | nindent 2 }}
data:
  {{ .address }}: 0.0.0.0:{{ .port }}
  SECRET_NAME: {{ .secret }}
  {{- range $key, $value := $v.settings }}
  {{- if ne (toString $value) "" }}
  {{ $key }}: {{ toString $value | quote }}
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
  selector:
    matchLabels:
      {{- include "orders.selector" . | nindent 6 }}
  strategy:
    rollingUpdate: { maxUnavailable: 0, maxSurge: 1 }
  template:
    metadata:
      labels:
        {{- include "orders.labels" . | nindent 8 }}
      annotations:
        # Neither the app nor its sidecar takes these over while it runs.
        checksum/settings: {{ toJson $v.settings | sha256sum | trunc 16 }}
        checksum/dapr: {{ toJson (list $dapr $root.Values.postgresql $root.Values.secrets) | sha256sum | trunc 16 }}
        dapr.io/enabled: "true"
        dapr.io/app-id: {{ .name }}
        {{- if .invoked }}
        dapr.io/app-port: {{ .port | quote }}
        dapr.io/app-token-secret: {{ include "orders.secret.appToken" $root }}
        {{- end }}
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
        {{- with $dapr.resources.requests }}
        dapr.io/sidecar-cpu-request: {{ .cpu | quote }}
        dapr.io/sidecar-memory-request: {{ .memory | quote }}
        {{- end }}
        {{- with $dapr.resources.limits }}
        {{- with .cpu }}
        dapr.io/sidecar-cpu-limit: {{ . | quote }}
        {{- end }}
        dapr.io/sidecar-memory-limit: {{ .memory | quote }}
        {{- end }}
        dapr.io/sidecar-seccomp-profile-type: RuntimeDefault
        {{- with $v.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ .name }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ $v.terminationGracePeriodSeconds }}
      securityContext:
        {{- include "orders.podSecurity" . | nindent 8 }}
      {{- with $root.Values.image.pullSecrets }}
      imagePullSecrets:
        {{- range . }}
        - name: {{ . }}
        {{- end }}
      {{- end }}
      topologySpreadConstraints:
        {{- range $topology := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
        - topologyKey: {{ $topology }}
          maxSkew: 1
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              {{- include "orders.selector" $ | nindent 14 }}
        {{- end }}
      containers:
        - name: {{ .name }}
          image: {{ include "orders.image" . }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          envFrom:
            - configMapRef: { name: {{ .name }} }
          env:
            {{- if .invoked }}
            - name: APP_API_TOKEN
              valueFrom: { secretKeyRef: { name: {{ include "orders.secret.appToken" $root }}, key: token } }
            {{- else }}
            - name: VIEW_DSN
              valueFrom:
                secretKeyRef:
                  {{- include "orders.dsn" $root | nindent 18 }}
            {{- end }}
            - name: GOMEMLIMIT
              valueFrom: { resourceFieldRef: { resource: limits.memory } }
          ports:
            - { name: http, containerPort: {{ .port }} }
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
      volumes:
        # Mounted into the sidecar alone, which asks Kubernetes for the app's keys with it.
        - name: sidecar-token
          projected:
            defaultMode: 0444 # the sidecar runs as no owner of these files
            sources:
              - serviceAccountToken: { path: token, expirationSeconds: 3600 }
              - configMap: { name: kube-root-ca.crt, items: [{ key: ca.crt, path: ca.crt }] }
              - downwardAPI: { items: [{ path: namespace, fieldRef: { fieldPath: metadata.namespace } }] }
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
  behavior:
    scaleDown: { stabilizationWindowSeconds: 300 } # each step moves actors
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
      {{- end }}
    {{- end }}
    # Sidecars call each other, and the control plane calls them.
    - ports: [{ port: 50002 }]
      from:
        - podSelector: { matchLabels: { app.kubernetes.io/name: orders-actor, app.kubernetes.io/instance: {{ $root.Release.Name }} } }
        - namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: {{ $root.Values.dapr.controlPlaneNamespace }} } }
    {{- if $root.Values.monitoring.serviceMonitor.enabled }}
    - ports:
        - port: 9090 # the sidecar's metrics
        {{- if .invoked }}
        - port: http
        {{- end }}
    {{- end }}
{{- end }}
{{- end }}
