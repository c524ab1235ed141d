//! The settings of the pages.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use axum_extra::extract::cookie::Key;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use shared::config::{ConfigError, Env, Environment, Settings};

/// The variable with the name of the file of keys.
const KEY_FILE: &str = "WEB_COOKIE_KEY_FILE";
/// The length of a key in bytes.
const KEY_LENGTH: usize = 64;

/// The settings that only the pages read.
pub struct Config {
    /// The keys of cookies. The first one encrypts; all of them decrypt, so that a key can be replaced without signing
    /// everybody out.
    pub(crate) keys: Vec<Key>,
    /// True if the development mailbox exists in this process or beside it.
    pub(crate) has_mailbox: bool,
}

impl Config {
    /// Reads the settings. A missing file of keys is created with one new key.
    ///
    /// # Errors
    /// When the file cannot be read or created, or holds no key.
    pub fn from_env(env: &Env, settings: &Settings) -> Result<Self, ConfigError> {
        let given = env.get(KEY_FILE).map(PathBuf::from);
        let path = given.unwrap_or_else(|| settings.data_dir.join("web-cookie.key"));
        let keys = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => create_keys(&path),
            read => read,
        };
        let keys = keys.map_err(|error| ConfigError::new(KEY_FILE, format!("{}: {error}", path.display())))?;
        let keys = parse_keys(&keys).map_err(|reason| ConfigError::new(KEY_FILE, reason))?;
        let has_mailbox = settings.environment == Environment::Development && env.get("SMTP_URL").is_none();
        Ok(Self { keys, has_mailbox })
    }
}

/// Creates the file with a new key, readable by its owner only. Returns the content: that of another process if one has
/// created the file meanwhile.
fn create_keys(path: &Path) -> io::Result<String> {
    let text = format!("{}\n", STANDARD.encode(Key::generate().master()));
    // Written under another name first, so that nobody reads half a key.
    let draft = path.with_extension(format!("{:08x}", rand::random::<u32>()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Ok(()) => Ok(text),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => fs::read_to_string(path),
        Err(error) => Err(error),
    }
}

/// Reads keys, one in each line.
fn parse_keys(text: &str) -> Result<Vec<Key>, &'static str> {
    let expected = "each line must be a key of 64 random bytes in base64, the newest first";
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let keys = lines.map(|line| {
        let bytes = STANDARD.decode(line).ok().filter(|bytes| bytes.len() == KEY_LENGTH);
        bytes.and_then(|bytes| Key::try_from(&*bytes).ok()).ok_or(expected)
    });
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    if keys.is_empty() { Err(expected) } else { Ok(keys) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn settings(folder: &Path) -> Settings {
        Settings::from_env(&Env::of([("CHATTY_DATA_DIR", folder.to_str().unwrap())]), 1).unwrap()
    }

    #[test]
    fn the_key_is_created_once_for_all_replicas() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        let read = || Config::from_env(&Env::default(), &settings).unwrap().keys;
        assert_eq!(read()[0].master(), read()[0].master());
        let mode = fs::metadata(folder.path().join("web-cookie.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_without_a_valid_key_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        let env = Env::of([(KEY_FILE, file.to_str().unwrap())]);
        let key = || STANDARD.encode(Key::generate().master());
        for (content, count) in [("".to_owned(), None), ("c2hvcnQ=".to_owned(), None), (key(), Some(1))] {
            fs::write(&file, &content).unwrap();
            let read = Config::from_env(&env, &settings(folder.path()));
            assert_eq!(read.as_ref().ok().map(|config| config.keys.len()), count, "{content}");
            assert!(read.is_ok() || read.err().unwrap().variable == KEY_FILE);
        }
        fs::write(&file, format!("{}\n\n{}\n", key(), key())).unwrap();
        assert_eq!(Config::from_env(&env, &settings(folder.path())).unwrap().keys.len(), 2);
    }
}
