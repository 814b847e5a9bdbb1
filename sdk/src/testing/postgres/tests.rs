use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

#[test]
fn nobody_but_the_servers_user_can_enter_its_folder() {
    let home = make_home(&Owner::of_this_process().unwrap()).unwrap();
    assert_eq!(mode(&home), 0o700);
    fs::remove_dir(&home).unwrap();
}

#[test]
fn programs_in_a_folder_that_others_can_write_are_not_run() {
    let cache = std::env::temp_dir().join(format!("pgseal-cache-{}", random_name().unwrap()));
    fs::create_dir(&cache).unwrap();
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(nobody_elses(&cache).is_err());
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o775)).unwrap();
    nobody_elses(&cache).unwrap();
    if Owner::of_this_process().unwrap().ids.is_some() {
        chown(&cache, Some(65_534), None).unwrap();
        assert!(nobody_elses(&cache).is_err());
    }
    fs::remove_dir(&cache).unwrap();
}
