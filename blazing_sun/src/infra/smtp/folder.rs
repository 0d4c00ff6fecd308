//! A folder instead of a mail server: each letter is a file that any mail program opens.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use tokio::task::spawn_blocking;

use crate::infra::smtp::SendError;
use crate::kernel::id;

/// Where the letters lie.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Writes a letter as `<name>.eml`, in place of an earlier one of that name. A reader sees all of it or nothing.
    pub async fn write(&self, name: &str, letter: Vec<u8>) -> Result<(), SendError> {
        let path = self.0.join(format!("{}.eml", name.replace('/', "_")));
        let (folder, target) = (self.0.clone(), path.clone());
        in_thread(move || replace(&folder, &target, &letter)).await?;
        tracing::info!(mail.file = %path.display(), "wrote a mail to a file instead of sending it");
        Ok(())
    }

    /// Asks whether a letter could be written.
    pub async fn check(&self) -> Result<(), SendError> {
        let folder = self.0.clone();
        in_thread(move || {
            let probe = new_name(&folder);
            make(&folder)?;
            create(&probe)?;
            fs::remove_file(probe)
        })
        .await
    }
}

async fn in_thread(
    work: impl FnOnce() -> io::Result<()> + Send + 'static,
) -> Result<(), SendError> {
    let result = spawn_blocking(work).await.map_err(io::Error::other);
    result
        .flatten()
        .map_err(|error| SendError::Temporary(format!("MAIL_FOLDER: {error}")))
}

fn replace(folder: &Path, target: &Path, letter: &[u8]) -> io::Result<()> {
    make(folder)?;
    let draft = new_name(folder);
    let written = create(&draft).and_then(|mut file| {
        file.write_all(letter)?;
        file.sync_all()?;
        fs::rename(&draft, target)
    });
    if written.is_err() {
        // What is left of a letter that was not finished; there may be nothing.
        drop(fs::remove_file(&draft));
    }
    written
}

/// Letters are private, so that nobody else may read them; a folder that is there already stays as it is.
fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn create(path: &Path) -> io::Result<fs::File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// A name that nobody else uses, even if two attempts write the same letter at once.
fn new_name(folder: &Path) -> PathBuf {
    folder.join(format!(".{}.tmp", id::new()))
}
