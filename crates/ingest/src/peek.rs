//! A first look at an input, to tell which format it has.

use crate::read::is_blank;
use crate::scan::ValueEnd;

/// How many bytes are looked at.
pub(crate) const PEEK: usize = 1024 * 1024;
/// How many values at the start are looked at.
const VALUES: usize = 16;
/// How many members of each are looked at.
const MEMBERS: usize = 64;

/// The start of an input.
pub(crate) struct Peek<'a> {
    /// The bytes looked at; all of them where the input is short.
    pub(crate) bytes: &'a [u8],
    /// The outermost values at the start, or the elements of the outermost array. The last may be
    /// cut off.
    pub(crate) values: Vec<Shallow<'a>>,
    /// Whether the outermost value is an array, whose elements are `values`.
    pub(crate) is_list: bool,
}

/// A value's outermost members.
#[derive(Default)]
pub(crate) struct Shallow<'a> {
    /// Names (without their quotes, escapes kept) and the values' bytes, in the order of the input;
    /// the last value may be cut off. Empty where the value is no object.
    pub(crate) members: Vec<(&'a str, &'a [u8])>,
}

impl<'a> Shallow<'a> {
    /// Whether there is a member of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The bytes of the member of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.members
            .iter()
            .find(|(found, _)| *found == name)
            .map(|(_, value)| *value)
    }

    /// The member of this name where it is a string without escapes.
    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        let quoted = std::str::from_utf8(self.get(name)?).ok()?;
        quoted
            .strip_prefix('"')?
            .strip_suffix('"')
            .filter(|text| !text.contains('\\'))
    }
}

impl<'a> Peek<'a> {
    /// Looks at the first bytes of an input.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let mut rest = Cursor { bytes, at: 0 };
        let is_list = rest.next() == Some(b'[');
        if is_list {
            rest.at += 1;
        }
        let mut values = Vec::new();
        while values.len() < VALUES {
            match rest.next() {
                Some(b',') if is_list => rest.at += 1,
                Some(b'{') => values.push(Shallow {
                    members: members(rest.value().0),
                }),
                Some(b'[' | b'"' | b'0'..=b'9' | b'-' | b't' | b'f' | b'n') => {
                    if rest.value().0.is_empty() {
                        break;
                    }
                    values.push(Shallow::default());
                }
                _ => break,
            }
        }
        Self {
            bytes,
            values,
            is_list,
        }
    }

    /// The members of the first value that is an object.
    pub(crate) fn first(&self) -> Option<&Shallow<'a>> {
        self.values
            .first()
            .filter(|value| !value.members.is_empty())
    }
}

/// The outermost members of an object that may be cut off.
pub(crate) fn members(object: &[u8]) -> Vec<(&str, &[u8])> {
    let mut rest = Cursor {
        bytes: object,
        at: 1,
    };
    let mut found = Vec::new();
    while found.len() < MEMBERS && rest.next() == Some(b'"') {
        let (name, true) = rest.value() else { break };
        let Ok(name) = std::str::from_utf8(&name[1..name.len() - 1]) else {
            break;
        };
        if rest.next() != Some(b':') {
            break;
        }
        rest.at += 1;
        rest.next();
        found.push((name, rest.value().0));
        if rest.next() != Some(b',') {
            break;
        }
        rest.at += 1;
    }
    found
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The next byte that is not whitespace.
    fn next(&mut self) -> Option<u8> {
        let rest = self.bytes.get(self.at..)?;
        self.at += rest.iter().take_while(|byte| is_blank(**byte)).count();
        self.bytes.get(self.at).copied()
    }

    /// Passes a value. Its bytes, and whether it is whole.
    fn value(&mut self) -> (&'a [u8], bool) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = ValueEnd::new().feed(rest);
        let value = &rest[..end.unwrap_or(rest.len())];
        self.at += value.len();
        (value, end.is_some())
    }
}
