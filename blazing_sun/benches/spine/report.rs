//! What is printed: the machine, one table, and the plans.

/// Everything that was found out.
#[derive(Default)]
pub struct Report {
    facts: Vec<String>,
    rows: Vec<[String; 5]>,
    notes: Vec<String>,
}

/// One figure, once a round.
pub struct Series {
    name: String,
    unit: &'static str,
    values: Vec<f64>,
}

impl Series {
    pub fn new(name: impl Into<String>, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            unit,
            values: Vec::new(),
        }
    }

    pub fn push(&mut self, value: f64) {
        eprintln!("  {}: {} {}", self.name, number(value), self.unit);
        self.values.push(value);
    }

    /// This over another, round by round.
    pub fn over(&self, other: &Self) -> Vec<f64> {
        self.values
            .iter()
            .zip(&other.values)
            .map(|(this, other)| this / other)
            .collect()
    }
}

impl Report {
    /// Something about the machine or the run.
    pub fn fact(&mut self, fact: impl Into<String>) {
        let fact = fact.into();
        eprintln!("{fact}");
        self.facts.push(fact);
    }

    /// A figure alone.
    pub fn figure(&mut self, series: &Series) {
        let [median, spread] = summary(&series.values, series.unit);
        self.rows.push([
            series.name.clone(),
            median,
            spread,
            String::new(),
            String::new(),
        ]);
    }

    /// A figure and its ratio to others.
    pub fn compare(&mut self, series: &Series, baselines: &[&Series]) {
        let [median, spread] = summary(&series.values, series.unit);
        let mut cells = [
            series.name.clone(),
            median,
            spread,
            String::new(),
            String::new(),
        ];
        for baseline in baselines {
            let [median, spread] = summary(&series.over(baseline), "");
            let ratio = format!("{median} ({spread}) of {}", baseline.name);
            match cells[3].is_empty() {
                true => cells[3] = ratio,
                false => cells[4] = ratio,
            }
        }
        self.rows.push(cells);
    }

    /// Something below the table.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    pub fn print(&self) {
        let mut text = String::from("\n");
        for fact in &self.facts {
            text.push_str(fact);
            text.push('\n');
        }
        text.push_str("\n| figure | median | least - most | ratio, round by round | and |\n|---|---:|---:|---|---|\n");
        for row in &self.rows {
            text.push_str(&format!("| {} |\n", row.join(" | ")));
        }
        for note in &self.notes {
            text.push_str(&format!("\n{note}\n"));
        }
        println!("{text}");
    }
}

/// The median, and the least and the greatest.
fn summary(values: &[f64], unit: &str) -> [String; 2] {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (Some(least), Some(most)) = (sorted.first(), sorted.last()) else {
        return ["-".to_owned(), "-".to_owned()];
    };
    let middle = sorted.len() / 2;
    let median = if sorted.len().is_multiple_of(2) {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    } else {
        sorted[middle]
    };
    [
        format!("{} {unit}", number(median)).trim_end().to_owned(),
        format!("{} - {}", number(*least), number(*most)),
    ]
}

/// The value below which a share of the values lies.
pub fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len() as f64 * share).ceil() as usize;
    values
        .get(place.saturating_sub(1))
        .copied()
        .unwrap_or(f64::NAN)
}

fn number(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
