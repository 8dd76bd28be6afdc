//! HTTP/1.1 for this project's own servers: connections bounded in number and time, request bodies in length
//! and time, and an end that any thread can call for.
//!
//! # What this is not
//! No routes: a server says what it answers. TLS is behind the feature `tls`.
#![forbid(unsafe_code)]

#[cfg(feature = "tls")]
mod tls;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{sleep, timeout};

#[cfg(feature = "tls")]
pub use tls::{Tls, TlsError};

/// How long to wait when the system gives no more connections (out of file descriptors, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The longest head of a request, in bytes.
const MAX_HEAD: usize = 16 * 1024;

/// Ends a server, from any thread.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Notify>);

impl Stop {
    /// A server that is given this runs until [`Stop::stop`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the server.
    pub fn stop(&self) {
        self.0.notify_one();
    }

    /// Waits until it is to end.
    pub async fn stopped(&self) {
        self.0.notified().await;
    }
}

/// An address that is listened on, before anything is answered.
#[derive(Debug)]
pub struct Listener(std::net::TcpListener);

impl Listener {
    /// Listens on an address.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self(listener))
    }

    /// The address, with the port that the system chose for port 0.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// The listener of the runtime that this is called in.
    pub fn into_tokio(self) -> io::Result<TcpListener> {
        TcpListener::from_std(self.0)
    }

    /// Runs `server` on this thread until it is stopped. At most `blocking` threads do what blocks; `grace` is how
    /// long they may go on afterwards. Connections are dropped.
    pub fn run<F>(
        self,
        blocking: usize,
        grace: Duration,
        stop: &Stop,
        server: impl FnOnce(TcpListener) -> F,
    ) -> io::Result<()>
    where
        F: Future<Output = Infallible> + Send + 'static,
    {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(blocking)
            .build()?;
        let served = runtime.block_on(async {
            tokio::spawn(server(self.into_tokio()?));
            stop.stopped().await;
            Ok(())
        });
        runtime.shutdown_timeout(grace);
        served
    }
}

/// What clients may take up.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections served at once; others wait in the operating system's queue.
    pub connections: usize,
    /// How long a client may take over a request's head, or sit idle between requests.
    pub head: Duration,
    /// How long one connection may be kept; `None` for as long as its requests come in time.
    pub connection: Option<Duration>,
}

/// Accepts connections and answers their requests, until the runtime ends it.
pub async fn serve<F, A>(listener: TcpListener, limits: Limits, answer: F) -> Infallible
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + 'static,
    A: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    accept(listener, limits, move |stream, _| {
        converse(stream, limits, answer.clone())
    })
    .await
}

/// The same over TLS, where it is given; each request is answered with the address that it came from.
#[cfg(feature = "tls")]
pub async fn serve_peers<F, A>(
    listener: TcpListener,
    tls: Option<Tls>,
    limits: Limits,
    answer: F,
) -> Infallible
where
    F: Fn(Request<Incoming>, SocketAddr) -> A + Clone + Send + 'static,
    A: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    accept(listener, limits, move |stream, peer| {
        let (tls, answer) = (tls.clone(), answer.clone());
        async move {
            let answer = move |request| answer(request, peer);
            match tls {
                None => converse(stream, limits, answer).await,
                // A handshake that fails, or takes too long, ends the connection.
                Some(tls) => {
                    if let Ok(Ok(stream)) = timeout(limits.head, tls.accept(stream)).await {
                        converse(stream, limits, answer).await;
                    }
                }
            }
        }
    })
    .await
}

/// Accepts connections, as many at once as there may be.
async fn accept<F, A>(listener: TcpListener, limits: Limits, talk: F) -> Infallible
where
    F: Fn(tokio::net::TcpStream, SocketAddr) -> A,
    A: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(limits.connections));
    loop {
        // The semaphore is never closed, so there is always a place in the end.
        let place = places.clone().acquire_owned().await.ok();
        let Ok((stream, peer)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let talk = talk(stream, peer);
        tokio::spawn(async move {
            talk.await;
            drop(place);
        });
    }
}

/// Answers one connection's requests.
async fn converse<S, F, A>(stream: S, limits: Limits, answer: F)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(Request<Incoming>) -> A + Send + 'static,
    A: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let answer = service_fn(move |request| {
        let answer = answer(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_header_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), answer);
    // A client that misbehaves loses its connection; nobody else is concerned.
    match limits.connection {
        Some(limit) => drop(timeout(limit, connection).await),
        None => drop(connection.await),
    }
}

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoBody {
    /// It is longer than allowed.
    TooLong,
    /// The connection broke off.
    BrokeOff,
    /// It took longer than allowed.
    TooSlow,
}

/// A request's body, of at most `max` bytes, read `within` a time.
///
/// # Errors
/// [`NoBody`] where it breaks either limit, or off.
pub async fn body(body: Incoming, max: usize, within: Duration) -> Result<Bytes, NoBody> {
    match timeout(within, Limited::new(body, max).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(NoBody::TooLong),
        Ok(Err(_)) => Err(NoBody::BrokeOff),
        Err(_) => Err(NoBody::TooSlow),
    }
}
