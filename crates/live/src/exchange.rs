//! One request and its answer, through an HTTP proxy.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use avouch::cbor::Value;
use avouch::merkle::sha256;
use avouch::trace::{Flags, Kind};
use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue,
};
use hyper::{Request, Response, Uri};
use tokio::sync::oneshot;

use crate::Error;
use crate::a2a::{PARENT_HEADER, parent_text, read_parent};
use crate::dialog::{event, step};
use crate::http::{Collected, Shared, collect, own};
use crate::proxy::{Kept, refusal};
use crate::rpc::{self, Message};
use crate::sse::Cutter;

/// What is sent back to the client.
pub(crate) type Body = BoxBody<Bytes, Broken>;

/// The answer broke off.
#[derive(Debug, thiserror::Error)]
#[error("the answer broke off")]
pub(crate) struct Broken;

/// Pieces of an answer that wait for the client.
const WAITING: usize = 4;
/// How long the client has to take the last bytes of an answer that broke off.
const LAST_BYTES: Duration = Duration::from_millis(200);
/// The header that names a session of MCP before 2026-07-28.
const SESSION: &str = "mcp-session-id";
/// Headers that concern one connection only (RFC 9110, 7.6.1).
const HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Where something is said.
struct Here {
    shared: Arc<Shared>,
    /// What ids are unique within.
    scope: String,
    /// Whether that is this exchange alone.
    is_alone: bool,
    /// The ids of what is asked in it.
    ids: Vec<String>,
}

/// Passes a request on when what it means is on disk, and its answer likewise.
pub(crate) async fn pass_on(shared: Arc<Shared>, request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let session = head.headers.get(SESSION).and_then(|id| id.to_str().ok());
    let mut here = Here {
        scope: session.map_or_else(|| shared.scope(), str::to_owned),
        is_alone: session.is_none(),
        ids: Vec::new(),
        shared,
    };
    if head.headers.contains_key(CONTENT_ENCODING) {
        return own(
            415,
            TEXT,
            "avouch records bodies: send it without Content-Encoding\n".into(),
        );
    }
    let body = match collect(body, here.shared.proxy.max_message()).await {
        Collected::Whole(body) => body,
        Collected::TooLong => {
            let limit = here.shared.proxy.max_message();
            return own(413, TEXT, format!("{}\n", Error::TooLong { limit }));
        }
        Collected::Broken => return own(400, TEXT, "the request broke off\n".into()),
    };
    here.ids = ids(&body);
    let kept = match here.request(&head.headers, head.uri.path(), &body).await {
        Ok(kept) => kept,
        Err(error) => {
            eprintln!("avouch: {error}: not passed on");
            return own(503, "application/json", refusal(&body, &error));
        }
    };
    let request = match upstream_request(&here.shared, head, body, &kept) {
        Ok(request) => request,
        Err(why) => return here.failed(&why).await,
    };
    match here.shared.client.request(request).await {
        Ok(answer) => here.answer(answer).await,
        Err(error) => {
            here.failed(&format!("the server did not answer: {error}"))
                .await
        }
    }
}

const TEXT: &str = "text/plain";

/// The request as it goes to the server: the same method, path, headers and bytes, but for what concerns the
/// connection, and the encoding of the answer, which has to be read.
fn upstream_request(
    shared: &Shared,
    head: hyper::http::request::Parts,
    body: Bytes,
    kept: &[Kept],
) -> Result<Request<Full<Bytes>>, String> {
    let base = &shared.upstream;
    let prefix = base.path().trim_end_matches('/');
    let asked = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let path = match (prefix.is_empty(), asked) {
        (false, "/") => prefix.to_owned(),
        _ => format!("{prefix}{asked}"),
    };
    let mut parts = base.clone().into_parts();
    parts.path_and_query = Some(
        path.parse()
            .map_err(|_| format!("cannot ask for {path:?}"))?,
    );
    let uri = Uri::from_parts(parts).map_err(|error| error.to_string())?;
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = head.method;
    *request.headers_mut() = end_to_end(head.headers);
    let headers = request.headers_mut();
    headers.remove(HOST);
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let delegation = kept.iter().find(|event| event.kind == Kind::Delegation);
    if shared.link
        && let Some(Kept {
            run: Some(run),
            seq,
            ..
        }) = delegation
        && let Ok(parent) = HeaderValue::try_from(parent_text(*run, *seq))
    {
        headers.insert(PARENT_HEADER, parent);
    }
    *request.uri_mut() = uri;
    Ok(request)
}

/// The headers without those that concern one connection only.
fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    let named: Vec<HeaderName> = headers
        .get_all("connection")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP {
        headers.remove(name);
    }
    headers
}

fn media_type(headers: &HeaderMap) -> String {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let bare = value.and_then(|value| value.split(';').next());
    bare.unwrap_or_default().trim().to_ascii_lowercase()
}

impl Here {
    /// Records what the request means.
    async fn request(
        &self,
        headers: &HeaderMap,
        path: &str,
        body: &[u8],
    ) -> Result<Vec<Kept>, Error> {
        if body.is_empty() {
            return Ok(Vec::new());
        }
        // Forms are what OAuth sends its secrets in.
        if media_type(headers) == "application/x-www-form-urlencoded" {
            let draft = event(Kind::Note, Some(0))
                .with("type", "form")
                .with("path", path)
                .with("bytes", body.len() as u64)
                .with("sha256", Value::Bytes(sha256(&[body]).0.to_vec()));
            return self.shared.proxy.record(vec![step(draft)]).await;
        }
        let parent = headers
            .get(PARENT_HEADER)
            .filter(|_| self.shared.link)
            .and_then(|value| value.to_str().ok())
            .and_then(read_parent);
        self.shared.proxy.client(&self.scope, body, parent).await
    }

    /// There is no answer.
    async fn failed(&self, why: &str) -> Response<Body> {
        eprintln!("avouch: {why}");
        match self
            .shared
            .proxy
            .give_up(&self.scope, Some(&self.ids), why)
            .await
        {
            Ok(()) => own(502, TEXT, format!("{why}\n")),
            Err(error) => own(503, TEXT, format!("{why}; {error}\n")),
        }
    }

    async fn answer(self, answer: Response<Incoming>) -> Response<Body> {
        let (mut head, body) = answer.into_parts();
        let encoded = head.headers.get(CONTENT_ENCODING);
        if encoded.is_some_and(|encoding| encoding != "identity") {
            return self
                .failed("the server's answer is encoded, so that it cannot be recorded")
                .await;
        }
        let media_type = media_type(&head.headers);
        head.headers = end_to_end(head.headers);
        let streams = media_type == "text/event-stream";
        if !streams && media_type != "application/json" && !self.is_awaited() {
            // A page, a picture: nothing that answers a call.
            return Response::from_parts(head, body.map_err(|_| Broken).boxed());
        }
        let (sender, channel) = Channel::new(WAITING);
        let (here, gone) = oneshot::channel::<()>();
        let from = Upstream { body, gone };
        match streams {
            true => {
                tokio::spawn(self.stream(from, sender));
            }
            false => {
                tokio::spawn(self.whole(from, sender));
            }
        }
        // The body is dropped with what the closure holds when the client goes away.
        let body = channel.map_frame(move |frame| {
            let _ = &here;
            frame
        });
        Response::from_parts(head, body.boxed())
    }

    fn is_awaited(&self) -> bool {
        self.shared.proxy.waits(&self.scope)
    }

    /// Passes on an answer that is one message, when all of it is there and recorded.
    async fn whole(self, mut from: Upstream, mut out: Sender<Bytes, Broken>) {
        let mut held = Vec::new();
        let is_whole = loop {
            match from.next().await {
                Next::Data(data) => held.extend_from_slice(&data),
                Next::End => break true,
                Next::Broken => break false,
                Next::Gone => return self.end(out, true, false).await,
            }
            if held.len() > self.shared.proxy.max_message() {
                let limit = self.shared.proxy.max_message();
                self.cut(out, &Error::TooLong { limit }.to_string()).await;
                return;
            }
        };
        let expected = self.is_awaited();
        let recorded = self.shared.proxy.server(&self.scope, &held, expected).await;
        if let Err(error) = recorded {
            self.cut(out, &error.to_string()).await;
            return;
        }
        let sent = out.send_data(held.into()).await.is_ok();
        self.end(out, is_whole, sent).await;
    }

    /// Passes on a stream, each event when it is there and recorded.
    async fn stream(self, mut from: Upstream, mut out: Sender<Bytes, Broken>) {
        let mut cutter = Cutter::default();
        let mut is_whole = true;
        loop {
            let (pieces, is_end) = match from.next().await {
                Next::Data(data) => (cutter.feed(&data), false),
                Next::Gone => return self.end(out, true, false).await,
                next => {
                    is_whole = matches!(next, Next::End);
                    (cutter.rest().into_iter().collect(), true)
                }
            };
            for piece in pieces {
                if let Some(data) = piece.data.filter(|data| !data.is_empty())
                    && let Err(error) = self.shared.proxy.server(&self.scope, &data, true).await
                {
                    self.cut(out, &error.to_string()).await;
                    return;
                }
                if out.send_data(piece.bytes.into()).await.is_err() {
                    self.end(out, is_whole, false).await;
                    return;
                }
            }
            if cutter.held() > self.shared.proxy.max_message() {
                let limit = self.shared.proxy.max_message();
                self.cut(out, &Error::TooLong { limit }.to_string()).await;
                return;
            }
            if is_end {
                self.end(out, is_whole, true).await;
                return;
            }
        }
    }

    /// The answer has ended. Where it was this exchange's alone, nothing more will come.
    async fn end(&self, out: Sender<Bytes, Broken>, is_whole: bool, sent: bool) {
        let why = match (sent, is_whole) {
            (false, _) => "the client went away",
            (true, false) => "the server's answer broke off",
            (true, true) => "the answer ended without a result",
        };
        // In a session, a stream that broke off can be taken up again.
        if self.is_alone
            && let Err(error) = self.shared.proxy.give_up(&self.scope, None, why).await
        {
            eprintln!("avouch: {error}");
        }
        if !is_whole {
            // hyper drops what it has not written yet when a body breaks off, and does not tell when it has.
            tokio::time::sleep(LAST_BYTES).await;
            out.abort(Broken);
        }
    }

    /// What cannot be recorded is not passed on: the answer breaks off here.
    async fn cut(&self, out: Sender<Bytes, Broken>, why: &str) {
        eprintln!("avouch: {why}: the answer is not passed on");
        let told = event(Kind::Error, Some(0))
            .flag(Flags::ERROR, true)
            .with("reason", why);
        // It may be the very ledger that failed.
        let _ = self.shared.proxy.record(vec![step(told)]).await;
        let _ = self
            .shared
            .proxy
            .give_up(&self.scope, Some(&self.ids), why)
            .await;
        out.abort(Broken);
    }
}

/// The ids of the requests in a body.
fn ids(body: &[u8]) -> Vec<String> {
    let id = |message: &Message<'_>| match message {
        Message::Request { id, .. } => Some((*id).to_owned()),
        _ => None,
    };
    let messages = rpc::read(body).unwrap_or_default();
    messages.iter().filter_map(id).collect()
}

/// An answer as it comes from the server.
struct Upstream {
    body: Incoming,
    /// Resolves when the client has gone away.
    gone: oneshot::Receiver<()>,
}

enum Next {
    Data(Bytes),
    End,
    Broken,
    Gone,
}

impl Upstream {
    async fn next(&mut self) -> Next {
        poll_fn(|context| {
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(None) => Poll::Ready(Next::End),
                Poll::Ready(Some(Err(_))) => Poll::Ready(Next::Broken),
                // Trailers are nothing that a message could be in.
                Poll::Ready(Some(Ok(frame))) => {
                    Poll::Ready(Next::Data(frame.into_data().unwrap_or_default()))
                }
                Poll::Pending => Pin::new(&mut self.gone).poll(context).map(|_| Next::Gone),
            }
        })
        .await
    }
}
