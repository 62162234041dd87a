//! The formats of `/metrics`: OpenMetrics, in which the library writes, and the older text format of Prometheus.

use axum::http::{HeaderMap, header};

/// A format of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetricsFormat {
    /// The text format of Prometheus, version 0.0.4, which every collector reads.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl MetricsFormat {
    /// Returns the format that `Accept` prefers: OpenMetrics where it is named, and text is not preferred to it.
    pub(crate) fn preferred(headers: &HeaderMap) -> Self {
        let (mut text, mut open) = (0.0, 0.0);
        let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        for range in values.flat_map(|value| value.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default();
            let quality =
                parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
            if media.eq_ignore_ascii_case("application/openmetrics-text") {
                open = f32::max(open, quality);
            } else if media.eq_ignore_ascii_case("text/plain") {
                text = f32::max(text, quality);
            }
        }
        if open > 0.0 && open >= text { Self::OpenMetrics } else { Self::Text }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// Returns metrics in this format that were written in OpenMetrics.
    pub(crate) fn write(self, open_metrics: String) -> String {
        match self {
            Self::Text => as_text(&open_metrics),
            Self::OpenMetrics => open_metrics,
        }
    }
}

/// The samples are the same. In comments, the text format names a counter and an info as their samples do, it has no
/// units, and ends without a mark.
fn as_text(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    // The help of a metric is written before its type, which its name depends on.
    let mut help = "";
    for line in open_metrics.lines() {
        let Some(comment) = line.strip_prefix("# ") else {
            text.extend([line, "\n"]);
            continue;
        };
        let mut words = comment.splitn(3, ' ');
        match (words.next(), words.next(), words.next()) {
            (Some("HELP"), Some(_), said) => help = said.unwrap_or_default(),
            (Some("TYPE"), Some(name), Some(kind)) => {
                let (end, kind) = match kind {
                    "counter" => ("_total", "counter"),
                    "info" => ("_info", "gauge"),
                    "unknown" => ("", "untyped"),
                    other => ("", other),
                };
                text.push_str(&format!("# HELP {name}{end} {help}\n# TYPE {name}{end} {kind}\n"));
            }
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_the_one_that_is_preferred() {
        for (accept, format) in [
            ("", MetricsFormat::Text),
            ("*/*", MetricsFormat::Text),
            ("text/plain", MetricsFormat::Text),
            ("application/openmetrics-text", MetricsFormat::OpenMetrics),
            (
                "text/plain;q=0.5, application/openmetrics-text; version=1.0.0; q=0.5",
                MetricsFormat::OpenMetrics,
            ),
            ("text/plain, application/openmetrics-text;q=0.9", MetricsFormat::Text),
            ("application/openmetrics-text;q=0", MetricsFormat::Text),
            ("application/openmetrics-text;q=none", MetricsFormat::Text),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            assert_eq!(MetricsFormat::preferred(&headers), format, "{accept}");
        }
    }

    #[test]
    fn comments_name_what_the_samples_are_named() {
        let written = "# HELP a Calls.\n# TYPE a counter\na_total 1\n# HELP b_seconds Time.\n# TYPE b_seconds gauge\n\
                       # UNIT b_seconds seconds\nb_seconds 2\n# HELP c Build.\n# TYPE c info\nc_info{v=\"1\"} 1\n# EOF\n";
        let text = "# HELP a_total Calls.\n# TYPE a_total counter\na_total 1\n# HELP b_seconds Time.\n\
                    # TYPE b_seconds gauge\nb_seconds 2\n# HELP c_info Build.\n# TYPE c_info gauge\nc_info{v=\"1\"} 1\n";
        assert_eq!(MetricsFormat::Text.write(written.to_owned()), text);
    }
}
