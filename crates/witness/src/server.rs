//! The witness over HTTP/1.1: one call, everything bounded.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use avouch_listen::{Limits, Listener, NoBody, Stop};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use crate::protocol::{MAX_REQUEST, PATH};
use crate::{Reply, Witness};

/// What clients may take up.
const LIMITS: Limits = Limits {
    connections: 64,
    head: Duration::from_secs(10),
    connection: Some(Duration::from_secs(300)),
};
/// How long it may take over the body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Requests are judged one at a time anyway: the state has one writer.
const BLOCKING: usize = 1;

/// A witness that listens.
#[derive(Debug)]
pub struct Server {
    listener: Listener,
    witness: Witness,
}

impl Server {
    /// Listens on an address.
    pub fn bind(address: SocketAddr, witness: Witness) -> io::Result<Self> {
        let listener = Listener::bind(address)?;
        Ok(Self { listener, witness })
    }

    /// The address, with the port that the system chose for port 0.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.address()
    }

    /// Serves until it is stopped. `remark` is told of every request, with its status.
    pub fn run(
        self,
        stop: &Stop,
        remark: impl Fn(u16, &str) + Send + Sync + 'static,
    ) -> io::Result<()> {
        let service = Service {
            witness: Arc::new(Mutex::new(self.witness)),
            remark: Arc::new(remark),
        };
        let answer = move |request| service.clone().answer(request);
        let serve = |listener| avouch_listen::serve(listener, LIMITS, answer);
        self.listener.run(BLOCKING, BODY_TIMEOUT, stop, serve)
    }
}

/// What is told of each request.
type Remark = dyn Fn(u16, &str) + Send + Sync;

#[derive(Clone)]
struct Service {
    witness: Arc<Mutex<Witness>>,
    remark: Arc<Remark>,
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
        let body = avouch_listen::body(request.into_body(), MAX_REQUEST, BODY_TIMEOUT).await;
        let body = match body {
            Ok(body) => body,
            Err(NoBody::TooLong) => return plain(413, "the request is too long"),
            Err(NoBody::BrokeOff) => return plain(400, "the request broke off"),
            Err(NoBody::TooSlow) => return plain(408, "the request took too long"),
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
