//! `avouch mcp-proxy --listen`: between clients and a server that speaks Streamable HTTP (MCP) or A2A's JSON-RPC.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use avouch::importers::FieldValue;
use avouch::trace::{Flags, Kind};
use avouch::{Draft, Home};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::child::Caught;
use crate::dialog::event;
use crate::journal::Journal;
use crate::proxy::{Proxy, ProxyOptions};
use crate::stdio::runtime;
use crate::{Error, exchange};

/// How long a client may take over a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait when the system gives no more connections.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where an HTTP proxy listens and where it sends to.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The server: `http://` or `https://`, and a path before that of each request if it is not the root.
    pub upstream: String,
    /// Tell the other agent's proxy, and believe what it tells, which event a task came from.
    pub link: bool,
    /// How long exchanges may go on after a signal.
    pub grace: Duration,
}

/// A proxy that listens.
pub struct HttpProxy {
    listener: TcpListener,
    proxy: ProxyOptions,
    http: HttpOptions,
    upstream: Uri,
}

/// What every exchange uses.
pub(crate) struct Shared {
    pub(crate) proxy: Proxy,
    pub(crate) client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    pub(crate) upstream: Uri,
    pub(crate) link: bool,
    exchanges: AtomicU64,
}

impl Shared {
    /// A name for what is said in one exchange and nowhere else.
    pub(crate) fn scope(&self) -> String {
        format!("#{}", self.exchanges.fetch_add(1, Ordering::Relaxed))
    }
}

impl HttpProxy {
    /// Listens.
    pub fn bind(proxy: ProxyOptions, http: HttpOptions) -> Result<Self, Error> {
        let wrong = |why: &str| Error::Address {
            address: http.upstream.clone(),
            why: why.into(),
        };
        let upstream: Uri = http.upstream.parse().map_err(|_| wrong("not a URL"))?;
        if !matches!(upstream.scheme_str(), Some("http" | "https"))
            || upstream.authority().is_none()
            || upstream.query().is_some()
        {
            return Err(wrong(
                "expected http://HOST or https://HOST, with or without a path",
            ));
        }
        let listener = TcpListener::bind(http.listen)
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .map_err(|source| Error::io(http.listen.to_string(), source))?;
        Ok(Self {
            listener,
            proxy,
            http,
            upstream,
        })
    }

    /// The address, with the port that the system chose for port 0.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Passes on and records until a signal comes. Returns the name of the proxy's own run, if there was anything
    /// to record in it.
    pub fn run(self, home: Home) -> Result<Option<String>, Error> {
        let mut signals = Caught::new()?;
        let journal = Journal::start(home)?;
        let mut start = Draft::new(Kind::RunStart);
        start.cost = Some(0);
        let start = start.with("upstream", FieldValue::from(self.http.upstream.clone()));
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_http1()
            .build();
        let shared = Arc::new(Shared {
            proxy: Proxy::new(journal.handle(), self.proxy, start),
            client: Client::builder(TokioExecutor::new()).build(connector),
            upstream: self.upstream,
            link: self.http.link,
            exchanges: AtomicU64::new(0),
        });
        let stop = Arc::new(Notify::new());
        let told = stop.clone();
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || {
                while signals.wait().is_some() {
                    told.notify_one();
                }
            })
            .map_err(|source| Error::io("cannot start a thread", source))?;

        let runtime = runtime()?;
        let ended = runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(self.listener)
                .map_err(|source| Error::io("cannot listen", source))?;
            let mut connections = JoinSet::new();
            either(
                accept(&listener, &shared, &mut connections),
                stop.notified(),
            )
            .await;
            drop(listener);
            // What is under way may end by itself; a second signal, or time, ends it.
            let over = either(stop.notified(), tokio::time::sleep(self.http.grace));
            either(idle(&shared), over).await;
            connections.shutdown().await;
            let cut = shared.proxy.waits_at_all();
            let mut end = event(Kind::RunEnd, Some(0)).flag(Flags::ERROR, cut);
            if cut {
                end = end.with("reason", "the proxy was stopped before all was answered");
            }
            shared.proxy.end(end, "the proxy was stopped").await
        });
        let name = shared.proxy.begun().map(|begun| begun.name.clone());
        drop(runtime);
        journal.finish();
        ended.map(|()| name)
    }
}

async fn accept(
    listener: &tokio::net::TcpListener,
    shared: &Arc<Shared>,
    connections: &mut JoinSet<()>,
) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // Small messages wait for nothing.
        let _ = stream.set_nodelay(true);
        let shared = shared.clone();
        let answer = service_fn(move |request: Request<Incoming>| {
            let shared = shared.clone();
            async move { Ok::<_, Infallible>(exchange::pass_on(shared, request).await) }
        });
        connections.spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .serve_connection(TokioIo::new(stream), answer);
            // A client that breaks off loses its connection; nobody else is concerned.
            let _ = connection.await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Waits for whichever comes first.
async fn either(a: impl Future<Output = ()>, b: impl Future<Output = ()>) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    poll_fn(|context| {
        let ready = a.as_mut().poll(context).is_ready() || b.as_mut().poll(context).is_ready();
        if ready {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

async fn idle(shared: &Shared) {
    while shared.proxy.waits_at_all() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A body of at most so many bytes, or what there was of it when it broke off.
pub(crate) enum Collected {
    Whole(Bytes),
    TooLong,
    Broken,
}

pub(crate) async fn collect(body: Incoming, limit: usize) -> Collected {
    match Limited::new(body, limit).collect().await {
        Ok(body) => Collected::Whole(body.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Collected::TooLong,
        Err(_) => Collected::Broken,
    }
}

/// What the proxy itself answers.
pub(crate) fn own(
    status: u16,
    content_type: &'static str,
    text: String,
) -> Response<exchange::Body> {
    let body = Full::new(Bytes::from(text)).map_err(|never| match never {});
    let mut response = Response::new(body.boxed());
    if let Ok(status) = hyper::StatusCode::from_u16(status) {
        *response.status_mut() = status;
    }
    let content_type = hyper::header::HeaderValue::from_static(content_type);
    response
        .headers_mut()
        .insert(hyper::header::CONTENT_TYPE, content_type);
    response
}
