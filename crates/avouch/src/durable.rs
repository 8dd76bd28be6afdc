//! Files that are either whole or absent, also after a crash.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

use crate::Error;

/// Who may read a new file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    OwnerOnly,
    Default,
}

/// Creates `path` with `bytes`. Refuses to overwrite.
pub(crate) fn create_new(path: &Path, bytes: &[u8], access: Access) -> Result<(), Error> {
    let (temporary, written) = write_beside(path, bytes, access)?;
    // Unlike a rename, a link fails when the name is taken.
    let linked = fs::hard_link(&temporary, path);
    let _ = fs::remove_file(&temporary);
    drop(written);
    linked.map_err(|source| match source.kind() {
        std::io::ErrorKind::AlreadyExists => Error::Exists {
            path: path.to_owned(),
        },
        _ => Error::io(path, source),
    })?;
    sync_parent(path)
}

/// Writes `path`, in one step from the old content (or none) to the new.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let (temporary, _) = write_beside(path, bytes, Access::Default)?;
    fs::rename(&temporary, path).map_err(|source| {
        let _ = fs::remove_file(&temporary);
        Error::io(path, source)
    })?;
    sync_parent(path)
}

/// Writes a result: the file has its old content (or none) or the new, also after a crash.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    replace(path, bytes)
}

fn write_beside(
    path: &Path,
    bytes: &[u8],
    access: Access,
) -> Result<(std::path::PathBuf, File), Error> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(
        ".{:016x}.tmp",
        u64::from_be_bytes(crate::random::os_random()?)
    ));
    let temporary = path.with_file_name(name);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if access == Access::OwnerOnly {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = access;
    let written = options.open(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        Ok(file)
    });
    match written {
        Ok(file) => Ok((temporary, file)),
        Err(source) => {
            let _ = fs::remove_file(&temporary);
            Err(Error::io(path, source))
        }
    }
}

/// A file without a name, for spooling what can be read only once. It is gone when it is closed.
pub fn temporary_file() -> Result<File, Error> {
    tempfile::tempfile().map_err(|source| Error::io(&std::env::temp_dir(), source))
}

/// Makes the new name itself durable.
pub(crate) fn sync_parent(path: &Path) -> Result<(), Error> {
    #[cfg(unix)]
    {
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        File::open(parent)
            .and_then(|dir| dir.sync_all())
            .map_err(|source| Error::io(parent, source))?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// Refuses a private file that its group or anyone else can read.
pub(crate) fn refuse_shared(path: &Path, metadata: &fs::Metadata) -> Result<(), Error> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(Error::SharedKey {
                path: path.to_owned(),
            });
        }
    }
    #[cfg(not(unix))]
    let _ = (path, metadata);
    Ok(())
}
