//! `apikeys scan`: secrets that lie about in files. No secret is printed, nor sent to anyone.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;
use walkdir::WalkDir;

use super::{Failure, log, print};
use crate::config::Config;
use crate::key::api_key::LiveKey;
use crate::key::clock::Clock;
use crate::key::error::Error;
use crate::key::scan::{Found, find, pattern};
use crate::key::secret::{Digest, Prefix};
use crate::store::Store;

/// How many secrets the database is asked for at once.
const AT_ONCE: usize = 256;

/// Scanners that a rule can be printed for.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Scanner {
    /// <https://github.com/gitleaks/gitleaks>
    Gitleaks,
}

/// A secret in a file.
struct Place {
    path: PathBuf,
    found: Found,
}

pub(super) fn print_rule(config: &Config) -> Result<(), Failure> {
    let prefix = &config.key_prefix;
    print(&format!(
        r#"# For .gitleaks.toml. `apikeys scan` looks at the checksum, too.
[[rules]]
id = "apikeys-{prefix}"
description = "The secret of an API key ({prefix}_…)"
regex = '''{}'''
keywords = ["{prefix}_"]
"#,
        pattern(prefix)
    ))
}

pub(super) async fn scan(config: Config, paths: &[PathBuf], check: bool) -> Result<(), Failure> {
    let _log = log::start(&config);
    let (mut places, mut unread) = (Vec::new(), 0);
    for entry in paths
        .iter()
        .flat_map(|path| WalkDir::new(path).sort_by_file_name())
    {
        let outcome = match entry {
            // What is named is read whatever it is: a pipe, a link.
            Ok(entry)
                if entry.file_type().is_file()
                    || (entry.depth() == 0 && !entry.path().is_dir()) =>
            {
                scan_file(entry.path(), &config.key_prefix, &mut places)
            }
            Ok(_) => Ok(()),
            Err(error) => Err(format!("cannot read: {error}")),
        };
        if let Err(problem) = outcome {
            unread += 1;
            // Where even stderr is gone, the exit code tells.
            let _ = writeln!(io::stderr(), "apikeys: {problem}");
        }
    }
    let live = match check && !places.is_empty() {
        true => live_keys(&config, &places).await?,
        false => Vec::new(),
    };
    for Place { path, found } in &places {
        let key = live.iter().find(|(digest, _)| *digest == found.digest);
        let verdict = match key {
            Some((_, key)) => format!(" live: key {} of {}", key.id, key.owner.as_str()),
            None if check => " not live".to_owned(),
            None => String::new(),
        };
        let Found { line, hint, .. } = found;
        print(&format!("{}:{line}: {hint}{verdict}\n", path.display()))?;
    }
    let problem = match (places.len(), unread) {
        (0, 0) => return Ok(()),
        (0, 1) => "one file could not be read".to_owned(),
        (0, count) => format!("{count} files could not be read"),
        (1, _) => "found a secret".to_owned(),
        (count, _) => format!("found {count} secrets"),
    };
    Err(Failure::Failed(problem))
}

fn scan_file(path: &Path, prefix: &Prefix, places: &mut Vec<Place>) -> Result<(), String> {
    let tell = |found| {
        let path = path.to_owned();
        places.push(Place { path, found });
    };
    let outcome = File::open(path).and_then(|file| find(prefix, file, tell));
    outcome.map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// The keys that what was found opens now.
async fn live_keys(
    config: &Config,
    places: &[Place],
) -> Result<Vec<(Digest, Arc<LiveKey>)>, Failure> {
    let store = Store::open_existing(&config.database_url, config.database_connections).await?;
    let now = Clock::system().now();
    let mut digests: Vec<Digest> = places.iter().map(|place| place.found.digest).collect();
    digests.sort_unstable();
    digests.dedup();
    let mut live = Vec::new();
    for digests in digests.chunks(AT_ONCE) {
        let found = store.secrets_find_live(digests.to_vec(), now).await;
        live.extend(found.map_err(Error::from)?);
    }
    Ok(live)
}
