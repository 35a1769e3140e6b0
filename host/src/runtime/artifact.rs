//! From component bytes to compiled code: the embedded component or a pinned file, compiled once and kept.
//!
//! Loading compiled code means trusting it as this program itself. So what is kept carries a MAC under the master key,
//! made over the code and the component it was compiled from; a file without the right one is compiled anew, and a
//! file given by `--component` is taken only with the digest that the configuration pins.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use wasmtime::Engine;
use wasmtime::component::Component;
use zeroize::Zeroizing;

use super::engine::{self, Program};

/// The component that was built with this program.
const EMBEDDED: &[u8] = include_bytes!(env!("COMPONENT_FILE_OF_FABRIC_AUTH"));

/// Bytes of a MAC.
const MAC: usize = 32;

/// A component's bytes.
#[derive(Clone)]
pub struct Artifact {
    bytes: Vec<u8>,
    digest: String,
}

/// Where compiled code is kept between runs, and the keys that guard it.
pub struct CompileCache {
    /// A folder that only this user may enter; made with mode 0700 when it is not there.
    pub folder: PathBuf,
    /// Keys of the MAC: the first is used for what is kept from now on, any of them for what was kept before.
    pub keys: Vec<Zeroizing<[u8; 32]>>,
}

/// Why a component cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// The file cannot be read.
    #[error("the component {path} cannot be read: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        reason: std::io::Error,
    },
    /// The file is not the one that was pinned.
    #[error(
        "the component {path} has the SHA-256 digest {found}, not the pinned {pinned}; check where it came from before pinning another (`component.sha256`)"
    )]
    Digest {
        /// The file.
        path: PathBuf,
        /// The digest in the configuration.
        pinned: String,
        /// The digest of the file.
        found: String,
    },
    /// It is not a component of the world `fabric-auth`.
    #[error("this is not a component of the world prophecy:fabric-auth/fabric-auth@0.1.0: {0}")]
    NotOfTheWorld(String),
}

impl Artifact {
    /// The component that was built with this program.
    pub fn embedded() -> Self {
        Self::from_bytes(EMBEDDED.to_vec())
    }

    /// A component from a file whose digest is known.
    ///
    /// # Errors
    /// [`ArtifactError::Unreadable`]; [`ArtifactError::Digest`] when it is another one.
    pub fn from_file(path: &Path, sha256: &str) -> Result<Self, ArtifactError> {
        let artifact = Self::unpinned(path)?;
        if !artifact.digest.eq_ignore_ascii_case(sha256.trim()) {
            let path = path.to_owned();
            return Err(ArtifactError::Digest { path, pinned: sha256.trim().to_owned(), found: artifact.digest });
        }
        Ok(artifact)
    }

    /// A component from a file, for looking at it; to run it, pin its digest with [`from_file`](Self::from_file).
    ///
    /// # Errors
    /// [`ArtifactError::Unreadable`].
    pub fn unpinned(path: &Path) -> Result<Self, ArtifactError> {
        let bytes = fs::read(path).map_err(|reason| ArtifactError::Unreadable { path: path.to_owned(), reason })?;
        Ok(Self::from_bytes(bytes))
    }

    /// SHA-256 of the component, in lower-case hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Its size in bytes.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// What it imports and exports: names of interfaces with their versions.
    ///
    /// # Errors
    /// [`ArtifactError::NotOfTheWorld`] when it is no component at all.
    pub fn surface(&self) -> Result<(Vec<String>, Vec<String>), ArtifactError> {
        let engine = engine::engine(1).map_err(not_of_the_world)?;
        let component = Component::new(&engine, &self.bytes).map_err(not_of_the_world)?;
        let kind = component.component_type();
        let imports = kind.imports(&engine).map(|(name, _)| name.to_owned()).collect();
        let exports = kind.exports(&engine).map(|(name, _)| name.to_owned()).collect();
        Ok((imports, exports))
    }

    /// Compiles and links it, or takes the code that was kept.
    ///
    /// # Errors
    /// [`ArtifactError::NotOfTheWorld`].
    pub(crate) fn program(&self, cache: Option<&CompileCache>, most_instances: u32) -> Result<Program, ArtifactError> {
        let engine = engine::engine(most_instances).map_err(not_of_the_world)?;
        engine::tick(&engine);
        let component = match cache {
            Some(cache) => self.compile_or_load(&engine, cache)?,
            None => Component::new(&engine, &self.bytes).map_err(not_of_the_world)?,
        };
        Program::link(engine, &component, most_instances).map_err(not_of_the_world)
    }

    fn from_bytes(bytes: Vec<u8>) -> Self {
        let digest = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Self { bytes, digest }
    }

    fn compile_or_load(&self, engine: &Engine, cache: &CompileCache) -> Result<Component, ArtifactError> {
        let path = cache.folder.join(format!("{}.compiled", self.digest));
        if let Some(component) = self.load(engine, cache, &path) {
            return Ok(component);
        }
        let component = Component::new(engine, &self.bytes).map_err(not_of_the_world)?;
        // Not being able to keep it costs time at the next start and nothing else.
        if let Err(error) =
            component.serialize().map_err(std::io::Error::other).and_then(|code| self.keep(cache, &path, &code))
        {
            tracing::warn!(%error, path = %path.display(), "the compiled component could not be kept");
        }
        Ok(component)
    }

    #[expect(unsafe_code, reason = "wasmtime marks loading compiled code unsafe; the MAC shows that this host made it")]
    fn load(&self, engine: &Engine, cache: &CompileCache, path: &Path) -> Option<Component> {
        let kept = fs::read(path).ok()?;
        let (mac, code) = kept.split_at_checked(MAC)?;
        if !cache.keys.iter().any(|key| self.mac(key, code).is_ok_and(|expected| expected.verify_slice(mac).is_ok())) {
            return None;
        }
        // SAFETY: whoever made the MAC had the master key, so this is what `keep` wrote. Code of another version or
        // configuration of wasmtime is refused by wasmtime itself, and then compiled anew.
        unsafe { Component::deserialize(engine, code) }.ok()
    }

    fn keep(&self, cache: &CompileCache, path: &Path, code: &[u8]) -> std::io::Result<()> {
        private_folder(&cache.folder)?;
        let mut file = tempfile::NamedTempFile::new_in(&cache.folder)?;
        let key = cache.keys.first().ok_or_else(|| std::io::Error::other("there is no key to guard it with"))?;
        file.write_all(&self.mac(key, code).map_err(std::io::Error::other)?.finalize().into_bytes())?;
        file.write_all(code)?;
        file.persist(path)?;
        Ok(())
    }

    fn mac(&self, key: &[u8; 32], code: &[u8]) -> Result<Hmac<Sha256>, hmac::digest::InvalidLength> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key)?;
        mac.update(self.digest.as_bytes());
        mac.update(code);
        Ok(mac)
    }
}

/// Makes a folder that only this user may enter, where there is none.
fn private_folder(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn not_of_the_world(error: wasmtime::Error) -> ArtifactError {
    ArtifactError::NotOfTheWorld(format!("{error:#}"))
}
