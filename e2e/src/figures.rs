//! What the benchmarks measured: figures with a median, a goal and a file that is committed, so that the
//! next one who measures sees what has changed.
//!
//! A benchmark makes a [`Report`] of [`Figure`]s and calls [`Report::conclude`], which prints them
//! beside those of the committed file, or writes that file. Whether a goal is missed is told, not
//! enforced: another machine, or a busy one, is no mistake in the code.

use serde::{Deserialize, Serialize};
use std::{fs, path::PathBuf, thread};

/// What one benchmark found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Where and when: figures of another machine cannot be compared.
    pub measured_on: MeasuredOn,
    /// In the order in which they are printed.
    pub figures: Vec<Figure>,
}

/// The machine, as far as it says something about the figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeasuredOn {
    /// How many processors it has.
    pub cores: usize,
    /// The day, as `YYYY-MM-DD`, in UTC.
    pub date: String,
}

/// One thing that was measured, in several rounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Names it in the file and in the table.
    pub name: String,
    /// As in `ms`.
    pub unit: String,
    /// The round in the middle, which one round on a busy machine does not move.
    pub median: f64,
    /// What each round gave, in the order in which they were.
    pub rounds: Vec<f64>,
    /// What the median is to reach; none for what is only told.
    pub goal: Option<f64>,
    /// Which way the goal lies.
    pub better: Better,
}

/// Which values of a figure are the better ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// Such as times.
    Lower,
    /// Such as rates.
    Higher,
}

impl Figure {
    /// A figure of these rounds, of which there must be one.
    pub fn new(name: &str, unit: &str, rounds: Vec<f64>, better: Better) -> Self {
        let (name, unit) = (name.to_owned(), unit.to_owned());
        Self { name, unit, median: quantile(&rounds, 0.5), rounds, goal: None, better }
    }

    /// The same with a goal.
    pub fn with_goal(mut self, goal: f64) -> Self {
        self.goal = Some(goal);
        self
    }

    /// Whether it has a goal and does not reach it.
    pub fn is_missed(&self) -> bool {
        self.goal.is_some_and(|goal| match self.better {
            Better::Lower => self.median > goal,
            Better::Higher => self.median < goal,
        })
    }
}

/// The value below which this part of the values lies: 0.5 is the median, 0.95 what 19 of 20 keep.
/// It is always one of the values.
pub fn quantile(values: &[f64], part: f64) -> f64 {
    assert!(!values.is_empty(), "nothing was measured");
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (sorted.len() as f64 * part).ceil() as usize;
    sorted[place.clamp(1, sorted.len()) - 1]
}

impl Report {
    /// A report of what was measured here and today.
    pub fn new(figures: Vec<Figure>) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self { measured_on: MeasuredOn { cores, date: today() }, figures }
    }

    /// The committed file of the benchmark with this name, as in `page`.
    pub fn file(benchmark: &str) -> PathBuf {
        crate::repository().join(format!("e2e/benches/results/{benchmark}.json"))
    }

    /// What the committed file of a benchmark says, if there is one.
    pub fn committed(benchmark: &str) -> Option<Self> {
        let file = Self::file(benchmark);
        let text = fs::read_to_string(&file).ok()?;
        let read = serde_json::from_str(&text);
        Some(read.unwrap_or_else(|error| panic!("{}: {error}", file.display())))
    }

    /// Prints the report beside the committed one, and writes it into the folder `$BENCH_RESULTS`, if
    /// there is one; with `$BENCH_SAVE` set, its figures take the place of the committed ones.
    pub fn conclude(&self, benchmark: &str) {
        let old = Self::committed(benchmark);
        self.print_beside(old.as_ref());
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let results = set("BENCH_RESULTS")
            .map(|folder| crate::repository().join(folder).join(benchmark).with_extension("json"));
        let results = results.map(|file| (file, self.clone()));
        let committed =
            set("BENCH_SAVE").map(|_| (Self::file(benchmark), self.clone().in_place_of(old)));
        for (file, report) in results.into_iter().chain(committed) {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, serde_json::to_string_pretty(&report).unwrap() + "\n").unwrap();
            println!("\nWritten to {}", file.display());
        }
    }

    /// With the figures of an older report that are not in this one, at their places: whoever measures
    /// a part does not lose the rest.
    fn in_place_of(mut self, old: Option<Self>) -> Self {
        let mut figures = Vec::new();
        for old in old.into_iter().flat_map(|old| old.figures) {
            let new = self.figures.iter().position(|new| new.name == old.name);
            figures.push(new.map_or(old, |at| self.figures.remove(at)));
        }
        figures.append(&mut self.figures);
        Self { figures, ..self }
    }

    /// Prints a table: each figure with its goal, and what `old` says of the one with the same name.
    pub fn print_beside(&self, old: Option<&Self>) {
        print!("{}", self.table(old));
    }

    fn table(&self, old: Option<&Self>) -> String {
        let widest = self.figures.iter().map(|figure| figure.name.chars().count()).max();
        let width = widest.unwrap_or(0).max("figure".len());
        let head = format!("\n{:<width$}  {:>12} {:>12}", "figure", "median", "goal");
        let mut table = match old {
            Some(_) => format!("{head} {:>12} {:>7}\n", "before", "ratio"),
            None => format!("{head}\n"),
        };
        for figure in &self.figures {
            let shown = |value: f64| format!("{} {}", short(value), figure.unit);
            let goal = figure.goal.map(shown).unwrap_or_default();
            table += &format!("{:<width$}  {:>12} {goal:>12}", figure.name, shown(figure.median));
            let before = old.and_then(|old| old.figures.iter().find(|o| o.name == figure.name));
            if let Some(before) = before {
                let ratio = figure.median / before.median;
                table += &format!(" {:>12} {ratio:>7.2}", shown(before.median));
            }
            table += if figure.is_missed() { "  missed\n" } else { "\n" };
        }
        if let Some(MeasuredOn { cores, date }) = old.map(|old| &old.measured_on) {
            let here = self.measured_on.cores;
            table += &format!("Before: {date}, on {cores} cores; here there are {here}.\n");
        }
        table
    }
}

/// Three digits, or all of those before the point.
fn short(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 || size == 0.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

/// The day in UTC, as `YYYY-MM-DD`.
fn today() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let micros = i64::try_from(now.as_micros()).unwrap();
    let text = schemas::Timestamp::from_micros(micros).unwrap().to_string();
    text[..10].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(median: f64) -> Report {
        let press = Figure::new("a press", "ms", vec![9.0, median, 1.0], Better::Lower);
        let frames = Figure::new("frames", "1/s", vec![50.0], Better::Higher);
        Report::new(vec![press.with_goal(4.0), frames.with_goal(60.0)])
    }

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let report = report(3.5);
        let text = serde_json::to_string(&report).unwrap();
        assert!(text.contains(r#""goal":4.0,"better":"lower""#), "{text}");
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
        let date = &report.measured_on.date;
        assert!(date.len() == 10 && date.starts_with("20"), "{date}");
    }

    #[test]
    fn what_is_missed_and_what_has_changed_is_told() {
        let table = report(2.0).table(Some(&report(4.0)));
        let lines: Vec<_> = table.trim().lines().collect();
        assert!(lines[1].starts_with("a press "), "{table}");
        assert!(lines[1].contains("2.00 ms") && lines[1].ends_with("4.00 ms    0.50"), "{table}");
        assert!(lines[2].ends_with("1.00  missed"), "{table}");
        assert!(!report(2.0).table(None).contains("before"));
    }

    #[test]
    fn a_part_that_is_measured_anew_leaves_the_rest() {
        let frames = Figure::new("frames", "1/s", vec![60.0], Better::Higher);
        let more = Figure::new("more", "s", vec![1.0], Better::Lower);
        let part = Report::new(vec![more, frames]);
        let whole = part.clone().in_place_of(Some(report(3.0)));
        let figures: Vec<_> = whole.figures.iter().map(|it| (&*it.name, it.median)).collect();
        assert_eq!(figures, [("a press", 3.0), ("frames", 60.0), ("more", 1.0)]);
        assert_eq!(part.clone().in_place_of(None), part);
    }

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let values: Vec<f64> = (1..=20).rev().map(f64::from).collect();
        assert_eq!([0.5, 0.95, 1.0].map(|part| quantile(&values, part)), [10.0, 19.0, 20.0]);
        assert_eq!(quantile(&[7.0], 0.95), 7.0);
    }
}
