//! Many files, each whole or absent, made durable together.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use crate::Error;

/// Syncing is mostly waiting, and a file system syncs several files with one flush.
const WRITERS: usize = 8;

/// Puts files below `root`. After `Ok` all of them, and their names, survive power loss.
///
/// A file that is cut short lies under another name (`.tmp`), which the next try writes over.
pub(super) fn write_all(
    root: &Path,
    produce: impl FnOnce(&mut dyn FnMut(String, Vec<u8>) -> Result<(), Error>) -> Result<(), Error>,
) -> Result<u64, Error> {
    let folders = Mutex::new(BTreeSet::new());
    let failed = Mutex::new(None);
    let mut files = 0;
    let (send, receive) = sync_channel::<(String, Vec<u8>)>(4 * WRITERS);
    let receive = Mutex::new(receive);
    let produced = thread::scope(|scope| {
        let worker = || {
            while let Ok(Ok((path, bytes))) = receive.lock().map(|queue| queue.recv()) {
                let written = put(root, &path, &bytes, &folders);
                if let (Err(error), Ok(mut failed)) = (written, failed.lock()) {
                    failed.get_or_insert(error);
                }
            }
        };
        let workers: Vec<_> = (0..WRITERS).map(|_| scope.spawn(worker)).collect();
        let stopped = || failed.lock().is_ok_and(|failed| failed.is_some());
        let produced = produce(&mut |path, bytes| {
            files += 1;
            offer(&send, path, bytes, &stopped)
        });
        drop(send);
        for worker in workers {
            // A panic in a worker is propagated by the scope.
            let _ = worker.join();
        }
        produced
    });
    if let Some(error) = failed.into_inner().unwrap_or_default() {
        return Err(error);
    }
    produced?;
    for folder in folders.into_inner().unwrap_or_default() {
        sync(&folder)?;
    }
    Ok(files)
}

fn offer(
    send: &SyncSender<(String, Vec<u8>)>,
    path: String,
    bytes: Vec<u8>,
    stopped: &dyn Fn() -> bool,
) -> Result<(), Error> {
    let gone = || Error::Io {
        path: path.clone().into(),
        source: std::io::Error::other("an earlier file could not be written"),
    };
    if stopped() {
        return Err(gone());
    }
    let gone = gone();
    send.send((path, bytes)).map_err(|_| gone)
}

/// Writes one file, and notes the folders whose lists of names have changed.
fn put(
    root: &Path,
    path: &str,
    bytes: &[u8],
    folders: &Mutex<BTreeSet<PathBuf>>,
) -> Result<(), Error> {
    let path = root.join(path);
    let folder = path.parent().unwrap_or(root);
    fs::create_dir_all(folder).map_err(|source| Error::io(folder, source))?;
    replace(&path, bytes)?;
    if let Ok(mut folders) = folders.lock() {
        let up = folder
            .ancestors()
            .take_while(|above| above.starts_with(root));
        for above in up {
            if !folders.insert(above.to_owned()) {
                break;
            }
        }
    }
    Ok(())
}

/// Writes one file in one step. Its bytes are durable, its name not yet.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written
        .and_then(|()| fs::rename(&temporary, path))
        .map_err(|source| Error::io(path, source))
}

/// Writes one file in one step, durably.
pub(super) fn replace_durably(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    replace(path, bytes)?;
    sync(path.parent().unwrap_or(Path::new(".")))
}

/// Makes a folder's list of names durable.
fn sync(folder: &Path) -> Result<(), Error> {
    #[cfg(unix)]
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| Error::io(folder, source))?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
