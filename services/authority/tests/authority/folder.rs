//! What is kept, and how it is changed.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use roost_authority::{AuthorityError, Folder, Member, Role};

fn member(role: Role, name: Option<&str>) -> Member {
    Member::new(role, name).unwrap()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn credentials_are_made_once_for_their_owner_alone() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("made");
    let gateway = member(Role::Gateway, None);
    let mut folder = Folder::open(&dir).unwrap();
    let file = folder.credentials(&gateway).unwrap();
    let seed = std::fs::read_to_string(&file).unwrap();
    assert!(
        seed.starts_with("SU") && seed.ends_with('\n') && seed.len() == 59,
        "{}",
        seed.len()
    );
    assert_eq!((mode(&file), mode(&dir)), (0o600, 0o700));
    let conf = std::fs::read_to_string(folder.conf()).unwrap();
    assert!(conf.contains(&folder.users()[0].public) && !conf.contains(seed.trim()));
    drop(folder);

    let mut folder = Folder::open(&dir).unwrap();
    folder.credentials(&gateway).unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), seed);
    assert_eq!(std::fs::read_to_string(folder.conf()).unwrap(), conf);
    folder.renew(&gateway).unwrap();
    assert_ne!(std::fs::read_to_string(&file).unwrap(), seed);
    assert_eq!(folder.users().len(), 1);
    folder.remove(&gateway).unwrap();
    assert!(!file.exists() && folder.users().is_empty());
    assert!(matches!(folder.remove(&gateway), Err(AuthorityError::Unknown(_))));
}

#[test]
fn credentials_that_were_taken_away_are_not_made_anew_unasked() {
    let dir = tempfile::tempdir().unwrap();
    let host = member(Role::Host, Some("h1"));
    let mut folder = Folder::open(dir.path()).unwrap();
    let file = folder.credentials(&host).unwrap();
    std::fs::remove_file(file).unwrap();
    let refused = folder.credentials(&host).unwrap_err().to_string();
    assert!(
        refused.contains("--renew") && refused.contains("host h1"),
        "{refused}"
    );
}

#[test]
fn one_process_changes_a_folder_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let _first = Folder::open(dir.path()).unwrap();
    assert!(matches!(
        Folder::open(dir.path()),
        Err(AuthorityError::Busy { .. })
    ));
}

#[test]
fn a_record_that_would_say_something_else_to_the_server_is_refused() {
    let key = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";
    for record in [
        "{".to_owned(),
        format!(r#"{{"users":[{{"role":"root","name":"x","public":"{key}"}}]}}"#),
        format!(r#"{{"users":[{{"role":"host","name":"a\" }}","public":"{key}"}}]}}"#),
        r#"{"users":[{"role":"gateway","name":"gateway","public":"U, permissions: {}"}]}"#.to_owned(),
    ] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("authority.json"), &record).unwrap();
        let refused = Folder::open(dir.path());
        assert!(
            matches!(refused, Err(AuthorityError::Record { .. })),
            "{record}: {refused:?}"
        );
        assert!(!dir.path().join("authority.conf").exists());
    }
}
