//! A share as text: a file of a few lines, or one line of letters and digits that QR codes hold well.

use data_encoding::BASE32_NOPAD;
use zeroize::Zeroizing;

use crate::{Error, Share, words};

const TITLE: &str = "avouch share 1";
const COMPACT: &str = "AVOUCH-SHARE:1:";
/// Letters in a line.
const WIDTH: usize = 60;
/// Longer than the longest share's text.
pub const MAX_TEXT: usize = 1 << 18;

/// What stands above a share for people: see [`Share`].
pub(crate) fn about(share: &Share) -> String {
    format!(
        "set {}\nshare {} of {}, any {} give the secret\n",
        share.set, share.index, share.count, share.threshold
    )
}

/// The share's file.
pub fn write(share: &Share) -> Zeroizing<String> {
    let letters = Zeroizing::new(BASE32_NOPAD.encode(&share.to_bytes()));
    let mut text = Zeroizing::new(String::with_capacity(letters.len() * 2 + 256));
    text.push_str(TITLE);
    text.push('\n');
    text.push_str(&about(share));
    let mut rest: &str = &letters;
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(WIDTH));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text
}

/// The share in one line, as its QR code holds it.
pub fn compact(share: &Share) -> Zeroizing<String> {
    let letters = Zeroizing::new(BASE32_NOPAD.encode(&share.to_bytes()));
    let mut text = Zeroizing::new(String::with_capacity(letters.len() + COMPACT.len()));
    text.push_str(COMPACT);
    text.push_str(&letters);
    text
}

/// Reads a share in any of its forms: the file, the line of a QR code, or words.
///
/// # Errors
/// [`Error::NotAShare`], [`Error::Checksum`] and [`Error::Word`].
pub fn read(text: &str) -> Result<Share, Error> {
    if text.len() > MAX_TEXT {
        return Err(Error::NotAShare("it is too long"));
    }
    if let Some(letters) = text.trim_end().strip_prefix(COMPACT) {
        return decode(letters);
    }
    let Some(rest) = text
        .strip_prefix(TITLE)
        .and_then(|rest| rest.strip_prefix('\n'))
    else {
        return words::read(text);
    };
    let mut letters = Zeroizing::new(String::with_capacity(rest.len()));
    rest.lines().skip(2).for_each(|line| letters.push_str(line));
    let share = decode(&letters)?;
    // One text each: what it says for people is what it is.
    match *write(&share) == *text {
        true => Ok(share),
        false => Err(Error::NotAShare(
            "the lines above the letters, or their layout, are not this share's",
        )),
    }
}

fn decode(letters: &str) -> Result<Share, Error> {
    let bytes = BASE32_NOPAD
        .decode(letters.as_bytes())
        .map(Zeroizing::new)
        .map_err(|_| Error::NotAShare("the letters are not base32 (A to Z, 2 to 7)"))?;
    Share::from_bytes(&bytes)
}
