//! Plots as SVG; their colours come from the page, so that they follow its light and dark.

use anyhow::{Result, anyhow};
use plotters::prelude::*;

/// Stands for the colours in plotters' output and is replaced by the page's own.
const TEXT: RGBColor = RGBColor(1, 1, 1);
const GRID: RGBColor = RGBColor(2, 2, 2);
const LINE: RGBColor = RGBColor(3, 3, 3);
const COLOURS: [(&str, &str); 3] =
    [("#010101", "var(--text)"), ("#020202", "var(--grid)"), ("#030303", "var(--accent)")];

/// A plot's words.
pub struct Axes<'a> {
    pub title: &'a str,
    pub x: &'a str,
    pub y: &'a str,
}

/// One curve.
pub struct Curve {
    pub points: Vec<(f64, f64)>,
    /// Dots instead of a line.
    pub dots: bool,
}

/// Draws curves over each other.
///
/// # Errors
/// When plotters refuses the ranges.
pub fn draw(axes: &Axes<'_>, curves: &[Curve]) -> Result<String> {
    let mut svg = String::new();
    draw_into(&mut svg, axes, curves).map_err(|error| anyhow!("can't plot {}: {error}", axes.title))?;
    for (stand_in, colour) in COLOURS {
        svg = svg.replace(stand_in, colour);
    }
    Ok(svg)
}

fn draw_into(svg: &mut String, axes: &Axes<'_>, curves: &[Curve]) -> Result<(), Box<dyn std::error::Error>> {
    let all = || curves.iter().flat_map(|curve| curve.points.iter().copied());
    let (left, right) = range(all().map(|point| point.0));
    let (low, high) = range(all().map(|point| point.1));
    let area = SVGBackend::with_string(svg, (460, 280)).into_drawing_area();
    let words = |size| ("sans-serif", size).into_font().color(&TEXT);
    let mut chart = ChartBuilder::on(&area)
        .caption(axes.title, words(15))
        .margin(8)
        .x_label_area_size(34)
        .y_label_area_size(54)
        .build_cartesian_2d(left..right, low..high)?;
    chart
        .configure_mesh()
        .x_labels(5)
        .y_labels(5)
        .x_desc(axes.x)
        .y_desc(axes.y)
        .label_style(words(12))
        .axis_style(GRID)
        .bold_line_style(GRID.mix(0.5))
        .light_line_style(TRANSPARENT)
        .draw()?;
    for Curve { points, dots } in curves {
        if *dots {
            chart.draw_series(points.iter().map(|&point| Circle::new(point, 4, LINE.filled())))?;
        } else {
            chart.draw_series(LineSeries::new(points.iter().copied(), LINE.stroke_width(2)))?;
        }
    }
    area.present()?;
    drop(chart);
    Ok(())
}

/// The span of values with a little room; something drawable where there are none or only one.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return (0.0, 1.0);
    }
    let room = if high > low { 0.04 * (high - low) } else { high.abs().max(1.0) * 0.1 };
    (low - room, high + room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_points_can_be_drawn() {
        let axes = Axes { title: "loss", x: "step", y: "" };
        for points in [vec![], vec![(1.0, 2.0)], vec![(1.0, 2.0), (2.0, 1.5), (3.0, 1.2)]] {
            let svg = draw(&axes, &[Curve { points, dots: false }]).unwrap();
            assert!(svg.starts_with("<svg") && svg.contains("loss") && !svg.contains("#010101"));
        }
    }
}
