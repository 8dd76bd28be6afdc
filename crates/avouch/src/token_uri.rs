//! PKCS#11 URIs (RFC 7512): which key on which token.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Why a text is not such a URI.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a PKCS#11 URI that names a key: {0}")]
pub struct UriError(String);

/// Names a key on a token. It never holds a PIN.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenUri {
    text: String,
    pub(crate) token: Option<String>,
    pub(crate) serial: Option<String>,
    pub(crate) object: Option<String>,
    pub(crate) id: Option<Vec<u8>>,
    pub(crate) module: Option<PathBuf>,
    pub(crate) pin_file: Option<PathBuf>,
}

const SCHEME: &str = "pkcs11:";

impl TokenUri {
    /// Whether a text claims to be one.
    pub fn is_uri(text: &str) -> bool {
        text.starts_with(SCHEME)
    }
}

impl fmt::Display for TokenUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for TokenUri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        let wrong = |why: &str| UriError(why.to_owned());
        let rest = text
            .strip_prefix(SCHEME)
            .ok_or_else(|| wrong("it does not begin with pkcs11:"))?;
        if text.len() > 4096 || text.chars().any(|c| !c.is_ascii_graphic()) {
            return Err(wrong(
                "it is too long, or has other than printable ASCII characters",
            ));
        }
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        let mut uri = Self {
            text: text.to_owned(),
            ..Self::default()
        };
        let mut seen = Vec::new();
        let parts = path.split(';').map(|part| (part, true));
        let parts = parts.chain(
            query
                .into_iter()
                .flat_map(|query| query.split('&').map(|part| (part, false))),
        );
        for (part, in_path) in parts {
            let (name, value) = part
                .split_once('=')
                .ok_or_else(|| UriError(format!("{part:?} is not name=value")))?;
            if seen.contains(&name) {
                return Err(UriError(format!("{name} is there twice")));
            }
            seen.push(name);
            uri.take(name, &decode(value)?, in_path)?;
        }
        if uri.object.is_none() && uri.id.is_none() {
            return Err(wrong("it names no key: give object= or id="));
        }
        if uri.token.is_none() && uri.serial.is_none() {
            return Err(wrong("it names no token: give token= or serial="));
        }
        Ok(uri)
    }
}

impl TokenUri {
    fn take(&mut self, name: &str, value: &[u8], in_path: bool) -> Result<(), UriError> {
        let text = || {
            String::from_utf8(value.to_vec())
                .ok()
                .filter(|text| !text.is_empty())
                .ok_or_else(|| UriError(format!("the value of {name} is empty or not UTF-8")))
        };
        match (name, in_path) {
            ("token", true) => self.token = Some(text()?),
            ("serial", true) => self.serial = Some(text()?),
            ("object", true) => self.object = Some(text()?),
            ("id", true) if !value.is_empty() => self.id = Some(value.to_vec()),
            ("type", true) if value == b"private" => {}
            ("module-path", false) => self.module = Some(text()?.into()),
            ("pin-source", false) => {
                let source = text()?;
                let path = source.strip_prefix("file:").unwrap_or(&source);
                if path.is_empty() || path.starts_with('|') {
                    return Err(UriError("pin-source names no file".into()));
                }
                self.pin_file = Some(path.into());
            }
            // Whoever lists processes or reads a history would see it.
            ("pin-value", _) => {
                return Err(UriError(
                    "a PIN does not belong in a command line (pin-value): use pin-source=file:PATH, or the \
                     environment"
                        .into(),
                ));
            }
            _ => {
                return Err(UriError(format!(
                    "{name}={} is not supported here",
                    String::from_utf8_lossy(value)
                )));
            }
        }
        Ok(())
    }
}

/// Percent-decoding.
fn decode(text: &str) -> Result<Vec<u8>, UriError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digits = [*high, *low];
                let byte = std::str::from_utf8(&digits)
                    .ok()
                    .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
                    .and_then(|digits| u8::from_str_radix(digits, 16).ok());
                bytes.push(
                    byte.ok_or_else(|| UriError(format!("bad percent-encoding in {text:?}")))?,
                );
                rest = after;
            }
            (b'%', _) => return Err(UriError(format!("bad percent-encoding in {text:?}"))),
            (other, after) => {
                bytes.push(*other);
                rest = after;
            }
        }
    }
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_names_token_and_key_and_where_the_pin_is() {
        let uri: TokenUri = "pkcs11:token=My%20token;object=issuer;id=%01%02;type=private?\
                             module-path=/lib/hsm.so&pin-source=file:/run/pin"
            .parse()
            .unwrap();
        assert_eq!(uri.token.as_deref(), Some("My token"));
        assert_eq!(uri.object.as_deref(), Some("issuer"));
        assert_eq!(uri.id.as_deref(), Some(&[1, 2][..]));
        assert_eq!(uri.module, Some("/lib/hsm.so".into()));
        assert_eq!(uri.pin_file, Some("/run/pin".into()));
    }

    #[test]
    fn what_is_no_such_uri_is_refused_by_what_is_wrong() {
        for (text, why) in [
            ("file:x", "does not begin"),
            ("pkcs11:token=t", "names no key"),
            ("pkcs11:object=o", "names no token"),
            (
                "pkcs11:token=t;object=o?pin-value=1234",
                "does not belong in a command line",
            ),
            ("pkcs11:token=t;object=o;object=p", "object is there twice"),
            (
                "pkcs11:token=t;object=o;colour=red",
                "colour=red is not supported",
            ),
            ("pkcs11:token=t;object=%4", "bad percent-encoding"),
            ("pkcs11:token=t;object=%zz", "bad percent-encoding"),
            ("pkcs11:token=t;object=", "empty or not UTF-8"),
            ("pkcs11:token=t;object=o;type=public", "is not supported"),
            ("pkcs11:token=t;object=o;", "is not name=value"),
            ("pkcs11:token=t;object=o?pin-source=", "empty"),
            ("pkcs11:token=t;object=o?pin-source=file:", "names no file"),
            ("pkcs11:token=t;object=a b", "printable"),
        ] {
            let error = text.parse::<TokenUri>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
