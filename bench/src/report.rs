//! What a benchmark says: rows, as a table for people or as JSON lines for programs.

use serde::Serialize;

/// Whom a figure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Subject {
    /// Us.
    Muster,
    /// The JavaScript package `@automerge/automerge-repo` as a server.
    AutomergeRepo,
    /// The crate `samod` as a server.
    Samod,
    /// What the machine and the libraries allow: a bare SQLite commit, a bare Automerge save and load.
    Limit,
}

impl Subject {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Muster => "muster",
            Self::AutomergeRepo => "automerge-repo",
            Self::Samod => "samod",
            Self::Limit => "limit",
        }
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// The benchmark.
    pub(crate) bench: String,
    /// Whom it is about.
    pub(crate) subject: Subject,
    /// What was measured.
    pub(crate) metric: &'static str,
    /// The figure; `None` where it was never reached.
    pub(crate) value: Option<f64>,
    /// Its unit.
    pub(crate) unit: &'static str,
    /// Of how many measurements it comes.
    pub(crate) n: u64,
}

/// Where rows go as they are made.
#[derive(Debug)]
pub(crate) struct Report {
    json: bool,
    bench: String,
    rows: Vec<Row>,
}

impl Report {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json, bench: String::new(), rows: Vec::new() }
    }

    /// What follows belongs to this benchmark.
    pub(crate) fn begin(&mut self, bench: &str) {
        bench.clone_into(&mut self.bench);
    }

    /// A figure.
    pub(crate) fn row(&mut self, subject: Subject, metric: &'static str, figure: impl Into<Figure>, n: usize) {
        let Figure { value, unit } = figure.into();
        let n = u64::try_from(n).unwrap_or(u64::MAX);
        let row = Row { bench: self.bench.clone(), subject, metric, value, unit, n };
        self.show(&row);
        self.rows.push(row);
    }

    #[expect(clippy::print_stdout, reason = "this is what the program is for")]
    fn show(&self, row: &Row) {
        if self.json {
            println!("{}", serde_json::to_string(row).unwrap_or_default());
            return;
        }
        if self.rows.is_empty() {
            println!("{:<12} {:<15} {:<28} {:>12} {:<6} {:>9}", "bench", "subject", "metric", "value", "unit", "n");
        }
        let value = row.value.map_or_else(|| "never".to_owned(), shown);
        println!(
            "{:<12} {:<15} {:<28} {value:>12} {:<6} {:>9}",
            row.bench,
            row.subject.as_str(),
            row.metric,
            row.unit,
            row.n
        );
    }

    /// The figure of this run, if there is one.
    pub(crate) fn value(&self, subject: Subject, metric: &str) -> Option<f64> {
        let mine = |row: &&Row| row.bench == self.bench && row.subject == subject && row.metric == metric;
        self.rows.iter().rev().find(mine).and_then(|row| row.value)
    }

    /// How many times as much as `other` we take, if both figures are there.
    pub(crate) fn ratio(&mut self, metric: &'static str, other: Subject, of: &str, n: usize) {
        if let (Some(ours), Some(theirs)) = (self.value(Subject::Muster, of), self.value(other, of))
            && theirs > 0.0
        {
            self.row(Subject::Muster, metric, Figure { value: Some(ours / theirs), unit: "x" }, n);
        }
    }
}

fn shown(value: f64) -> String {
    match value.abs() {
        at_least if at_least >= 100.0 => format!("{value:.0}"),
        at_least if at_least >= 10.0 => format!("{value:.1}"),
        at_least if at_least >= 0.01 || at_least == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// A value with its unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    pub(crate) value: Option<f64>,
    pub(crate) unit: &'static str,
}

impl Figure {
    pub(crate) const fn ms(value: f64) -> Self {
        Self { value: Some(value), unit: "ms" }
    }

    pub(crate) const fn seconds(value: Option<f64>) -> Self {
        Self { value, unit: "s" }
    }

    pub(crate) const fn us(value: f64) -> Self {
        Self { value: Some(value), unit: "us" }
    }

    pub(crate) fn mb(bytes: u64) -> Self {
        Self { value: Some(float(bytes) / 1e6), unit: "MB" }
    }

    pub(crate) const fn kb(value: f64) -> Self {
        Self { value: Some(value / 1e3), unit: "kB" }
    }

    pub(crate) const fn percent(value: f64) -> Self {
        Self { value: Some(value), unit: "%" }
    }

    pub(crate) const fn count(value: f64) -> Self {
        Self { value: Some(value), unit: "" }
    }

    pub(crate) const fn ratio(value: f64) -> Self {
        Self { value: Some(value), unit: "x" }
    }
}

/// A count as a float, exact up to 2^53.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "figures, not accounts")]
pub(crate) const fn float(count: u64) -> f64 {
    count as f64
}

/// Times of the same thing, in milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Times(Vec<f64>);

impl Times {
    pub(crate) fn note(&mut self, since: std::time::Instant) {
        self.took(since.elapsed());
    }

    pub(crate) fn took(&mut self, time: std::time::Duration) {
        self.0.push(time.as_secs_f64() * 1_000.0);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The time that `share` of 1,000 measurements do not exceed, by the nearest rank.
    pub(crate) fn per_mille(&mut self, share: usize) -> f64 {
        self.0.sort_by(f64::total_cmp);
        let rank = self.0.len().saturating_mul(share).div_ceil(1_000).max(1);
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    }

    /// Median and 99th percentile, as rows.
    pub(crate) fn report(&mut self, report: &mut Report, subject: Subject) {
        let n = self.len();
        report.row(subject, "p50_ms", Figure::ms(self.per_mille(500)), n);
        report.row(subject, "p99_ms", Figure::ms(self.per_mille(990)), n);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let mut times = Times((1..=100).rev().map(f64::from).collect());
        assert_eq!((times.per_mille(500), times.per_mille(990), times.per_mille(1_000)), (50.0, 99.0, 100.0));
    }

    #[test]
    fn a_figure_that_was_never_reached_is_null() {
        let row = Row {
            bench: "fanout-50".into(),
            subject: Subject::AutomergeRepo,
            metric: "converged_s",
            value: None,
            unit: "s",
            n: 1,
        };
        let expected =
            r#"{"bench":"fanout-50","subject":"automerge-repo","metric":"converged_s","value":null,"unit":"s","n":1}"#;
        assert_eq!(serde_json::to_string(&row).unwrap(), expected);
    }

    #[test]
    fn ratios_are_of_the_same_benchmark() {
        let mut report = Report::new(true);
        report.begin("checkin");
        report.row(Subject::Limit, "p99_ms", Figure::ms(4.0), 1);
        report.row(Subject::Muster, "p99_ms", Figure::ms(6.0), 1);
        report.ratio("p99_ratio", Subject::Limit, "p99_ms", 1);
        assert_eq!(report.value(Subject::Muster, "p99_ratio"), Some(1.5));
        report.begin("search");
        assert_eq!(report.value(Subject::Muster, "p99_ms"), None);
    }
}
