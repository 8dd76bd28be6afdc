//! Finding where JSON values lie, without holding the text around them.
//!
//! Only brackets, strings and separators are looked at here. What is found is then parsed strictly
//! (see [`crate::strict`]), so a document is refused exactly when it is not JSON.

use std::collections::HashSet;
use std::io::Read;

use crate::error::Fault;
use crate::read::{Slice, Window, is_blank};

/// How many members an object around a record list may have.
const MAX_MEMBERS: usize = 4096;

/// Finds the end of one JSON value in text that arrives in pieces.
pub(crate) struct ValueEnd {
    depth: u64,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the value's first byte.
    Before,
    /// In a number or a literal, not in any bracket.
    Scalar,
    /// In brackets, outside of strings.
    Inside,
    String,
    Escape,
}

impl ValueEnd {
    pub(crate) fn new() -> Self {
        Self {
            depth: 0,
            state: State::Before,
        }
    }

    /// Whether the value ends where the text ends.
    pub(crate) fn may_end(&self) -> bool {
        self.state == State::Scalar
    }

    /// Looks at the next piece. How many of its bytes belong to the value, when the value ends in
    /// it or right before it; a value of no bytes is not a value.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(&byte) = piece.get(at) {
            at += 1;
            match (self.state, byte) {
                (State::String, b'"') => {
                    if self.depth == 0 {
                        return Some(at);
                    }
                    self.state = State::Inside;
                }
                (State::String, b'\\') => self.state = State::Escape,
                (State::String, _) => {
                    let rest = &piece[at..];
                    at += rest
                        .iter()
                        .position(|b| matches!(b, b'"' | b'\\'))
                        .unwrap_or(rest.len());
                }
                (State::Escape, _) => self.state = State::String,
                (State::Before | State::Inside, b'"') => self.state = State::String,
                (State::Before | State::Inside, b'{' | b'[') => {
                    self.depth += 1;
                    self.state = State::Inside;
                }
                (State::Inside, b'}' | b']') => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(at);
                    }
                }
                (State::Inside, _) => {}
                (State::Before | State::Scalar, b',' | b':' | b'}' | b']' | b'{' | b'[' | b'"') => {
                    return Some(at - 1);
                }
                (State::Before | State::Scalar, byte) if is_blank(byte) => return Some(at - 1),
                (State::Before | State::Scalar, _) => self.state = State::Scalar,
            }
        }
        None
    }
}

/// What to do with a member of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// Pass it.
    Skip,
    /// Hand over its bytes.
    Keep,
    /// Visit its members: it is an object.
    Members,
    /// Hand over its elements one by one: it is an array.
    Elements,
}

/// Is shown a document as it streams by.
pub(crate) trait Visitor {
    /// What to do with the member at this path, whose value starts with this byte.
    fn want(&mut self, path: &[String], first: u8) -> Want;
    /// A member that was to be kept.
    fn member(&mut self, path: &[String], value: Slice<'_>) -> Result<(), Fault>;
    /// An element of an array that was to be handed over.
    fn element(&mut self, element: Slice<'_>) -> Result<(), Fault>;
}

/// Walks a document: one JSON object, nothing after it.
pub(crate) fn document<R: Read>(
    window: &mut Window<'_, R>,
    visitor: &mut impl Visitor,
) -> Result<(), Fault> {
    members(window, &mut Vec::new(), visitor)?;
    nothing_more(window)
}

/// Walks a list: one JSON array, nothing after it.
pub(crate) fn list<R: Read>(
    window: &mut Window<'_, R>,
    mut element: impl FnMut(Slice<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    elements(window, &mut element)?;
    nothing_more(window)
}

/// Walks concatenated values.
pub(crate) fn values<R: Read>(
    window: &mut Window<'_, R>,
    mut value: impl FnMut(Slice<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    while window.peek()?.is_some() {
        value(window.value()?)?;
    }
    Ok(())
}

fn nothing_more<R: Read>(window: &mut Window<'_, R>) -> Result<(), Fault> {
    match window.peek()? {
        None => Ok(()),
        Some(_) => Err(window.broken("expected nothing after the document's closing bracket")),
    }
}

fn members<R: Read>(
    window: &mut Window<'_, R>,
    path: &mut Vec<String>,
    visitor: &mut impl Visitor,
) -> Result<(), Fault> {
    window.punctuation(b"{")?;
    if window.peek()? == Some(b'}') {
        window.punctuation(b"}")?;
        return Ok(());
    }
    let mut names = HashSet::new();
    loop {
        let at = {
            window.peek()?;
            window.at()
        };
        let broken = |reason: String| Fault::Broken { byte: at, reason };
        let name: String = serde_json::from_slice(window.value()?.bytes)
            .map_err(|error| broken(format!("a member's name: {error}")))?;
        if !names.insert(name.clone()) {
            return Err(broken(format!("a second member named {name:?}")));
        }
        if names.len() > MAX_MEMBERS {
            return Err(broken(format!(
                "more than {MAX_MEMBERS} members in one object"
            )));
        }
        window.punctuation(b":")?;
        let Some(first) = window.peek()? else {
            return Err(window.broken("expected a value, found the end of the input"));
        };
        path.push(name);
        match visitor.want(path, first) {
            Want::Skip => window.skip_value()?,
            Want::Keep => visitor.member(path, window.value()?)?,
            Want::Members => members(window, path, visitor)?,
            Want::Elements => elements(window, &mut |element| visitor.element(element))?,
        }
        path.pop();
        if window.punctuation(b",}")? == b'}' {
            return Ok(());
        }
    }
}

fn elements<R: Read>(
    window: &mut Window<'_, R>,
    element: &mut impl FnMut(Slice<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    window.punctuation(b"[")?;
    if window.peek()? == Some(b']') {
        window.punctuation(b"]")?;
        return Ok(());
    }
    loop {
        element(window.value()?)?;
        if window.punctuation(b",]")? == b']' {
            return Ok(());
        }
    }
}
