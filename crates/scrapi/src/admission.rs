//! The registration policy: a statement is accepted when a key that is listed for its issuer signed it.

use avouch_cose::{Error, SignedStatement, VerifyingKey};

/// The issuers whose statements are accepted, each with its keys.
#[derive(Clone, Debug, Default)]
pub struct Admission(Vec<(String, VerifyingKey)>);

/// Why a statement is not accepted: a title and more about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// In short.
    pub title: &'static str,
    /// What is wrong, and what would do.
    pub detail: String,
}

impl Admission {
    /// Accepts statements of these issuers by these keys; an issuer may be there with several.
    pub fn new(keys: impl IntoIterator<Item = (String, VerifyingKey)>) -> Self {
        Self(keys.into_iter().collect())
    }

    /// Reads a statement that was sent, and judges it.
    ///
    /// # Errors
    /// [`Refusal`], with the titles of the draft where it has one.
    pub fn judge(&self, bytes: &[u8]) -> Result<SignedStatement, Refusal> {
        let refusal = |title, detail: String| Refusal { title, detail };
        let statement = SignedStatement::parse(bytes).map_err(|error| match error {
            Error::DetachedPayload => refusal(
                "Payload Missing",
                "Signed Statement payload must be present".into(),
            ),
            error => refusal("Malformed request", error.to_string()),
        })?;
        let issuer = statement.issuer();
        let mut why = None;
        for (_, key) in self.0.iter().filter(|(name, _)| name == issuer) {
            match statement.verify(key) {
                Ok(()) => return Ok(statement),
                // Of several keys, what one that can check it says counts.
                Err(error @ (Error::BadSignature | Error::Unsupported(_))) => why = Some(error),
                Err(error) => why = why.or(Some(error)),
            }
        }
        Err(match why {
            Some(error @ (Error::Unsupported(_) | Error::AlgorithmMismatch { .. })) => {
                refusal("Bad Signature Algorithm", error.to_string())
            }
            Some(error) => refusal(
                "Rejected",
                format!("no key that is listed for issuer {issuer:?} signed this: {error}"),
            ),
            None => refusal(
                "Rejected",
                format!("issuer {issuer:?} is not one whose statements are registered here"),
            ),
        })
    }
}
