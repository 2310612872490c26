//! Time lines as drawings: what they show, and how.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use kubetape_engine::diff::{Comparison, Course, Span, Spans, Template, TemplateSource};
use kubetape_engine::names::Names;
use kubetape_engine::time::{Micros, Time};

use super::model::{Chart, Document, Lane, LaneSpan};
use crate::output::xml::escaped;

/// How many nodes get a lane of their own, for each DaemonSet.
const LANES_MAX: usize = 40;
/// The width of a drawing's inner part, and what is left of it for names.
const WIDTH: f64 = 820.0;
const LEFT: f64 = 170.0;
const HEIGHT: f64 = 90.0;
const LANE: f64 = 18.0;

/// What is drawn of each DaemonSet that differs at any time; nothing unless spans were asked for.
pub fn charts(comparison: &Comparison, document: &Document, a: &Names, b: &Names) -> Vec<Chart> {
    let (Some(x), Some(y)) = (&comparison.spans_a, &comparison.spans_b) else { return Vec::new() };
    let (began, ended) = (x.began.min(y.began), x.ended.max(y.ended));
    let since = |at: Time| (at - began).0;
    let length_us = since(ended).max(1);
    let colors = Colors::of([&x.templates, &y.templates]);
    let nodes = changed(document);
    let sets: BTreeSet<&String> = x.daemon_sets.keys().chain(y.daemon_sets.keys()).collect();
    let chart = |set: &String| {
        let sides = [(x, a), (y, b)].map(|(spans, names)| (spans.daemon_sets.get(set), spans, names));
        let course = |course: &Course| course.iter().map(|(at, n)| (since(*at), *n)).collect::<Vec<_>>();
        let live = sides.map(|(set, ..)| set.map_or_else(Vec::new, |set| course(&set.live())));
        let unavailable = sides.map(|(set, ..)| set.map_or_else(Vec::new, |set| course(&set.unavailable)));
        let none = BTreeSet::new();
        let nodes = nodes.get(set).unwrap_or(&none);
        let lane = |node: &&String| Lane {
            node: (*node).clone(),
            spans: [0, 1].map(|side| {
                let (set, spans, names) = sides[side];
                let id = names.find_node(node);
                let own = set.into_iter().flat_map(|set| &set.spans).filter(|span| Some(span.node) == id);
                own.map(|span| lane_span(span, spans, side, &colors, &since, length_us)).collect()
            }),
        };
        Chart {
            daemon_set: set.clone(),
            lanes: nodes.iter().take(LANES_MAX).map(|node| lane(&node)).collect(),
            more_lanes: nodes.len().saturating_sub(LANES_MAX),
            live,
            unavailable,
            length_us,
            began: began.to_string(),
        }
    };
    let all = sets.into_iter().map(chart);
    all.filter(|chart| !chart.lanes.is_empty() || chart.live[0] != chart.live[1]).collect()
}

/// The nodes on which a DaemonSet's placements differ at any moment that was compared.
fn changed(document: &Document) -> BTreeMap<String, BTreeSet<String>> {
    let mut nodes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for set in document.moments.iter().flat_map(|moment| &moment.daemon_sets) {
        let own = nodes.entry(format!("{}/{}", set.namespace, set.name)).or_default();
        own.extend(set.placements.iter().map(|placement| placement.node.clone()));
    }
    for stretch in &document.timeline {
        let own = nodes.entry(stretch.daemon_set.clone()).or_default();
        own.extend(stretch.groups.iter().flat_map(|group| &group.nodes).cloned());
    }
    nodes
}

fn lane_span(
    span: &Span,
    spans: &Spans,
    side: usize,
    colors: &Colors,
    since: &impl Fn(Time) -> i64,
    length_us: i64,
) -> LaneSpan {
    let template = &spans.templates[span.template as usize];
    let revision = match template.number {
        Some(number) => format!("revision {number} ({})", template.hash),
        None => format!("revision {}", template.hash),
    };
    let (from_us, to_us) = (since(span.from), span.to.map_or(length_us, since));
    let until = if span.to.is_some() { format!("+{}", Micros(to_us)) } else { "the end".to_owned() };
    let side_name = ["A", "B"][side];
    LaneSpan {
        from_us,
        to_us,
        template: colors.0[side][span.template as usize],
        title: format!("{side_name}: {revision} from +{} to {until}", Micros(from_us)),
    }
}

/// A number for each template, the same for the same template of either side.
struct Colors([Vec<u32>; 2]);

impl Colors {
    fn of(templates: [&[Template]; 2]) -> Colors {
        let mut known: BTreeMap<&TemplateSource, u32> = BTreeMap::new();
        let mut numbers = [Vec::new(), Vec::new()];
        for (numbers, templates) in numbers.iter_mut().zip(templates) {
            for template in templates {
                let fresh = known.len() as u32;
                numbers.push(*known.entry(&template.source).or_insert(fresh));
            }
        }
        Colors(numbers)
    }
}

/// A DaemonSet's live pods over time, what was unavailable, and its nodes that differ.
pub fn draw(chart: &Chart) -> String {
    let lanes = chart.lanes.len() as f64 * LANE;
    let height = 2.0 * (HEIGHT + 30.0) + lanes + 30.0;
    let width = LEFT + WIDTH + 20.0;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{} over time\">\n",
        escaped(&chart.daemon_set)
    );
    // Writing to a string cannot fail.
    let _ = courses(chart, &chart.live, "live pods", 10.0, &mut svg);
    let _ = courses(chart, &chart.unavailable, "unavailable", HEIGHT + 40.0, &mut svg);
    let _ = draw_lanes(chart, 2.0 * (HEIGHT + 30.0) + 10.0, &mut svg);
    svg + "</svg>\n"
}

fn x_of(chart: &Chart, at_us: i64) -> f64 {
    LEFT + WIDTH * at_us as f64 / chart.length_us as f64
}

fn courses(
    chart: &Chart,
    sides: &[Vec<(i64, u32)>; 2],
    title: &str,
    top: f64,
    svg: &mut String,
) -> std::fmt::Result {
    let most = sides.iter().flatten().map(|point| point.1).max().unwrap_or(0).max(1);
    let bottom = top + HEIGHT;
    writeln!(svg, "<text x=\"{}\" y=\"{}\" class=\"name\">{title}</text>", LEFT - 10.0, top + 12.0)?;
    writeln!(svg, "<text x=\"{}\" y=\"{}\" class=\"tick end\">{most}</text>", LEFT - 10.0, top + 28.0)?;
    writeln!(svg, "<text x=\"{}\" y=\"{bottom}\" class=\"tick end\">0</text>", LEFT - 10.0)?;
    writeln!(svg, "<rect x=\"{LEFT}\" y=\"{top}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" class=\"frame\"/>")?;
    for (side, course) in ["a", "b"].into_iter().zip(sides) {
        let y_of = |value: u32| bottom - HEIGHT * f64::from(value) / f64::from(most);
        let mut path = format!("M{LEFT:.1} {:.1}", y_of(0));
        for (at, value) in thinned(course, chart.length_us) {
            write!(path, "H{:.1}V{:.1}", x_of(chart, at), y_of(value))?;
        }
        writeln!(svg, "<path d=\"{path}H{:.1}\" class=\"course {side}\"/>", LEFT + WIDTH)?;
    }
    for step in 0..=4 {
        let at_us = chart.length_us / 4 * step;
        let shown = crate::output::age::rounded(Micros(at_us));
        let (x, y) = (x_of(chart, at_us), bottom + 14.0);
        writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"tick\">+{shown}</text>")?;
    }
    Ok(())
}

/// At most four points a column of the drawing: the first, the lowest, the highest and the last.
fn thinned(course: &[(i64, u32)], length_us: i64) -> Vec<(i64, u32)> {
    let column = |at: i64| (at as f64 / length_us as f64 * WIDTH) as i64;
    let mut points: Vec<(i64, u32)> = Vec::new();
    for together in course.chunk_by(|x, y| column(x.0) == column(y.0)) {
        let lowest = together.iter().min_by_key(|point| point.1);
        let highest = together.iter().max_by_key(|point| point.1);
        let mut kept: Vec<(i64, u32)> =
            [together.first(), lowest, highest, together.last()].into_iter().flatten().copied().collect();
        kept.sort_by_key(|point| point.0);
        kept.dedup();
        points.extend(kept);
    }
    points
}

fn draw_lanes(chart: &Chart, top: f64, svg: &mut String) -> std::fmt::Result {
    for (index, lane) in chart.lanes.iter().enumerate() {
        let y = top + index as f64 * LANE;
        let name: String = lane.node.chars().rev().take(26).collect::<Vec<_>>().into_iter().rev().collect();
        writeln!(
            svg,
            "<text x=\"{}\" y=\"{:.1}\" class=\"tick end\">{}<title>{}</title></text>",
            LEFT - 10.0,
            y + 11.0,
            escaped(&name),
            escaped(&lane.node)
        )?;
        for (side, spans) in lane.spans.iter().enumerate() {
            for span in spans {
                let (from, to) = (x_of(chart, span.from_us), x_of(chart, span.to_us));
                writeln!(
                    svg,
                    "<rect x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"6\" class=\"span t{}\"><title>{}</title></rect>",
                    y + side as f64 * 7.0 + 1.0,
                    (to - from).max(1.0),
                    span.template % 6,
                    escaped(&span.title)
                )?;
            }
        }
    }
    if chart.more_lanes > 0 {
        let y = top + chart.lanes.len() as f64 * LANE + 12.0;
        writeln!(
            svg,
            "<text x=\"{LEFT}\" y=\"{y:.1}\" class=\"tick start\">and {} more nodes</text>",
            chart.more_lanes
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_course_is_thinned_to_the_width_of_the_drawing_and_keeps_its_peaks() {
        let course: Vec<(i64, u32)> = (0..100_000).map(|at| (at, if at == 50_001 { 9 } else { 3 })).collect();
        let thinned = thinned(&course, 100_000);
        assert!(thinned.len() <= 4 * 821, "{}", thinned.len());
        assert!(thinned.contains(&(50_001, 9)));
    }
}
