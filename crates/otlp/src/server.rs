//! OTLP over HTTP/1.1: one call, everything bounded.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use avouch_listen::{Limits, Listener, NoBody, Stop};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::header::{ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::Semaphore;

use crate::collect::{Intake, NotTaken};
use crate::request::{self, Encoding, MAX_BODY, Refused, Spans};
use crate::{Collector, Error, collect};

/// The one path.
const PATH: &str = "/v1/traces";
/// Requests worked on at once, which bounds memory; others are told to come back.
const MAX_REQUESTS: u32 = 16;
/// What clients may take up.
const LIMITS: Limits = Limits {
    connections: 256,
    head: Duration::from_secs(60),
    connection: None,
};
/// How long it may take over the body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long requests may go on once the server is stopped.
const STOP_TIMEOUT: Duration = Duration::from_secs(40);

// Codes of google.rpc.Code.
const INVALID_ARGUMENT: i32 = 3;
const RESOURCE_EXHAUSTED: i32 = 8;
const UNIMPLEMENTED: i32 = 12;
const UNAVAILABLE: i32 = 14;

/// A server that listens.
pub struct Server {
    listener: Listener,
    collector: Collector,
}

impl Server {
    /// Listens on an address.
    pub fn bind(address: SocketAddr, collector: Collector) -> Result<Self, Error> {
        let listener = Listener::bind(address)?;
        Ok(Self {
            listener,
            collector,
        })
    }

    /// The address, with the port that the system chose for port 0.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.address()
    }

    /// Serves until it is stopped, or until SIGTERM or SIGINT. What was acknowledged is kept, and every trace whose
    /// root has ended is recorded; returns what is left in the spool.
    pub fn run(
        self,
        stop: &Stop,
        remark: impl Fn(u16, &str) + Send + Sync + 'static,
    ) -> Result<collect::Left, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(MAX_REQUESTS as usize)
            .build()?;
        let service = Service {
            intake: self.collector.intake(),
            places: Arc::new(Semaphore::new(MAX_REQUESTS as usize)),
            stopping: Arc::new(AtomicBool::new(false)),
            remark: Arc::new(remark),
        };
        let (places, stopping) = (service.places.clone(), service.stopping.clone());
        let served = runtime.block_on(async {
            let listener = self.listener.into_tokio()?;
            let answer = move |request| service.clone().answer(request);
            let serving = tokio::spawn(avouch_listen::serve(listener, LIMITS, answer));
            wait_for(stop).await?;
            stopping.store(true, Ordering::Relaxed);
            serving.abort();
            // Requests that are being worked on hold a place each.
            let all = places.acquire_many(MAX_REQUESTS);
            let _ = tokio::time::timeout(STOP_TIMEOUT, all).await;
            // Their answers are still to be written.
            tokio::time::sleep(Duration::from_millis(100)).await;
            io::Result::Ok(())
        });
        runtime.shutdown_timeout(Duration::from_secs(1));
        let left = self.collector.stop();
        served?;
        left
    }
}

#[cfg(unix)]
async fn wait_for(stop: &Stop) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut term, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    tokio::select! {
        () = stop.stopped() => {}
        _ = term.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[cfg(not(unix))]
async fn wait_for(stop: &Stop) -> io::Result<()> {
    tokio::select! {
        () = stop.stopped() => {}
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    Ok(())
}

/// What is told of requests that are not simply taken.
type Remark = dyn Fn(u16, &str) + Send + Sync;

#[derive(Clone)]
struct Service {
    intake: Intake,
    places: Arc<Semaphore>,
    stopping: Arc<AtomicBool>,
    remark: Arc<Remark>,
}

/// An answer that is not 200.
struct Refusal {
    status: u16,
    code: i32,
    why: String,
    /// In seconds.
    retry_after: Option<u8>,
}

impl Refusal {
    fn new(status: u16, code: i32, why: impl Into<String>) -> Self {
        Self {
            status,
            code,
            why: why.into(),
            retry_after: None,
        }
    }

    fn later(why: &str) -> Self {
        Self {
            retry_after: Some(1),
            ..Self::new(503, UNAVAILABLE, why)
        }
    }
}

impl Service {
    async fn answer(self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let content_type = request.headers().get(CONTENT_TYPE);
        let encoding = content_type
            .and_then(|value| value.to_str().ok())
            .and_then(Encoding::of);
        let answered = self.take(request, encoding).await;
        let encoding = encoding.unwrap_or(Encoding::Json);
        let mut response = match answered {
            Ok(spans) => {
                if spans.rejected > 0 {
                    (self.remark)(
                        200,
                        &format!("{} spans rejected: {}", spans.rejected, spans.why),
                    );
                }
                Response::new(Full::from(request::answer(encoding, &spans)))
            }
            Err(refusal) => {
                (self.remark)(refusal.status, &refusal.why);
                let body = request::refusal(encoding, refusal.code, &refusal.why);
                let mut response = Response::new(Full::from(body));
                *response.status_mut() = StatusCode::from_u16(refusal.status)
                    .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let headers = response.headers_mut();
                if let Some(seconds) = refusal.retry_after {
                    headers.insert(RETRY_AFTER, HeaderValue::from(u16::from(seconds)));
                }
                if refusal.status == 405 {
                    headers.insert(ALLOW, HeaderValue::from_static("POST"));
                }
                response
            }
        };
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static(encoding.content_type()),
        );
        if self.stopping.load(Ordering::Relaxed) {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    async fn take(
        &self,
        request: Request<Incoming>,
        encoding: Option<Encoding>,
    ) -> Result<Spans, Refusal> {
        if request.uri().path() != PATH {
            let why = format!("there is only {PATH} here: traces, no metrics and no logs");
            return Err(Refusal::new(404, UNIMPLEMENTED, why));
        }
        if request.method() != Method::POST {
            return Err(Refusal::new(405, UNIMPLEMENTED, "traces are sent by POST"));
        }
        let Some(encoding) = encoding else {
            let why = "the Content-Type is neither application/x-protobuf nor application/json";
            return Err(Refusal::new(415, INVALID_ARGUMENT, why));
        };
        let is_gzip = match request
            .headers()
            .get(CONTENT_ENCODING)
            .map(HeaderValue::as_bytes)
        {
            None | Some(b"identity") => false,
            Some(b"gzip") => true,
            Some(_) => {
                let why = "the Content-Encoding is neither gzip nor identity";
                return Err(Refusal::new(415, INVALID_ARGUMENT, why));
            }
        };
        if self.stopping.load(Ordering::Relaxed) {
            return Err(Refusal::later("the receiver is being stopped"));
        }
        let Ok(_place) = self.places.try_acquire() else {
            return Err(Refusal::later("too many requests at once"));
        };
        let too_long = || {
            let why = format!("the body has more than {MAX_BODY} bytes: send smaller batches");
            Refusal::new(413, RESOURCE_EXHAUSTED, why)
        };
        // A body that says how long it is need not be read to be refused.
        if Body::size_hint(request.body()).lower() > MAX_BODY as u64 {
            return Err(too_long());
        }
        let body = match avouch_listen::body(request.into_body(), MAX_BODY, BODY_TIMEOUT).await {
            Ok(body) => body,
            Err(NoBody::TooLong) => return Err(too_long()),
            Err(NoBody::BrokeOff) => {
                return Err(Refusal::new(400, INVALID_ARGUMENT, "the body broke off"));
            }
            Err(NoBody::TooSlow) => {
                return Err(Refusal::new(
                    408,
                    INVALID_ARGUMENT,
                    "the body took too long",
                ));
            }
        };
        // Unpacking and taking apart may take a while, and is done aside.
        let read = tokio::task::spawn_blocking(move || match is_gzip {
            true => request::spans(encoding, &request::gunzip(&body)?),
            false => request::spans(encoding, &body),
        });
        let mut spans = match read.await {
            Ok(Ok(spans)) => spans,
            Ok(Err(Refused::TooLong)) => {
                return Err(Refusal::new(
                    413,
                    RESOURCE_EXHAUSTED,
                    Refused::TooLong.to_string(),
                ));
            }
            Ok(Err(refused)) => {
                return Err(Refusal::new(400, INVALID_ARGUMENT, refused.to_string()));
            }
            Err(_) => {
                return Err(Refusal::new(
                    400,
                    INVALID_ARGUMENT,
                    "the body cannot be read",
                ));
            }
        };
        match self.intake.put(std::mem::take(&mut spans.taken)).await {
            Ok(()) => Ok(spans),
            Err(NotTaken::Busy) => Err(Refusal::later("more waits to be recorded than may")),
            Err(NotTaken::Broken) => Err(Refusal::later("the spool cannot be written")),
        }
    }
}
