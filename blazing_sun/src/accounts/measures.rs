//! What is measured of signing in, and of hashing passwords.

use prometheus::{Histogram, IntCounterVec};

use crate::infra::measures::{Measures, SECONDS, SHORT_SECONDS};

/// Counts sign-ins by how far they came.
#[derive(Clone)]
pub struct SignIns(IntCounterVec);

/// How far a sign-in came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInOutcome {
    /// A session was opened.
    Succeeded,
    /// The password was right, and a second factor was asked for.
    SecondFactor,
    /// Address and password get nobody in.
    WrongPassword,
    /// The answer to the question for a second factor was not right.
    WrongSecondFactor,
    /// The question was answered before, or too late, or too often.
    Over,
    /// There were too many tries.
    Throttled,
    /// Too many passwords are being compared.
    Busy,
    /// We could not tell.
    Failed,
}

impl SignInOutcome {
    /// All there are.
    const ALL: [Self; 8] = [
        Self::Succeeded,
        Self::SecondFactor,
        Self::WrongPassword,
        Self::WrongSecondFactor,
        Self::Over,
        Self::Throttled,
        Self::Busy,
        Self::Failed,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::SecondFactor => "second_factor",
            Self::WrongPassword => "wrong_password",
            Self::WrongSecondFactor => "wrong_second_factor",
            Self::Over => "over",
            Self::Throttled => "throttled",
            Self::Busy => "busy",
            Self::Failed => "failed",
        }
    }
}

impl SignIns {
    /// Declares the metric.
    pub fn new(measures: &Measures) -> prometheus::Result<Self> {
        let steps = measures.counters(
            "sign_ins_total",
            "Steps of signing in, by outcome (succeeded, second_factor: one is asked for now, wrong_password, \
             wrong_second_factor, over: the question for it is, throttled, busy: too many passwords wait, or failed: our fault).",
            &["outcome"],
        )?;
        for outcome in SignInOutcome::ALL {
            steps.with_label_values(&[outcome.label()]);
        }
        Ok(Self(steps))
    }

    /// Counts one.
    pub fn note(&self, outcome: SignInOutcome) {
        self.0.with_label_values(&[outcome.label()]).inc();
    }
}

/// Measures the hashing of passwords.
#[derive(Clone)]
pub struct HashMeasures {
    /// How long one waits for its turn, in seconds.
    pub wait: Histogram,
    /// How long one takes, in seconds.
    pub duration: Histogram,
}

impl HashMeasures {
    /// Declares the metrics.
    pub fn new(measures: &Measures) -> prometheus::Result<Self> {
        Ok(Self {
            wait: measures.histogram(
                "password_hash_wait_seconds",
                "How long a password waited for its turn to be hashed.",
                SHORT_SECONDS,
            )?,
            duration: measures.histogram(
                "password_hash_duration_seconds",
                "How long hashing or comparing a password took.",
                SECONDS,
            )?,
        })
    }
}
