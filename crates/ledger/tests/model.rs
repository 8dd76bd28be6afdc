//! Whatever is done, in whatever order, the ledger agrees with a model of a few lines.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeSet;

use avouch_ledger::{Error, Ledger, RunIndex, State};
use avouch_trace::Kind;
use common::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    /// Add a run of this name, by this agent.
    NewRun(u8, u8),
    /// Append this many events to a run, and end it or not.
    Append(usize, u64, bool),
    /// Keep what was done since the last one.
    Commit,
    /// Undo it.
    Drop,
    /// Seal a run, and the one after it.
    Seal(usize),
    /// Close the ledger and open it again.
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..3u8, 0..2u8).prop_map(|(name, agent)| Step::NewRun(name, agent)),
        6 => (0..8usize, 1..5u64, any::<bool>()).prop_map(|(run, count, end)| Step::Append(run, count, end)),
        2 => Just(Step::Commit),
        1 => Just(Step::Drop),
        2 => (0..8usize).prop_map(Step::Seal),
        1 => Just(Step::Reopen),
    ]
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    runs: Vec<ModelRun>,
    log: Vec<usize>,
    checkpoints: u64,
}

#[derive(Clone, Debug, PartialEq)]
struct ModelRun {
    name: String,
    agent: u8,
    size: u64,
    ended: bool,
}

impl Model {
    fn new_run(&mut self, name: u8, agent: u8) -> String {
        let base = format!("run{name}");
        let taken: BTreeSet<&str> = self.runs.iter().map(|run| run.name.as_str()).collect();
        let numbered = (2..).map(|number| format!("{base}-{number}"));
        let name = std::iter::once(base.clone())
            .chain(numbered)
            .find(|name| !taken.contains(name.as_str()))
            .unwrap();
        self.runs.push(ModelRun {
            name: name.clone(),
            agent,
            size: 0,
            ended: false,
        });
        name
    }

    /// What the ledger shows.
    fn check(&self, ledger: &Ledger) {
        let runs = ledger.runs().unwrap();
        assert_eq!(runs.len(), self.runs.len());
        for (at, (run, model)) in runs.iter().zip(&self.runs).enumerate() {
            assert_eq!((&run.info.name, run.size), (&model.name, model.size));
            let state = match self.log.iter().position(|sealed| *sealed == at) {
                Some(index) => State::Sealed {
                    log_index: (index as u64).into(),
                },
                None if model.ended => State::Closed,
                None => State::Open,
            };
            assert_eq!(run.state, state);
        }
    }
}

/// Takes the steps up to the next [`Step::Commit`] or [`Step::Drop`] in one batch.
fn write(
    ledger: &Ledger,
    steps: &mut std::slice::Iter<'_, Step>,
    model: &mut Model,
    next: &mut u64,
) {
    let mut changed = model.clone();
    let indices: Vec<RunIndex> = ledger.runs().unwrap().iter().map(|run| run.index).collect();
    let mut indices = indices;
    let mut batch = ledger.batch().unwrap();
    for step in steps {
        match step {
            Step::NewRun(name, agent) => {
                *next += 1;
                let info = info(*next, &format!("run{name}"), &format!("agent{agent}"));
                let index = batch.new_run(&info).unwrap();
                assert_eq!(batch.name(index).unwrap(), changed.new_run(*name, *agent));
                indices.push(index);
            }
            Step::Append(run, count, end) => {
                let Some(model) = changed.runs.get_mut(*run) else {
                    continue;
                };
                for at in 0..*count {
                    let end = *end && at == count - 1 && model.size > 0;
                    let kind = match model.size {
                        0 => Kind::RunStart,
                        _ if end => Kind::RunEnd,
                        _ => Kind::Note,
                    };
                    let appended =
                        batch.append(indices[*run], &header(model.size, kind), &body(model.size));
                    assert_eq!(appended.is_ok(), !model.ended, "{appended:?}");
                    if appended.is_ok() {
                        model.size += 1;
                        model.ended = end;
                    }
                }
            }
            Step::Commit => {
                batch.commit().unwrap();
                *model = changed;
                return;
            }
            Step::Drop => return,
            Step::Seal(_) | Step::Reopen => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_ledger_agrees_with_the_model(steps in prop::collection::vec(step(), 1..40)) {
        let (_folder, path, mut ledger) = new_ledger();
        let (mut model, mut next) = (Model::default(), 0);
        let mut steps = steps.iter();
        while let Some(step) = steps.as_slice().first() {
            match step {
                Step::Seal(first) => {
                    steps.next();
                    let chosen: Vec<usize> =
                        (*first..*first + 2).filter(|run| *run < model.runs.len()).collect();
                    let runs = ledger.runs().unwrap();
                    let indices: Vec<_> = chosen.iter().map(|run| runs[*run].index).collect();
                    let sealed = seal(&ledger, &indices);
                    if chosen.iter().all(|run| model.runs[*run].ended) {
                        let new: Vec<_> =
                            chosen.into_iter().filter(|run| !model.log.contains(run)).collect();
                        prop_assert_eq!(sealed.unwrap().iter().filter(|run| run.new).count(), new.len());
                        model.checkpoints += u64::from(!new.is_empty());
                        model.log.extend(new);
                    } else {
                        prop_assert!(matches!(sealed, Err(Error::RunOpen(_))));
                    }
                }
                Step::Reopen => {
                    steps.next();
                    drop(ledger);
                    ledger = Ledger::open(&path).unwrap();
                }
                _ => write(&ledger, &mut steps, &mut model, &mut next),
            }
            model.check(&ledger);
        }
        let report = ledger.fsck(&mut |_| ()).unwrap();
        prop_assert_eq!(report.finding, None);
        prop_assert_eq!(report.counts.runs, model.runs.len() as u64);
        prop_assert_eq!(report.counts.events, model.runs.iter().map(|run| run.size).sum::<u64>());
        prop_assert_eq!(report.counts.statements, model.log.len() as u64);
        prop_assert_eq!(report.counts.checkpoints, model.checkpoints);
        // Each agent's statements continue one another.
        for agent in 0..2 {
            let mut previous = None;
            for run in model.log.iter().filter(|run| model.runs[**run].agent == agent) {
                let index = ledger.resolve(&model.runs[*run].name).unwrap().index;
                let logged = ledger.statement(index).unwrap().unwrap();
                prop_assert_eq!(logged.manifest.previous, previous);
                previous = Some(logged.statement.statement_id());
            }
        }
    }
}
