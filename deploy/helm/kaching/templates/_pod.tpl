{{- define "kaching.pod" -}}
metadata:
  labels: {{- include "kaching.labels" . | nindent 4 }}
  annotations:
    # Settings are read at the start, so other settings need other pods.
    checksum/settings: {{ include (print $.Template.BasePath "/configmap.yaml") . | sha256sum }}
spec:
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with .Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  # Both phases of a stop (server.leave_s, server.shutdown_timeout_s), and ten seconds more.
  {{- $server := .Values.settings.server | default dict }}
  terminationGracePeriodSeconds: {{ add (get $server "leave_s" | default 5) (get $server "shutdown_timeout_s" | default 20) 10 }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    # The default, Always, opens the keys in the data directory to the group at each start, and the server refuses them.
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: {type: RuntimeDefault}
  {{- if gt (int .Values.replicas) 1 }}
  topologySpreadConstraints:
    {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
    - topologyKey: {{ . }}
      maxSkew: 1
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels: {{- include "kaching.selector" $ | nindent 10 }}
    {{- end }}
  {{- end }}
  containers:
    - name: kaching
      image: {{ include "kaching.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      command: [/kaching, serve]
      env:
        # A directory below the volume: the server makes it, for itself alone.
        - name: KACHING_DATA
          value: /data/kaching
      envFrom:
        - configMapRef:
            name: {{ include "kaching.name" . }}
      ports:
        - {name: products, containerPort: 7700}
        - {name: admin, containerPort: 7701}
      # The first server of a release updates the schema before it listens. It must not be killed meanwhile.
      startupProbe:
        httpGet: {path: /health, port: products, scheme: {{ include "kaching.scheme" . }}}
        periodSeconds: 2
        timeoutSeconds: 5
        failureThreshold: 300
      # A server without its database is not ready.
      readinessProbe:
        httpGet: {path: /ready, port: products, scheme: {{ include "kaching.scheme" . }}}
        periodSeconds: 2
        timeoutSeconds: 4
        failureThreshold: 2
      # But it lives: it recovers without a restart. /health does not ask the database.
      livenessProbe:
        httpGet: {path: /health, port: products, scheme: {{ include "kaching.scheme" . }}}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      resources: {{- toYaml .Values.resources | nindent 8 }}
      volumeMounts:
        - {name: data, mountPath: /data}
        - {name: secrets, mountPath: /secrets, readOnly: true}
        {{- if .Values.tlsSecret }}
        - {name: tls, mountPath: /tls, readOnly: true}
        {{- end }}
        {{- if .Values.backupClaim }}
        - {name: backup, mountPath: /backup}
        {{- end }}
  volumes:
    {{- if eq .Values.database "postgresql" }}
    # Only the lock and the local socket of this pod.
    - name: data
      emptyDir: {sizeLimit: 64Mi}
    {{- end }}
    - name: secrets
    {{- if .Values.secrets.csiProviderClass }}
      csi:
        driver: secrets-store.csi.k8s.io
        readOnly: true
        volumeAttributes:
          secretProviderClass: {{ .Values.secrets.csiProviderClass }}
    {{- else }}
      projected:
        defaultMode: 0440
        sources:
          {{- include "kaching.source" (list .Values.secrets.masterKey "master-key") | nindent 10 }}
          {{- include "kaching.source" (list .Values.secrets.rootPassphrase "root-passphrase") | nindent 10 }}
          {{- if eq .Values.database "postgresql" }}
          {{- include "kaching.source" (list .Values.secrets.databaseUrl "database-url") | nindent 10 }}
          {{- if .Values.secrets.databaseCa.name }}
          {{- include "kaching.source" (list .Values.secrets.databaseCa "database-ca.pem") | nindent 10 }}
          {{- end }}
          {{- end }}
    {{- end }}
    {{- with .Values.tlsSecret }}
    - name: tls
      secret: {secretName: {{ . }}, defaultMode: 0440}
    {{- end }}
    {{- with .Values.backupClaim }}
    - name: backup
      persistentVolumeClaim: {claimName: {{ . }}}
    {{- end }}
{{- end }}

{{- define "kaching.source" -}}
{{- $from := index . 0 -}}
- secret:
    name: {{ $from.name }}
    items: [{key: {{ $from.key }}, path: {{ index . 1 }}}]
{{- end }}
