//! By when others than the issuer show that the statement existed.

use crate::text::time_text;

/// A time, and who vouches for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dated {
    /// Seconds since the Unix epoch.
    pub(crate) time: u64,
    by: By,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Witnesses,
    Anchors,
}

impl Dated {
    /// The earlier of what witnesses and anchors say.
    pub(crate) fn earliest(witnesses: Option<u64>, anchors: Option<u64>) -> Option<Self> {
        let witnesses = witnesses.map(|time| (time, By::Witnesses));
        let anchors = anchors.map(|time| (time, By::Anchors));
        let both = witnesses.into_iter().chain(anchors);
        let (time, by) = both.min_by_key(|(time, _)| *time)?;
        Some(Self { time, by })
    }

    /// As the beginning of a sentence about the statement.
    pub(crate) fn sentence(&self) -> String {
        let time = time_text(self.time.saturating_mul(1000));
        match self.by {
            By::Witnesses => format!("witnesses had seen the statement at {time}"),
            By::Anchors => format!("anchors show that the statement existed by {time}"),
        }
    }
}
