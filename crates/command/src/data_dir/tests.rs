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
