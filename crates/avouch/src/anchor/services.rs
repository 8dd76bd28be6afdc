//! Which outside services are asked: the file `anchors.toml` of a home (`docs/anchors.md`).

use std::path::Path;
use std::time::Duration;
use std::{env, fs};

use avouch_anchor::{Backend, evm, git, opentimestamps, rfc3161};
use avouch_cose::SigningKey;
use avouch_http::{Client, Credential};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::{Error, Home, Secret};

/// How long a request may take unless the file tells, in seconds.
const TIMEOUT: u64 = 20;
/// The longest file, in bytes.
const MAX_LEN: u64 = 1 << 20;

/// One service.
pub struct Service {
    /// Its name in the file.
    pub name: String,
    pub(super) backend: Box<dyn Backend + Send + Sync>,
}

impl Service {
    /// The kind of its receipts.
    pub fn kind(&self) -> &'static str {
        self.backend.kind()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    service: Vec<toml::Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthorityEntry {
    url: String,
    authorization_env: Option<String>,
    authorization_file: Option<String>,
    timeout: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CalendarsEntry {
    calendars: Vec<String>,
    #[serde(default)]
    upgrade_from: Vec<String>,
    needed: Option<usize>,
    timeout: Option<u64>,
}

impl Home {
    /// Reads the services in a file.
    ///
    /// # Errors
    /// [`Error::Services`] says what is wrong in it.
    pub fn read_services(&self, path: &Path) -> Result<Vec<Service>, Error> {
        let with_home = |kind: &str, entry, folder: &Path| -> Made {
            match kind {
                git::KIND => Ok(Box::new(super::repository::open(entry, folder, self)?)),
                _ => Ok(Box::new(super::evm::submitter(entry, folder, self)?)),
            }
        };
        read_services(path, with_home)
    }
}

/// The entries of a file.
pub(super) fn read_list(path: &Path) -> Result<Vec<toml::Table>, Error> {
    let length = fs::metadata(path).map_err(|source| Error::io(path, source))?;
    let wrong = |why: String| Error::Services {
        path: path.into(),
        why,
    };
    if length.len() > MAX_LEN {
        return Err(wrong("it is longer than 1 MiB".into()));
    }
    let text = fs::read_to_string(path).map_err(|source| Error::io(path, source))?;
    let file: File = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    Ok(file.service)
}

type Made = Result<Box<dyn Backend + Send + Sync>, String>;

/// Reads a file's services; `with_home` makes those of the kinds that need the home.
fn read_services(
    path: &Path,
    with_home: impl Fn(&str, toml::Table, &Path) -> Made,
) -> Result<Vec<Service>, Error> {
    let wrong = |why: String| Error::Services {
        path: path.into(),
        why,
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut services: Vec<Service> = Vec::new();
    for mut entry in read_list(path)? {
        let mut text = |key: &str| match entry.remove(key) {
            Some(toml::Value::String(text)) if !text.is_empty() => Ok(text),
            _ => Err(wrong(format!("a [[service]] without a `{key}`"))),
        };
        let (name, kind) = (text("name")?, text("kind")?);
        // Names become parts of files' names.
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !name.chars().all(plain) || name.starts_with('.') || name.len() > 64 {
            let why =
                format!("service {name:?}: name it by 1 to 64 letters, digits, '-', '_' and '.'");
            return Err(wrong(why));
        }
        if services.iter().any(|other| other.name == name) {
            return Err(wrong(format!("service {name:?} is there twice")));
        }
        let backend = match kind.as_str() {
            rfc3161::KIND => authority(entry, folder),
            opentimestamps::KIND => calendars(entry),
            evm::KIND | git::KIND => with_home(&kind, entry, folder),
            _ => Err(format!("{kind:?} is no kind that is known here")),
        };
        let backend = backend.map_err(|why| wrong(format!("service {name:?}: {why}")))?;
        services.push(Service { name, backend });
    }
    match services.is_empty() {
        true => Err(wrong("it lists no [[service]]".into())),
        false => Ok(services),
    }
}

fn authority(entry: toml::Table, folder: &Path) -> Made {
    let entry: AuthorityEntry = entry
        .try_into()
        .map_err(|error: toml::de::Error| said(&error))?;
    check_url(&entry.url)?;
    let credential = secret(
        folder,
        entry.authorization_env.as_deref(),
        entry.authorization_file.as_deref(),
    )?;
    let credential = credential.map(|value| Credential::new(&value));
    let client = client(entry.timeout);
    Ok(Box::new(rfc3161::Client::new(
        &entry.url, client, credential,
    )))
}

fn calendars(entry: toml::Table) -> Made {
    let entry: CalendarsEntry = entry
        .try_into()
        .map_err(|error: toml::de::Error| said(&error))?;
    entry
        .calendars
        .iter()
        .chain(&entry.upgrade_from)
        .try_for_each(|url| check_url(url))?;
    let needed = entry.needed.unwrap_or(1);
    if needed == 0 || needed > entry.calendars.len() {
        let listed = entry.calendars.len();
        return Err(format!("{needed} of {listed} calendars cannot be needed"));
    }
    Ok(Box::new(opentimestamps::Client::new(
        &entry.calendars,
        &entry.upgrade_from,
        needed,
        client(entry.timeout),
    )))
}

/// A secret from a variable of the environment or a file, if either is named.
pub(super) fn secret(
    folder: &Path,
    variable: Option<&str>,
    file: Option<&str>,
) -> Result<Option<Zeroizing<String>>, String> {
    let value = match (variable, file) {
        (None, None) => return Ok(None),
        (Some(name), None) => {
            env::var(name).map_err(|_| format!("the variable {name} is not set"))?
        }
        (None, Some(file)) => {
            let path = folder.join(file);
            fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?
        }
        (Some(_), Some(_)) => return Err("it names two places for one secret".into()),
    };
    Ok(Some(Zeroizing::new(value)))
}

/// The key of this name in the home's store.
pub(super) fn open_key(
    home: &Home,
    folder: &Path,
    name: &str,
    passphrase_env: Option<&str>,
    passphrase_file: Option<&str>,
) -> Result<SigningKey, String> {
    let passphrase = secret(folder, passphrase_env, passphrase_file)?
        .map(|text| Secret::new(text.trim_end_matches(['\r', '\n']).into()));
    home.keys()
        .open(name, passphrase.as_ref())
        .map_err(|why| format!("key {name:?}: {why}"))
}

pub(super) fn client(timeout: Option<u64>) -> Client {
    Client::new(Duration::from_secs(
        timeout.unwrap_or(TIMEOUT).clamp(1, 600),
    ))
}

/// A name and password in an address would be shown in errors.
pub(super) fn check_url(url: &str) -> Result<(), String> {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let host = rest
        .and_then(|rest| rest.split('/').next())
        .unwrap_or_default();
    match host {
        "" => Err(format!("{url:?} is no http:// or https:// URL")),
        host if host.contains('@') => {
            Err("an address must not hold a password: use authorization_env".into())
        }
        _ => Ok(()),
    }
}

pub(super) fn said(error: &toml::de::Error) -> String {
    error.message().into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Service>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchors.toml");
        fs::write(&path, text).unwrap();
        read_services(&path, |_, _, _| Err("not here".into())).map_err(|error| error.to_string())
    }

    #[test]
    fn services_are_read_and_what_is_wrong_is_named() {
        let tsa =
            "[[service]]\nname = \"tsa\"\nkind = \"rfc3161\"\nurl = \"https://tsa.example\"\n";
        let ots = "[[service]]\nname = \"ots\"\nkind = \"opentimestamps\"\ncalendars = [\"https://a.example\"]\n";
        let read_both = read(&format!("{tsa}{ots}")).unwrap();
        let kinds: Vec<_> = read_both.iter().map(Service::kind).collect();
        assert_eq!(kinds, ["rfc3161", "opentimestamps"]);
        let change = |from: &str, to: &str| tsa.replace(from, to);
        for (text, words) in [
            (String::new(), "service"),
            ("service = []".into(), "lists no [[service]]"),
            (change("\"tsa\"", "\"t/a\""), "letters, digits"),
            (change("rfc3161", "carrier-pigeon"), "carrier-pigeon"),
            (change("https://", "ftp://"), "no http:// or https:// URL"),
            (
                change("//tsa", "//me:secret@tsa"),
                "must not hold a password",
            ),
            (format!("{tsa}{tsa}"), "twice"),
            (format!("{tsa}pasword = 1\n"), "pasword"),
            (format!("{ots}needed = 2\n"), "cannot be needed"),
            (
                format!("{tsa}authorization_env = \"AVOUCH_TEST_NOT_SET\"\n"),
                "is not set",
            ),
        ] {
            let why = read(&text).map(drop).unwrap_err();
            assert!(why.contains(words), "{why}");
            assert!(!why.contains("secret@"), "{why}");
        }
    }
}
