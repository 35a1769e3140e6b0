//! `fabric-auth init`: a commented configuration, a key ring and an empty database in one folder. In a folder that has
//! some of them it makes those that are missing, and never writes over anything.
//!
//! With `--storage-url` the records are kept there, and the tables are made there if there are none.
//!
//! JSON: `{"configuration", "key_ring", "database", "written"}`, the paths, and those of them that were written now; for
//! a database that is no file, which one it is.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, DirBuilder};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use fabric_auth::config::{Config, FILE_NAME, Storage, template, template_for};
use fabric_auth::database::{self, CONNECTIONS, PostgresSettings};
use fabric_auth::keys::KeyRing;
use serde::Serialize;
use tempfile::NamedTempFile;

use super::context::{Context, environment};
use super::failure::Failure;
use super::sealed_records;

/// What SQLite keeps beside a database file.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// The option that names another database than a file.
const STORAGE_URL: &str = "--storage-url";

/// The option that gives up what is sealed under a lost key ring.
const NEW_KEY_RING: &str = "--new-key-ring";

#[derive(Args)]
pub(super) struct Init {
    /// The folder, made if it is not there [default: that of --config, or else this one]
    folder: Option<PathBuf>,
    /// Keep records here: postgres://USER@HOST:PORT/DATABASE, the password in PGPASSWORD or ~/.pgpass
    #[arg(long, value_name = "URL")]
    storage_url: Option<String>,
    /// Make a key ring though the database holds records sealed under one that is lost; they can never be opened again
    #[arg(long)]
    new_key_ring: bool,
}

/// The files of a deployment, and those of them that this run has written.
#[derive(Serialize)]
struct Files {
    configuration: PathBuf,
    key_ring: PathBuf,
    /// The file, or which database it is.
    database: String,
    written: Vec<PathBuf>,
    #[serde(skip)]
    storage: Storage,
}

impl Init {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let configuration = self.configuration(context);
        let folder = configuration.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let made_folder = !folder.exists();
        let result = self.complete(context, folder, &configuration).await;
        if result.is_err() && made_folder {
            // Only if it is empty, that is, if nobody else has put something there.
            let _ = fs::remove_dir(folder);
        }
        let files = result?;
        context.output.show(&files)?;
        if files.written.is_empty() {
            context.output.note("Nothing was missing, so nothing was written.");
        } else {
            context.output.note(files.next_steps());
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The configuration file: in the folder that was named, or else the one that every command would read.
    fn configuration(&self, context: &Context) -> PathBuf {
        match (&self.folder, context.configuration_file()) {
            (Some(folder), _) => folder.join(FILE_NAME),
            (None, Some(file)) => file.to_owned(),
            (None, None) => PathBuf::from(FILE_NAME),
        }
    }

    /// An argument can be seen by everybody on the machine.
    fn refuse_password(&self) -> Result<(), Failure> {
        let url = self.storage_url.as_deref().filter(|url| PostgresSettings::is_postgres(url));
        match url.map(|url| PostgresSettings::from_url(url, *CONNECTIONS.start())) {
            Some(Err(error)) => Err(Failure::caller(STORAGE_URL, format!("The URL {error}."))),
            Some(Ok(settings)) if settings.names_password() => Err(Failure::caller(
                STORAGE_URL,
                "Arguments can be seen by others, so leave the password out of the URL. Set PGPASSWORD instead, or \
                 write it into ~/.pgpass (mode 0600).",
            )),
            _ => Ok(()),
        }
    }

    /// What a new configuration says; none where there is one.
    fn new_configuration(&self, configuration: &Path) -> Result<Option<String>, Failure> {
        match (&self.storage_url, is_there(configuration)) {
            (Some(_), true) => Err(Failure::caller(
                STORAGE_URL,
                format!(
                    "{} says where records are kept, and it stays. Change storage.url there.",
                    configuration.display()
                ),
            )),
            (None, true) => Ok(None),
            (url, false) => Ok(Some(url.as_deref().map_or_else(template, template_for))),
        }
    }

    /// Writes what is missing. The configuration gets its name last: where there is one, the rest was there once.
    async fn complete(&self, context: &Context, folder: &Path, configuration: &Path) -> Result<Files, Failure> {
        let not_written = |error: io::Error| {
            Failure::operator(format!("The folder {} cannot be written ({error}).", folder.display()))
        };
        self.refuse_password()?;
        let text = self.new_configuration(configuration)?;
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(not_written)?;
        let mut draft = None;
        if let Some(text) = text {
            let mut file = NamedTempFile::new_in(folder).map_err(not_written)?;
            file.write_all(text.as_bytes()).and_then(|()| file.flush()).map_err(not_written)?;
            draft = Some(file);
        }
        let mut files = Files::named_by(draft.as_ref().map_or(configuration, NamedTempFile::path), configuration)?;
        let result = self.make_the_rest(context, &mut files, draft).await;
        if result.is_err() {
            files.remove_written();
        }
        result.map(|()| files)
    }

    async fn make_the_rest(
        &self,
        context: &Context,
        files: &mut Files,
        draft: Option<NamedTempFile>,
    ) -> Result<(), Failure> {
        files.refuse_remains()?;
        if is_there(&files.key_ring) {
            self.use_present_ring(context, files)?;
        } else {
            self.give_up_sealed_records(context, files).await?;
            // Of two that begin at once, the other ends here.
            KeyRing::create(&files.key_ring, context.clock())?;
            files.written.push(files.key_ring.clone());
        }
        if let Storage::Sqlite(path) = &files.storage
            && !is_there(path)
        {
            files.written.push(path.clone());
        }
        database::open(&files.storage, context.clock()).await?.close().await;
        let Some(draft) = draft else { return Ok(()) };
        draft.persist_noclobber(&files.configuration).map_err(|error| {
            Failure::operator(format!("{} cannot be written ({}).", files.configuration.display(), error.error))
        })?;
        files.written.push(files.configuration.clone());
        Ok(())
    }

    /// Sees to it that the ring that is there can be used.
    fn use_present_ring(&self, context: &Context, files: &Files) -> Result<(), Failure> {
        KeyRing::open(&files.key_ring, context.clock())?;
        if !self.new_key_ring {
            return Ok(());
        }
        let message = format!(
            "There is a key ring {}, and it is kept. `fabric-auth keys rotate` gives it a new key.",
            files.key_ring.display()
        );
        Err(Failure::caller(NEW_KEY_RING, message))
    }

    /// Refuses to make a ring beside a database that needs another one, unless that is what was asked for.
    async fn give_up_sealed_records(&self, context: &Context, files: &Files) -> Result<(), Failure> {
        let is_new = matches!(&files.storage, Storage::Sqlite(path) if !is_there(path));
        if self.new_key_ring || is_new {
            return Ok(());
        }
        let database = database::open(&files.storage, context.clock()).await?;
        let counted = sealed_records::by_key(database.storage().as_ref()).await;
        database.close().await;
        match counted?.values().sum::<u64>() {
            0 => Ok(()),
            count => Err(Failure::operator(format!(
                "The database {} holds {count} records sealed under the key ring {}, which is not there. A new ring \
                 cannot open them: restore the ring from its backup. If it is lost, `fabric-auth init {NEW_KEY_RING}` \
                 gives those records up: every secret must then be entered again, and everybody must sign in again.",
                files.database,
                files.key_ring.display()
            ))),
        }
    }
}

impl Files {
    /// The files that a configuration names, with what the environment says, as for every other command. `source` is
    /// read; `configuration` is where it is or will be.
    fn named_by(source: &Path, configuration: &Path) -> Result<Self, Failure> {
        let config = Config::load(Some(source), environment())?;
        let database = match &config.storage {
            Storage::Sqlite(path) => path.display().to_string(),
            Storage::Postgres(settings) => settings.to_string(),
            _ => return Err(Failure::operator("This storage is not known to the command line.")),
        };
        Ok(Self {
            configuration: configuration.to_owned(),
            key_ring: config.key_ring,
            database,
            written: Vec::new(),
            storage: config.storage,
        })
    }

    /// What SQLite left of a database that is gone would be taken for a part of the new one.
    fn refuse_remains(&self) -> Result<(), Failure> {
        let Storage::Sqlite(path) = &self.storage else { return Ok(()) };
        let remains = if is_there(path) { None } else { companions(path).find(|path| is_there(path)) };
        remains.map_or(Ok(()), |path| {
            Err(Failure::operator(format!(
                "{} is left of a database that is not there, so nothing was written. Restore the database, or move \
                 that file away.",
                path.display()
            )))
        })
    }

    /// Takes away what a run that failed has made. Tables that were made elsewhere stay: others may use them already.
    fn remove_written(&self) {
        for path in &self.written {
            let _ = fs::remove_file(path);
            if matches!(&self.storage, Storage::Sqlite(database) if database == path) {
                companions(path).for_each(|companion| drop(fs::remove_file(companion)));
            }
        }
    }

    /// What to do after `init`, in its order.
    fn next_steps(&self) -> String {
        format!(
            "Next:\n  \
             1. In {}, set deployment.prophecy_version, deployment.base_url and, if Prophecy's redirect URLs are others, \
             deployment.redirect_urls. For a simulated workspace on this machine set egress.allow_loopback_http = \
             true.\n  \
             2. Go to its folder and register the app connection:\n     \
             fabric-auth app set --client-id ID --client-secret-file FILE\n  \
             3. For the console and the API, add somebody who may use them, and start the service:\n     \
             fabric-auth user add NAME --cluster-admin\n     \
             fabric-auth serve\n\
             Back up the key ring apart from the database: whoever has both has every token.",
            self.configuration.display()
        )
    }
}

/// What SQLite keeps beside a database file.
fn companions(database: &Path) -> impl Iterator<Item = PathBuf> {
    COMPANIONS.iter().map(move |ending| {
        let mut name = OsString::from(database);
        name.push(ending);
        PathBuf::from(name)
    })
}

/// Whether something has this name, be it a link to nowhere.
fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

impl fmt::Display for Files {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = |written: bool| if written { "" } else { " (was there, kept)" };
        for (title, path) in [("configuration:", &self.configuration), ("key ring:", &self.key_ring)] {
            writeln!(formatter, "{title:<15} {}{}", path.display(), kept(self.written.contains(path)))?;
        }
        let kept = match &self.storage {
            Storage::Sqlite(path) => kept(self.written.contains(path)),
            _ => "",
        };
        writeln!(formatter, "{:<15} {}{kept}", "database:", self.database)
    }
}
