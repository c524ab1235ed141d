//! Tests of the floors that ARCHITECTURE.md describes: imports go down only, and no files import each other in a
//! circle.
//!
//! `shared/src/lib.rs` lists its modules in groups, the ground first. Each group is a floor. The floors of a service,
//! which are the same in all five, and those of the pages are listed here.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that meets what it did not expect fails")]

mod imports;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use imports::{Crate, Import};

/// The floors of a service from the ground up. A service need not have every room.
const FLOORS: [&[&str]; 11] = [
    &["config", "domain", "error"],
    &["db"],
    // Adapters to the world outside.
    &["archives", "credentials", "mail", "media", "alerts"],
    &["streams"],
    &["answers"],
    &["memory"],
    &["actions", "consumers"],
    &["state"],
    &["routes"],
    &["router"],
    &["lib"],
];

/// The floors of the pages from the ground up.
const FLOORS_OF_PAGES: [&[&str]; 9] = [
    &["config", "session", "text"],
    &["api", "error"],
    &["views"],
    &["assets", "state"],
    &["visit"],
    &["pages"],
    &["router"],
    &["lib"],
    &["main"],
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Returns each service: the name of its folder and its imports.
fn services() -> Vec<(String, Crate)> {
    let mut found: Vec<_> = fs::read_dir(root().join("services"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), Crate::read(&path.join("src"))))
        .collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert!(found.len() >= 5);
    found
}

/// Returns the top-level module that a file belongs to; `lib` for the root.
fn room(file: &str) -> &str {
    let room = file.split_once('/').map_or(file, |(room, _)| room);
    room.trim_end_matches(".rs")
}

/// Returns the imports that go up, each as a sentence.
fn upward(imports: &[Import], floors: &BTreeMap<String, usize>) -> Vec<String> {
    let floor = |file: &str| {
        let floor = floors.get(room(file));
        *floor.unwrap_or_else(|| panic!("`{}` stands on no floor", room(file)))
    };
    let same = |import: &Import| room(&import.from) == room(&import.to);
    let goes_up = |import: &&Import| !same(import) && floor(&import.to) >= floor(&import.from);
    // Rooms of one floor may import each other as long as that makes no circle, which another test forbids.
    let sideways = |import: &&Import| floor(&import.to) == floor(&import.from);
    imports.iter().filter(goes_up).filter(|import| !sideways(import)).map(ToString::to_string).collect()
}

fn floors_of(groups: &[Vec<String>]) -> BTreeMap<String, usize> {
    let floors = groups.iter().enumerate();
    floors.flat_map(|(floor, rooms)| rooms.iter().map(move |room| (room.clone(), floor))).collect()
}

/// Returns floors as a list that can grow.
fn groups(floors: &[&[&str]]) -> Vec<Vec<String>> {
    floors.iter().map(|rooms| rooms.iter().map(|room| (*room).to_owned()).collect()).collect()
}

#[test]
fn imports_of_services_go_down() {
    let mut groups = groups(&FLOORS);
    groups.push(vec!["main".to_owned()]);
    for (service, read) in services() {
        assert_eq!(upward(&read.imports, &floors_of(&groups)), Vec::<String>::new(), "{service}");
    }
}

#[test]
fn imports_of_the_pages_go_down() {
    let read = Crate::read(&root().join("web/src"));
    assert_eq!(upward(&read.imports, &floors_of(&groups(&FLOORS_OF_PAGES))), Vec::<String>::new());
}

#[test]
fn routes_are_imported_by_the_router_alone() {
    for (service, read) in services() {
        let others = read.imports.iter().filter(|import| room(&import.to) == "routes");
        let others: Vec<String> = others
            .filter(|import| !["routes", "router"].contains(&room(&import.from)))
            .map(ToString::to_string)
            .collect();
        assert_eq!(others, Vec::<String>::new(), "{service}");
    }
}

#[test]
fn imports_of_shared_go_down() {
    let folder = root().join("shared/src");
    let text = fs::read_to_string(folder.join("lib.rs")).unwrap();
    let groups = text.split("\n\n").map(|group| {
        let modules = group.lines().filter_map(|line| {
            let line = line.trim_start_matches("pub ");
            line.strip_prefix("mod ").map(|name| name.trim_end_matches(';').to_owned())
        });
        modules.collect::<Vec<String>>()
    });
    let mut groups: Vec<Vec<String>> = groups.filter(|group| !group.is_empty()).collect();
    groups.push(vec!["lib".to_owned()]);
    let read = Crate::read(&folder);
    assert_eq!(upward(&read.imports, &floors_of(&groups)), Vec::<String>::new());
}

#[test]
fn no_files_hold_each_other() {
    let shared = ("shared".to_owned(), Crate::read(&root().join("shared/src")));
    for (name, read) in services().into_iter().chain([shared]) {
        let circles = circles(&read.imports);
        let told: Vec<String> = circles
            .iter()
            .flat_map(|circle| {
                read.imports.iter().filter(|import| circle.contains(&import.from) && circle.contains(&import.to))
            })
            .map(ToString::to_string)
            .collect();
        assert_eq!(told, Vec::<String>::new(), "{name}");
    }
}

/// Returns the files that import each other in a circle: the strongly connected components of more than one file.
fn circles(imports: &[Import]) -> Vec<BTreeSet<String>> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for import in imports.iter().filter(|import| import.from != import.to) {
        next.entry(&import.from).or_default().insert(&import.to);
    }
    let reached = |from: &str| {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut left: Vec<&str> = next.get(from).into_iter().flatten().copied().collect();
        while let Some(file) = left.pop() {
            if seen.insert(file) {
                left.extend(next.get(file).into_iter().flatten());
            }
        }
        seen
    };
    let reached: BTreeMap<&str, BTreeSet<&str>> = next.keys().map(|file| (*file, reached(file))).collect();
    let mut found: Vec<BTreeSet<String>> = Vec::new();
    for (file, targets) in &reached {
        if targets.contains(file) && !found.iter().any(|circle| circle.contains(*file)) {
            let back = targets.iter().filter(|other| reached.get(**other).is_some_and(|more| more.contains(file)));
            found.push(back.map(|file| (*file).to_owned()).collect());
        }
    }
    found
}

/// The reader of imports must see each way to name another file, or the rules above prove nothing.
#[test]
fn every_way_to_import_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("lib.rs", "mod a; mod b; mod c; mod d;");
    write("a.rs", "use crate::b::{deep::One, Two as Other}; fn f() { crate::c::call(); }");
    write("b/mod.rs", "pub mod deep; mod hidden; pub use hidden::Two; pub use crate::d::Four;");
    write("b/deep.rs", "use super::hidden; fn f() -> super::super::d::Three { hidden::g() }");
    write("b/hidden.rs", "#[cfg(test)] mod tests { use crate::a::Nothing; } fn g() { matches!(x, crate::d::Four) }");
    write("c.rs", "use crate::b; fn f() { b::Two::new(); b::deep::h(); }");
    write("d.rs", "");
    let read = Crate::read(folder.path());
    let found: BTreeSet<(&str, &str)> = read.imports.iter().map(|import| (&*import.from, &*import.to)).collect();
    let expected = [
        ("a.rs", "b/deep.rs"),
        ("a.rs", "b/hidden.rs"),
        ("a.rs", "c.rs"),
        ("b/deep.rs", "b/hidden.rs"),
        ("b/deep.rs", "d.rs"),
        ("b/hidden.rs", "d.rs"),
        ("b/mod.rs", "d.rs"),
        ("c.rs", "b/deep.rs"),
        ("c.rs", "b/hidden.rs"),
    ];
    assert_eq!(found, BTreeSet::from(expected));
}
