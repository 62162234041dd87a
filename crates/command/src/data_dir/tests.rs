use super::*;

fn temporary() -> (tempfile::TempDir, DataDir) {
    let directory = tempfile::tempdir().unwrap();
    let data = DataDir(directory.path().join("data"));
    (directory, data)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn makes_a_directory_that_nobody_else_reads() {
    let (_keep, data) = temporary();
    data.make().unwrap();
    assert_eq!(mode(data.path()), 0o700);

    fs::set_permissions(data.path(), fs::Permissions::from_mode(0o755)).unwrap();
    data.make().unwrap();
    assert_eq!(mode(data.path()), 0o700, "an empty one is closed");
}

#[test]
fn names_files_that_others_can_read_and_the_remedy() {
    let (_keep, data) = temporary();
    data.make().unwrap();
    assert!(data.check_modes().is_ok());
    fs::write(data.join("master.key"), "x").unwrap();
    fs::set_permissions(data.join("master.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let failure = data.check_modes().unwrap_err();
    assert_eq!(failure.exit_code(), 1);
    assert!(failure.to_string().contains("chmod 600"), "{failure}");
}

#[test]
fn belongs_to_one_at_a_time() {
    let (_keep, data) = temporary();
    data.make().unwrap();
    let Ok(owned) = data.lock() else { panic!("a fresh directory is free") };
    let Err(LockError::Taken(process)) = data.lock() else { panic!("it was taken") };
    assert_eq!(process, Some(std::process::id()));
    drop(owned);
    assert!(data.lock().is_ok());
}

#[test]
fn a_file_is_no_directory() {
    let (_keep, data) = temporary();
    fs::write(data.path(), "x").unwrap();
    assert_eq!(data.make().unwrap_err().exit_code(), 1);
}

#[test]
fn a_database_is_renamed_neither_without_its_log_nor_next_to_the_log_of_another() {
    let (_keep, data) = temporary();
    data.make().unwrap();
    for name in ["one.db", "one.db-wal", "two.db-wal", "two.db-shm"] {
        fs::write(data.join(name), name).unwrap();
    }
    let failure = data.rename_database("one.db", "two.db").unwrap_err().to_string();
    assert!(failure.contains("make room"), "{failure}");
    assert!(data.join("one.db").exists() && data.join("two.db-wal").exists(), "nothing was touched");
    fs::remove_file(data.join("one.db-wal")).unwrap();
    data.rename_database("one.db", "two.db").unwrap();
    let names: Vec<_> = fs::read_dir(data.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["two.db"]);
}

#[test]
fn an_installed_service_is_found_unless_the_user_has_a_directory() {
    let (keep, _) = temporary();
    let (own, installed) = (keep.path().join("own"), keep.path().join("installed"));
    let found = |own: Option<&PathBuf>| DataDir::unnamed(own.cloned(), &installed).map(|data| data.0);
    assert_eq!(found(None), None);
    assert_eq!(found(Some(&own)), Some(own.clone()), "to be made");
    fs::create_dir(&installed).unwrap();
    assert_eq!(found(None), Some(installed.clone()));
    assert_eq!(found(Some(&own)), Some(installed.clone()));
    fs::create_dir(&own).unwrap();
    assert_eq!(found(Some(&own)), Some(own));
}

#[test]
fn settings_elsewhere_may_be_read_by_the_group_of_the_directory() {
    let (keep, data) = temporary();
    data.make().unwrap();
    let file = keep.path().join("settings");
    fs::write(&file, "[keys]\nroot_passphrase = 'a secret'\n").unwrap();
    let close = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    close(0o644);
    assert!(data.check_modes().is_ok(), "it is not a part of this directory");
    std::os::unix::fs::symlink(&file, data.join("config.toml")).unwrap();
    let failure = data.check_modes().unwrap_err().to_string();
    assert!(failure.contains(&format!("chmod o= {}", file.display())), "{failure}");
    close(0o640);
    assert!(data.check_modes().is_ok());
    close(0o644);
    fs::write(&file, "[server]\nlisten = '127.0.0.1:7700'\n").unwrap();
    assert!(data.check_modes().is_ok(), "no secret");
}

#[test]
fn is_locked_by_its_own_user_alone() {
    let (_keep, data) = temporary();
    data.make().unwrap();
    let data = if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(data.path(), Some(65_533), None).unwrap();
        data
    } else {
        DataDir(PathBuf::from("/"))
    };
    let Err(LockError::Failed(failure)) = data.lock() else { panic!("it belongs to another user") };
    assert!(failure.to_string().contains("sudo -u "), "{failure}");
    assert!(!data.join("kaching.lock").exists());
}
