//! From the signer's certificate to one of the policy's roots (RFC 5280, 6): every signature, and every
//! certificate good at the time of the time stamp.

use super::certificate::Certificate;
use crate::Doubt;

/// The most certificates between the signer's and the root.
const MAX_BETWEEN: usize = 6;
/// The most signatures that are checked in search of a path.
const MAX_TRIES: usize = 64;

/// Finds the path: the signer's certificate first, the root last.
pub(super) fn find<'c, 'a>(
    signer: &'c Certificate<'a>,
    brought: &'c [Certificate<'a>],
    roots: &'c [Certificate<'a>],
    time: u64,
) -> Result<Vec<&'c Certificate<'a>>, Doubt> {
    signer.is_understood()?;
    signer.may_stamp()?;
    let mut search = Search {
        brought,
        roots,
        time,
        tries: 0,
        refused: None,
    };
    // A policy may pin the authority's own certificate.
    if roots.iter().any(|root| root.raw == signer.raw) {
        signer.is_valid_at(time)?;
        return Ok(vec![signer]);
    }
    let mut path = vec![signer];
    if search.extend(&mut path) {
        signer.is_valid_at(time)?;
        return Ok(path);
    }
    // A path that is there but no good says more than that there is none.
    Err(search.refused.unwrap_or_else(|| {
        Doubt::Unknown(format!(
            "no root of the policy's certifies {}, the authority that signed it",
            signer.name()
        ))
    }))
}

struct Search<'c, 'a> {
    brought: &'c [Certificate<'a>],
    roots: &'c [Certificate<'a>],
    time: u64,
    tries: usize,
    /// Why the first path that led to a root is no good.
    refused: Option<Doubt>,
}

impl<'c, 'a> Search<'c, 'a> {
    /// Lengthens the path until it ends in a root; whether that worked.
    fn extend(&mut self, path: &mut Vec<&'c Certificate<'a>>) -> bool {
        let Some(&last) = path.last() else {
            return false;
        };
        // As many CAs as there are between the next one and the signer.
        let below = path.len() as u64 - 1;
        for root in self.roots.iter().filter(|root| root.subject == last.issuer) {
            if !self.signed(last, root) {
                continue;
            }
            match self.judge(path, root, below) {
                Ok(()) => {
                    path.push(root);
                    return true;
                }
                Err(doubt) => {
                    self.refused.get_or_insert(doubt);
                }
            }
        }
        if path.len() > MAX_BETWEEN {
            return false;
        }
        for next in self.brought.iter().filter(|one| one.subject == last.issuer) {
            let is_new = path.iter().all(|other| other.raw != next.raw);
            if !is_new || !self.signed(last, next) {
                continue;
            }
            path.push(next);
            if self.extend(path) {
                return true;
            }
            path.pop();
        }
        false
    }

    fn signed(&mut self, one: &Certificate<'a>, by: &Certificate<'a>) -> bool {
        self.tries += 1;
        self.tries <= MAX_TRIES && one.is_signed_by(by).is_ok()
    }

    /// Judges a whole path.
    fn judge(
        &self,
        path: &[&Certificate<'a>],
        root: &Certificate<'a>,
        below_root: u64,
    ) -> Result<(), Doubt> {
        for one in path.iter().copied().chain([root]) {
            one.is_valid_at(self.time)?;
        }
        for (below, one) in (0..).zip(path.iter().skip(1)) {
            one.is_understood()?;
            one.may_certify(below, false)?;
        }
        root.is_understood()?;
        root.may_certify(below_root, true)
    }
}
