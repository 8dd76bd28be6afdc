//! A proof as bytes.
//!
//! | size | what |
//! |---|---|
//! | 4 | `avsk` |
//! | 1 | version, 1 |
//! | 1 | preset |
//! | 1 | 1 if the chain is proven too, else 0 |
//! | 4 | events in each segment but the last, big-endian |
//! | ... | the segments, in order |
//!
//! A segment is the digests of its exported nodes (their number follows from its place), the 32 bytes
//! of the commitment to the state after it (unless it is the last), the length of what follows (4 bytes, big-endian), and the batch proof in the form of `wire`. How many segments
//! there are follows from the run's size. Nothing follows the last.

use alloc::vec::Vec;

use avouch_merkle::Digest;

use crate::error::Error;
use crate::preset::Preset;
use crate::segment::segments;
use crate::statement::Public;
use crate::tree::exported;
use crate::{MAX_EVENTS, MAX_SEGMENT, MAX_SEGMENT_LEN, MIN_SEGMENT};

const MAGIC: &[u8; 4] = b"avsk";
const VERSION: u8 = 1;

/// A proof, its batches still as bytes.
pub(crate) struct Proof {
    pub(crate) preset: Preset,
    /// Whether the chain is proven too.
    pub(crate) chain: bool,
    /// Events of each segment but the last.
    pub(crate) length: u64,
    pub(crate) segments: Vec<SegmentProof>,
}

/// One segment.
pub(crate) struct SegmentProof {
    pub(crate) exports: Vec<Digest>,
    /// The commitment to the state after it, unless it is the last.
    pub(crate) outgoing: Option<Digest>,
    pub(crate) batch: Vec<u8>,
}

impl Proof {
    /// The header of a proof's bytes; segments are appended with `SegmentProof::encode`.
    #[cfg(feature = "prove")]
    pub(crate) fn begin(preset: Preset, chain: bool, length: u64) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(VERSION);
        bytes.push(preset.id());
        bytes.push(u8::from(chain));
        bytes.extend((length as u32).to_be_bytes());
        bytes
    }

    /// Reads a proof for these public inputs.
    pub(crate) fn decode(public: &Public, bytes: &[u8]) -> Result<Self, Error> {
        if public.size == 0 || public.size > MAX_EVENTS {
            return Err(Error::Size(public.size));
        }
        let mut reader = Reader { bytes, at: 0 };
        if reader.take(4, "`avsk`")? != MAGIC {
            return Err(Error::Malformed {
                at: 0,
                what: "`avsk`",
            });
        }
        if reader.take(1, "a version")? != [VERSION] {
            return Err(Error::Malformed {
                at: 4,
                what: "version 1",
            });
        }
        let id = reader.take(1, "a preset")?[0];
        let preset = Preset::from_id(id).ok_or(Error::UnknownPreset(id))?;
        let chain = match reader.take(1, "whether the chain is proven")? {
            [0] => false,
            [1] => true,
            _ => {
                return Err(Error::Malformed {
                    at: 6,
                    what: "whether the chain is proven",
                });
            }
        };
        let length = u64::from(reader.number()?);
        // A run of one segment has one encoding: its length is the run's.
        let fits = (MIN_SEGMENT..=MAX_SEGMENT).contains(&length) && length < public.size;
        let single = length == public.size && length <= MAX_SEGMENT;
        if !(fits || single) {
            return Err(Error::Malformed {
                at: 7,
                what: "the length of a segment",
            });
        }
        let mut parts = Vec::new();
        for segment in segments(public.size, length) {
            let mut exports = Vec::new();
            for _ in exported(&segment) {
                exports.push(reader.digest()?);
            }
            let outgoing = if segment.is_last() {
                None
            } else {
                Some(reader.digest()?)
            };
            let at = reader.at;
            let len = reader.number()? as usize;
            if len > MAX_SEGMENT_LEN {
                return Err(Error::Malformed {
                    at,
                    what: "a shorter segment",
                });
            }
            parts.push(SegmentProof {
                exports,
                outgoing,
                batch: reader.take(len, "a segment's proof")?.to_vec(),
            });
        }
        if reader.at != bytes.len() {
            return Err(Error::Malformed {
                at: reader.at,
                what: "the end",
            });
        }
        Ok(Self {
            preset,
            chain,
            length,
            segments: parts,
        })
    }
}

impl SegmentProof {
    #[cfg(feature = "prove")]
    pub(crate) fn encode(&self, bytes: &mut Vec<u8>) {
        for digest in &self.exports {
            bytes.extend(digest.as_bytes());
        }
        bytes.extend(self.outgoing.iter().flat_map(|digest| digest.as_bytes()));
        bytes.extend((self.batch.len() as u32).to_be_bytes());
        bytes.extend(&self.batch);
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], Error> {
        let malformed = Error::Malformed { at: self.at, what };
        let end = self
            .at
            .checked_add(len)
            .ok_or(Error::Malformed { at: self.at, what })?;
        let taken = self.bytes.get(self.at..end).ok_or(malformed)?;
        self.at = end;
        Ok(taken)
    }

    fn digest(&mut self) -> Result<Digest, Error> {
        let bytes = self.take(32, "a digest of 32 bytes")?;
        Ok(Digest(bytes.try_into().unwrap_or_default()))
    }

    fn number(&mut self) -> Result<u32, Error> {
        let bytes = self.take(4, "a number of four bytes")?;
        Ok(u32::from_be_bytes(bytes.try_into().unwrap_or_default()))
    }
}
