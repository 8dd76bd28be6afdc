//! Cutting a stream into lines as they arrive.

use std::io::{self, Read};

/// Bytes asked for at once: about what a Unix socket's buffer holds.
const CHUNK: usize = 256 * 1024;

/// A line, without its newline.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// All of it.
    Whole(Vec<u8>),
    /// More bytes than may be held; they are gone.
    TooLong,
    /// The stream ended before its newline.
    CutOff(Vec<u8>),
}

/// Reads whatever has arrived, as lines.
pub(crate) struct Lines<R> {
    source: R,
    limit: usize,
    held: Vec<u8>,
    /// How much of `held` has been looked at.
    seen: usize,
    skipping: bool,
    ended: bool,
}

impl<R: Read> Lines<R> {
    pub(crate) fn new(source: R, limit: usize) -> Self {
        Self {
            source,
            limit,
            held: Vec::new(),
            seen: 0,
            skipping: false,
            ended: false,
        }
    }

    /// The lines that have arrived: at least one. None at the end of the stream.
    pub(crate) fn next(&mut self) -> io::Result<Vec<Line>> {
        let mut lines = Vec::new();
        while lines.is_empty() && !self.ended {
            let held = self.held.len();
            self.held.resize(held + CHUNK, 0);
            let read = self.source.read(&mut self.held[held..]);
            self.held
                .truncate(held + read.as_ref().copied().unwrap_or(0));
            match read {
                Ok(0) => self.end(&mut lines),
                Ok(_) => self.cut(&mut lines),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(lines)
    }

    fn cut(&mut self, lines: &mut Vec<Line>) {
        let mut start = 0;
        while let Some(length) = self.held[self.seen..]
            .iter()
            .position(|byte| *byte == b'\n')
        {
            let end = self.seen + length;
            lines.push(if self.skipping || end - start > self.limit {
                Line::TooLong
            } else {
                Line::Whole(self.held[start..end].to_vec())
            });
            self.skipping = false;
            start = end + 1;
            self.seen = start;
        }
        self.held.drain(..start);
        if self.held.len() > self.limit {
            self.skipping = true;
        }
        if self.skipping {
            self.held = Vec::new();
        }
        self.seen = self.held.len();
    }

    fn end(&mut self, lines: &mut Vec<Line>) {
        self.ended = true;
        if self.skipping {
            lines.push(Line::TooLong);
        } else if !self.held.is_empty() {
            lines.push(Line::CutOff(std::mem::take(&mut self.held)));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Gives a few bytes at a time.
    struct Drops<'a>(&'a [u8], usize);

    impl Read for Drops<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(self.0.len()).min(out.len());
            let (now, later) = self.0.split_at(length);
            out[..length].copy_from_slice(now);
            self.0 = later;
            Ok(length)
        }
    }

    fn all(bytes: &[u8], at_once: usize, limit: usize) -> Vec<Line> {
        let mut lines = Lines::new(Drops(bytes, at_once), limit);
        let mut found = Vec::new();
        loop {
            let next = lines.next().unwrap();
            if next.is_empty() {
                return found;
            }
            found.extend(next);
        }
    }

    #[test]
    fn lines_are_the_same_however_they_arrive() {
        let whole = |text: &str| Line::Whole(text.into());
        for at_once in 1..30 {
            let found = all(b"one\n\ntwo and more\nthree\nrest", at_once, 8);
            let expected = [
                whole("one"),
                whole(""),
                Line::TooLong,
                whole("three"),
                Line::CutOff(b"rest".to_vec()),
            ];
            assert_eq!(found, expected, "{at_once} bytes at once");
        }
        assert_eq!(all(b"far too long", 5, 8), [Line::TooLong]);
        assert_eq!(all(b"", 5, 8), []);
    }
}
