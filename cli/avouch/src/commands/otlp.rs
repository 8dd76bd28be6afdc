//! `avouch otlp`

use std::io::Cursor;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use avouch::importers::{Format, Options, Outcome};
use avouch_otlp::collect::Remark;
use avouch_otlp::spool::Spool;
use avouch_otlp::{Collector, Rules, Server};
use clap::{Args, Subcommand};

use super::{Global, HOLDS};
use crate::output;

#[derive(Subcommand)]
pub(crate) enum Otlp {
    /// Take OpenTelemetry traces (OTLP/HTTP, protobuf or JSON, at /v1/traces) and record each as a run, until
    /// SIGTERM or SIGINT. What is answered with 200 is on disk
    Serve(Serve),
}

#[derive(Args)]
pub(crate) struct Serve {
    /// Where to listen, as IP:PORT; port 0 lets the system choose. There is no TLS and no authentication: put a
    /// proxy before it where others can reach it
    #[arg(long, default_value = "127.0.0.1:4318", value_name = "IP:PORT")]
    listen: SocketAddr,
    /// The agent whose chain the runs join; the trace's own (gen_ai.agent.name, service.name) when absent
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// A trace whose root span has ended is whole once nothing of it came for so many seconds
    #[arg(long, default_value_t = 5, value_name = "SECONDS")]
    quiet: u64,
    /// Any trace is recorded as it is once nothing of it came for so many seconds
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    end_after: u64,
    /// The file for spans that were acknowledged and are not recorded yet; in the home when absent
    #[arg(long, value_name = "FILE")]
    spool: Option<PathBuf>,
    /// Stop after so many seconds
    #[arg(long, value_name = "SECONDS", hide_short_help = true)]
    stop_after: Option<u64>,
}

pub(crate) fn run(global: &Global, command: &Otlp) -> anyhow::Result<u8> {
    match command {
        Otlp::Serve(args) => serve(global, args),
    }
}

fn serve(global: &Global, args: &Serve) -> anyhow::Result<u8> {
    let mut home = global.home()?;
    let spool = match &args.spool {
        Some(spool) => spool.clone(),
        None if home.is_encrypted() => bail!(
            "the store is encrypted, and the spool in which spans wait is not: name a place that is safe for it with --spool"
        ),
        None => home.dir().join("otlp-spool.db"),
    };
    let spool = Spool::open(&spool).with_context(|| spool.display().to_string())?;
    let agent = args.agent.clone();
    let record = move |trace: &str, lines: &str| {
        let options = Options {
            format: Some(Format::Otlp),
            agent: agent.clone(),
            ..Options::default()
        };
        let name = format!("trace-{trace}");
        let outcomes = home
            .ingest(&name, Cursor::new(lines.as_bytes()), &options)
            .map_err(|error| error.to_string())?;
        Ok(match outcomes.first() {
            Some(Outcome::Ingested { name, events, .. }) => format!("{name}, {events} events"),
            Some(Outcome::AlreadyKnown(name)) => format!("{name}, which was there"),
            _ => "nothing".to_owned(),
        })
    };
    let rules = Rules {
        quiet: Duration::from_secs(args.quiet),
        end_after: Duration::from_secs(args.end_after),
        ..Rules::default()
    };
    let collector = Collector::start(spool, rules, Box::new(record), |remark| {
        let text = match remark {
            Remark::Recorded { trace, run } => format!("trace {trace}: {run}"),
            Remark::SetAside { trace, why } => format!("trace {trace}: NOT RECORDED, kept: {why}"),
            Remark::Broken(why) => format!("spool: {why}"),
        };
        eprintln!("avouch: {}", avouch::printable(&text));
    });
    let server = Server::bind(args.listen, collector).context(args.listen)?;
    output::line(format!("listening http://{}/v1/traces", server.address()?))?;
    let stop = super::stop_after(args.stop_after);
    let left = server.run(&stop, |status, remark| {
        eprintln!("avouch: {status} {}", avouch::printable(remark));
    })?;
    if left.traces > 0 {
        output::line(format!(
            "{} traces ({} spans) are not whole and wait in the spool for the next start",
            left.traces, left.spans
        ))?;
    }
    Ok(HOLDS)
}
