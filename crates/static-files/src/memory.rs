//! Backend of `ServeDir` that reads each file once and shares its content between all responses.
//!
//! Every request compares the file's metadata with that of the cached content, so a rebuilt page is served without
//! a restart. All content in memory has a limit, that which slow clients still download included; a file beyond
//! it is read from disk while it is sent, and so are large ones. Few of those are open at once.

use bytes::Bytes;
use std::{
    collections::HashMap,
    fs,
    io::{self, Cursor, ErrorKind, Read, SeekFrom},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    task::{Context, Poll},
    time::{Duration, SystemTime},
};
use tokio::{
    io::{AsyncRead, AsyncSeek, ReadBuf},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
};
use tower_http::services::fs as serve;

/// Settings of the cache.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// Size up to which a file is read into memory. The page's largest file has a fifth of a megabyte.
    pub max_file_bytes: u32,
    /// Size of all content in memory.
    pub max_bytes: u32,
    /// Files that are open at once, because they are not in memory.
    pub max_open_files: usize,
    /// Age from which a change of a file is visible in its metadata: file systems have times in steps of up to
    /// 2 s. Younger files are not cached.
    pub settled_age: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_file_bytes: 8 << 20,
            max_bytes: 64 << 20,
            max_open_files: 16,
            settled_age: Duration::from_secs(2),
        }
    }
}

/// Number of attempts to read a file that is being written.
const READ_ATTEMPTS: usize = 3;

/// The folder and the cache of its files.
pub(crate) struct Memory {
    folder: PathBuf,
    settings: Settings,
    /// By canonical path: a link to a folder would make any number of other paths.
    cache: Mutex<HashMap<PathBuf, Cached>>,
    bytes: Arc<Semaphore>,
    open_files: Arc<Semaphore>,
}

/// A file's content, as of a version of the file.
struct Cached {
    version: Version,
    content: Bytes,
}

/// What changes with the content of a file: device, inode, size, and times of modification and change.
type Version = (u64, u64, u64, [i64; 4]);

fn version(metadata: &fs::Metadata) -> Version {
    let times = [metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec()];
    (metadata.dev(), metadata.ino(), metadata.len(), times)
}

/// Whether a later change of the file will have another time.
fn is_settled(metadata: &fs::Metadata, settled_age: Duration) -> bool {
    let changed = u64::try_from(metadata.ctime()).map(Duration::from_secs).unwrap_or_default();
    let age = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH + changed);
    // A time in the future is from another clock than the changes to come.
    age.map_or(true, |age| age > settled_age)
}

/// Content whose size is counted until the last response has sent it.
struct Counted {
    content: Vec<u8>,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.content
    }
}

impl Memory {
    pub(crate) fn new(folder: PathBuf, settings: Settings) -> Self {
        Self {
            folder,
            settings,
            cache: Mutex::default(),
            bytes: Arc::new(Semaphore::new(settings.max_bytes as usize)),
            open_files: Arc::new(Semaphore::new(settings.max_open_files)),
        }
    }

    /// The canonical path of a file or folder, unless a link leads out of the folder.
    fn resolve(&self, path: &Path) -> io::Result<(PathBuf, fs::Metadata)> {
        let not_found = || io::Error::from(ErrorKind::NotFound);
        let path = fs::canonicalize(path).map_err(|_| not_found())?;
        // Each time, since the folder may be a link that a deployment changes.
        if !path.starts_with(fs::canonicalize(&self.folder)?) {
            return Err(not_found());
        }
        let metadata = fs::metadata(&path)?;
        Ok((path, metadata))
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        Metadata::of(&self.resolve(path)?.1)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        let (path, metadata) = self.resolve(path)?;
        if !metadata.is_file() {
            // To read a pipe would block.
            return Err(ErrorKind::NotFound.into());
        }
        // Locked while the file is read, so that it is read once.
        let mut cache = self.cache();
        let current = |cached: &&Cached| cached.version == version(&metadata);
        if let Some(cached) = cache.get(&path).filter(current) {
            return File::of_content(cached.content.clone(), &metadata);
        }
        cache.remove(&path);
        for _ in 0..READ_ATTEMPTS {
            let file = fs::File::open(&path)?;
            let metadata = file.metadata()?;
            let Some(permit) = self.reserve(&mut cache, metadata.len()) else {
                return self.read_from_disk(file, &metadata);
            };
            let mut content = Vec::with_capacity(metadata.len() as usize);
            (&file).take(metadata.len()).read_to_end(&mut content)?;
            if version(&file.metadata()?) != version(&metadata) {
                continue;
            }
            let content = Bytes::from_owner(Counted { content, _permit: permit });
            if is_settled(&metadata, self.settings.settled_age) {
                let version = version(&metadata);
                cache.insert(path, Cached { version, content: content.clone() });
            }
            return File::of_content(content, &metadata);
        }
        Err(io::Error::new(ErrorKind::ResourceBusy, "the file changes while it is read"))
    }

    /// Reserves memory for a file. `None` if it is too large, or if responses hold too much of other files.
    fn reserve(
        &self,
        cache: &mut HashMap<PathBuf, Cached>,
        length: u64,
    ) -> Option<OwnedSemaphorePermit> {
        let length = u32::try_from(length).ok()?;
        if length > self.settings.max_file_bytes {
            return None;
        }
        let reserve = || Arc::clone(&self.bytes).try_acquire_many_owned(length).ok();
        reserve().or_else(|| {
            cache.clear();
            reserve()
        })
    }

    fn read_from_disk(&self, file: fs::File, metadata: &fs::Metadata) -> io::Result<File> {
        let permit = Arc::clone(&self.open_files).try_acquire_owned();
        let permit = permit
            .map_err(|_| io::Error::new(ErrorKind::ResourceBusy, "too many files are open"))?;
        Ok(File {
            content: Content::Disk { file: file.into(), _permit: permit },
            metadata: Metadata::of(metadata)?,
        })
    }

    fn cache(&self) -> MutexGuard<'_, HashMap<PathBuf, Cached>> {
        // A panic elsewhere leaves the table whole.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The backend of one request.
#[derive(Clone)]
pub(crate) struct Backend {
    pub memory: Arc<Memory>,
    /// The content of the file that was opened, if it is in memory.
    pub opened: Arc<OnceLock<Bytes>>,
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

impl serve::Backend for Backend {
    type File = File;
    type Metadata = Metadata;
    type OpenFuture = BoxFuture<File>;
    type MetadataFuture = BoxFuture<Metadata>;

    fn open(&self, path: PathBuf) -> Self::OpenFuture {
        let Self { memory, opened } = self.clone();
        Box::pin(async move {
            let file = spawn_blocking(move || memory.open(&path)).await??;
            if let Content::Memory(content) = &file.content {
                // One file is opened successfully for each request.
                let _ = opened.set(content.get_ref().clone());
            }
            Ok(file)
        })
    }

    fn metadata(&self, path: PathBuf) -> Self::MetadataFuture {
        let memory = Arc::clone(&self.memory);
        Box::pin(async move { spawn_blocking(move || memory.metadata(&path)).await? })
    }
}

/// Metadata for the headers of a response.
#[derive(Clone, Copy)]
pub(crate) struct Metadata {
    is_dir: bool,
    modified: SystemTime,
    length: u64,
}

impl Metadata {
    fn of(metadata: &fs::Metadata) -> io::Result<Self> {
        let modified = metadata.modified()?;
        Ok(Self { is_dir: metadata.is_dir(), modified, length: metadata.len() })
    }
}

impl serve::Metadata for Metadata {
    fn is_dir(&self) -> bool {
        self.is_dir
    }

    fn modified(&self) -> io::Result<SystemTime> {
        Ok(self.modified)
    }

    fn len(&self) -> u64 {
        self.length
    }
}

/// A file that is sent.
pub(crate) struct File {
    content: Content,
    metadata: Metadata,
}

enum Content {
    Memory(Cursor<Bytes>),
    Disk { file: tokio::fs::File, _permit: OwnedSemaphorePermit },
}

impl File {
    fn of_content(content: Bytes, metadata: &fs::Metadata) -> io::Result<Self> {
        let metadata = Metadata { length: content.len() as u64, ..Metadata::of(metadata)? };
        Ok(Self { content: Content::Memory(Cursor::new(content)), metadata })
    }
}

impl serve::File for File {
    type Metadata = Metadata;
    type MetadataFuture<'a> = std::future::Ready<io::Result<Metadata>>;

    fn metadata(&self) -> Self::MetadataFuture<'_> {
        std::future::ready(Ok(self.metadata))
    }
}

impl AsyncRead for File {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.content {
            Content::Memory(content) => Pin::new(content).poll_read(context, out),
            Content::Disk { file, .. } => Pin::new(file).poll_read(context, out),
        }
    }
}

impl AsyncSeek for File {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        match &mut self.content {
            Content::Memory(content) => Pin::new(content).start_seek(position),
            Content::Disk { file, .. } => Pin::new(file).start_seek(position),
        }
    }

    fn poll_complete(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<u64>> {
        match &mut self.content {
            Content::Memory(content) => Pin::new(content).poll_complete(context),
            Content::Disk { file, .. } => Pin::new(file).poll_complete(context),
        }
    }
}
