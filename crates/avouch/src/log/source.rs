//! Where a published log is read from.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use crate::Error;

/// A published log's prefix: a folder, or a URL behind whatever fetches it.
pub trait LogSource {
    /// The resource at this path below the prefix; `None` if there is none. It reads at most `limit`
    /// bytes, and one more, by which the caller sees that it is longer.
    fn fetch(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, Error>;

    /// The prefix, for messages.
    fn prefix(&self) -> String;
}

impl<S: LogSource + ?Sized> LogSource for Box<S> {
    fn fetch(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, Error> {
        (**self).fetch(path, limit)
    }

    fn prefix(&self) -> String {
        (**self).prefix()
    }
}

impl<S: LogSource + ?Sized> LogSource for &S {
    fn fetch(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, Error> {
        (**self).fetch(path, limit)
    }

    fn prefix(&self) -> String {
        (**self).prefix()
    }
}

/// A log that is published in a folder.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder with `checkpoint` and `tile`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl LogSource for Folder {
    fn fetch(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, Error> {
        let path = self.0.join(path);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(source) if source.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::io(&path, source)),
        };
        let mut bytes = Vec::new();
        file.take(limit as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|source| Error::io(&path, source))?;
        Ok(Some(bytes))
    }

    fn prefix(&self) -> String {
        self.0.display().to_string()
    }
}
