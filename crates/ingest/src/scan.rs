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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(|number| json!(number)),
            "[ -~]{0,6}".prop_map(Value::from),
            r#"[\\\\"\[\]{},:\n\u{e9}]{0,6}"#.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[a-z\\\\\"]{0,3}", inner, 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    fn write(value: &Value, pretty: bool) -> String {
        if pretty {
            serde_json::to_string_pretty(value).unwrap()
        } else {
            value.to_string()
        }
    }

    /// Reads one byte at a time, so that every state is interrupted everywhere.
    struct Bytewise(Cursor<Vec<u8>>);

    impl Read for Bytewise {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let most = into.len().min(1);
            self.0.read(&mut into[..most])
        }
    }

    fn window(text: &str) -> Window<'static, Bytewise> {
        Window::new(
            Bytewise(Cursor::new(text.as_bytes().to_vec())),
            1 << 20,
            &|_| (),
        )
    }

    fn parse(slice: Slice<'_>) -> Result<Value, Fault> {
        Ok(serde_json::from_slice(slice.bytes)?)
    }

    /// Takes everything around the list at `list`, and its elements.
    #[derive(Default)]
    struct Take {
        list: Vec<&'static str>,
        outer: Map<String, Value>,
        elements: Vec<Value>,
    }

    impl Visitor for Take {
        fn want(&mut self, path: &[String], first: u8) -> Want {
            if path == self.list && first == b'[' {
                Want::Elements
            } else if self.list.len() == 2 && path == &self.list[..1] && first == b'{' {
                Want::Members
            } else {
                Want::Keep
            }
        }
        fn member(&mut self, path: &[String], value: Slice<'_>) -> Result<(), Fault> {
            self.outer.insert(path.join("/"), parse(value)?);
            Ok(())
        }
        fn element(&mut self, element: Slice<'_>) -> Result<(), Fault> {
            self.elements.push(parse(element)?);
            Ok(())
        }
    }

    proptest! {
        #[test]
        fn elements_are_found_where_serde_finds_them(
            values in prop::collection::vec(any_json(), 0..6), pretty in any::<bool>(),
        ) {
            let mut found = Vec::new();
            let text = write(&Value::from(values.clone()), pretty);
            list(&mut window(&text), |element| { found.push(parse(element)?); Ok(()) }).unwrap();
            // Through text, as a double may change in its last digit.
            let expected: Vec<Value> = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn concatenated_values_are_found(
            numbers in prop::collection::vec(any_json(), 0..6), pretty in any::<bool>(),
        ) {
            let text: String = numbers.iter().map(|value| write(value, pretty) + "\n").collect();
            let mut found = Vec::new();
            values(&mut window(&text), |value| { found.push(parse(value)?); Ok(()) }).unwrap();
            let expected: Vec<Value> = serde_json::Deserializer::from_str(&text)
                .into_iter::<Value>().map(Result::unwrap).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn members_around_a_nested_list_are_found(
            before in any_json(), inside in any_json(), after in any_json(),
            elements in prop::collection::vec(any_json(), 0..4), pretty in any::<bool>(),
        ) {
            let document = json!({"a": before, "list": {"b": inside, "in": elements}, "z": after});
            let text = write(&document, pretty);
            let expected: Value = serde_json::from_str(&text).unwrap();
            let mut take = Take { list: vec!["list", "in"], ..Take::default() };
            super::document(&mut window(&text), &mut take).unwrap();
            prop_assert_eq!(&Value::from(take.elements), &expected["list"]["in"]);
            prop_assert_eq!(&take.outer["a"], &expected["a"]);
            prop_assert_eq!(&take.outer["list/b"], &expected["list"]["b"]);
            prop_assert_eq!(&take.outer["z"], &expected["z"]);
            prop_assert_eq!(take.outer.len(), 3);
        }

        #[test]
        fn what_is_walked_without_complaint_is_json(text in r#"[\[\]{},:"a1 ]{0,12}"#) {
            let mut take = Take { list: vec!["a"], ..Take::default() };
            if super::document(&mut window(&text), &mut take).is_ok() {
                prop_assert!(serde_json::from_str::<Value>(&text).is_ok(), "{}", text);
            } else if let Ok(Value::Object(_)) = serde_json::from_str::<Value>(&text) {
                // The only objects that serde_json takes and this does not have a name twice.
                prop_assert!(text.matches(':').count() > 1, "{}", text);
            }
        }
    }

    fn complaint(text: &str) -> (u64, String) {
        let mut take = Take {
            list: vec!["a"],
            ..Take::default()
        };
        match super::document(&mut window(text), &mut take) {
            Err(Fault::Broken { byte, reason }) => (byte, reason),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_document_that_is_none_is_refused_with_the_byte() {
        for (text, byte, reason) in [
            ("", 0, "expected '{', found the end of the input"),
            ("[]", 0, "expected '{', found '['"),
            ("{\"a\":1} x", 8, "expected nothing after"),
            ("{\"a\":[1,]}", 8, "expected a value"),
            ("{\"a\":[1 2]}", 8, "expected ',' or ']', found '2'"),
            ("{\"a\":[1", 7, "expected ',' or ']', found the end"),
            ("{\"a\":[{", 6, "the value that starts here is cut off"),
            ("{\"b\":\"x", 5, "the value that starts here is cut off"),
            ("{\"b\"", 4, "expected ':', found the end"),
            ("{\"b\":", 5, "expected a value, found the end"),
            ("{\"b\":}", 5, "expected a value"),
            ("{\"b\":1,}", 7, "expected a value"),
            ("{b:1}", 1, "a member's name"),
            ("{1:1}", 1, "a member's name"),
            ("{\"b\":1,\"\\u0062\":2}", 7, "a second member named \"b\""),
        ] {
            let (found, why) = complaint(text);
            assert!(why.contains(reason), "{text}: {why}");
            assert_eq!(found, byte, "{text}: {why}");
        }
        let many: Vec<String> = (0..=MAX_MEMBERS).map(|n| format!("\"{n}\":0")).collect();
        assert!(
            complaint(&format!("{{{}}}", many.join(",")))
                .1
                .contains("more than 4096 members")
        );
    }
}
