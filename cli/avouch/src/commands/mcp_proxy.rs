//! `avouch mcp-proxy`

use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::Duration;

use avouch_live::{HttpOptions, HttpProxy, ProxyOptions, proxy_stdio};
use clap::Args;

use super::record::program_name;
use super::{Global, HOLDS};

#[derive(Args)]
pub(crate) struct McpProxy {
    /// The agent whose chain the run joins
    #[arg(long, value_name = "NAME")]
    agent: String,
    /// What to call the server, or the other agent: calls are of tool:SERVER/TOOL. The program's name, or the
    /// upstream's host, when absent
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// The run's local name; mcp-SERVER when absent
    #[arg(long, value_name = "RUN")]
    name: Option<String>,
    /// Longest message, in MiB, that is held to be recorded; longer ones end the session
    #[arg(long, default_value_t = 64, value_name = "MIB", value_parser = clap::value_parser!(u16).range(1..=512))]
    max_message: u16,
    /// How long the server, or requests under way, may take to end after a signal
    #[arg(long, default_value_t = 5, value_name = "SECONDS")]
    grace: u64,
    /// Listen for HTTP here, as IP:PORT; port 0 lets the system choose. There is no TLS on this side
    #[arg(long, value_name = "IP:PORT", requires = "upstream")]
    listen: Option<SocketAddr>,
    /// The server behind it: http:// or https://, with a path before that of each request if there is one
    #[arg(long, value_name = "URL", requires = "listen")]
    upstream: Option<String>,
    /// The agent is the one behind the proxy: each A2A task that it is given is a run of its own
    #[arg(long, requires = "listen")]
    serves: bool,
    /// Link the runs of the two agents of an A2A task: tell the other agent's proxy which event it is, or believe
    /// what that tells, in the header Avouch-Parent
    #[arg(long, requires = "listen")]
    link: bool,
    /// The server to run and its arguments
    #[arg(
        required_unless_present = "listen",
        conflicts_with = "listen",
        trailing_var_arg = true,
        value_name = "SERVER"
    )]
    command: Vec<OsString>,
}

pub(crate) fn run(global: &Global, args: &McpProxy) -> anyhow::Result<u8> {
    let other = args.server.clone().unwrap_or_else(|| match &args.upstream {
        Some(upstream) => host(upstream),
        None => program_name(&args.command),
    });
    let options = ProxyOptions {
        agent: args.agent.clone(),
        name: args.name.clone().unwrap_or_else(|| format!("mcp-{other}")),
        other,
        serves: args.serves,
        max_message: usize::from(args.max_message) << 20,
    };
    let grace = Duration::from_secs(args.grace);
    let recorded = |name: &str| eprintln!("avouch: recorded {}", avouch::printable(name));
    if let (Some(listen), Some(upstream)) = (args.listen, &args.upstream) {
        let http = HttpOptions {
            listen,
            upstream: upstream.clone(),
            link: args.link,
            grace,
        };
        let home = global.home()?;
        let proxy = HttpProxy::bind(options, http)?;
        crate::output::line(format!("listening http://{}", proxy.address()?))?;
        if let Some(name) = proxy.run(home)? {
            recorded(&name);
        }
        return Ok(HOLDS);
    }
    let done = proxy_stdio(global.home()?, options, &args.command, grace)?;
    recorded(&done.name);
    Ok(done.ending.code())
}

/// The host and port of a URL.
fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or(rest).to_owned()
}
