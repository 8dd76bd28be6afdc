//! Messages made of content blocks, as the Anthropic API writes them and others copied them.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Fault;
use crate::object::Object;
use crate::sink::FieldValue;

/// A message's content.
pub(crate) enum Content<'a> {
    /// Only text.
    Text(String),
    /// Blocks in order.
    Blocks(Vec<Object<Block<'a>>>),
}

/// One block. Which members there are depends on the type.
#[derive(Deserialize)]
pub(crate) struct Block<'a> {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) text: Option<String>,
    pub(crate) thinking: Option<String>,
    /// A call's id.
    pub(crate) id: Option<String>,
    /// A called tool's name.
    pub(crate) name: Option<String>,
    /// A call's arguments.
    #[serde(borrow)]
    pub(crate) input: Option<&'a RawValue>,
    /// The call that a result answers.
    pub(crate) tool_use_id: Option<String>,
    /// A result's content.
    #[serde(borrow)]
    pub(crate) content: Option<&'a RawValue>,
    pub(crate) is_error: Option<bool>,
}

impl<'a> Content<'a> {
    /// Reads a message's `content`.
    pub(crate) fn read(content: &'a RawValue) -> Result<Self, Fault> {
        match content.get().as_bytes().first() {
            Some(b'"') => Ok(Self::Text(serde_json::from_str(content.get())?)),
            Some(b'[') => Ok(Self::Blocks(serde_json::from_str(content.get())?)),
            _ => Err(Fault::malformed(
                "a message's content is neither text nor a list of blocks",
            )),
        }
    }

    /// The blocks; text alone is one block of type `text`.
    pub(crate) fn into_blocks(self) -> Vec<Block<'a>> {
        match self {
            Self::Blocks(blocks) => blocks.into_iter().map(|Object(block)| block).collect(),
            Self::Text(text) => vec![Block {
                kind: "text".to_owned(),
                text: Some(text),
                thinking: None,
                id: None,
                name: None,
                input: None,
                tool_use_id: None,
                content: None,
                is_error: None,
            }],
        }
    }
}

/// A JSON value as a field: text where it is a string, else its exact JSON.
pub(crate) fn text_or_json(value: &RawValue) -> FieldValue {
    match serde_json::from_str::<String>(value.get()) {
        Ok(text) => text.into(),
        Err(_) => value.into(),
    }
}
