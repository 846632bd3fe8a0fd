//! Plots: bars side by side, and lines over two logarithmic axes.

use std::fmt::Display;
use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

use crate::report::number;

const SIZE: (u32, u32) = (880, 420);
const FONT: (&str, u32) = ("sans-serif", 14);
const TITLE: (&str, u32) = ("sans-serif", 18);

/// Colours that differ in brightness too.
const COLOURS: [RGBColor; 5] = [
    RGBColor(0, 82, 136),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(150, 150, 150),
    RGBColor(60, 60, 60),
];

/// Groups of bars: each has a name and one value for each of the series.
pub(crate) struct Bars<'a> {
    pub(crate) title: &'a str,
    pub(crate) unit: &'a str,
    pub(crate) series: &'a [&'a str],
    pub(crate) groups: Vec<(String, Vec<f64>)>,
    /// Whether the axis is logarithmic, for values so far apart that small ones would not be seen.
    pub(crate) logarithmic: bool,
}

impl Bars<'_> {
    /// Draw to an SVG file.
    pub(crate) fn draw(&self, path: &Path) -> Result<()> {
        let values = || self.groups.iter().flat_map(|(_, values)| values).copied();
        let top = values().fold(0.0, f64::max);
        let area = SVGBackend::new(path, SIZE).into_drawing_area();
        let groups = u32::try_from(self.groups.len())?;
        // Room at the right for the names of the series.
        let across = 0.0..f64::from(groups) + 1.5;
        if self.logarithmic {
            let bottom = values().fold(top, f64::min) / 2.0;
            self.fill(&area, across, (bottom..top * 2.5).log_scale(), bottom)
        } else {
            self.fill(&area, across, 0.0..top * 1.12, 0.0)
        }
    }

    fn fill<Y>(
        &self,
        area: &DrawingArea<SVGBackend<'_>, Shift>,
        across: std::ops::Range<f64>,
        up: Y,
        bottom: f64,
    ) -> Result<()>
    where
        Y: AsRangedCoord<Value = f64>,
        Y::CoordDescType: ValueFormatter<f64>,
    {
        drawn(area.fill(&WHITE))?;
        let mut chart = drawn(
            ChartBuilder::on(area)
                .caption(self.title, TITLE)
                .margin(12)
                .x_label_area_size(30)
                .y_label_area_size(70)
                .build_cartesian_2d(across, up),
        )?;
        let group_name = |at: &f64| self.group_at(*at).unwrap_or_default();
        drawn(
            chart
                .configure_mesh()
                .disable_x_mesh()
                .x_labels(2 * self.groups.len() + 4)
                .x_label_formatter(&group_name)
                .y_label_formatter(&|value| number(*value))
                .y_desc(self.unit)
                .label_style(FONT)
                .draw(),
        )?;
        let width = 0.8 / f64::from(u32::try_from(self.series.len())?);
        for (index, (name, colour)) in (0_u32..).zip(self.series.iter().zip(COLOURS)) {
            let bars = (0_u32..)
                .zip(&self.groups)
                .filter_map(|(group, (_, values))| {
                    let value = *values.get(usize::try_from(index).ok()?)?;
                    let left = f64::from(group) + 0.1 + f64::from(index) * width;
                    let corners = [(left, bottom), (left + width * 0.92, value)];
                    Some(Rectangle::new(corners, colour.filled()))
                });
            drawn(chart.draw_series(bars))?
                .label(*name)
                .legend(move |(x, y)| {
                    Rectangle::new([(x, y - 5), (x + 12, y + 5)], colour.filled())
                });
        }
        drawn(
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperRight)
                .background_style(WHITE.mix(0.8))
                .label_font(FONT)
                .draw(),
        )?;
        drawn(area.present())
    }

    /// The name of the group whose middle this is.
    fn group_at(&self, at: f64) -> Option<String> {
        let middles = (0_u32..).map(|group| f64::from(group) + 0.5);
        let mut groups = middles.zip(&self.groups);
        let (_, (name, _)) = groups.find(|(middle, _)| (middle - at).abs() < 0.01)?;
        Some(name.clone())
    }
}

/// Lines through points.
pub(crate) struct Lines<'a> {
    pub(crate) title: &'a str,
    pub(crate) across: &'a str,
    pub(crate) unit: &'a str,
    pub(crate) series: Vec<(&'a str, Vec<(f64, f64)>)>,
}

impl Lines<'_> {
    /// Draw to an SVG file.
    pub(crate) fn draw(&self, path: &Path) -> Result<()> {
        let points = || self.series.iter().flat_map(|(_, points)| points);
        let most = points().fold((1.0, 1.0), |(x, y), point| (point.0.max(x), point.1.max(y)));
        let least = points().fold(most, |(x, y), point| (point.0.min(x), point.1.min(y)));
        let area = SVGBackend::new(path, SIZE).into_drawing_area();
        drawn(area.fill(&WHITE))?;
        let mut chart = drawn(
            ChartBuilder::on(&area)
                .caption(self.title, TITLE)
                .margin(12)
                .x_label_area_size(45)
                .y_label_area_size(110)
                .build_cartesian_2d(
                    (least.0..most.0 * 1.2).log_scale(),
                    (least.1 / 1.5..most.1 * 1.5).log_scale(),
                ),
        )?;
        drawn(
            chart
                .configure_mesh()
                .x_desc(self.across)
                .y_desc(self.unit)
                .x_label_formatter(&|value| format!("{value:.0}"))
                .y_label_formatter(&|value| number(*value))
                .label_style(FONT)
                .draw(),
        )?;
        for ((name, points), colour) in self.series.iter().zip(COLOURS) {
            let line = LineSeries::new(points.iter().copied(), colour.stroke_width(2));
            drawn(chart.draw_series(line.point_size(3)))?
                .label(*name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 12, y)], colour));
        }
        drawn(
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperLeft)
                .background_style(WHITE.mix(0.8))
                .label_font(FONT)
                .draw(),
        )?;
        drawn(area.present())
    }
}

/// Turn a plotters error, which borrows what it is about, into one that can be returned.
fn drawn<T, E: Display>(result: Result<T, E>) -> Result<T> {
    result.map_err(|error| anyhow!("cannot draw: {error}"))
}
