//! Private files: what is too large for a table, or is not asked for by its parts. A blob has a shelf and an id, never a
//! name from outside, and lies below a folder that only the application may open.

use std::borrow::Cow;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Error, GetResult, ObjectStore, ObjectStoreExt, PutMode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use uuid::Uuid;

/// Where blobs lie.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder, which is made when it is needed.
    pub folder: PathBuf,
}

/// Blobs of one kind, in a folder of their own. Its name is frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Shelf(Cow<'static, str>);

impl Shelf {
    /// The shelf of this name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// Where a blob of it lies. (Whatever would lead elsewhere is escaped in each part.)
    fn place(&self, id: Uuid) -> Path {
        Path::from_iter([self.0.as_ref(), &id.to_string()])
    }
}

/// The private files of the application.
#[derive(Clone)]
pub struct Blobs(Settings);

impl Blobs {
    /// Those below a folder.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self(settings)
    }

    /// How full the file system is that they lie on, in percent of what the application may use; none as long as there is no
    /// folder.
    pub async fn percent_full(&self) -> io::Result<Option<i64>> {
        let folder = self.0.folder.clone();
        let asked = spawn_blocking(move || match rustix::fs::statvfs(&folder) {
            Ok(system) => {
                let used = system.f_blocks.saturating_sub(system.f_bfree);
                let all = used + system.f_bavail;
                let percent = (used * 100).checked_div(all).unwrap_or_default();
                Ok(Some(i64::try_from(percent).unwrap_or(i64::MAX)))
            }
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        });
        asked.await?
    }

    /// Keeps a blob. Whoever looks for it sees all of it or nothing, and what is there already under its id stays: two
    /// attempts at the same thing leave one whole blob. Returns its size in bytes.
    pub async fn put(
        &self,
        shelf: &Shelf,
        id: Uuid,
        content: Vec<u8>,
    ) -> object_store::Result<u64> {
        let (store, place) = (self.open(shelf).await?, shelf.place(id));
        let options = PutMode::Create.into();
        match store.put_opts(&place, content.into(), options).await {
            Ok(_) | Err(Error::AlreadyExists { .. }) => Ok(store.head(&place).await?.size),
            Err(error) => Err(error),
        }
    }

    /// A blob, to be read piece by piece; none if there is none.
    pub async fn get(&self, shelf: &Shelf, id: Uuid) -> object_store::Result<Option<GetResult>> {
        none_if_absent(self.open(shelf).await?.get(&shelf.place(id)).await)
    }

    /// Deletes a blob, if there is one, and what is left of attempts to write it that were broken off.
    pub async fn delete(&self, shelf: &Shelf, id: Uuid) -> object_store::Result<()> {
        let store = self.open(shelf).await?;
        none_if_absent(store.delete(&shelf.place(id)).await)?;
        let folder = self.folder(shelf, &store)?;
        in_thread(move || {
            let id = id.to_string();
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                if entry.file_name().to_string_lossy().starts_with(&id) {
                    fs::remove_file(entry.path()).or_else(absent)?;
                }
            }
            Ok(())
        })
        .await
    }

    /// The ids of all blobs on a shelf, and of those whose writing was broken off.
    pub async fn list(&self, shelf: &Shelf) -> object_store::Result<Vec<Uuid>> {
        let store = self.open(shelf).await?;
        let folder = self.folder(shelf, &store)?;
        in_thread(move || {
            let mut ids = Vec::new();
            for entry in fs::read_dir(folder)? {
                let name = entry?.file_name().to_string_lossy().into_owned();
                // An unfinished one has a number behind its id.
                let id = name.split('#').next().unwrap_or_default();
                ids.extend(id.parse::<Uuid>());
            }
            ids.sort_unstable();
            ids.dedup();
            Ok(ids)
        })
        .await
    }

    /// The store, with the shelf's folder in it, which nobody else may open.
    async fn open(&self, shelf: &Shelf) -> object_store::Result<LocalFileSystem> {
        let (root, shelf) = (self.0.folder.clone(), shelf.clone());
        in_thread(move || {
            let make = |folder: &std::path::Path| {
                DirBuilder::new().recursive(true).mode(0o700).create(folder)
            };
            make(&root)?;
            let store = LocalFileSystem::new_with_prefix(&root)
                .map_err(io::Error::other)?
                .with_fsync(true);
            let folder = store.path_to_filesystem(&Path::from_iter([shelf.0.as_ref()]));
            make(&folder.map_err(io::Error::other)?)?;
            Ok(store)
        })
        .await
    }

    fn folder(&self, shelf: &Shelf, store: &LocalFileSystem) -> object_store::Result<PathBuf> {
        store.path_to_filesystem(&Path::from_iter([shelf.0.as_ref()]))
    }
}

fn none_if_absent<T>(answer: object_store::Result<T>) -> object_store::Result<Option<T>> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn absent(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound {
        return Ok(());
    }
    Err(error)
}

async fn in_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> object_store::Result<T> {
    let result = spawn_blocking(work).await.map_err(io::Error::other);
    result.flatten().map_err(|error| Error::Generic {
        store: "STORAGE_FOLDER",
        source: Box::new(error),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;
    use crate::kernel::id;

    const SHELF: Shelf = Shelf::new("tests");

    fn blobs() -> (TempDir, Blobs) {
        let home = TempDir::new().expect("a folder");
        let folder = home.path().join("not/yet/there");
        (home, Blobs::new(Settings { folder }))
    }

    async fn text(blobs: &Blobs, id: Uuid) -> Option<String> {
        let found = blobs.get(&SHELF, id).await.expect("an answer")?;
        let bytes = found.bytes().await.expect("all of it");
        Some(String::from_utf8(bytes.to_vec()).expect("text"))
    }

    #[tokio::test]
    async fn a_blob_is_there_until_it_is_deleted() {
        let (_home, blobs) = blobs();
        let (one, other) = (id::new(), id::new());

        assert_eq!(text(&blobs, one).await, None);
        let size = blobs.put(&SHELF, one, b"one".to_vec()).await.expect("room");
        blobs
            .put(&SHELF, other, b"two".to_vec())
            .await
            .expect("room");
        assert_eq!((size, text(&blobs, one).await.as_deref()), (3, Some("one")));
        assert_eq!(
            blobs.list(&SHELF).await.expect("a list"),
            [one.min(other), one.max(other)]
        );
        for _ in 0..2 {
            blobs.delete(&SHELF, one).await.expect("twice is no error");
            assert_eq!(text(&blobs, one).await, None);
        }
        assert_eq!(text(&blobs, other).await.as_deref(), Some("two"));
    }

    #[tokio::test]
    async fn what_is_there_stays_when_a_second_attempt_comes() {
        let (_home, blobs) = blobs();
        let id = id::new();

        blobs.put(&SHELF, id, b"one".to_vec()).await.expect("room");
        let size = blobs
            .put(&SHELF, id, b"other".to_vec())
            .await
            .expect("no error");

        assert_eq!((size, text(&blobs, id).await.as_deref()), (3, Some("one")));
    }

    #[tokio::test]
    async fn nobody_else_may_open_the_folders() {
        let (home, blobs) = blobs();
        blobs
            .put(&SHELF, id::new(), Vec::new())
            .await
            .expect("room");

        for folder in ["not/yet/there", "not/yet/there/tests"] {
            let metadata = fs::metadata(home.path().join(folder)).expect("a folder");
            assert_eq!(metadata.permissions().mode() & 0o777, 0o700, "{folder}");
        }
    }

    #[tokio::test]
    async fn a_shelf_never_leads_out_of_the_folder() {
        let (home, blobs) = blobs();
        for name in ["../escaped", "..", "/escaped"] {
            let shelf = Shelf::new(name);
            blobs
                .put(&shelf, id::new(), Vec::new())
                .await
                .expect("room");
        }
        let outside: Vec<_> = fs::read_dir(home.path()).expect("a folder").collect();
        assert_eq!(outside.len(), 1, "{outside:?}");
        assert_eq!(
            fs::read_dir(home.path().join("not/yet"))
                .expect("a folder")
                .count(),
            1
        );
    }

    #[tokio::test]
    async fn what_is_left_of_a_broken_attempt_is_listed_and_deleted() {
        let (home, blobs) = blobs();
        let id = id::new();
        blobs.put(&SHELF, id, Vec::new()).await.expect("room");
        let folder = home.path().join("not/yet/there/tests");
        // As the store writes it before it is whole.
        fs::rename(folder.join(id.to_string()), folder.join(format!("{id}#1"))).expect("a draft");

        assert_eq!(text(&blobs, id).await, None);
        assert_eq!(blobs.list(&SHELF).await.expect("a list"), [id]);
        blobs.delete(&SHELF, id).await.expect("gone");
        assert!(blobs.list(&SHELF).await.expect("a list").is_empty());
    }
}
