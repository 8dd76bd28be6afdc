//! Merkle-Patricia tries: that a root holds a value at a key (yellow paper, appendix D).

#[cfg(any(test, feature = "submit"))]
pub(crate) mod build;
#[cfg(test)]
mod tests;

use super::Malformed;
use super::keccak::keccak256;
use super::rlp::Item;

/// What a node refers to its child by: the child's hash, or the child itself where that is shorter than a hash.
enum Child<'a> {
    Hash(&'a [u8]),
    Inline(Item<'a>),
}

/// The value at `key` of the trie with this root. The proof is the nodes on the way, from the root on, each that is
/// referred to by its hash; all of them are used.
pub(crate) fn value_at<'a>(
    root: &[u8; 32],
    key: &[u8],
    proof: &'a [Vec<u8>],
) -> Result<&'a [u8], Malformed> {
    let key = nibbles_of(key);
    let mut rest = key.as_slice();
    let mut nodes = proof.iter();
    let mut node = fetch(root, nodes.next())?;
    loop {
        let elements = node.list()?.to_vec()?;
        let child = match elements.as_slice() {
            [path, next] => {
                let (is_leaf, path) = nibbles(path.bytes()?)?;
                rest = rest
                    .strip_prefix(path.as_slice())
                    .ok_or(Malformed("the proof leads to another key"))?;
                match (is_leaf, rest) {
                    (true, []) => return finish(*next, nodes.as_slice()),
                    (true, _) => return Err(Malformed("the proof leads to another key")),
                    // Only a branch may follow, and an extension by nothing would be no extension.
                    (false, _) if path.is_empty() => {
                        return Err(Malformed("an extension of no length"));
                    }
                    (false, _) => *next,
                }
            }
            branch if branch.len() == 17 => match rest.split_first() {
                None => return finish(branch[16], nodes.as_slice()),
                Some((&nibble, after)) => {
                    rest = after;
                    branch[usize::from(nibble)]
                }
            },
            _ => return Err(Malformed("a trie node of neither 2 nor 17 elements")),
        };
        node = match reference(child)? {
            Child::Inline(node) => node,
            Child::Hash(hash) => fetch(hash, nodes.next())?,
        };
    }
}

fn finish<'a>(value: Item<'a>, unused: &[Vec<u8>]) -> Result<&'a [u8], Malformed> {
    if !unused.is_empty() {
        return Err(Malformed("the proof has nodes beyond the value's"));
    }
    match value.bytes()? {
        [] => Err(Malformed("the trie holds nothing at this key")),
        value => Ok(value),
    }
}

fn fetch<'a>(hash: &[u8], node: Option<&'a Vec<u8>>) -> Result<Item<'a>, Malformed> {
    let node = node.ok_or(Malformed("the proof ends before the value"))?;
    if keccak256(node) != hash {
        return Err(Malformed("a node is not the one that its parent refers to"));
    }
    Item::parse(node)
}

fn reference(child: Item<'_>) -> Result<Child<'_>, Malformed> {
    match child {
        Item::Bytes([]) => Err(Malformed("the trie holds nothing at this key")),
        Item::Bytes(hash) if hash.len() == 32 => Ok(Child::Hash(hash)),
        Item::Bytes(_) => Err(Malformed(
            "a trie node refers to its child by neither hash nor value",
        )),
        // Longer ones are referred to by their hash.
        Item::List(list) if list.encoded_len() < 32 => Ok(Child::Inline(child)),
        Item::List(_) => Err(Malformed("a trie node holds a child that is not short")),
    }
}

/// A path of half-bytes in its compact form (appendix C), and whether it is a leaf's.
fn nibbles(compact: &[u8]) -> Result<(bool, Vec<u8>), Malformed> {
    let bad = Malformed("a trie path is not in its compact form");
    let (&head, rest) = compact.split_first().ok_or(bad)?;
    let odd = match (head >> 4, head & 15) {
        (0 | 2, 0) => None,
        (1 | 3, nibble) => Some(nibble),
        _ => return Err(bad),
    };
    let rest = nibbles_of(rest);
    Ok((head >> 5 == 1, odd.into_iter().chain(rest).collect()))
}

fn nibbles_of(bytes: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .collect()
}
