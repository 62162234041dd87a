use std::{collections::BTreeMap, fs, path::Path};

use super::{Migrations, refused};
use crate::{Engine, Error, Result};

impl Migrations {
    /// Whether both folders hold a file `<name>.sql` for exactly these migrations, with the text that is compiled in:
    /// for the test that keeps the engines alike.
    ///
    /// # Errors
    /// [`Error::Migration`] for the first that differs.
    pub fn check_folders(&self, sqlite: &Path, postgres: &Path) -> Result<()> {
        for (engine, folder) in [(Engine::Sqlite, sqlite), (Engine::Postgres, postgres)] {
            let mut files = files(folder)?;
            for migration in self.list {
                match files.remove(migration.name) {
                    Some(text) if text == migration.script(engine) => {}
                    Some(_) => {
                        let reason = format!("{} holds another text", folder.display());
                        return Err(refused(migration.name, reason));
                    }
                    None => {
                        return Err(refused(migration.name, format!("{} lacks it", folder.display())));
                    }
                }
            }
            if let Some((name, _)) = files.pop_first() {
                let reason = format!("{} has it, but the list of migrations does not", folder.display());
                return Err(refused(&name, reason));
            }
        }
        self.check()
    }
}

fn files(folder: &Path) -> Result<BTreeMap<String, String>> {
    let unreadable =
        |e: std::io::Error| Error::Unavailable(format!("{} cannot be read: {e}", folder.display()));
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".sql")) {
            found.insert(name.to_owned(), fs::read_to_string(&path).map_err(unreadable)?);
        }
    }
    Ok(found)
}
