//! A picture of what ends when: sessions at Databricks, and secrets of service principals.
//!
//! What is near is what matters, so the scale is that of the square root: an hour, a day and a month all have room.

use std::time::Duration;

use maud::{Markup, html};

use super::elements::in_span;

/// What ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The caller's session at Databricks, if it is not used.
    Session,
    /// A service principal's secret.
    Secret,
}

/// Something that ends.
pub(super) struct Event {
    pub(super) ending: Ending,
    /// Of which fabrics.
    pub(super) fabrics: String,
    /// In how many nanoseconds.
    pub(super) ends_in: u64,
}

/// How far the picture reaches at least, and the marks on its scale.
const LEAST_SPAN: Duration = days(30);
const MARKS: [(Duration, &str); 8] = [
    (days(0), "now"),
    (days(1), "1 day"),
    (days(7), "7 days"),
    (days(30), "30 days"),
    (days(90), "90 days"),
    (days(182), "6 months"),
    (days(365), "1 year"),
    (days(730), "2 years"),
];

/// Within which time an end is drawn as near: what advisories tell of.
const NEAR: Duration = days(2);

/// Measures of the picture, in its own units.
const WIDTH: u32 = 1_000;
const MARGIN: u32 = 20;
const ROW: u32 = 26;
const TOP: u32 = 14;

const fn days(number: u64) -> Duration {
    Duration::from_secs(number.saturating_mul(86_400))
}

/// Draws it, with a list of the same for those who do not see it; nothing when nothing ends.
pub(super) fn timeline(events: &[Event]) -> Markup {
    let mut events: Vec<&Event> = events.iter().collect();
    events.sort_by_key(|event| event.ends_in);
    let furthest = events.last().map_or(0, |event| event.ends_in);
    let span = Duration::from_nanos(furthest).max(LEAST_SPAN);
    let rows = u32::try_from(events.len()).unwrap_or(u32::MAX).min(6);
    let height = TOP + ROW.saturating_mul(rows) + 34;
    let axis = height - 24;
    html! {
        @if !events.is_empty() {
            svg .timeline viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-label="What ends, on a scale of time" {
                line .axis x1=(MARGIN) x2=(WIDTH - MARGIN) y1=(axis) y2=(axis) {}
                @for (at, name) in MARKS.iter().filter(|(at, _)| *at <= span) {
                    line .tick x1=(across(*at, span)) x2=(across(*at, span)) y1=(TOP) y2=(axis + 6) {}
                    text x=(across(*at, span)) y=(height - 4) text-anchor=(anchor(across(*at, span))) { (name) }
                }
                @for (row, event) in (0..rows).zip(&events) {
                    (dot(event, across(Duration::from_nanos(event.ends_in), span), TOP + ROW * row + 10))
                }
            }
            ul .plain {
                @for event in &events { li { (event.fabrics) ": " (event.words()) } }
            }
        }
    }
}

fn dot(event: &Event, x: u32, y: u32) -> Markup {
    let class = match event.ending {
        _ if Duration::from_nanos(event.ends_in) <= NEAR => "soon",
        Ending::Session => "session",
        Ending::Secret => "secret",
    };
    let (label, side) = if x > WIDTH / 2 { (x.saturating_sub(12), "end") } else { (x.saturating_add(12), "start") };
    html! {
        circle class=(class) cx=(x) cy=(y) r="6" {}
        text x=(label) y=(y + 4) text-anchor=(side) { (event.fabrics) }
    }
}

/// Where on the scale a moment is.
fn across(at: Duration, span: Duration) -> u32 {
    let share = (at.as_secs_f64() / span.as_secs_f64().max(1.0)).clamp(0.0, 1.0).sqrt();
    // Between the margins by the clamp above.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and the width")]
    let offset = (share * f64::from(WIDTH - 2 * MARGIN)).round() as u32;
    MARGIN.saturating_add(offset)
}

fn anchor(x: u32) -> &'static str {
    match x {
        0..60 => "start",
        940.. => "end",
        _ => "middle",
    }
}

impl Event {
    fn words(&self) -> String {
        let end = in_span(self.ends_in);
        match self.ending {
            Ending::Session => format!("your session at Databricks ends {end} if it is not used (an estimate)"),
            Ending::Secret if self.ends_in == 0 => "the service principal's secret has ended".to_owned(),
            Ending::Secret => {
                format!("the service principal's secret ends {end}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(ending: Ending, ends_in: Duration) -> Event {
        Event { ending, fabrics: "<dev>".to_owned(), ends_in: u64::try_from(ends_in.as_nanos()).unwrap() }
    }

    #[test]
    fn what_is_near_has_more_room_than_what_is_far() {
        let places = [0, 1, 7, 30].map(|number| across(days(number), days(30)));
        assert_eq!((places[0], places[3]), (MARGIN, WIDTH - MARGIN));
        assert!(places[1] - places[0] > 100 && places[2] - places[1] > 100, "{places:?}");
        assert_eq!(across(days(90), days(30)), WIDTH - MARGIN);
        assert_eq!(across(days(1), Duration::ZERO), WIDTH - MARGIN);
    }

    #[test]
    fn what_is_drawn_is_also_told_in_words() {
        let drawn = timeline(&[event(Ending::Secret, days(400)), event(Ending::Session, days(1))]).into_string();
        assert!(drawn.contains("&lt;dev&gt;: your session at Databricks ends in 1 d if it is not used"), "{drawn}");
        assert!(drawn.contains("secret ends in 400 d") && drawn.contains(">1 year<") && !drawn.contains(">2 years<"));
        assert!(drawn.contains("class=\"soon\"") && drawn.contains("class=\"secret\""));
        assert_eq!(timeline(&[]).into_string(), "");
    }
}
