//! Server-sent events (WHATWG HTML, 9.2), cut where each one ends, without changing a byte.

/// A piece of a stream: the bytes to pass on, and the event's data where the piece is a whole event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) bytes: Vec<u8>,
    pub(crate) data: Option<Vec<u8>>,
}

/// Finds where events end.
#[derive(Default)]
pub(crate) struct Cutter {
    held: Vec<u8>,
    /// Where the line begins that is not over.
    line: usize,
    /// How much has been looked at.
    seen: usize,
    /// The last byte was a carriage return, whose line feed may follow.
    after_return: bool,
    data: Option<Vec<u8>>,
}

impl Cutter {
    /// How much waits for the end of an event.
    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }

    /// Takes bytes as they come, and gives what can be passed on.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<Piece> {
        self.held.extend_from_slice(bytes);
        let mut pieces = Vec::new();
        while let Some(byte) = self.held.get(self.seen).copied() {
            self.seen += 1;
            let was_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            if byte == b'\n' && was_return {
                // The second byte of a line's end that has been dealt with.
                self.line = self.seen;
            } else if matches!(byte, b'\n' | b'\r') && self.end_of_line() {
                pieces.push(self.cut());
            }
        }
        // Comments and line ends that belong to no event need not wait for one.
        if self.data.is_none() && self.line == self.held.len() && !self.held.is_empty() {
            let is_idle = self
                .held
                .split(|byte| matches!(byte, b'\n' | b'\r'))
                .all(|line| line.is_empty() || line[0] == b':');
            if is_idle {
                pieces.push(self.cut());
            }
        }
        pieces
    }

    /// What is left at the end. By the standard it is no event, but who knows how it is read.
    pub(crate) fn rest(&mut self) -> Option<Piece> {
        if self.held.is_empty() {
            return None;
        }
        self.seen = self.held.len();
        self.end_of_line();
        Some(self.cut())
    }

    /// Reads the line before `seen`. Whether it is empty, which ends an event.
    fn end_of_line(&mut self) -> bool {
        let line = self.held[self.line..self.seen].trim_ascii_end();
        // A byte order mark may come before the first.
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        let is_empty = self.seen - self.line == 1;
        let value = match line.strip_prefix(b"data:") {
            Some(value) => Some(value.strip_prefix(b" ").unwrap_or(value)),
            None if line == b"data" => Some(&b""[..]),
            None => None,
        };
        if let Some(value) = value {
            match &mut self.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => self.data = Some(value.to_vec()),
            }
        }
        self.line = self.seen;
        is_empty
    }

    fn cut(&mut self) -> Piece {
        let rest = self.held.split_off(self.seen);
        let bytes = std::mem::replace(&mut self.held, rest);
        (self.line, self.seen) = (0, 0);
        Piece {
            bytes,
            data: self.data.take(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn cut(stream: &[u8], at_once: usize) -> (Vec<u8>, Vec<String>) {
        let mut cutter = Cutter::default();
        let mut pieces: Vec<Piece> = stream
            .chunks(at_once)
            .flat_map(|chunk| cutter.feed(chunk))
            .collect();
        pieces.extend(cutter.rest());
        let bytes = pieces
            .iter()
            .flat_map(|piece| piece.bytes.clone())
            .collect();
        let data = pieces.into_iter().filter_map(|piece| piece.data);
        (
            bytes,
            data.map(|data| String::from_utf8(data).unwrap()).collect(),
        )
    }

    #[test]
    fn events_are_found_however_they_arrive_and_no_byte_is_lost() {
        for (stream, data) in [
            ("data: one\n\ndata:two\n\n", &["one", "two"][..]),
            (
                "id: 1\r\nevent: message\r\ndata: {\r\ndata: }\r\n\r\ndata: x\r\n\r\n",
                &["{\n}", "x"],
            ),
            ("data: one\r\rdata: two\r\r", &["one", "two"]),
            (": ping\n\n:\n:\ndata\n\n", &[""]),
            ("id: 7\n\ndata: cut off", &["cut off"]),
            ("\u{feff}data: one\n\n", &["one"]),
            ("", &[]),
        ] {
            for at_once in 1..20 {
                let (bytes, found) = cut(stream.as_bytes(), at_once);
                assert_eq!(bytes, stream.as_bytes());
                assert_eq!(found, data, "{stream:?}, {at_once} bytes at once");
            }
        }
    }

    #[test]
    fn a_comment_does_not_wait_for_an_event() {
        let mut cutter = Cutter::default();
        assert_eq!(cutter.feed(b": ping\n")[0].bytes, b": ping\n");
        assert!(cutter.feed(b"data: held\n").is_empty());
        assert_eq!(cutter.held(), 11);
    }
}
