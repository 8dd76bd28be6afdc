//! HTTP/1.1 for this project's own servers: connections bounded in number and time, request bodies in length
//! and time, and an end that any thread can call for.
//!
//! # What this is not
//! No routes, no TLS, no runtime: a server says what it answers, and on which runtime.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{sleep, timeout};

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
    let places = Arc::new(Semaphore::new(limits.connections));
    loop {
        // The semaphore is never closed, so there is always a place in the end.
        let place = places.clone().acquire_owned().await.ok();
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let answer = answer.clone();
        let answer = service_fn(move |request| {
            let answer = answer(request);
            async move { Ok::<_, Infallible>(answer.await) }
        });
        tokio::spawn(async move {
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
            drop(place);
        });
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
