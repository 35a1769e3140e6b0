//! `fabric-auth init`: a commented configuration, a key ring and an empty database in one folder.
//!
//! JSON: `{"configuration", "key_ring", "database"}`, the paths of what was written.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, DirBuilder};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use fabric_auth::config::{Config, FILE_NAME, Storage, template};
use fabric_auth::database::Database;
use fabric_auth::keys::KeyRing;
use serde::Serialize;
use tempfile::NamedTempFile;

use super::context::Context;
use super::failure::Failure;

/// What SQLite keeps beside a database file.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

#[derive(Args)]
pub(super) struct Init {
    /// The folder, made if it is not there
    #[arg(default_value = ".")]
    folder: PathBuf,
}

/// What is written, by path.
#[derive(Serialize)]
struct Files {
    configuration: PathBuf,
    key_ring: PathBuf,
    database: PathBuf,
}

impl Init {
    /// The configuration gets its name last: a folder that has one is complete.
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let made_folder = !self.folder.exists();
        let result = self.write(context).await;
        if result.is_err() && made_folder {
            // Only if it is empty, that is, if nobody else has put something there.
            let _ = fs::remove_dir(&self.folder);
        }
        let files = result?;
        context.output.show(&files)?;
        context.output.note(format_args!(
            "Next: read {}, set deployment.base_url, then register the app connection with\n  \
             fabric-auth app set --client-id ID --client-secret-file FILE\n\
             Back up the key ring apart from the database: whoever has both has every token.",
            files.configuration.display()
        ));
        Ok(ExitCode::SUCCESS)
    }

    async fn write(&self, context: &Context) -> Result<Files, Failure> {
        let not_written = |error: &io::Error| {
            Failure::operator(format!("The folder {} cannot be written ({error}).", self.folder.display()))
        };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(|error| not_written(&error))?;
        let mut draft = NamedTempFile::new_in(&self.folder).map_err(|error| not_written(&error))?;
        draft.write_all(template().as_bytes()).and_then(|()| draft.flush()).map_err(|error| not_written(&error))?;
        let files = Files::named_by(draft.path())?;
        files.refuse_to_overwrite()?;
        // Whoever makes the key ring owns what follows; of two that begin at once, the other ends here.
        KeyRing::create(&files.key_ring, context.clock())?;
        let result = files.make_the_rest(context, draft).await;
        if result.is_err() {
            files.remove();
        }
        result.map(|()| files)
    }
}

impl Files {
    /// The files that the configuration names, as it stands and whatever the environment says.
    fn named_by(draft: &Path) -> Result<Self, Failure> {
        let config = Config::load(Some(draft), std::iter::empty())?;
        let Storage::Sqlite(database) = config.storage else {
            return Err(Failure::operator("The template names a storage that needs no file."));
        };
        Ok(Self { configuration: draft.with_file_name(FILE_NAME), key_ring: config.key_ring, database })
    }

    fn refuse_to_overwrite(&self) -> Result<(), Failure> {
        let mut all = vec![self.configuration.clone(), self.key_ring.clone(), self.database.clone()];
        all.extend(self.companions());
        match all.iter().find(|path| path.symlink_metadata().is_ok()) {
            Some(path) => Err(Failure::operator(format!(
                "{} exists, so nothing was written. Name another folder, or move it away.",
                path.display()
            ))),
            None => Ok(()),
        }
    }

    async fn make_the_rest(&self, context: &Context, draft: NamedTempFile) -> Result<(), Failure> {
        Database::open(&self.database, context.clock()).await?.close().await;
        draft.persist_noclobber(&self.configuration).map_err(|error| {
            Failure::operator(format!("{} cannot be written ({}).", self.configuration.display(), error.error))
        })?;
        Ok(())
    }

    /// Takes away what a run that failed has made.
    fn remove(&self) {
        for path in [self.key_ring.clone(), self.database.clone()].into_iter().chain(self.companions()) {
            let _ = fs::remove_file(path);
        }
    }

    fn companions(&self) -> impl Iterator<Item = PathBuf> {
        COMPANIONS.iter().map(|ending| {
            let mut name = OsString::from(&self.database);
            name.push(ending);
            PathBuf::from(name)
        })
    }
}

impl fmt::Display for Files {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "configuration:  {}", self.configuration.display())?;
        writeln!(formatter, "key ring:       {}", self.key_ring.display())?;
        writeln!(formatter, "database:       {}", self.database.display())
    }
}
