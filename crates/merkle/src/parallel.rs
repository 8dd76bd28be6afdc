//! Roots on several threads.

use crate::{Digest, root, root_of_data};
use alloc::vec;
use core::num::NonZeroUsize;

/// There are about this many chunks for each thread, so that they share the work evenly.
const CHUNKS_PER_THREAD: usize = 8;

/// Fewer leaves than this take less time than starting a thread does.
const MIN_CHUNK: usize = 1024;

/// The root of the tree over these leaves' data, on up to `threads` threads but no more than the
/// machine runs at once: the same as [`root_of_data`].
///
/// ```
/// use avouch_merkle::{root_of_data, root_parallel};
///
/// let events = vec![[7; 117]; 5000];
/// let threads = std::thread::available_parallelism()?;
/// assert_eq!(root_parallel(&events, threads), root_of_data(&events));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn root_parallel<T: AsRef<[u8]> + Sync>(data: &[T], threads: NonZeroUsize) -> Digest {
    let machine = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    root_on(data, threads.min(machine).get(), MIN_CHUNK)
}

fn root_on<T: AsRef<[u8]> + Sync>(data: &[T], threads: usize, min_chunk: usize) -> Digest {
    // Chunks of 2^k leaves are whole subtrees, whatever the tree's size, and the tree over their
    // roots (the last one perhaps of a smaller chunk) has the shape of RFC 9162, section 2.1.1.
    let chunk = data
        .len()
        .div_ceil(threads * CHUNKS_PER_THREAD)
        .max(min_chunk)
        .next_power_of_two();
    if threads == 1 || data.len() <= chunk {
        return root_of_data(data);
    }
    let mut roots = vec![Digest([0; 32]); data.len().div_ceil(chunk)];
    let each = roots.len().div_ceil(threads);
    std::thread::scope(|scope| {
        for (roots, data) in roots.chunks_mut(each).zip(data.chunks(each * chunk)) {
            scope.spawn(|| {
                for (root, data) in roots.iter_mut().zip(data.chunks(chunk)) {
                    *root = root_of_data(data);
                }
            });
        }
    });
    root(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_threads_gives_the_same_root() {
        let data: std::vec::Vec<[u8; 4]> = (0..300u32).map(u32::to_be_bytes).collect();
        for size in (0..70).chain([127, 128, 129, 200, 255, 256, 257, 299, 300]) {
            let data = &data[..size];
            for (threads, min_chunk) in [(1, 1), (2, 1), (3, 1), (7, 1), (2, 16), (5, 64), (40, 1)]
            {
                assert_eq!(
                    root_on(data, threads, min_chunk),
                    root_of_data(data),
                    "{size} on {threads}"
                );
            }
        }
    }
}
