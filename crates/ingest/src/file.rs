//! Inputs that are files.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::database;
use crate::driver::{AuditOnly, Ingest, Input, Task, prepare};
use crate::format::Shape;
use crate::{Audited, Error, Options, Outcome, Sink};

/// Ingests all runs of the file at `path`, like [`crate::ingest`]. Its file name is the runs' name.
///
/// A database is read as it is at one moment, whatever its owner does meanwhile, and neither the
/// file nor anything beside it is changed or created.
pub fn ingest_file<S: Sink>(
    path: &Path,
    options: &Options<'_>,
    sink: &mut S,
) -> Result<Vec<Outcome>, Error> {
    task(path, options, Ingest(sink))
}

/// Recomputes the integrity protection that the source system itself gave the file at `path`, like
/// [`crate::audit`].
pub fn audit_file(path: &Path, options: &Options<'_>) -> Result<Audited, Error> {
    task(path, options, AuditOnly)
}

fn task<T: Task>(path: &Path, options: &Options<'_>, task: T) -> Result<T::Done, Error> {
    let name = path.to_string_lossy();
    let read_error = |source| Error::Read {
        file: name.clone().into_owned(),
        source,
    };
    let mut file = File::open(path).map_err(read_error)?;
    let mut start = Vec::new();
    file.by_ref()
        .take(16)
        .read_to_end(&mut start)
        .and_then(|_| file.seek(SeekFrom::Start(0)))
        .map_err(read_error)?;
    if !database::is_database(&start) {
        return prepare(&name, file, options, task);
    }
    let (format, reader) = database::read_file(path, options)?;
    let input = Input {
        reader,
        format,
        shape: Shape::Rows,
    };
    task.run(&name, input, options)
}
