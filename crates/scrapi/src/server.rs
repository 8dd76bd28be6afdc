//! The resources of draft-ietf-scitt-scrapi over HTTP/1.1.
//!
//! ```text
//! POST /entries                       register a signed statement: 201 with its receipt, or 303
//! GET  /entries/{statement id}        200 with its receipt now, or 302 while it waits
//! GET  /.well-known/scitt-keys        the log's key, as a COSE Key Set
//! GET  /.well-known/scitt-keys/{kid}  one key
//! ```

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use avouch_cbor::Encoder;
use avouch_cose::statement::MAX_STATEMENT;
use avouch_cose::{SigningKey, VerifyingKey};
use avouch_ledger::{Error as LedgerError, Ledger, Registration};
use avouch_listen::{Limits, Listener, NoBody, Stop, Tls};
use avouch_merkle::{Digest, sha256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION,
    RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{Method, Request, Response, StatusCode};
use tokio::time::timeout;

use crate::problem::{PROBLEM, Problem};
use crate::rate::Buckets;
use crate::registrar::Handed;
use crate::{Admission, Error, Rate, Registrar};

/// What clients may take up.
const LIMITS: Limits = Limits {
    connections: 256,
    head: Duration::from_secs(10),
    connection: Some(Duration::from_secs(300)),
};
/// How long a client may take over a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Receipts are made by so many threads at once, together with what else blocks.
const BLOCKING: usize = 2;
/// When to ask again, in seconds, where nothing better is known.
const AGAIN: u64 = 1;

const COSE: &str = "application/cose";
const CBOR: &str = "application/cbor";
const ENTRIES: &str = "/entries";
const KEYS: &str = "/.well-known/scitt-keys";

/// Bearer tokens (RFC 6750) that let clients register. What is kept of them is their SHA-256.
#[derive(Clone, Debug)]
pub struct Tokens(Vec<Digest>);

impl Tokens {
    /// The shortest token, in bytes.
    const SHORTEST: usize = 20;

    /// One token a line; empty lines and lines that begin with `#` are left out.
    ///
    /// # Errors
    /// [`Error::Tokens`] for none, and for one that is shorter than 20 characters or holds blanks.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let lines = text.lines().map(str::trim);
        let lines = (1..).zip(lines).filter(|(_, line)| !line.is_empty());
        let mut tokens = Vec::new();
        for (number, token) in lines.filter(|(_, line)| !line.starts_with('#')) {
            if token.len() < Self::SHORTEST || token.contains(char::is_whitespace) {
                return Err(Error::Tokens(format!(
                    "line {number}: a token has 20 characters or more, and no blanks"
                )));
            }
            tokens.push(sha256(&[token.as_bytes()]));
        }
        match tokens.is_empty() {
            true => Err(Error::Tokens("there is no token".into())),
            false => Ok(Self(tokens)),
        }
    }

    /// Whether this is one. Only digests are compared: how long that takes tells nothing of a token.
    fn has(&self, token: &str) -> bool {
        self.0.contains(&sha256(&[token.as_bytes()]))
    }
}

/// Who is served, and how much.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Whose statements are registered.
    pub admission: Admission,
    /// What clients must show to register; `None` if the admission of statements is enough.
    pub tokens: Option<Tokens>,
    /// How often each client may ask.
    pub rate: Rate,
    /// The longest statement, in bytes; never above 1 MiB.
    pub max_len: usize,
    /// How long a request waits for its receipt before it is told to come again for it.
    pub wait: Duration,
}

/// A service that listens.
pub struct Server {
    listener: Listener,
    tls: Option<Tls>,
    service: Service,
}

impl Server {
    /// Listens on an address. `reader` is another handle of the registrar's ledger.
    pub fn bind(
        address: SocketAddr,
        tls: Option<Tls>,
        registrar: Registrar,
        reader: Ledger,
        log_key: SigningKey,
        rules: Rules,
    ) -> io::Result<Self> {
        let listener = Listener::bind(address)?;
        let service = Service {
            registrar: Arc::new(registrar),
            key: log_key.verifying_key(),
            reader: Arc::new(Mutex::new((reader, log_key))),
            buckets: Arc::new(Mutex::new(Buckets::new(rules.rate, Instant::now()))),
            rules: Arc::new(rules),
            remark: Arc::new(|_, _| ()),
        };
        Ok(Self {
            listener,
            tls,
            service,
        })
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
            remark: Arc::new(remark),
            ..self.service
        };
        let answer = move |request, peer: SocketAddr| service.clone().answer(request, peer.ip());
        let serve = |listener| avouch_listen::serve_peers(listener, self.tls, LIMITS, answer);
        self.listener.run(BLOCKING, BODY_TIMEOUT, stop, serve)
    }
}

/// What is told of each request.
type Remark = dyn Fn(u16, &str) + Send + Sync;

#[derive(Clone)]
struct Service {
    registrar: Arc<Registrar>,
    key: VerifyingKey,
    reader: Arc<Mutex<(Ledger, SigningKey)>>,
    buckets: Arc<Mutex<Buckets>>,
    rules: Arc<Rules>,
    remark: Arc<Remark>,
}

/// An answer that is no problem.
struct Reply {
    status: StatusCode,
    content_type: &'static str,
    headers: Vec<(HeaderName, String)>,
    body: Vec<u8>,
    remark: String,
}

impl Reply {
    fn new(status: StatusCode, content_type: &'static str, body: Vec<u8>, remark: String) -> Self {
        Self {
            status,
            content_type,
            headers: Vec::new(),
            body,
            remark,
        }
    }

    fn with(mut self, name: HeaderName, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
}

impl Service {
    async fn answer(self, request: Request<Incoming>, client: IpAddr) -> Response<Full<Bytes>> {
        let reply = match self.reply(request, client).await {
            Ok(reply) => reply,
            Err(problem) => {
                let remark = format!("{}: {}", problem.title, problem.detail);
                let mut reply = Reply::new(problem.status, PROBLEM, problem.encode(), remark);
                if let Some(seconds) = problem.retry_after {
                    reply = reply.with(RETRY_AFTER, seconds);
                }
                match problem.status {
                    StatusCode::UNAUTHORIZED => reply.with(WWW_AUTHENTICATE, "Bearer"),
                    StatusCode::METHOD_NOT_ALLOWED => reply.with(ALLOW, "GET, POST"),
                    _ => reply,
                }
            }
        };
        (self.remark)(reply.status.as_u16(), &reply.remark);
        let mut response = Response::new(Full::from(reply.body));
        *response.status_mut() = reply.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
        for (name, value) in reply.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        response
    }

    async fn reply(&self, request: Request<Incoming>, client: IpAddr) -> Result<Reply, Problem> {
        let taken = self
            .buckets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(client, Instant::now());
        taken.map_err(|seconds| {
            let rate = self.rules.rate.per_minute;
            let detail = format!("Only {rate} requests per minute are allowed.");
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests", detail).after(seconds)
        })?;
        let path = request.uri().path().to_owned();
        let is_get = request.method() == Method::GET;
        let wrong_method = || {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "Method Not Allowed",
                "POST /entries registers; everything else is a GET",
            )
        };
        match path.as_str() {
            ENTRIES if request.method() == Method::POST => self.register(request).await,
            KEYS if is_get => Ok(self.keys()),
            ENTRIES | KEYS => Err(wrong_method()),
            other if !is_get => Err(match other.starts_with('/') {
                true => wrong_method(),
                false => not_found("there is no such resource"),
            }),
            other => {
                if let Some(id) = other.strip_prefix("/entries/") {
                    return self.entry(id).await;
                }
                match other.strip_prefix("/.well-known/scitt-keys/") {
                    Some(kid) => self.one_key(kid),
                    None => Err(not_found("there is no such resource")),
                }
            }
        }
    }

    async fn register(&self, request: Request<Incoming>) -> Result<Reply, Problem> {
        self.authorize(&request)?;
        let content_type = request.headers().get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        let media = content_type.and_then(|value| value.split(';').next());
        if !media.is_some_and(|media| media.trim().eq_ignore_ascii_case(COSE)) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Unsupported Media Type",
                "a signed statement is sent as application/cose",
            ));
        }
        let max = self.rules.max_len.min(MAX_STATEMENT);
        let body = avouch_listen::body(request.into_body(), max, BODY_TIMEOUT).await;
        let body = body.map_err(|why| match why {
            NoBody::TooLong => Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "Too Long",
                format!("a statement has at most {max} bytes here"),
            ),
            NoBody::BrokeOff => malformed("the request broke off"),
            NoBody::TooSlow => Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "Too Slow",
                "the statement took too long to arrive",
            ),
        })?;
        let statement = self.rules.admission.judge(&body).map_err(|refusal| {
            Problem::new(StatusCode::BAD_REQUEST, refusal.title, refusal.detail)
        })?;
        let id = statement.statement_id();
        let who = format!("{} ({})", statement.issuer(), statement.subject());
        match self.registrar.hand_over(statement).await {
            Handed::Waiting(entered) => match timeout(self.rules.wait, entered).await {
                Ok(Ok(())) => {}
                _ => {
                    let remark = format!("accepted {id}: {who}");
                    return Ok(running(StatusCode::SEE_OTHER, &id, remark));
                }
            },
            Handed::Entered => {}
            Handed::OtherSignature => {
                return Err(Problem::new(
                    StatusCode::CONFLICT,
                    "Registered Already",
                    format!(
                        "the same is registered under another signature: GET {ENTRIES}/{id} has its receipt"
                    ),
                ));
            }
            Handed::Busy => {
                let detail = "nothing was registered: send it again";
                let title = "Service Unavailable";
                return Err(
                    Problem::new(StatusCode::SERVICE_UNAVAILABLE, title, detail).after(AGAIN)
                );
            }
            Handed::Failed(why) => return Err(broken(&why)),
        }
        match self.look_up(id).await? {
            Some(Looked::Receipt(receipt)) => {
                let remark = format!("registered {id}: {who}");
                let reply = Reply::new(StatusCode::CREATED, COSE, receipt, remark);
                Ok(reply.with(LOCATION, location(&id)))
            }
            _ => Err(broken("what was entered is not there")),
        }
    }

    fn authorize(&self, request: &Request<Incoming>) -> Result<(), Problem> {
        let Some(tokens) = &self.rules.tokens else {
            return Ok(());
        };
        let given = request.headers().get(AUTHORIZATION);
        let given = given.and_then(|value| value.to_str().ok());
        let token = given.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        match token {
            Some(token) if tokens.has(token) => Ok(()),
            Some(_) => Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "Unauthorized",
                "this token is none that lets register here",
            )),
            None => Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "Unauthorized",
                "registering takes a bearer token",
            )),
        }
    }

    async fn entry(&self, id: &str) -> Result<Reply, Problem> {
        let Ok(id) = id.parse::<Digest>() else {
            return Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "Invalid locator",
                "Operation locator is not in a valid form: it is a statement id, 64 hexadecimal digits",
            ));
        };
        match self.look_up(id).await? {
            Some(Looked::Receipt(receipt)) => {
                let remark = format!("receipt of {id}");
                let reply = Reply::new(StatusCode::OK, COSE, receipt, remark);
                Ok(reply.with(LOCATION, location(&id)))
            }
            Some(Looked::Waiting) => {
                let remark = format!("{id} waits");
                Ok(running(StatusCode::FOUND, &id, remark))
            }
            None => Err(not_found(&format!(
                "Receipt with entry ID {id} not known to this Transparency Service"
            ))),
        }
    }

    /// Reads the ledger, away from the connections.
    async fn look_up(&self, id: Digest) -> Result<Option<Looked>, Problem> {
        let reader = self.reader.clone();
        let looked = tokio::task::spawn_blocking(move || {
            // Reading leaves nothing half done.
            let reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
            let (ledger, log_key) = &*reader;
            match ledger.registration(&id)? {
                None | Some(Registration::OtherSignature) => Ok(None),
                Some(Registration::Waiting) => Ok(Some(Looked::Waiting)),
                Some(Registration::Entered(index)) => {
                    let receipt = ledger.receipt(index, log_key)?;
                    Ok(receipt.map(|receipt| Looked::Receipt(receipt.as_bytes().to_vec())))
                }
            }
        });
        let looked: Result<_, LedgerError> = looked
            .await
            .map_err(|_| broken("the service broke on this request"))?;
        looked.map_err(|error| broken(&error.to_string()))
    }

    fn keys(&self) -> Reply {
        let mut keys = Encoder::new();
        keys.array(1).raw(&self.key.to_named_cose_key());
        let reply = Reply::new(StatusCode::OK, CBOR, keys.into_vec(), "keys".into());
        reply.with(CACHE_CONTROL, "max-age=3600")
    }

    fn one_key(&self, kid: &str) -> Result<Reply, Problem> {
        let wanted = URL_SAFE_NO_PAD.decode(kid);
        if !wanted.is_ok_and(|wanted| wanted == self.key.id().as_bytes()) {
            return Err(Problem::new(
                StatusCode::NOT_FOUND,
                "No such key",
                "No key could be found for this kid value",
            ));
        }
        let key = self.key.to_named_cose_key();
        let reply = Reply::new(StatusCode::OK, CBOR, key, "key".into());
        Ok(reply.with(CACHE_CONTROL, "max-age=3600"))
    }
}

enum Looked {
    Waiting,
    Receipt(Vec<u8>),
}

fn location(id: &Digest) -> String {
    format!("{ENTRIES}/{id}")
}

fn running(status: StatusCode, id: &Digest, remark: String) -> Reply {
    Reply::new(status, COSE, Vec::new(), remark)
        .with(LOCATION, location(id))
        .with(RETRY_AFTER, AGAIN)
}

fn malformed(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "Malformed request", detail)
}

fn not_found(detail: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "Not Found", detail)
}

fn broken(why: &str) -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "Internal Error",
        format!("the log could not be read or written: {why}"),
    )
}
