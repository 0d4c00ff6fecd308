//! Declares what is measured, once for each metric: what `/metrics` shows and what the documents list come from here.
//!
//! The values of a label are names from the code, never anything out of a message, a path or a row that people write: each
//! of them is a series that lasts as long as the process.
//!
//! A counter of what is rare gets its series, at 0, where it is made: Prometheus sees a rise only between two samples, so of
//! a series that begins at 1 it would miss the first.

mod document;

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::Collector;
use prometheus::proto::{MetricFamily, MetricType};
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, Result,
};

pub use document::{Misplaced, in_document};

/// Upper bounds in seconds, from a quick statement to an attempt that takes a minute.
pub const SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0,
];
/// Upper bounds in seconds of what mostly takes no time.
pub const SHORT_SECONDS: &[f64] = &[
    0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];

/// The metrics of a process; cheap to clone.
#[derive(Clone, Default)]
pub struct Measures {
    registry: Registry,
    declared: Arc<Mutex<Vec<Declaration>>>,
}

/// A metric as it was declared. Its unit is the end of its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// Its name.
    pub name: String,
    /// counter, gauge or histogram.
    pub kind: &'static str,
    /// The names of its labels.
    pub labels: Vec<String>,
    /// What it says, in a sentence.
    pub help: String,
}

impl Measures {
    /// Counts something.
    pub fn counter(&self, name: &str, help: &str) -> Result<IntCounter> {
        self.add("counter", IntCounter::new(name, help)?)
    }

    /// Counts something by labels.
    pub fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec> {
        self.add(
            "counter",
            IntCounterVec::new(Opts::new(name, help), labels)?,
        )
    }

    /// Something of this process that rises and falls.
    pub fn gauge(&self, name: &str, help: &str) -> Result<IntGauge> {
        self.add("gauge", IntGauge::new(name, help)?)
    }

    /// The same by labels.
    pub fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec> {
        self.add("gauge", IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    /// Something of the whole system that rises and falls, which only the process that leads tells.
    pub fn shared_gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<SharedGauges> {
        Ok(SharedGauges(self.gauges(name, help, labels)?))
    }

    /// How much or how long something was, with these upper bounds.
    pub fn histogram(&self, name: &str, help: &str, bounds: &[f64]) -> Result<Histogram> {
        let options = HistogramOpts::new(name, help).buckets(bounds.to_vec());
        self.add("histogram", Histogram::with_opts(options)?)
    }

    /// The same by labels.
    pub fn histograms(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        bounds: &[f64],
    ) -> Result<HistogramVec> {
        let options = HistogramOpts::new(name, help).buckets(bounds.to_vec());
        self.add("histogram", HistogramVec::new(options, labels)?)
    }

    /// What the operating system knows of this process.
    #[cfg(target_os = "linux")]
    pub fn process(&self) -> Result<()> {
        let collector = prometheus::process_collector::ProcessCollector::for_self();
        let families = collector.collect();
        let kind = |name: &str| {
            let mut families = families.iter();
            let family = families.find(|family| family.name() == name);
            match family.map(MetricFamily::get_field_type) {
                Some(MetricType::COUNTER) => "counter",
                _ => "gauge",
            }
        };
        for description in collector.desc() {
            self.declare(kind(&description.fq_name), description);
        }
        self.registry.register(Box::new(collector))
    }

    /// Everything that has a series by now.
    #[must_use]
    pub fn gather(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }

    /// Everything that was declared, by name; one with labels may have no series before something happens.
    #[must_use]
    pub fn declarations(&self) -> Vec<Declaration> {
        let declared = self.declared.lock();
        let mut declarations = declared.unwrap_or_else(PoisonError::into_inner).clone();
        declarations.sort_by(|a, b| a.name.cmp(&b.name));
        declarations
    }

    fn add<C: Collector + Clone + 'static>(&self, kind: &'static str, metric: C) -> Result<C> {
        self.registry.register(Box::new(metric.clone()))?;
        for description in metric.desc() {
            self.declare(kind, description);
        }
        Ok(metric)
    }

    fn declare(&self, kind: &'static str, description: &prometheus::core::Desc) {
        let declaration = Declaration {
            name: description.fq_name.clone(),
            kind,
            labels: description.variable_labels.clone(),
            help: description.help.clone(),
        };
        let declared = self.declared.lock();
        declared
            .unwrap_or_else(PoisonError::into_inner)
            .push(declaration);
    }
}

/// A gauge of the whole system. A process that does not lead has no series of it: two that say different things would both
/// be believed.
#[derive(Clone)]
pub struct SharedGauges(IntGaugeVec);

impl SharedGauges {
    /// Sets one series.
    pub fn set(&self, labels: &[&str], value: i64) {
        self.0.with_label_values(labels).set(value);
    }

    /// Sets all series of a gauge with one label, and removes the others.
    pub fn set_all<'a>(&self, values: impl IntoIterator<Item = (&'a str, i64)>) {
        let mut gone: Vec<String> = self.label_values();
        for (label, value) in values {
            self.set(&[label], value);
            gone.retain(|other| other != label);
        }
        for label in &gone {
            // One that is not there any more is what is wanted.
            drop(self.0.remove_label_values(&[label.as_str()]));
        }
    }

    /// What a series says, if there is one.
    #[must_use]
    pub fn get(&self, labels: &[&str]) -> Option<i64> {
        let mut said = None;
        for metric in self.0.collect().iter().flat_map(MetricFamily::get_metric) {
            // A series has its labels in the order of their names, which the few of these are given in.
            if metric
                .get_label()
                .iter()
                .map(|label| label.value())
                .eq(labels.iter().copied())
            {
                said = Some(metric.get_gauge().get_value() as i64);
            }
        }
        said
    }

    /// Removes all series: another process tells them from now on.
    pub fn clear(&self) {
        self.0.reset();
    }

    fn label_values(&self) -> Vec<String> {
        let families = self.0.collect();
        let metrics = families.iter().flat_map(MetricFamily::get_metric);
        let labels = metrics.flat_map(|metric| metric.get_label());
        labels.map(|label| label.value().to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_declared_is_known_before_it_has_a_series() {
        let measures = Measures::default();
        measures
            .counters("sent_total", "What was sent.", &["kind"])
            .expect("a metric");

        let declared = Declaration {
            name: "sent_total".to_owned(),
            kind: "counter",
            labels: vec!["kind".to_owned()],
            help: "What was sent.".to_owned(),
        };
        assert_eq!(measures.declarations(), [declared]);
        assert!(measures.gather().is_empty());
    }

    #[test]
    fn a_name_is_declared_once() {
        let measures = Measures::default();
        measures.gauge("queue", "Who waits.").expect("a metric");

        assert!(measures.gauge("queue", "Who waits.").is_err());
        assert_eq!(measures.declarations().len(), 1);
    }

    #[test]
    fn a_gauge_of_the_whole_has_no_series_until_it_is_told_and_none_after() {
        let measures = Measures::default();
        let gauges = measures
            .shared_gauges("waiting", "What waits.", &[])
            .expect("a metric");
        assert!(measures.gather().is_empty());

        gauges.set(&[], 3);
        assert_eq!(gauges.get(&[]), Some(3));

        gauges.clear();
        assert_eq!(gauges.get(&[]), None);
        assert!(measures.gather().is_empty());
    }

    #[test]
    fn what_is_not_among_all_values_any_more_has_no_series() {
        let measures = Measures::default();
        let gauges = measures
            .shared_gauges("letters", "What lies there.", &["consumer"])
            .expect("a metric");

        gauges.set_all([("audit", 1), ("notify", 2)]);
        gauges.set_all([("audit", 5)]);

        let said = [gauges.get(&["audit"]), gauges.get(&["notify"])];
        assert_eq!(said, [Some(5), None]);
    }
}
