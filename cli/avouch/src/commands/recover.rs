//! `avouch recover`

use avouch::Home;
use avouch::log::{Folder, LogSource};
use serde_json::json;

use super::{Global, HOLDS};
use crate::args::Recover;
use crate::output;

pub(crate) fn run(global: &Global, args: &Recover) -> anyhow::Result<u8> {
    let folder = args.published.as_ref().map(Folder::new);
    let source = folder.as_ref().map(|folder| folder as &dyn LogSource);
    let bar = output::counter(String::new());
    let recovery = Home::recover(&global.home, source, &mut |progress| {
        bar.set_message(progress.stage.to_string());
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    });
    bar.finish_and_clear();
    let recovery = recovery?;
    let done = recovery.recovered;
    if args.json {
        output::json(&json!({
            "statements": done.statements, "from_published": done.from_published,
            "nodes_made_again": done.nodes, "checkpoints": done.checkpoints,
            "damaged": recovery.kept.to_string_lossy(),
        }))?;
    } else {
        output::line(format!(
            "recovered: {} statements ({} from what was published), {} nodes made again, {} checkpoints\n\
             the damaged ledger is kept as {}",
            done.statements,
            done.from_published,
            done.nodes,
            done.checkpoints,
            recovery.kept.display()
        ))?;
    }
    Ok(HOLDS)
}
