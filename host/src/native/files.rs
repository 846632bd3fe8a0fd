//! Files and variables as the guest has them: through the directories that are opened for it, and the
//! environment that it is shown.

use std::io::{self, Read as _};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use portcullis::error::{ConfigurationItem, ConfigurationReason, Error};
use portcullis::files::{Files, Found, LARGEST, refuse_contents, too_large};
use wasmtime::component::Resource;
use wasmtime_wasi::cli::WasiCliView as _;
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView as _};
use wasmtime_wasi::p2::FsError;
use wasmtime_wasi::p2::bindings::cli::environment;
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, DescriptorType, ErrorCode, HostDescriptor, HostDirectoryEntryStream,
    OpenFlags, PathFlags,
};
use wasmtime_wasi::runtime::with_ambient_tokio_runtime;
use zeroize::Zeroizing;

use super::view::{View, same};

impl Files for View<'_> {
    fn variable(&mut self, name: &str) -> Option<String> {
        let all = environment::Host::get_environment(&mut self.cli()).ok()?;
        let mut all = all.into_iter();
        let (_, value) = all.find(|(other, _)| other == name)?;
        Some(value).filter(|value| !value.is_empty())
    }

    fn read(&mut self, item: ConfigurationItem, path: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
        refuse_contents(item, path)?;
        let read = self.open(path).and_then(|opened| {
            let read = self.read_opened(&opened);
            let _ = self.table().delete(opened);
            read
        });
        match read.map_err(|cause| unreadable(item, path, &cause))? {
            Some(contents) => Ok(contents),
            None => Err(too_large(item, path)),
        }
    }

    fn read_directory(&mut self, item: ConfigurationItem, path: &str) -> Result<Vec<Found>, Error> {
        refuse_contents(item, path)?;
        let fail = |cause: &Cause| unreadable(item, path, cause);
        let listed = self.open(path).and_then(|directory| {
            let listed = self.list(&directory, path);
            let _ = self.table().delete(directory);
            listed
        });
        let mut paths = match listed {
            Ok(paths) => paths,
            Err(cause) if cause.is(ErrorCode::NoEntry) => {
                return Ok(vec![(path.to_owned(), Err(fail(&cause)))]);
            }
            Err(cause) => return Err(fail(&cause)),
        };
        paths.sort();
        Ok(paths
            .into_iter()
            .map(|path| {
                let contents = self.read(item, &path);
                (path, contents)
            })
            .collect())
    }
}

impl View<'_> {
    /// Opens what the path leads to.
    fn open(&mut self, path: &str) -> Result<Resource<Descriptor>, Cause> {
        let directories = preopens::Host::get_directories(&mut self.filesystem())?;
        let (mut found, mut others) = (None, Vec::new());
        for (directory, name) in directories {
            let better = below(path, &name).filter(|below: &&str| {
                let shorter = |(_, other): &(_, &str)| below.len() <= other.len();
                found.as_ref().is_none_or(shorter)
            });
            match better {
                Some(below) => others.extend(found.replace((directory, below)).map(|(d, _)| d)),
                None => others.push(directory),
            }
        }
        let opened = match &found {
            Some((directory, below)) => {
                let below = match *below {
                    "" => ".",
                    below => below,
                };
                let mut files = self.filesystem();
                let opening = HostDescriptor::open_at(
                    &mut files,
                    same(directory),
                    PathFlags::SYMLINK_FOLLOW,
                    below.to_owned(),
                    OpenFlags::empty(),
                    DescriptorFlags::READ,
                );
                finish(opening).map_err(Cause::from)
            }
            None => Err(Cause::Code(ErrorCode::NoEntry)),
        };
        others.extend(found.map(|(directory, _)| directory));
        for directory in others {
            self.table().delete(directory)?;
        }
        opened
    }

    /// `None` if the file is too large.
    fn read_opened(
        &mut self,
        opened: &Resource<Descriptor>,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Cause> {
        let file = match self.table().get(opened)? {
            Descriptor::File(file) => Arc::clone(&file.file),
            Descriptor::Dir(_) => return Err(Cause::Code(ErrorCode::IsDirectory)),
        };
        // The whole length is reserved: a buffer that grows leaves pieces of a key behind.
        let length = file.metadata()?.len().min(LARGEST);
        let room = usize::try_from(length)
            .unwrap_or_default()
            .saturating_add(1);
        let mut contents = Zeroizing::new(Vec::with_capacity(room));
        let read = file
            .take(LARGEST.saturating_add(1))
            .read_to_end(&mut contents)?;
        Ok(u64::try_from(read)
            .is_ok_and(|read| read <= LARGEST)
            .then_some(contents))
    }

    /// The paths of the regular files in a directory, and of links that lead to no directory.
    fn list(&mut self, directory: &Resource<Descriptor>, path: &str) -> Result<Vec<String>, Cause> {
        let mut files = self.filesystem();
        let entries = finish(HostDescriptor::read_directory(&mut files, same(directory)))?;
        let mut paths = Vec::new();
        let listed = loop {
            let next = HostDirectoryEntryStream::read_directory_entry(&mut files, same(&entries));
            match finish(next) {
                Ok(Some(entry)) => {
                    let looking = HostDescriptor::stat_at(
                        &mut files,
                        same(directory),
                        PathFlags::SYMLINK_FOLLOW,
                        entry.name.clone(),
                    );
                    let kind = finish(looking).ok().map(|stat| stat.type_);
                    let is_link = entry.type_ == DescriptorType::SymbolicLink;
                    if kind == Some(DescriptorType::RegularFile)
                        || (is_link && kind != Some(DescriptorType::Directory))
                    {
                        let path = Path::new(path).join(&entry.name);
                        paths.push(path.to_string_lossy().into_owned());
                    }
                }
                Ok(None) => break Ok(paths),
                Err(error) => break Err(error.into()),
            }
        };
        self.table().delete(entries)?;
        listed
    }
}

/// The path as it is below a directory of this name; `None` if it is not below. Leading slashes make
/// no difference, as in the library of C that guests are linked with.
fn below<'a>(path: &'a str, directory: &str) -> Option<&'a str> {
    let path = path.trim_start_matches('/');
    let mut directory = directory.trim_start_matches('/');
    if directory == "." {
        directory = "";
    }
    let directory = directory
        .strip_prefix("./")
        .unwrap_or(directory)
        .trim_end_matches('/');
    let rest = path.strip_prefix(directory)?;
    if directory.is_empty() {
        return Some(rest);
    }
    match rest.strip_prefix('/') {
        Some(below) => Some(below.trim_start_matches('/')),
        None => rest.is_empty().then_some(rest),
    }
}

/// Why a file cannot be read.
enum Cause {
    Code(ErrorCode),
    Host(io::Error),
    Trap(wasmtime::Error),
}

impl Cause {
    fn is(&self, code: ErrorCode) -> bool {
        matches!(self, Self::Code(ours) if *ours == code)
    }
}

impl From<FsError> for Cause {
    fn from(error: FsError) -> Self {
        match error.downcast() {
            Ok(code) => Self::Code(code),
            Err(trap) => Self::Trap(trap),
        }
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        Self::Host(error)
    }
}

impl From<wasmtime::Error> for Cause {
    fn from(error: wasmtime::Error) -> Self {
        Self::Trap(error)
    }
}

impl From<wasmtime::component::ResourceTableError> for Cause {
    fn from(error: wasmtime::component::ResourceTableError) -> Self {
        Self::Trap(error.into())
    }
}

/// The error in the words of the component, which has them from its library of C.
fn unreadable(item: ConfigurationItem, path: &str, cause: &Cause) -> Error {
    let (reason, why) = match cause {
        Cause::Code(code) => {
            let (number, words) = words(*code);
            let reason = match code {
                ErrorCode::NoEntry => ConfigurationReason::NotFound,
                ErrorCode::Access | ErrorCode::NotPermitted => ConfigurationReason::AccessDenied,
                _ => ConfigurationReason::Unreadable,
            };
            (reason, format!("{words} (os error {number})"))
        }
        Cause::Host(error) => (ConfigurationReason::Unreadable, error.to_string()),
        Cause::Trap(error) => (ConfigurationReason::Unreadable, error.to_string()),
    };
    Error::refused(item, reason, format!("{path}: {why}"))
}

/// The number of an error and what wasi-libc calls it.
fn words(code: ErrorCode) -> (u8, &'static str) {
    match code {
        ErrorCode::Access => (2, "Permission denied"),
        ErrorCode::BadDescriptor => (8, "Bad file descriptor"),
        ErrorCode::IllegalByteSequence => (25, "Illegal byte sequence"),
        ErrorCode::Invalid => (28, "Invalid argument"),
        ErrorCode::IsDirectory => (31, "Is a directory"),
        ErrorCode::Loop => (32, "Symbolic link loop"),
        ErrorCode::NameTooLong => (37, "Filename too long"),
        ErrorCode::NoEntry => (44, "No such file or directory"),
        ErrorCode::NotDirectory => (54, "Not a directory"),
        ErrorCode::NotPermitted => (63, "Operation not permitted"),
        _ => (29, "I/O error"),
    }
}

/// Waits on this thread, as a read of a file does: WASI's functions for files hand their work to another
/// thread.
fn finish<T>(future: impl Future<Output = T>) -> T {
    struct Parked(Thread);
    impl Wake for Parked {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    with_ambient_tokio_runtime(|| {
        let waker = Waker::from(Arc::new(Parked(thread::current())));
        let mut task = Context::from_waker(&waker);
        let mut future = pin!(future);
        loop {
            match future.as_mut().poll(&mut task) {
                Poll::Ready(value) => return value,
                Poll::Pending => thread::park(),
            }
        }
    })
}
