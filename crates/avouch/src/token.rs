//! Keys that never leave a token: PKCS#11 (a smart card, an HSM, SoftHSM).

use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use avouch_cose::key::{SIGNATURE_LEN, to_low_s};
use avouch_cose::{Algorithm, Error as CoseError, Signer, VerifyingKey};
use avouch_merkle::sha256;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;

use crate::{Error, Secret, TokenUri};

/// Where the library of the token is, if its URI does not say.
pub const MODULE_VARIABLE: &str = "AVOUCH_PKCS11_MODULE";
/// The PIN, if neither the URI nor [`PIN_FILE_VARIABLE`] names a file.
pub const PIN_VARIABLE: &str = "AVOUCH_PKCS11_PIN";
/// The file with the PIN on its first line.
pub const PIN_FILE_VARIABLE: &str = "AVOUCH_PKCS11_PIN_FILE";

/// A private key on a token, with an open session.
pub struct TokenKey {
    session: Mutex<Session>,
    private: ObjectHandle,
    public: VerifyingKey,
    name: String,
}

impl TokenKey {
    /// Finds the key that the URI names and logs in.
    ///
    /// # Errors
    /// [`Error::Token`] naming what is missing or ambiguous. The PIN is in no message.
    pub fn open(uri: &TokenUri) -> Result<Self, Error> {
        let wrong = |why: String| Error::Token {
            uri: uri.to_string(),
            why,
        };
        let failed = |error: cryptoki::error::Error| wrong(error.to_string());
        let module: PathBuf = match (&uri.module, std::env::var_os(MODULE_VARIABLE)) {
            (Some(module), _) => module.clone(),
            (None, Some(module)) => module.into(),
            (None, None) => {
                let why = format!("give the token's library: ?module-path=, or {MODULE_VARIABLE}");
                return Err(wrong(why));
            }
        };
        let context = Pkcs11::new(&module)
            .map_err(|error| wrong(format!("{}: {error}", module.display())))?;
        match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            Ok(()) => {}
            // By another key of this process.
            Err(cryptoki::error::Error::Pkcs11(
                cryptoki::error::RvError::CryptokiAlreadyInitialized,
                _,
            )) => {}
            Err(error) => return Err(failed(error)),
        }
        let slot = only_slot(&context, uri).map_err(wrong)?;
        let session = context.open_ro_session(slot).map_err(failed)?;
        let pin = pin(uri)?;
        match session.login(UserType::User, Some(&pin.as_pin())) {
            Ok(()) => {}
            Err(cryptoki::error::Error::Pkcs11(
                cryptoki::error::RvError::UserAlreadyLoggedIn,
                _,
            )) => {}
            Err(error) => return Err(failed(error)),
        }
        let private = only_object(&session, uri, ObjectClass::PRIVATE_KEY).map_err(wrong)?;
        let public = only_object(&session, uri, ObjectClass::PUBLIC_KEY).map_err(wrong)?;
        let public = read_public(&session, public).map_err(wrong)?;
        let key = Self {
            session: Mutex::new(session),
            private,
            public,
            name: uri.to_string(),
        };
        // Two objects of one name need not be one pair.
        key.try_sign(b"avouch: is this the private half?")?;
        Ok(key)
    }
}

impl Signer for TokenKey {
    fn verifying_key(&self) -> VerifyingKey {
        self.public
    }

    fn try_sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_LEN], CoseError> {
        let failed = |why: String| CoseError::Signer(format!("{}: {why}", self.name));
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let signature = match self.public.algorithm() {
            Algorithm::Ed25519 => {
                let pure = EddsaParams::new(EddsaSignatureScheme::Ed25519);
                session.sign(&Mechanism::Eddsa(pure), self.private, message)
            }
            Algorithm::P256 => {
                let digest = sha256(&[message]);
                session.sign(&Mechanism::Ecdsa, self.private, digest.as_bytes())
            }
        };
        let signature = signature.map_err(|error| failed(error.to_string()))?;
        let signature: [u8; SIGNATURE_LEN] = signature
            .try_into()
            .map_err(|_| failed("the token's signature is not 64 bytes long".into()))?;
        let signature = match self.public.algorithm() {
            Algorithm::Ed25519 => signature,
            Algorithm::P256 => to_low_s(&signature)?,
        };
        match self.public.verify(message, &signature) {
            Ok(()) => Ok(signature),
            Err(_) => Err(failed(
                "its private key is not the half of the public key of this name".into(),
            )),
        }
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey({}, {:?})", self.name, self.public)
    }
}

fn only_slot(context: &Pkcs11, uri: &TokenUri) -> Result<Slot, String> {
    let slots = context.get_slots_with_initialized_token();
    let mut found = Vec::new();
    for slot in slots.map_err(|error| error.to_string())? {
        let info = context
            .get_token_info(slot)
            .map_err(|error| error.to_string())?;
        let is = |wanted: &Option<String>, found: &str| {
            wanted
                .as_deref()
                .is_none_or(|wanted| wanted == found.trim_end())
        };
        if is(&uri.token, info.label()) && is(&uri.serial, info.serial_number()) {
            found.push(slot);
        }
    }
    match found.as_slice() {
        [slot] => Ok(*slot),
        [] => Err("there is no such token".into()),
        more => Err(format!(
            "{} tokens are meant by this: add serial=",
            more.len()
        )),
    }
}

fn only_object(
    session: &Session,
    uri: &TokenUri,
    class: ObjectClass,
) -> Result<ObjectHandle, String> {
    let mut template = vec![Attribute::Class(class)];
    if let Some(label) = &uri.object {
        template.push(Attribute::Label(label.as_bytes().to_vec()));
    }
    if let Some(id) = &uri.id {
        template.push(Attribute::Id(id.clone()));
    }
    let what = match class {
        ObjectClass::PRIVATE_KEY => "private key",
        _ => "public key",
    };
    let found = session.find_objects(&template);
    match found.map_err(|error| error.to_string())?.as_slice() {
        [object] => Ok(*object),
        [] => Err(format!("the token holds no {what} of this name")),
        more => Err(format!("{} {what}s are meant by this: add id=", more.len())),
    }
}

/// The public key from its point: a DER OCTET STRING of it, or, as some tokens have it, the point itself.
fn read_public(session: &Session, object: ObjectHandle) -> Result<VerifyingKey, String> {
    let wanted = [AttributeType::KeyType, AttributeType::EcPoint];
    let attributes = session.get_attributes(object, &wanted);
    let (mut kind, mut point) = (None, None);
    for attribute in attributes.map_err(|error| error.to_string())? {
        match attribute {
            Attribute::KeyType(found) => kind = Some(found),
            Attribute::EcPoint(found) => point = Some(found),
            _ => {}
        }
    }
    let (Some(kind), Some(point)) = (kind, point) else {
        return Err("its public key is not that of an elliptic curve".into());
    };
    let bare = |len: u8| match point.as_slice() {
        [4, found, rest @ ..] if *found == len && rest.len() == usize::from(len) => rest.to_vec(),
        _ => point.clone(),
    };
    let key = match kind {
        KeyType::EC_EDWARDS => {
            let bytes: [u8; 32] = bare(32)
                .try_into()
                .map_err(|_| "its Edwards curve is not Ed25519".to_owned())?;
            VerifyingKey::from_ed25519(&bytes)
        }
        KeyType::EC => match bare(65).as_slice() {
            [4, rest @ ..] if rest.len() == 64 => {
                let (mut x, mut y) = ([0; 32], [0; 32]);
                x.copy_from_slice(&rest[..32]);
                y.copy_from_slice(&rest[32..]);
                VerifyingKey::from_p256(&x, &y)
            }
            _ => return Err("its curve is not P-256".into()),
        },
        other => return Err(format!("its key type is {other}: use P-256 or Ed25519")),
    };
    key.map_err(|error| error.to_string())
}

/// From the file that the URI or the environment names, or from the environment.
fn pin(uri: &TokenUri) -> Result<Pin, Error> {
    let file = uri
        .pin_file
        .clone()
        .or_else(|| std::env::var_os(PIN_FILE_VARIABLE).map(PathBuf::from));
    let text = match file {
        Some(path) => std::fs::read_to_string(&path).map_err(|source| Error::io(&path, source))?,
        None => std::env::var(PIN_VARIABLE).map_err(|_| Error::Token {
            uri: uri.to_string(),
            why: format!(
                "a PIN is needed: ?pin-source=file:PATH, {PIN_FILE_VARIABLE} or {PIN_VARIABLE}"
            ),
        })?,
    };
    let text = Secret::new(text);
    let line = text.lines().next().unwrap_or_default();
    Ok(Pin(Secret::new(line.to_owned())))
}

struct Pin(Secret);

impl Pin {
    fn as_pin(&self) -> cryptoki::types::AuthPin {
        cryptoki::types::AuthPin::new((*self.0).into())
    }
}
