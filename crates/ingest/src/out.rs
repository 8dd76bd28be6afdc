//! What a run is written to.

use crate::error::Fault;
use crate::sink::{Draft, InputId, RunInfo, Sink};

/// A [`Sink`] whose errors are all of one type, so that formats need not be generic.
pub(crate) trait Out {
    fn existing(&mut self, input: &InputId) -> Result<Option<String>, Fault>;
    fn begin(&mut self, run: &RunInfo) -> Result<(), Fault>;
    fn event(&mut self, draft: Draft) -> Result<(), Fault>;
    fn finish(&mut self) -> Result<String, Fault>;
    fn abort(&mut self) -> Result<(), Fault>;
}

pub(crate) struct To<'a, S>(pub(crate) &'a mut S);

impl<S: Sink> Out for To<'_, S> {
    fn existing(&mut self, input: &InputId) -> Result<Option<String>, Fault> {
        self.0
            .existing(input)
            .map_err(|error| Fault::Sink(Box::new(error)))
    }
    fn begin(&mut self, run: &RunInfo) -> Result<(), Fault> {
        self.0
            .begin(run)
            .map_err(|error| Fault::Sink(Box::new(error)))
    }
    fn event(&mut self, draft: Draft) -> Result<(), Fault> {
        self.0
            .event(draft)
            .map_err(|error| Fault::Sink(Box::new(error)))
    }
    fn finish(&mut self) -> Result<String, Fault> {
        self.0
            .finish()
            .map_err(|error| Fault::Sink(Box::new(error)))
    }
    fn abort(&mut self) -> Result<(), Fault> {
        self.0.abort().map_err(|error| Fault::Sink(Box::new(error)))
    }
}

/// Keeps nothing: for reading an input only to see whether all of it can be read.
pub(crate) struct Nowhere;

impl Out for Nowhere {
    fn existing(&mut self, _: &InputId) -> Result<Option<String>, Fault> {
        Ok(None)
    }
    fn begin(&mut self, _: &RunInfo) -> Result<(), Fault> {
        Ok(())
    }
    fn event(&mut self, _: Draft) -> Result<(), Fault> {
        Ok(())
    }
    fn finish(&mut self) -> Result<String, Fault> {
        Ok(String::new())
    }
    fn abort(&mut self) -> Result<(), Fault> {
        Ok(())
    }
}
