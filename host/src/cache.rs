//! Compiled components on disk, so that a component is compiled once per machine.

use std::collections::hash_map::DefaultHasher;
use std::env;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// How many compiled components are kept: a developer's last builds.
const KEPT: usize = 8;
const CHECKSUM: usize = 32;
const OTHERS_MAY_WRITE: u32 = 0o022;

/// A directory of compiled components. A file holds the SHA-256 of what follows it; its name holds
/// the hashes of the component and of the engine's settings, so that a stale file is never found.
/// A file that is damaged, or that anyone but this user could have written, counts as absent.
/// Failing to cache is no failure: the component is compiled again.
pub(crate) struct Cache {
    directory: PathBuf,
}

impl Cache {
    /// `PORTCULLIS_CACHE_DIR`, else `portcullis` in the user's cache directory; none if there is
    /// neither, or if it is not this user's alone.
    pub(crate) fn of_user() -> Option<Self> {
        let path = |name: &str| {
            env::var_os(name)
                .map(PathBuf::from)
                .filter(|p| p.is_absolute())
        };
        let directory = path("PORTCULLIS_CACHE_DIR").or_else(|| {
            let caches = path("XDG_CACHE_HOME").or_else(|| Some(path("HOME")?.join(".cache")));
            Some(caches?.join("portcullis"))
        })?;
        Self::at(directory)
            .inspect_err(|error| tracing::debug!(%error, "compiled components are not cached"))
            .ok()
    }

    fn at(directory: PathBuf) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)?;
        require_own(&fs::symlink_metadata(&directory)?)?;
        Ok(Self { directory })
    }

    /// The compiled form of a component, from the directory or made now.
    pub(crate) fn component(&self, engine: &Engine, wasm: &[u8]) -> wasmtime::Result<Component> {
        let path = self.directory.join(format!("{}.cwasm", key(engine, wasm)));
        match load(engine, &path) {
            Ok(component) => return Ok(component),
            Err(error) => tracing::debug!(%error, path = %path.display(), "compiling"),
        }
        let component = Component::new(engine, wasm)?;
        let stored = component
            .serialize()
            .and_then(|code| Ok(store(&path, &code)?));
        match stored {
            Ok(()) => self.prune(),
            Err(error) => tracing::debug!(%error, path = %path.display(), "not cached"),
        }
        Ok(component)
    }

    /// Removes all but the newest files.
    fn prune(&self) {
        let Ok(entries) = fs::read_dir(&self.directory) else {
            return;
        };
        let mut files: Vec<_> = entries
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let compiled = path.extension() == Some(OsStr::new("cwasm"));
                compiled.then(|| Some((path.metadata().ok()?.modified().ok()?, path)))?
            })
            .collect();
        files.sort();
        for (_, path) in files.iter().rev().skip(KEPT) {
            if let Err(error) = fs::remove_file(path) {
                tracing::debug!(%error, path = %path.display(), "not removed");
            }
        }
    }
}

fn load(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    let mut file = File::open(path)?;
    require_own(&file.metadata()?)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let (_, code) = bytes
        .split_at_checked(CHECKSUM)
        .filter(|(checksum, code)| Sha256::digest(code).as_slice() == *checksum)
        .ok_or_else(|| io::Error::other("damaged"))?;
    #[expect(
        unsafe_code,
        reason = "the code runs as it stands; nobody but this user can have written file and \
                  directory, the checksum shows it whole, and wasmtime checks version and settings"
    )]
    // SAFETY: as above.
    unsafe {
        Component::deserialize(engine, code)
    }
}

/// Writes beside the path and renames, so that a reader sees all of it or none.
fn store(path: &Path, code: &[u8]) -> io::Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let unfinished = path.with_extension(format!("{}-{count}.tmp", std::process::id()));
    let written = (|| {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)?;
        file.write_all(Sha256::digest(code).as_slice())?;
        file.write_all(code)?;
        fs::rename(&unfinished, path)
    })();
    if written.is_err() {
        // The unfinished file is of no use. The first error is the one to report.
        let _ = fs::remove_file(&unfinished);
    }
    written
}

fn require_own(metadata: &fs::Metadata) -> io::Result<()> {
    let own = metadata.uid() == rustix::process::geteuid().as_raw()
        && metadata.mode() & OTHERS_MAY_WRITE == 0;
    let plain = metadata.is_dir() || metadata.is_file();
    if own && plain {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        "others may have written it",
    ))
}

fn key(engine: &Engine, wasm: &[u8]) -> String {
    let mut settings = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut settings);
    let component: String = Sha256::digest(wasm)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{component}-{:016x}", settings.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::{self, Kind};
    use std::os::unix::fs::PermissionsExt;

    /// The empty component.
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    /// A directory that is removed at the end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = env::temp_dir().join(format!("portcullis-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            Self(path)
        }

        fn files(&self) -> Vec<PathBuf> {
            fs::read_dir(&self.0)
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .collect()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn second_load_comes_from_the_file_that_the_first_wrote() {
        let scratch = Scratch::new("second");
        let cache = Cache::at(scratch.0.clone()).unwrap();
        let engine = Engine::default();
        cache.component(&engine, COMPONENT).unwrap();
        let files = scratch.files();
        assert_eq!(files.len(), 1);
        assert_eq!(fs::metadata(&files[0]).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&scratch.0).unwrap().mode() & 0o777, 0o700);
        assert!(load(&engine, &files[0]).is_ok());
    }

    #[test]
    fn damaged_files_are_replaced() {
        let scratch = Scratch::new("damaged");
        let cache = Cache::at(scratch.0.clone()).unwrap();
        let engine = Engine::default();
        cache.component(&engine, COMPONENT).unwrap();
        let path = scratch.files().remove(0);
        let whole = fs::read(&path).unwrap();
        for damaged in [&whole[..whole.len() - 1], &whole[..10], &[][..]] {
            fs::write(&path, damaged).unwrap();
            assert!(load(&engine, &path).is_err());
            cache.component(&engine, COMPONENT).unwrap();
            assert_eq!(fs::read(&path).unwrap().len(), whole.len());
        }
    }

    #[test]
    fn other_components_and_other_settings_have_other_files() {
        let engine = Engine::default();
        let mut config = wasmtime::Config::new();
        config.wasm_wide_arithmetic(true);
        let other = Engine::new(&config).unwrap();
        assert_ne!(key(&engine, b"a"), key(&engine, b"b"));
        assert_ne!(key(&engine, b"a"), key(&other, b"a"));
        let kinds = [Kind::Plain, Kind::Metered, Kind::Interruptible];
        let [plain, metered, interruptible] = kinds.map(|kind| guest::engine(kind).unwrap());
        let again = guest::engine(Kind::Interruptible).unwrap();
        assert_eq!(key(&interruptible, b"a"), key(&again, b"a"));
        assert_ne!(key(&interruptible, b"a"), key(&plain, b"a"));
        assert_ne!(key(&interruptible, b"a"), key(&metered, b"a"));
    }

    #[test]
    fn files_that_others_may_write_are_not_run() {
        let scratch = Scratch::new("shared");
        let cache = Cache::at(scratch.0.clone()).unwrap();
        let engine = Engine::default();
        cache.component(&engine, COMPONENT).unwrap();
        let path = scratch.files().remove(0);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o622)).unwrap();
        assert!(load(&engine, &path).is_err());
        fs::set_permissions(&scratch.0, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(Cache::at(scratch.0.clone()).is_err());
    }

    #[test]
    fn only_the_newest_files_are_kept() {
        let scratch = Scratch::new("prune");
        let cache = Cache::at(scratch.0.clone()).unwrap();
        for number in 0..KEPT + 3 {
            fs::write(scratch.0.join(format!("{number}.cwasm")), b"").unwrap();
        }
        cache.prune();
        assert_eq!(scratch.files().len(), KEPT);
    }
}
