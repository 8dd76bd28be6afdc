//! What must hold for a match beside its shape.

use std::ops::Range;

/// A check on a match.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Check {
    /// The shape is enough.
    None,
    /// At least so many bits of entropy a character, and not a digest, a word or a path.
    Random(f64),
    /// A payment card's number: brand, length and check digit (ISO/IEC 7812-1).
    Card,
    /// An address that could be somebody's.
    Email,
}

impl Check {
    /// Whether it holds for this part of the text.
    pub(crate) fn holds(self, text: &str, range: Range<usize>) -> bool {
        let found = &text[range.clone()];
        match self {
            Self::None => true,
            Self::Random(bits) => entropy(found) >= bits && !is_ordinary(found),
            Self::Card => stands_alone(text, range) && is_card(found),
            Self::Email => is_address(found),
        }
    }
}

/// Shannon entropy in bits a character, from the text's own frequencies.
fn entropy(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    text.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let length = text.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / length)
        .map(|share| -share * share.log2())
        .sum()
}

/// What has a secret's place but is none: a digest, words, a path, a placeholder, code.
fn is_ordinary(text: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| text.as_bytes().iter().any(kind);
    let hex = text
        .bytes()
        .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    // Bare digests (MD5 to SHA-512) and UUIDs are what evidence is made of.
    hex || !has(u8::is_ascii_digit)
        || !has(u8::is_ascii_alphabetic)
        || text.contains("://")
        || text.contains("${")
        || text.contains("...")
        || text.contains('(')
        || text.matches('/').count() > 2
        || text.starts_with("sha256:")
        || text.starts_with("sha512-")
}

/// Not a piece of a longer number, word, decimal fraction or identifier.
fn stands_alone(text: &str, range: Range<usize>) -> bool {
    let joins = |byte: Option<&u8>| {
        byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"._-+/=#".contains(byte))
    };
    let before = range
        .start
        .checked_sub(1)
        .and_then(|at| text.as_bytes().get(at));
    // A full stop may end the sentence.
    let after = text.as_bytes().get(range.end);
    let after_that = text.as_bytes().get(range.end + 1);
    let stop = after == Some(&b'.') && !after_that.is_some_and(u8::is_ascii_digit);
    !joins(before) && (!joins(after) || stop)
}

fn is_card(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    let separators: Vec<char> = text.chars().filter(|c| !c.is_ascii_digit()).collect();
    // One kind of separator, in a place or three, as cards are written.
    let written = separators.windows(2).all(|pair| pair[0] == pair[1])
        && matches!(separators.len(), 0 | 2 | 3);
    let prefix = |length: usize| {
        digits
            .iter()
            .take(length)
            .fold(0, |number, digit| number * 10 + digit)
    };
    let brand = match digits.len() {
        15 => matches!(prefix(2), 34 | 37),
        16 => {
            prefix(1) == 4
                || (51..=55).contains(&prefix(2))
                || (2221..=2720).contains(&prefix(4))
                || matches!(prefix(4), 6011)
                || matches!(prefix(2), 65)
                || (3528..=3589).contains(&prefix(4))
        }
        _ => false,
    };
    let varied = digits.windows(2).any(|pair| pair[0] != pair[1]);
    written && brand && varied && luhn(&digits)
}

/// ISO/IEC 7812-1 annex B.
fn luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match place % 2 {
            0 => *digit,
            _ => digit * 2 / 10 + digit * 2 % 10,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Names that stand before an @ without being anybody's, and endings of files.
fn is_address(text: &str) -> bool {
    const NOBODY: [&str; 8] = [
        "git", "noreply", "no-reply", "hg", "svn", "root", "user", "you",
    ];
    const FILES: [&str; 18] = [
        "png", "jpg", "jpeg", "gif", "svg", "webp", "js", "ts", "json", "css", "html", "tgz", "py",
        "rs", "sh", "toml", "yaml", "md",
    ];
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let domain = domain.to_ascii_lowercase();
    let last = domain.rsplit('.').next().unwrap_or_default();
    // RFC 2606 and RFC 6761 keep these for examples and tests.
    let reserved = matches!(last, "example" | "test" | "invalid" | "localhost" | "local")
        || ["example.com", "example.org", "example.net"]
            .iter()
            .any(|name| domain == *name || domain.ends_with(&format!(".{name}")));
    !NOBODY.contains(&local.to_ascii_lowercase().as_str()) && !FILES.contains(&last) && !reserved
}
