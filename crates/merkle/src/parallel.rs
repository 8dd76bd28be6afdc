//! Roots on several threads.

use crate::{Digest, root};
use alloc::vec;
use core::num::NonZeroUsize;

/// There are this many chunks for each thread, so that none waits long for the last.
const CHUNKS_PER_THREAD: usize = 8;

/// Fewer leaves than this take less time than starting a thread does.
const MIN_CHUNK: usize = 1024;

/// The root over the leaf hashes that `leaf` gives for each item, on up to `threads` threads but no
/// more than the machine runs at once: the same as `root(items.iter().map(leaf))`.
///
/// ```
/// use avouch_merkle::{hash_leaf, root, root_parallel};
///
/// let events = vec![[7; 117]; 5000];
/// let threads = std::thread::available_parallelism()?;
/// let parallel = root_parallel(&events, threads, |event| hash_leaf(event));
/// assert_eq!(parallel, root(events.iter().map(|event| hash_leaf(event))));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn root_parallel<T: Sync>(
    items: &[T],
    threads: NonZeroUsize,
    leaf: impl Fn(&T) -> Digest + Sync,
) -> Digest {
    let machine = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    root_on(items, threads.min(machine).get(), MIN_CHUNK, leaf)
}

fn root_on<T: Sync>(
    items: &[T],
    threads: usize,
    min_chunk: usize,
    leaf: impl Fn(&T) -> Digest + Sync,
) -> Digest {
    let root_of = |items: &[T]| root(items.iter().map(&leaf));
    // Chunks of 2^k leaves are whole subtrees, whatever the tree's size, and the tree over their
    // roots (the last one perhaps of a smaller chunk) has the shape of RFC 9162, section 2.1.1.
    let chunk = items
        .len()
        .div_ceil(threads * CHUNKS_PER_THREAD)
        .max(min_chunk)
        .next_power_of_two();
    if threads == 1 || items.len() <= chunk {
        return root_of(items);
    }
    let mut roots = vec![Digest([0; 32]); items.len().div_ceil(chunk)];
    let each = roots.len().div_ceil(threads);
    std::thread::scope(|scope| {
        for (roots, items) in roots.chunks_mut(each).zip(items.chunks(each * chunk)) {
            scope.spawn(|| {
                for (root, items) in roots.iter_mut().zip(items.chunks(chunk)) {
                    *root = root_of(items);
                }
            });
        }
    });
    root(roots)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash_leaf;

    #[test]
    fn any_number_of_threads_gives_the_same_root() {
        let items: std::vec::Vec<u32> = (0..300).collect();
        let leaf = |item: &u32| hash_leaf(&item.to_be_bytes());
        for size in 0..=items.len() {
            let items = &items[..size];
            let expected = root(items.iter().map(leaf));
            for (threads, min_chunk) in [(1, 1), (2, 1), (3, 1), (7, 1), (2, 16), (5, 64), (400, 1)]
            {
                assert_eq!(
                    root_on(items, threads, min_chunk, leaf),
                    expected,
                    "{size} on {threads}"
                );
            }
        }
    }
}
