//! A share as words that can be read out and written down: the BIP-39 English list, eleven bits a word.
//!
//! These are no BIP-39 mnemonics: only the list is the same, whose words differ in their first four letters.

use bip39::Language;
use zeroize::Zeroizing;

use crate::text::about;
use crate::{Error, Share};

const TITLE: &str = "avouch share 1, in words";
const BITS: usize = 11;
const IN_A_LINE: usize = 6;
/// More bytes than anyone writes down.
pub const MAX_BYTES: usize = 1024;

/// The share's words, numbered by line, below what they are.
///
/// # Errors
/// [`Error::TooLong`] beyond [`MAX_BYTES`].
pub fn write(share: &Share) -> Result<Zeroizing<String>, Error> {
    let bytes = share.to_bytes();
    if bytes.len() > MAX_BYTES {
        return Err(Error::TooLong {
            form: "words",
            len: bytes.len(),
            max: MAX_BYTES,
        });
    }
    let list = Language::English.word_list();
    let words = (bytes.len() * 8).div_ceil(BITS);
    let mut text = Zeroizing::new(String::with_capacity(words * 9 + 256));
    text.push_str(TITLE);
    text.push('\n');
    text.push_str(&about(share));
    for word in 0..words {
        let end = match (word + 1) % IN_A_LINE == 0 || word + 1 == words {
            true => '\n',
            false => ' ',
        };
        text.push_str(list[number_at(&bytes, word)]);
        text.push(end);
    }
    Ok(text)
}

/// Reads words, with what stands above them or without, in lines of any length.
///
/// # Errors
/// [`Error::Word`] naming the first that is in no list, [`Error::NotAShare`], [`Error::Checksum`].
pub fn read(text: &str) -> Result<Share, Error> {
    let (above, words) = match text.strip_prefix(TITLE) {
        None => (None, text),
        Some(rest) => {
            let rest = rest.trim_start_matches('\n');
            let end = rest
                .match_indices('\n')
                .nth(1)
                .ok_or(Error::NotAShare("it has no words"))?;
            let (above, words) = rest.split_at(end.0 + 1);
            (Some(above), words)
        }
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 2));
    // Bits that are not whole bytes yet.
    let (mut held, mut bits) = (0u32, 0);
    for (at, word) in (1..).zip(words.split_ascii_whitespace()) {
        if bytes.len() > MAX_BYTES {
            return Err(Error::NotAShare("it has too many words"));
        }
        let number = Language::English.find_word(word);
        let number = number.ok_or_else(|| Error::Word {
            at,
            word: word.chars().take(32).collect(),
        })?;
        held = (held << BITS) | u32::from(number);
        bits += BITS;
        while bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    // The last word is filled with zeros, which may be as long as a byte.
    let share = match (held, Share::from_bytes(&bytes)) {
        (0, Err(Error::Checksum)) if bytes.last() == Some(&0) => {
            bytes.pop();
            Share::from_bytes(&bytes)?
        }
        (0, share) => share?,
        _ => return Err(Error::Checksum),
    };
    let words = words.split_ascii_whitespace().count();
    if words != (share.to_bytes().len() * 8).div_ceil(BITS) {
        return Err(Error::Checksum);
    }
    match above {
        Some(above) if above != about(&share) => Err(Error::NotAShare(
            "the lines above the words are not this share's",
        )),
        _ => Ok(share),
    }
}

/// The number that the bits of this word make.
fn number_at(bytes: &[u8], word: usize) -> usize {
    let first = word * BITS;
    (first..first + BITS).fold(0, |number, bit| {
        let byte = bytes.get(bit / 8).copied().unwrap_or(0);
        (number << 1) | usize::from((byte >> (7 - bit % 8)) & 1)
    })
}
