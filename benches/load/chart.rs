//! Growth curves as SVG: one line over a logarithmic axis, with the figure at each point.

use std::fmt::{self, Write as _};

use serde::Serialize;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 50.0;

/// How one figure grows with another.
#[derive(Debug, Clone, Serialize)]
pub struct Curve {
    /// The file's name, without `.svg`.
    pub name: &'static str,
    /// The chart's title.
    pub title: &'static str,
    /// The name of the x axis, e.g. `routes`.
    pub of: &'static str,
    /// The name of the measured figure, with its unit.
    pub figure: &'static str,
    /// Pairs of x value and figure.
    pub points: Vec<(f64, f64)>,
}

impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} by {}:", self.name, self.figure, self.of)?;
        self.points
            .iter()
            .try_for_each(|(x, y)| write!(f, "  {} → {}", count(*x), figure(*y)))
    }
}

impl Curve {
    /// Returns the chart as an SVG document.
    pub fn svg(&self) -> String {
        let logs: Vec<f64> = self
            .points
            .iter()
            .map(|(x, _)| x.max(1.0).log10())
            .collect();
        let (first, last) = (
            logs.iter().copied().fold(f64::INFINITY, f64::min),
            logs.iter().copied().fold(0.0, f64::max),
        );
        let top = nice(self.points.iter().map(|(_, y)| *y).fold(0.0, f64::max));
        let x = |log: f64| {
            LEFT + (WIDTH - LEFT - RIGHT)
                * if last > first {
                    (log - first) / (last - first)
                } else {
                    0.5
                }
        };
        let y = |value: f64| HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top;

        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <title>{}</title>\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n",
            self.title
        );
        for step in 0..=4 {
            let at = y(top * f64::from(step) / 4.0);
            let _ = writeln!(
                svg,
                "<path d=\"M{LEFT} {at:.1}H{}\" stroke=\"#ddd\"/>",
                WIDTH - RIGHT
            );
        }
        let mut text = |x: f64, y: f64, anchor: &str, text: &str| {
            let _ = writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"#333\">{text}</text>"
            );
        };
        text(LEFT, 20.0, "start", self.title);
        text(LEFT, 36.0, "start", self.figure);
        text(WIDTH / 2.0, HEIGHT - 10.0, "middle", self.of);
        for step in 0..=4 {
            let value = top * f64::from(step) / 4.0;
            text(LEFT - 8.0, y(value) + 4.0, "end", &figure(value));
        }
        for ((value, measured), log) in self.points.iter().zip(&logs) {
            text(x(*log), HEIGHT - BOTTOM + 18.0, "middle", &count(*value));
            text(x(*log), y(*measured) - 8.0, "middle", &figure(*measured));
        }
        let line: Vec<String> = self
            .points
            .iter()
            .zip(&logs)
            .map(|((_, measured), log)| format!("{:.1},{:.1}", x(*log), y(*measured)))
            .collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"#0b62a4\" stroke-width=\"2\"/>",
            line.join(" ")
        );
        for ((_, measured), log) in self.points.iter().zip(&logs) {
            let _ = writeln!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"#0b62a4\"/>",
                x(*log),
                y(*measured)
            );
        }
        svg.push_str("</svg>\n");
        svg
    }
}

/// Returns the end of the y axis: the next 1, 2, 2.5 or 5 times a power of ten that is at least 5 %
/// above `value`.
fn nice(value: f64) -> f64 {
    if value <= 0.0 || !value.is_finite() {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    steps
        .iter()
        .map(|step| step * power)
        .find(|top| *top >= value * 1.05)
        .unwrap_or(power * 20.0)
}

/// Formats a whole number with commas between thousands.
fn count(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a figure: two decimals below 10, one below 1,000, else none.
fn figure(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        small if small < 10.0 => format!("{value:.2}"),
        middle if middle < 1000.0 => format!("{value:.1}"),
        _ => count(value),
    }
}
