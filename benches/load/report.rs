//! What came of it, as tables in Markdown.

use crate::requests::What;
use crate::wrk::Measurement;

/// One measured point.
pub struct Point {
    pub what: What,
    pub connections: usize,
    pub measurement: Measurement,
    /// Answers that wrk took for good ones, and that were not.
    pub wrong: u64,
}

impl Point {
    pub fn errors(&self) -> u64 {
        self.measurement.errors() + self.wrong
    }

    fn rate(&self) -> f64 {
        self.measurement.rate()
    }
}

/// The points that were measured one after the other at one number of connections, `/livez` before and after the rest.
pub struct Group(pub Vec<Point>);

impl Group {
    pub fn errors(&self) -> u64 {
        self.0.iter().map(Point::errors).sum()
    }

    /// The mean rate of all points of a kind; `None` where there is none.
    pub fn mean(&self, what: What) -> Option<f64> {
        let points = self.0.iter().filter(|point| point.what == what);
        let (sum, count) = points.fold((0.0, 0), |(sum, count), point| {
            (sum + point.rate(), count + 1)
        });
        (count > 0).then(|| sum / f64::from(count))
    }

    fn print(&self) {
        for point in &self.0 {
            let ratio = |to: What| {
                let is_fair = point.what != to;
                self.mean(to).filter(|_| is_fair).map_or_else(
                    || "–".to_owned(),
                    |ceiling| format!("{:.2}", point.rate() / ceiling),
                )
            };
            let of_typename = match point.what {
                What::ApiKeys => ratio(What::Typename),
                _ => "–".to_owned(),
            };
            println!(
                "| {:<25} | {:>11} | {:>10.0} | {:>7.2} | {:>7.2} | {:>9} | {:>17} | {:>6} |",
                point.what.name(),
                point.connections,
                point.rate(),
                point.measurement.p50_ms(),
                point.measurement.p99_ms(),
                ratio(What::Livez),
                of_typename,
                point.errors(),
            );
        }
    }
}

/// Prints the table of one database.
pub fn print(groups: &[Group]) {
    println!(
        "| what                      | connections | requests/s |  p50 ms |  p99 ms | of /livez | of {{ __typename }} | errors |"
    );
    println!(
        "| ------------------------- | ----------: | ---------: | ------: | ------: | --------: | ----------------: | -----: |"
    );
    for group in groups {
        group.print();
    }
}
