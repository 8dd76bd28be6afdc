//! Qualified names.

/// The name of a tool. Clients of the Model Context Protocol call a server's tool
/// `mcp__server__tool`; that is `tool:server/tool` here.
pub fn tool(name: &str) -> String {
    match name
        .strip_prefix("mcp__")
        .and_then(|rest| rest.split_once("__"))
    {
        Some((server, tool)) if !server.is_empty() && !tool.is_empty() => {
            format!("tool:{server}/{tool}")
        }
        _ => format!("tool:{name}"),
    }
}

/// The name of a model.
pub(crate) fn model(name: &str) -> String {
    format!("model:{name}")
}

/// The name of a part in a conversation that the source does not show to be a human or an agent:
/// `role:user`, `role:system`.
pub(crate) fn role(role: &str) -> String {
    format!("role:{role}")
}

/// The name of a place in the network: `host:docs.rs:443`, `host:[::1]:80`.
pub(crate) fn host(host: &str, port: Option<&str>) -> String {
    let bracketed = if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    match port {
        Some(port) => format!("host:{bracketed}:{port}"),
        None => format!("host:{bracketed}"),
    }
}

/// The human at the keyboard.
pub(crate) const HUMAN: &str = "human:user";

#[cfg(test)]
mod tests {
    use super::{host, tool};

    #[test]
    fn a_place_in_the_network_is_named_by_host_and_port() {
        assert_eq!(host("docs.rs", Some("443")), "host:docs.rs:443");
        assert_eq!(host("::1", Some("80")), "host:[::1]:80");
        assert_eq!(host("[::1]", None), "host:[::1]");
    }

    #[test]
    fn a_servers_tool_is_named_by_server_and_tool() {
        assert_eq!(tool("Bash"), "tool:Bash");
        assert_eq!(tool("mcp__files__read_file"), "tool:files/read_file");
        assert_eq!(tool("mcp__my_db__run__query"), "tool:my_db/run__query");
        assert_eq!(tool("mcp__"), "tool:mcp__");
        assert_eq!(tool("mcp__x__"), "tool:mcp__x__");
    }
}
