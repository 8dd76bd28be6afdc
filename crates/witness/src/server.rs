//! The witness over HTTP/1.1: one call, everything bounded.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{Notify, Semaphore};

use crate::protocol::{MAX_REQUEST, PATH};
use crate::{Reply, Witness};

/// Connections served at once; others wait in the operating system's queue.
const MAX_CONNECTIONS: usize = 64;
/// How long a client may take over a request's head, or sit idle between requests.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long it may take over the body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one connection may be kept.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(300);
/// How long to wait when the system gives no more connections (out of file descriptors, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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
}

/// A witness that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    witness: Witness,
}

impl Server {
    /// Listens on an address.
    pub fn bind(address: SocketAddr, witness: Witness) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, witness })
    }

    /// The address, with the port that the system chose for port 0.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until it is stopped. `remark` is told of every request, with its status.
    pub fn run(
        self,
        stop: &Stop,
        remark: impl Fn(u16, &str) + Send + Sync + 'static,
    ) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            // Requests are judged one at a time anyway: the state has one writer.
            .max_blocking_threads(1)
            .build()?;
        let service = Service {
            witness: Arc::new(Mutex::new(self.witness)),
            remark: Arc::new(remark),
        };
        let served = runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(self.listener)?;
            tokio::spawn(serve(listener, service));
            stop.0.notified().await;
            Ok(())
        });
        // What is being written is finished; connections are dropped.
        runtime.shutdown_timeout(BODY_TIMEOUT);
        served
    }
}

/// What is told of each request.
type Remark = dyn Fn(u16, &str) + Send + Sync;

#[derive(Clone)]
struct Service {
    witness: Arc<Mutex<Witness>>,
    remark: Arc<Remark>,
}

async fn serve(listener: tokio::net::TcpListener, service: Service) -> Infallible {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        // The semaphore is never closed, so there is always a place in the end.
        let place = places.clone().acquire_owned().await.ok();
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let service = service.clone();
        let answer = service_fn(move |request| {
            let service = service.clone();
            async move { Ok::<_, Infallible>(service.answer(request).await) }
        });
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .max_header_size(16 * 1024)
                .serve_connection(TokioIo::new(stream), answer);
            // A client that misbehaves loses its connection; nobody else is concerned.
            let _ = tokio::time::timeout(CONNECTION_TIMEOUT, connection).await;
            drop(place);
        });
    }
}

impl Service {
    async fn answer(self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let reply = self.reply(request).await;
        (self.remark)(reply.status, &reply.remark);
        let mut response = Response::new(Full::from(reply.body));
        *response.status_mut() =
            StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
        if reply.status == 405 {
            headers.insert(ALLOW, HeaderValue::from_static("POST"));
        }
        response
    }

    async fn reply(&self, request: Request<Incoming>) -> Reply {
        if request.uri().path().strip_prefix('/') != Some(PATH) {
            return plain(404, "there is only /add-checkpoint here");
        }
        if request.method() != Method::POST {
            return plain(405, "add-checkpoint takes a POST");
        }
        let body = Limited::new(request.into_body(), MAX_REQUEST).collect();
        let body = match tokio::time::timeout(BODY_TIMEOUT, body).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                return plain(413, "the request is too long");
            }
            Ok(Err(_)) => return plain(400, "the request broke off"),
            Err(_) => return plain(408, "the request took too long"),
        };
        let Some(now) = SystemTime::now().duration_since(UNIX_EPOCH).ok() else {
            return plain(500, "this machine's clock is before 1970");
        };
        let witness = self.witness.clone();
        let judged = tokio::task::spawn_blocking(move || {
            // Nothing is left half done by a panic: the transaction is rolled back.
            let mut witness = witness.lock().unwrap_or_else(PoisonError::into_inner);
            witness.add_checkpoint(&body, now.as_secs())
        });
        let broken = |_| plain(500, "the witness broke on this request");
        judged.await.unwrap_or_else(broken)
    }
}

fn plain(status: u16, what: &str) -> Reply {
    Reply {
        status,
        content_type: "text/plain",
        body: format!("{what}\n"),
        remark: what.into(),
    }
}
