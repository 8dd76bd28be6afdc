//! Commits that hold a checkpoint, which have one form.

use super::ObjectFormat;
use super::sshsig::Signature;
use crate::Anchored;

/// What a commit says besides the checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unsigned {
    /// The commit before it, in hexadecimal.
    pub(super) parent: Option<String>,
    /// `Name <address>`, both author and committer.
    pub(super) who: String,
    /// Seconds since the Unix epoch.
    pub(super) time: u64,
}

/// A commit that was read.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    pub(super) time: u64,
    pub(super) signature: Signature,
    /// What is signed: the commit without its signature.
    pub(super) payload: Vec<u8>,
}

impl Unsigned {
    /// The commit without its signature.
    pub(super) fn payload(&self, format: ObjectFormat, anchored: &Anchored) -> Vec<u8> {
        self.write(format, anchored, &[]).into_bytes()
    }

    /// The whole commit.
    pub(super) fn signed(
        &self,
        format: ObjectFormat,
        anchored: &Anchored,
        signature: &Signature,
    ) -> Vec<u8> {
        self.write(format, anchored, &signature.armored())
            .into_bytes()
    }

    fn write(&self, format: ObjectFormat, anchored: &Anchored, signature: &[String]) -> String {
        let mut out = format!("tree {}\n", hex::encode(format.tree_id(anchored)));
        if let Some(parent) = &self.parent {
            out += &format!("parent {parent}\n");
        }
        for role in ["author", "committer"] {
            out += &format!("{role} {} {} +0000\n", self.who, self.time);
        }
        for (at, line) in signature.iter().enumerate() {
            let before = match at {
                0 => header(format),
                _ => "",
            };
            out += &format!("{before} {line}\n");
        }
        out + "\n" + &message(anchored)
    }

    /// Whether git takes this for a name and an address.
    pub(super) fn is_who(who: &str) -> bool {
        let Some((name, address)) = who.strip_suffix('>').and_then(|who| who.split_once(" <"))
        else {
            return false;
        };
        let plain = |text: &str| !text.chars().any(|c| c.is_control() || "<>".contains(c));
        !name.is_empty() && name.trim() == name && plain(name) && plain(address)
    }
}

/// The header that holds the signature.
fn header(format: ObjectFormat) -> &'static str {
    match format {
        ObjectFormat::Sha1 => "gpgsig",
        ObjectFormat::Sha256 => "gpgsig-sha256",
    }
}

/// The message, which names the SHA-256 of what is anchored, so that nothing rests on the tree's SHA-1.
fn message(anchored: &Anchored) -> String {
    format!(
        "avouch checkpoint of size {}\n\nsha256 {}\n",
        anchored.checkpoint().size,
        hex::encode(anchored.digest().0)
    )
}

/// Reads a commit, strictly: it is of this checkpoint and in the one form that it can have. The signature is not checked.
pub(super) fn read(
    format: ObjectFormat,
    commit: &[u8],
    anchored: &Anchored,
) -> Result<Signed, &'static str> {
    const CUT: &str = "it is cut off";
    let text = std::str::from_utf8(commit).map_err(|_| "it is not UTF-8")?;
    let (headers, said) = text.split_once("\n\n").ok_or(CUT)?;
    if said != message(anchored) {
        return Err("its message does not name this checkpoint's SHA-256");
    }
    let mut lines = headers.split('\n').peekable();
    let tree = lines.next().and_then(|line| line.strip_prefix("tree "));
    if tree != Some(&hex::encode(format.tree_id(anchored))) {
        return Err("its tree is not the one that holds this checkpoint");
    }
    let parent = lines
        .next_if(|line| line.starts_with("parent "))
        .map(|line| line["parent ".len()..].to_owned());
    let is_digit = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    if let Some(id) = &parent
        && (id.len() != format.id_digits() || !id.bytes().all(is_digit))
    {
        return Err("its parent is not the name of an object");
    }
    let author = lines.next().and_then(|line| line.strip_prefix("author "));
    let (who, time) = author
        .and_then(|line| line.strip_suffix(" +0000")?.rsplit_once(' '))
        .ok_or("it has no author with a time in UTC")?;
    let unsigned = Unsigned {
        parent,
        who: who.into(),
        time: time.parse().map_err(|_| "its time is not a number")?,
    };
    if !Unsigned::is_who(who) {
        return Err("its author is not a name and an address");
    }
    lines.next().ok_or(CUT)?;
    let first = lines
        .next()
        .and_then(|line| line.strip_prefix(header(format)))
        .ok_or("it is not signed")?;
    let armored: Option<Vec<&str>> = std::iter::once(first)
        .chain(lines)
        .map(|line| line.strip_prefix(' '))
        .collect();
    let signature = Signature::parse(&armored.ok_or("it has a header too many")?)?;
    if unsigned.signed(format, anchored, &signature) != commit {
        return Err("it is not in the one form that anchors have");
    }
    Ok(Signed {
        time: unsigned.time,
        signature,
        payload: unsigned.payload(format, anchored),
    })
}
