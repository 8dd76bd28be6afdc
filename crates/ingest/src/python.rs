//! JSON as Python writes it, for hashes over `json.dumps(value, sort_keys=True,
//! separators=(",", ":"))` of what `json.loads` had read.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::error::Fault;

/// Strict JSON as Python writes it: members sorted by name, no spaces, ASCII only, floats by `repr`.
/// The outermost member named `leave_out` is left out.
pub(crate) fn canonical(json: &str, leave_out: &str) -> Result<String, Fault> {
    let mut reader = Reader { text: json, at: 0 };
    reader.value(Some(leave_out))
}

/// Reads JSON that is known to be valid: what it does not check was checked before.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    /// The next byte that is not whitespace.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace());
        self.at += blanks.count();
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes the next byte that is not whitespace if it is this one.
    fn passes(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn value(&mut self, leave_out: Option<&str>) -> Result<String, Fault> {
        let mut out = String::new();
        match self.peek() {
            Some(b'{') => {
                self.at += 1;
                let mut members = Vec::new();
                while !self.passes(b'}') {
                    let name = self.string()?;
                    self.passes(b':');
                    let value = self.value(None)?;
                    if leave_out != Some(&*name) {
                        members.push((name, value));
                    }
                    self.passes(b',');
                }
                // Python compares strings by code points, which is the order of UTF-8 bytes.
                members.sort();
                out.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    write_string(&mut out, name);
                    out.push(':');
                    out.push_str(value);
                }
                out.push('}');
            }
            Some(b'[') => {
                self.at += 1;
                out.push('[');
                while !self.passes(b']') {
                    out.push_str(&self.value(None)?);
                    if self.passes(b',') {
                        out.push(',');
                    }
                }
                out.push(']');
            }
            Some(b'"') => write_string(&mut out, &self.string()?),
            _ => out.push_str(&self.scalar()?),
        }
        Ok(out)
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        self.peek();
        let rest = self.text.get(self.at..).unwrap_or_default();
        let mut is_escaped = false;
        let end = rest.bytes().skip(1).position(|byte| {
            let is_end = byte == b'"' && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            is_end
        });
        let quoted = &rest[..end.map_or(rest.len(), |end| end + 2)];
        self.at += quoted.len();
        if quoted.contains('\\') {
            return Ok(serde_json::from_str::<String>(quoted)?.into());
        }
        let inner = quoted
            .strip_prefix('"')
            .and_then(|inner| inner.strip_suffix('"'));
        inner
            .map(Cow::Borrowed)
            .ok_or_else(|| Fault::malformed("expected a string"))
    }

    /// A number, `true`, `false` or `null`.
    fn scalar(&mut self) -> Result<Cow<'a, str>, Fault> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        let length = rest.bytes().take_while(|byte| is_part(*byte)).count();
        let scalar = &rest[..length];
        self.at += length;
        if matches!(scalar, "true" | "false" | "null") {
            return Ok(scalar.into());
        }
        if scalar == "-0" {
            return Ok("0".into());
        }
        if !scalar.contains(['.', 'e', 'E']) {
            return if scalar.is_empty() {
                Err(Fault::malformed("expected a value"))
            } else {
                Ok(scalar.into())
            };
        }
        let number: f64 = scalar
            .parse()
            .map_err(|_| Fault::malformed(format!("{scalar:?} is not a number")))?;
        Ok(float(number).into())
    }
}

/// Python's `repr` of a float: the shortest digits that read back as the same number, with an
/// exponent below 1e-4 and from 1e16 on.
fn float(number: f64) -> String {
    let shortest = format!("{number:e}");
    let Some((mantissa, exponent)) = shortest.split_once('e') else {
        return shortest;
    };
    match exponent.parse::<i32>() {
        Ok(-4..16) => {
            let point = if number.fract() == 0.0 { ".0" } else { "" };
            format!("{number}{point}")
        }
        Ok(exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
        }
        Err(_) => shortest,
    }
}

fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a string does not fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Each right side is what Python 3.11 printed for `json.dumps(json.loads(left), sort_keys=True,
    /// separators=(",", ":"))`.
    #[test]
    fn json_is_written_as_python_writes_it() {
        for (json, python) in [
            (" { } ", "{}"),
            ("[ ]", "[]"),
            (
                r#"{"b": 1, "a" : [ 1 , -0, 2.50 ]}"#,
                r#"{"a":[1,0,2.5],"b":1}"#,
            ),
            (
                r#"{"\u0061":{"z":null,"B":true,"_":false}}"#,
                r#"{"a":{"B":true,"_":false,"z":null}}"#,
            ),
            (
                "{\"\u{e9}\":1,\"z\":2,\"\u{1f600}\":3,\"\u{ffff}\":4}",
                r#"{"z":2,"\u00e9":1,"\uffff":4,"\ud83d\ude00":3}"#,
            ),
            (
                r#""\/\"\\\b\f\n\r\t\u0000\u007f~ ""#,
                r#""/\"\\\b\f\n\r\t\u0000\u007f~ ""#,
            ),
            (r#"["a\\", "]"]"#, r#"["a\\","]"]"#),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567890",
            ),
        ] {
            assert_eq!(canonical(json, "-").unwrap(), python, "{json}");
        }
    }

    /// Likewise, `repr(float(left))`.
    #[test]
    fn floats_are_written_as_python_writes_them() {
        for (json, python) in [
            ("0.1", "0.1"),
            ("1.0", "1.0"),
            ("-0.0", "-0.0"),
            ("0e5", "0.0"),
            ("1e2", "100.0"),
            ("0.0001", "0.0001"),
            ("0.00001", "1e-05"),
            ("0.000012345", "1.2345e-05"),
            ("9999999999999998.0", "9999999999999998.0"),
            ("1e16", "1e+16"),
            ("123456789012345678.9", "1.2345678901234568e+17"),
            ("0.30000000000000004", "0.30000000000000004"),
            ("0.299999999999999988897769753748", "0.3"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("5e-324", "5e-324"),
            ("2.2250738585072011e-308", "2.225073858507201e-308"),
            ("1e23", "1e+23"),
            ("9007199254740993.0", "9007199254740992.0"),
        ] {
            assert_eq!(canonical(json, "-").unwrap(), python, "{json}");
        }
    }

    #[test]
    fn only_an_outermost_member_is_left_out() {
        let json = r#"{"h":1,"a":{"h":2},"\u0068":3}"#;
        assert_eq!(canonical(json, "h").unwrap(), r#"{"a":{"h":2}}"#);
    }

    proptest::proptest! {
        #[test]
        fn what_is_no_json_neither_panics_nor_hangs(text in "[\\[\\]{}\",:0-9e+.a\\\\ -]{0,24}") {
            if crate::strict::json(text.as_bytes()).is_ok() {
                let once = canonical(&text, "-").unwrap();
                proptest::prop_assert_eq!(canonical(&once, "-").unwrap(), once);
            }
        }
    }
}
