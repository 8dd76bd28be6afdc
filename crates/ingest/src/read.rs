//! Reading an input front to back in a window that holds one record, while hashing every byte.

use std::io::Read;

use avouch_merkle::Digest;
use sha2::{Digest as _, Sha256};

use crate::error::Fault;
use crate::scan::ValueEnd;

/// How much is asked of the reader at a time.
const CHUNK: usize = 256 * 1024;

/// Bytes of the input that belong together, and where they start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slice<'a> {
    /// The offset of the first byte in the input.
    pub(crate) at: u64,
    pub(crate) bytes: &'a [u8],
}

/// A window on an input. What was returned stays valid until the next call.
pub(crate) struct Window<'a, R> {
    reader: R,
    buffer: Vec<u8>,
    /// The first byte not yet passed.
    start: usize,
    /// The end of what was read.
    end: usize,
    /// The offset in the input of the byte at `start`.
    at: u64,
    hasher: Sha256,
    ended: bool,
    limit: usize,
    on_progress: &'a dyn Fn(u64),
}

impl<'a, R: Read> Window<'a, R> {
    /// A window that refuses records longer than `limit` and calls `on_progress` with the number
    /// of bytes read in each step.
    pub(crate) fn new(reader: R, limit: usize, on_progress: &'a dyn Fn(u64)) -> Self {
        Self {
            reader,
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            at: 0,
            hasher: Sha256::new(),
            ended: false,
            limit,
            on_progress,
        }
    }

    /// The offset in the input of the next byte.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// The fault that makes everything after the next byte unreadable.
    pub(crate) fn broken(&self, reason: impl Into<String>) -> Fault {
        Fault::Broken {
            byte: self.at,
            reason: reason.into(),
        }
    }

    /// Reads on, keeping what is not yet passed. False at the end of the input.
    fn fill(&mut self) -> Result<bool, Fault> {
        if self.ended {
            return Ok(false);
        }
        if self.start > 0 && self.buffer.len() - self.end < CHUNK {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() - self.end < CHUNK {
            let len = (self.buffer.len() * 2).max(self.end + CHUNK);
            self.buffer.resize(len, 0);
        }
        loop {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    self.ended = true;
                    return Ok(false);
                }
                Ok(count) => {
                    self.hasher.update(&self.buffer[self.end..self.end + count]);
                    self.end += count;
                    (self.on_progress)(count as u64);
                    return Ok(true);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn pass(&mut self, count: usize) {
        self.start += count;
        self.at += count as u64;
    }

    /// Passes `count` bytes and returns them.
    fn take(&mut self, count: usize) -> Slice<'_> {
        let (from, at) = (self.start, self.at);
        self.pass(count);
        Slice {
            at,
            bytes: &self.buffer[from..from + count],
        }
    }

    fn within_limit(&self, length: usize) -> Result<(), Fault> {
        if length > self.limit {
            return Err(self.broken(format!("a record is longer than {} bytes", self.limit)));
        }
        Ok(())
    }

    /// The next line without its terminator (LF or CR LF); `None` at the end. The last line need
    /// not be terminated.
    pub(crate) fn line(&mut self) -> Result<Option<Slice<'_>>, Fault> {
        let mut seen = 0;
        let (length, terminator) = loop {
            let unseen = &self.buffer[self.start + seen..self.end];
            if let Some(found) = unseen.iter().position(|&byte| byte == b'\n') {
                break (seen + found, 1);
            }
            seen = self.end - self.start;
            self.within_limit(seen)?;
            if !self.fill()? {
                if seen == 0 {
                    return Ok(None);
                }
                break (seen, 0);
            }
        };
        self.within_limit(length)?;
        let mut slice = self.take(length + terminator);
        slice.bytes = &slice.bytes[..length];
        if terminator == 1 {
            slice.bytes = slice.bytes.strip_suffix(b"\r").unwrap_or(slice.bytes);
        }
        Ok(Some(slice))
    }

    /// The next byte that is not JSON whitespace, not passed; `None` at the end.
    pub(crate) fn peek(&mut self) -> Result<Option<u8>, Fault> {
        loop {
            let unseen = &self.buffer[self.start..self.end];
            let blank = unseen.iter().take_while(|byte| is_blank(**byte)).count();
            let found = unseen.get(blank).copied();
            self.pass(blank);
            if found.is_some() || !self.fill()? {
                return Ok(found);
            }
        }
    }

    /// Passes the next byte that is not whitespace, which must be one of `expected`.
    pub(crate) fn punctuation(&mut self, expected: &[u8]) -> Result<u8, Fault> {
        match self.peek()? {
            Some(byte) if expected.contains(&byte) => {
                self.pass(1);
                Ok(byte)
            }
            found => {
                let wanted: Vec<String> = expected
                    .iter()
                    .map(|byte| format!("{:?}", char::from(*byte)))
                    .collect();
                let found = found.map_or("the end of the input".to_owned(), |byte| {
                    format!("{:?}", char::from(byte))
                });
                Err(self.broken(format!("expected {}, found {found}", wanted.join(" or "))))
            }
        }
    }

    /// The next JSON value's bytes; only its extent is judged.
    pub(crate) fn value(&mut self) -> Result<Slice<'_>, Fault> {
        self.peek()?;
        let (mut scan, mut seen) = (ValueEnd::new(), 0);
        let length = loop {
            if let Some(length) = scan.feed(&self.buffer[self.start + seen..self.end]) {
                break seen + length;
            }
            seen = self.end - self.start;
            self.within_limit(seen)?;
            if !self.fill()? {
                if scan.may_end() {
                    break seen;
                }
                return Err(self.broken("the value that starts here is cut off"));
            }
        };
        if length == 0 {
            return Err(self.broken("expected a value"));
        }
        self.within_limit(length)?;
        Ok(self.take(length))
    }

    /// Passes the next JSON value without holding it.
    pub(crate) fn skip_value(&mut self) -> Result<(), Fault> {
        self.peek()?;
        let from = self.at;
        let mut scan = ValueEnd::new();
        loop {
            match scan.feed(&self.buffer[self.start..self.end]) {
                Some(length) => {
                    self.pass(length);
                    break;
                }
                None => self.pass(self.end - self.start),
            }
            if !self.fill()? {
                if scan.may_end() {
                    break;
                }
                let reason = "the value that starts here is cut off".to_owned();
                return Err(Fault::Broken { byte: from, reason });
            }
        }
        if self.at == from {
            Err(self.broken("expected a value"))
        } else {
            Ok(())
        }
    }

    /// Everything that is left.
    pub(crate) fn rest(&mut self) -> Result<Slice<'_>, Fault> {
        while self.fill()? {
            self.within_limit(self.end - self.start)?;
        }
        Ok(self.take(self.end - self.start))
    }

    /// Reads to the end without looking; the input's length and SHA-256.
    pub(crate) fn finish(mut self) -> Result<(u64, Digest), Fault> {
        loop {
            self.pass(self.end - self.start);
            if !self.fill()? {
                return Ok((self.at, Digest(self.hasher.finalize().into())));
            }
        }
    }
}

/// Whether JSON (RFC 8259 section 2) calls this byte whitespace.
pub(crate) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
