//! Plots as inline SVG. Colours are names of the page's own, so that they follow light and dark.

use anyhow::{Result, anyhow};
use plotters::prelude::*;
use std::ops::Range;

/// Small enough that text stays readable on a phone, where a plot is as wide as the page.
const SIZE: (u32, u32) = (440, 260);

/// Stand-ins, which no plot uses for themselves, and what the page calls them.
const INK: RGBColor = RGBColor(1, 1, 1);
const FAINT: RGBColor = RGBColor(2, 2, 2);
const ACCENT: RGBColor = RGBColor(3, 3, 3);
const NAMES: [(&str, &str); 3] =
    [("#010101", "currentColor"), ("#020202", "var(--line)"), ("#030303", "var(--accent)")];

/// How a curve is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A line: many points.
    Line,
    /// A line with a dot at each point: few points.
    Dots,
}

/// A curve; `points` must not be empty. The axes carry the two names.
pub fn curve(points: &[(f64, f64)], x_name: &str, y_name: &str, mark: Mark) -> Result<String> {
    let x = padded(points.iter().map(|point| point.0), 0.0);
    let y = padded(points.iter().map(|point| point.1), 0.08);
    draw([x, y], [x_name, y_name], &|x| short(x, 3), &[], &[(points, mark)])
}

/// Curves over shares of a whole, which stand at equal steps of their logarithm; the last one is the accented one. `guide` is what
/// they are to be above, or below.
pub fn by_share(curves: &[&[(f64, f64)]], x_name: &str, y_name: &str, guide: &[(f64, f64)]) -> Result<String> {
    let logarithmic = |points: &[(f64, f64)]| points.iter().map(|(share, y)| (share.log10(), *y)).collect::<Vec<_>>();
    let logarithms: Vec<Vec<(f64, f64)>> = curves.iter().map(|points| logarithmic(points)).collect();
    let guides = [logarithmic(guide)];
    let points = || logarithms.iter().chain(&guides).flatten();
    let x = padded(points().map(|point| point.0), 0.05);
    let y = padded(points().map(|point| point.1), 0.08);
    let curves: Vec<(&[(f64, f64)], Mark)> = logarithms.iter().map(|points| (points.as_slice(), Mark::Dots)).collect();
    draw([x, y], [x_name, y_name], &|x| format!("{}%", short(100.0 * 10f64.powf(x), 2)), &guides, &curves)
}

/// A curve before others, the first of which is the darkest; none may be empty.
pub fn beside(points: &[(f64, f64)], others: &[Vec<(f64, f64)>], x_name: &str, y_name: &str) -> Result<String> {
    let all = || others.iter().flatten().chain(points);
    let x = padded(all().map(|point| point.0), 0.0);
    let y = padded(all().map(|point| point.1), 0.08);
    draw([x, y], [x_name, y_name], &|x| short(x, 3), others, &[(points, Mark::Dots)])
}

/// Points below or above the diagonal on which a promise comes true.
pub fn reliability(points: &[(f64, f64)]) -> Result<String> {
    let largest = points.iter().fold(0.0, |largest: f64, point| largest.max(point.0).max(point.1));
    let axis = 0.0..(largest * 1.05).max(1e-3);
    let diagonal = vec![(0.0, 0.0), (axis.end, axis.end)];
    let names = ["promised probability", "share that came true"];
    draw([axis.clone(), axis], names, &|x| short(x, 3), &[diagonal], &[(points, Mark::Dots)])
}

fn draw(
    [x, y]: [Range<f64>; 2],
    [x_name, y_name]: [&str; 2],
    x_label: &dyn Fn(f64) -> String,
    guides: &[Vec<(f64, f64)>],
    curves: &[(&[(f64, f64)], Mark)],
) -> Result<String> {
    let mut svg = String::new();
    let wrong = |error: &dyn std::fmt::Display| anyhow!("the plot of {y_name} can't be drawn: {error}");
    let digits = if y.end - y.start < 0.02 { 4 } else { 3 };
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(8)
            .margin_right(16)
            .x_label_area_size(38)
            .y_label_area_size(58)
            .build_cartesian_2d(x, y)
            .map_err(|error| wrong(&error))?;
        let text = ("sans-serif", 13).into_font().color(&INK);
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(FAINT)
            .axis_style(FAINT)
            .label_style(text)
            .x_labels(6)
            .y_labels(6)
            .x_label_formatter(&|x| x_label(*x))
            .y_label_formatter(&|y| short(*y, digits))
            .x_desc(x_name)
            .y_desc(y_name)
            .draw()
            .map_err(|error| wrong(&error))?;
        for (number, guide) in guides.iter().enumerate() {
            let ink = INK.mix(0.4 / (number + 1) as f64);
            chart.draw_series(LineSeries::new(guide.iter().copied(), ink)).map_err(|error| wrong(&error))?;
        }
        for (place, (points, mark)) in curves.iter().enumerate() {
            let colour = if place + 1 == curves.len() { ACCENT.to_rgba() } else { INK.mix(0.55) };
            let line = LineSeries::new(points.iter().copied(), colour.stroke_width(2));
            chart.draw_series(line).map_err(|error| wrong(&error))?;
            if *mark == Mark::Dots {
                let dots = points.iter().map(|&point| Circle::new(point, 4, colour.filled()));
                chart.draw_series(dots).map_err(|error| wrong(&error))?;
            }
        }
        area.present().map_err(|error| wrong(&error))?;
    }
    for (stand_in, name) in NAMES {
        svg = svg.replace(stand_in, name);
    }
    // Inline SVG needs no name space, and so the page holds no address at all.
    Ok(svg.replacen(
        " xmlns=\"http://www.w3.org/2000/svg\"",
        &format!(" role=\"img\" aria-label=\"{y_name} over {x_name}\""),
        1,
    ))
}

/// From the least to the greatest value, and a share of that beyond; never empty.
fn padded(values: impl Iterator<Item = f64>, share: f64) -> Range<f64> {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let pad = match high - low {
        0.0 if high == 0.0 => 1.0,
        0.0 => high.abs() / 2.0,
        width => width * share,
    };
    low - pad..high + pad
}

/// A number with at most so many digits behind the point, and none that say nothing.
fn short(value: f64, digits: usize) -> String {
    // What is left of rounding at the axis's zero is no number to read.
    if value.abs() < 1e-9 {
        return "0".into();
    }
    let text = if value.abs() < 1e-3 { format!("{value:.0e}") } else { format!("{value:.digits$}") };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_on_an_axis_are_short() {
        let texts = [-6e-17, 2.5, 0.0002, -0.04, 1200.0].map(|value| short(value, 3));
        assert_eq!(texts, ["0", "2.5", "2e-4", "-0.04", "1200"]);
    }

    #[test]
    fn an_axis_is_never_empty() {
        assert_eq!(padded([4.0].into_iter(), 0.1), 2.0..6.0);
        assert_eq!(padded([0.0, 0.0].into_iter(), 0.1), -1.0..1.0);
        assert_eq!(padded([1.0, 2.0].into_iter(), 0.5), 0.5..2.5);
    }
}
