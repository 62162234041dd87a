use std::fmt::Write as _;

use super::axis::{Axis, short};

/// A line chart.
pub(super) struct Chart {
    pub(super) title: &'static str,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) series: Vec<Series>,
    /// Whether to draw the line y = x.
    pub(super) diagonal: bool,
    /// An upper bound to draw, with its label.
    pub(super) limit: Option<(f64, &'static str)>,
}

/// One line.
pub(super) struct Series {
    pub(super) label: String,
    /// The number of the colour.
    pub(super) color: usize,
    pub(super) points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 400.0;
const TOP: f64 = 116.0;
const BOTTOM: f64 = 64.0;
const LEFT: f64 = 52.0;
const GAP: f64 = 74.0;
const RIGHT: f64 = 24.0;

/// Colours that people with colour blindness can distinguish, for light and dark pages.
const STYLE: &str = "
  .page{fill:#ffffff} text{fill:#3b4252;font:13px system-ui,'Segoe UI',Helvetica,Arial,sans-serif}
  .title{font-size:17px;font-weight:600;fill:#1f2430} .head{font-size:13.5px;font-weight:600}
  .tick{font-size:12px;fill:#6b7280} .grid{stroke:#e5e7eb;stroke-width:1} .base{stroke:#9ca3af;stroke-width:1}
  .same{stroke:#9ca3af;stroke-width:1.2;stroke-dasharray:2 4} .limit{stroke:#b91c1c;stroke-width:1.2;stroke-dasharray:6 4}
  .limit-text{fill:#b91c1c;font-size:12px} .line{fill:none;stroke-width:2.4;stroke-linejoin:round;stroke-linecap:round}
  .c0{stroke:#0072b2} .c1{stroke:#d55e00} .c2{stroke:#7a7f8c} .d0{fill:#0072b2} .d1{fill:#d55e00} .d2{fill:#7a7f8c}
  @media (prefers-color-scheme:dark){
    .page{fill:#0d1117} text{fill:#c9d1d9} .title{fill:#f0f3f6} .tick{fill:#8b949e} .grid{stroke:#21262d} .base{stroke:#484f58}
    .same{stroke:#6e7681} .limit{stroke:#ff7b72} .limit-text{fill:#ff7b72}
    .c0{stroke:#56b4e9} .c1{stroke:#f0a04b} .c2{stroke:#8b949e} .d0{fill:#56b4e9} .d1{fill:#f0a04b} .d2{fill:#8b949e}
  }";

/// Returns an SVG of charts side by side, under one title.
pub(super) fn page(title: &str, charts: &[Chart]) -> String {
    let mut svg = String::new();
    let mut put = |text: String| svg.push_str(&text);
    put(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         role=\"img\" aria-label=\"{title}\">\n<title>{title}</title>\n<style>{STYLE}\n</style>\n\
         <rect class=\"page\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"8\"/>\n\
         <text class=\"title\" x=\"{LEFT}\" y=\"34\">{title}</text>\n"
    ));
    put(legend(charts));
    let count = f64::from(u32::try_from(charts.len()).unwrap_or(1).max(1));
    let width = (WIDTH - LEFT - RIGHT - GAP * (count - 1.0)) / count;
    let mut left = LEFT;
    for chart in charts {
        put(chart.render(&Frame { left, width, top: TOP, height: HEIGHT - TOP - BOTTOM }));
        left += width + GAP;
    }
    svg.push_str("</svg>\n");
    svg
}

/// Returns the legend: the label of each series once, in its colour.
fn legend(charts: &[Chart]) -> String {
    let (mut text, mut x, mut seen) = (String::new(), LEFT, Vec::new());
    for Series { label, color, .. } in charts.iter().flat_map(|chart| &chart.series) {
        if seen.contains(color) {
            continue;
        }
        seen.push(*color);
        let (end, words) = (x + 22.0, x + 29.0);
        let _ = writeln!(
            text,
            "<path class=\"line c{color}\" d=\"M{x:.1} 55H{end:.1}\"/><text x=\"{words:.1}\" y=\"59.5\">{label}</text>"
        );
        x = words + 7.4 * f64::from(u32::try_from(label.len()).unwrap_or_default()) + 22.0;
    }
    text
}

/// The position of a chart in the picture.
struct Frame {
    left: f64,
    width: f64,
    top: f64,
    height: f64,
}

impl Chart {
    fn render(&self, frame: &Frame) -> String {
        let Frame { left, width, top, height } = *frame;
        let (right, bottom) = (left + width, top + height);
        let x = |value: f64| left + width * self.x.position(value);
        let y = |value: f64| bottom - height * self.y.position(value);
        let mut text =
            format!("<text class=\"head\" x=\"{left:.1}\" y=\"{:.1}\">{}</text>\n", top - 14.0, self.title);
        for tick in &self.y.ticks {
            let (at, words) = (y(*tick), short(*tick));
            let _ = writeln!(
                text,
                "<path class=\"grid\" d=\"M{left:.1} {at:.1}H{right:.1}\"/>\
                 <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{words}</text>",
                left - 8.0,
                at + 4.0
            );
        }
        for tick in &self.x.ticks {
            let (at, words) = (x(*tick), short(*tick));
            let _ = writeln!(
                text,
                "<path class=\"base\" d=\"M{at:.1} {bottom:.1}v5\"/>\
                 <text class=\"tick\" x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{words}</text>",
                bottom + 20.0
            );
        }
        let _ = writeln!(
            text,
            "<path class=\"base\" d=\"M{left:.1} {bottom:.1}H{right:.1}\"/>\
             <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            left + width / 2.0,
            bottom + 42.0,
            self.x.label
        );
        if self.diagonal {
            let end = self.x.ticks.last().copied().unwrap_or_default();
            let _ = writeln!(
                text,
                "<path class=\"same\" d=\"M{:.1} {:.1}L{:.1} {:.1}\"/>",
                x(0.0),
                y(0.0),
                x(end),
                y(end)
            );
        }
        if let Some((limit, words)) = self.limit.filter(|(limit, _)| self.y.contains(*limit)) {
            let _ = writeln!(
                text,
                "<path class=\"limit\" d=\"M{left:.1} {0:.1}H{right:.1}\"/>\
                 <text class=\"limit-text\" x=\"{1:.1}\" y=\"{2:.1}\" text-anchor=\"end\">{words}</text>",
                y(limit),
                right - 4.0,
                y(limit) - 6.0
            );
        }
        // The first series is drawn last, on top.
        for Series { color, points, .. } in self.series.iter().rev() {
            let line: Vec<String> =
                points.iter().map(|(at, value)| format!("{:.1} {:.1}", x(*at), y(*value))).collect();
            let _ = writeln!(text, "<path class=\"line c{color}\" d=\"M{}\"/>", line.join("L"));
            for (at, value) in points {
                let _ = writeln!(
                    text,
                    "<circle class=\"d{color}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.4\"/>",
                    x(*at),
                    y(*value)
                );
            }
        }
        text
    }
}
