//! Making anchor commits in a repository, with the `git` that is installed.
//!
//! Objects are written and one reference is moved; the working tree, the index and HEAD are not looked at. A commit is
//! made once and stored before it is entered, and the same commit entered twice is entered once.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use avouch_cose::SigningKey;

use super::commit::Unsigned;
use super::object::FILE;
use super::sshsig::Signature;
use super::{KIND, NotEd25519, ObjectFormat, Proof, Signers};
use crate::{Anchored, Backend, Receipt, State, SubmitError, Verifier as _};

/// Most that is read of what git says.
const MAX_SAID: u64 = 1 << 16;
const POLL: Duration = Duration::from_millis(10);
/// Variables that would lead git to another repository, index or object store.
const LEADING_ASTRAY: [&str; 8] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_QUARANTINE_PATH",
];

/// Where commits are made, and as whom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The repository: its working tree, or the bare repository itself.
    pub path: PathBuf,
    /// The reference that the commits are entered under, one after the other.
    pub reference: String,
    /// The remote that the reference is pushed to, by name or address.
    pub push_to: Option<String>,
    /// Author and committer, `Name <address>`.
    pub who: String,
    /// How long a command of git may take.
    pub timeout: Duration,
}

/// A repository that checkpoints are committed to.
#[derive(Debug)]
pub struct Repository {
    settings: Settings,
    key: SigningKey,
}

/// What became of a command that ran.
struct Ran {
    code: Option<i32>,
    said: String,
    complained: String,
}

impl Repository {
    /// Commits signed with this Ed25519 key.
    ///
    /// # Errors
    /// What in the settings cannot be used.
    pub fn new(settings: Settings, key: SigningKey) -> Result<Self, String> {
        if key.verifying_key().as_ed25519().is_none() {
            return Err(NotEd25519.to_string());
        }
        if !Unsigned::is_who(&settings.who) {
            return Err(format!("{:?} is not like \"Name <address>\"", settings.who));
        }
        if !settings.reference.starts_with("refs/") {
            let reference = &settings.reference;
            return Err(format!("{reference:?} does not begin with \"refs/\""));
        }
        if let Some(remote) = &settings.push_to
            && (remote.is_empty() || remote.starts_with('-'))
        {
            return Err(format!("{remote:?} is no remote"));
        }
        Ok(Self { settings, key })
    }

    fn shown(&self) -> String {
        self.settings.path.display().to_string()
    }

    fn refused(&self, why: impl Into<String>) -> SubmitError {
        SubmitError::Refused {
            url: self.shown(),
            why: why.into(),
        }
    }

    fn run(&self, args: &[&str], input: &[u8]) -> Result<Ran, SubmitError> {
        let mut git = Command::new("git");
        git.arg("-C").arg(&self.settings.path);
        // Hooks are the user's own, for the user's own work.
        git.args(["-c", "core.hooksPath=/dev/null"]).args(args);
        for name in LEADING_ASTRAY {
            git.env_remove(name);
        }
        git.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
        // A remote's address cannot have other programs run.
        git.env("GIT_ALLOW_PROTOCOL", "file:https:http:ssh:git");
        git.stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = git
            .spawn()
            .map_err(|error| SubmitError::Config(format!("git cannot be run: {error}")))?;
        // What is written fits into a pipe; that git reads none of it shows in its exit code.
        let _ = child.stdin.take().map(|mut pipe| pipe.write_all(input));
        let (said, complained) = (heard(child.stdout.take()), heard(child.stderr.take()));
        let code = self.end(&mut child, args)?;
        let text = |channel: mpsc::Receiver<Vec<u8>>| {
            let bytes = channel.recv_timeout(Duration::from_secs(1));
            String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
        };
        Ok(Ran {
            code,
            said: text(said).trim_end().into(),
            complained: text(complained).trim_end().into(),
        })
    }

    fn end(&self, child: &mut Child, args: &[&str]) -> Result<Option<i32>, SubmitError> {
        let begun = Instant::now();
        loop {
            let status = child
                .try_wait()
                .map_err(|error| self.refused(format!("git: {error}")))?;
            if let Some(status) = status {
                return Ok(status.code());
            }
            if begun.elapsed() > self.settings.timeout {
                let _ = child.kill();
                let _ = child.wait();
                return Err(SubmitError::NotNow {
                    url: self.shown(),
                    why: format!("git {} took too long", args[0]),
                });
            }
            thread::sleep(POLL);
        }
    }

    /// What a command says that has to succeed.
    fn ask(&self, args: &[&str], input: &[u8]) -> Result<String, SubmitError> {
        let ran = self.run(args, input)?;
        match ran.code {
            Some(0) => Ok(ran.said),
            _ => Err(self.refused(format!("git {}: {}", args[0], ran.complained))),
        }
    }

    /// The commit under the reference, if there is one.
    fn tip(&self) -> Result<Option<String>, SubmitError> {
        let commit = format!("{}^{{commit}}", self.settings.reference);
        let ran = self.run(&["rev-parse", "--verify", "--quiet", &commit], b"")?;
        match ran.code {
            Some(0) => Ok(Some(ran.said)),
            Some(1) => Ok(None),
            _ => Err(self.refused(format!("git rev-parse: {}", ran.complained))),
        }
    }

    fn store(&self, args: &[&str], content: &[u8], expected: &[u8]) -> Result<(), SubmitError> {
        let id = self.ask(args, content)?;
        match id == hex::encode(expected) {
            true => Ok(()),
            false => Err(SubmitError::BadAnswer {
                url: self.shown(),
                why: format!(
                    "git {} stored {id} and not the object that it was given",
                    args[0]
                ),
            }),
        }
    }

    /// Enters the commit under the reference, unless it is there.
    fn enter(&self, id: &str, parent: Option<&str>) -> Result<(), SubmitError> {
        let reference = self.settings.reference.as_str();
        let tip = self.tip()?;
        if let Some(tip) = &tip {
            let ran = self.run(&["merge-base", "--is-ancestor", id, tip], b"")?;
            if ran.code == Some(0) {
                return Ok(());
            }
        }
        let lost = |why: String| SubmitError::Lost {
            url: self.shown(),
            why,
        };
        if tip.as_deref() != parent {
            return Err(lost(format!("{reference} has moved on")));
        }
        // Refused by git where somebody moves it at this moment.
        let before = parent.unwrap_or("");
        let ran = self.run(&["update-ref", "--no-deref", reference, id, before], b"")?;
        match ran.code {
            Some(0) => Ok(()),
            _ if self.tip()?.as_deref() != parent => Err(lost(format!("{reference} has moved on"))),
            _ => Err(self.refused(format!("git update-ref: {}", ran.complained))),
        }
    }
}

/// Hears a pipe to its end, in a thread: whoever holds it open longer is not waited for.
fn heard(pipe: Option<impl std::io::Read + Send + 'static>) -> mpsc::Receiver<Vec<u8>> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            let mut pipe = pipe.take(MAX_SAID);
            let _ = pipe.read_to_end(&mut bytes);
            let _ = send.send(bytes);
            let _ = std::io::copy(&mut pipe.into_inner(), &mut std::io::sink());
        }
    });
    receive
}

impl Backend for Repository {
    fn kind(&self) -> &'static str {
        KIND
    }

    /// Makes the commit and signs it, behind the last one.
    fn prepare(&self, anchored: &Anchored, _: &[u8; 32]) -> Result<Vec<u8>, SubmitError> {
        let reference = self.settings.reference.as_str();
        if self.run(&["check-ref-format", reference], b"")?.code != Some(0) {
            let why = format!("git takes no reference with the name {reference:?}");
            return Err(SubmitError::Config(why));
        }
        let format = self.ask(&["rev-parse", "--show-object-format"], b"")?;
        let format = ObjectFormat::from_name(&format)
            .ok_or_else(|| self.refused(format!("its objects are named by {format:?}")))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let commit = Unsigned {
            parent: self.tip()?,
            who: self.settings.who.clone(),
            time: now.map_or(0, |since| since.as_secs()),
        };
        let signature = Signature::make(&self.key, &commit.payload(format, anchored))
            .map_err(|why| SubmitError::Config(why.to_string()))?;
        let commit = commit.signed(format, anchored, &signature);
        Ok(Proof { format, commit }.encode())
    }

    fn submit(&self, anchored: &Anchored, prepared: &[u8]) -> Result<Receipt, SubmitError> {
        let Proof { format, commit } = Proof::decode(prepared)?;
        let text = anchored.text().as_bytes();
        let blob = format.id("blob", text);
        self.store(&["hash-object", "-w", "-t", "blob", "--stdin"], text, &blob)?;
        let entry = format!("100644 blob {}\t{FILE}\n", hex::encode(blob));
        self.store(&["mktree"], entry.as_bytes(), &format.tree_id(anchored))?;
        let id = format.id("commit", &commit);
        let write_commit = ["hash-object", "-w", "-t", "commit", "--stdin"];
        self.store(&write_commit, &commit, &id)?;
        let id = hex::encode(id);
        let parents = self.ask(&["rev-parse", &format!("{id}^@")], b"")?;
        self.enter(
            &id,
            Some(parents.as_str()).filter(|parent| !parent.is_empty()),
        )?;
        if let Some(remote) = &self.settings.push_to {
            let reference = &self.settings.reference;
            let refspec = format!("{reference}:{reference}");
            let ran = self.run(&["push", "--quiet", "--no-verify", remote, &refspec], b"")?;
            if ran.code != Some(0) {
                return Err(SubmitError::NotNow {
                    url: self.shown(),
                    why: format!("git push: {}", ran.complained),
                });
            }
        }
        let receipt = Receipt {
            kind: KIND.into(),
            anchored: anchored.clone(),
            state: State::Complete,
            proof: prepared.to_vec(),
        };
        // A proof is kept only if it would convince somebody who trusts this key.
        Signers::new(vec![self.key.verifying_key()])
            .map_err(|why| SubmitError::Config(why.to_string()))?
            .verify(anchored, &receipt.proof)
            .map_err(|doubt| SubmitError::BadAnswer {
                url: self.shown(),
                why: doubt.to_string(),
            })?;
        Ok(receipt)
    }

    /// Nothing: a commit is a proof at once.
    fn upgrade(&self, _: &Receipt) -> Result<Option<Receipt>, SubmitError> {
        Ok(None)
    }
}
