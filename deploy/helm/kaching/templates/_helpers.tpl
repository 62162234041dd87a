{{- define "kaching.name" -}}
{{- if contains "kaching" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-kaching" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "kaching.selector" -}}
app.kubernetes.io/name: kaching
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "kaching.labels" -}}
{{ include "kaching.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- define "kaching.image" -}}
{{- with .Values.image }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ with .digest }}@{{ . }}{{ end }}{{ end }}
{{- end }}

{{- define "kaching.scheme" -}}
{{ if .Values.tlsSecret }}HTTPS{{ else }}HTTP{{ end }}
{{- end }}

{{- /* A setting as the environment has it: lists between commas, and no 1e+06 for a large number. */}}
{{- define "kaching.value" -}}
{{- if kindIs "slice" . }}{{ join "," . }}{{ else if kindIs "float64" . }}{{ if eq (float64 (int64 .)) . }}{{ int64 . }}{{ else }}{{ . }}{{ end }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{- /* Combinations that would not run, or would run without a protection, are refused with what to change. */}}
{{- define "kaching.refuse" -}}
{{- with .Values }}
{{- if not (hasPrefix "https://" .publicUrl) }}
{{- fail "publicUrl is not set: it is the https:// address at which products reach the authority, and they remember it." }}
{{- end }}
{{- if and (eq .database "sqlite") (gt (int .replicas) 1) }}
{{- fail (printf "replicas is %d with SQLite, which one pod alone can use: set replicas to 1, or database to postgresql." (int .replicas)) }}
{{- end }}
{{- if and (eq .database "postgresql") .networkPolicy.enabled (not .networkPolicy.database) }}
{{- fail "networkPolicy.database is empty, so no pod could reach PostgreSQL: list where it is, for example [{ipBlock: {cidr: 10.0.0.5/32}}]." }}
{{- end }}
{{- if and .ingress.enabled (not .trustedProxies) }}
{{- fail "trustedProxies is empty with an ingress, so all products would count as one address: list the network of the ingress controller's pods." }}
{{- end }}
{{- if and .ingress.enabled (not .ingress.host) }}
{{- fail "ingress.host is not set: it is the host of publicUrl." }}
{{- end }}
{{- range $section, $keys := .settings }}
{{- range $key, $_ := $keys }}
{{- $setting := printf "%s.%s" $section $key }}
{{- if has $setting (list "database.url" "keys.master" "keys.root_passphrase") }}
{{- fail (printf "settings has %s, which is a secret: put it into a Secret, and name that below secrets." $setting) }}
{{- end }}
{{- if has $setting (list "server.listen" "server.admin_listen" "server.public_url" "server.trusted_proxies" "server.tls_cert" "server.tls_key" "backup.directory") }}
{{- fail (printf "settings has %s, which the chart sets from its own values." $setting) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
