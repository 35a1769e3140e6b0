//! What the component can do to the outside is what its world says, and nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fabric_auth::Artifact;
use sha2::{Digest as _, Sha256};
use wit_parser::{Resolve, Stability, WorldId, WorldItem, WorldKey};

fn wit() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit")
}

fn world() -> (Resolve, WorldId) {
    let mut resolve = Resolve { all_features: true, ..Resolve::default() };
    let (package, _) = resolve.push_dir(wit()).unwrap();
    let world = resolve.select_world(&[package], Some("fabric-auth")).unwrap();
    (resolve, world)
}

fn names<'a>(resolve: &Resolve, items: impl Iterator<Item = &'a WorldKey>) -> BTreeSet<String> {
    items.map(|key| resolve.name_world_key(key)).collect()
}

#[test]
fn the_component_imports_and_exports_exactly_its_world() {
    let (resolve, id) = world();
    let world = &resolve.worlds[id];
    let (imports, exports) = Artifact::embedded().surface().unwrap();
    assert_eq!(BTreeSet::from_iter(imports), names(&resolve, world.imports.keys()));
    assert_eq!(BTreeSet::from_iter(exports), names(&resolve, world.exports.keys()));
}

#[test]
fn the_world_has_no_files_sockets_environment_or_streams() {
    let (resolve, id) = world();
    let imports = names(&resolve, resolve.worlds[id].imports.keys());
    let expected = [
        "prophecy:fabric-auth/callers@0.1.0",
        "prophecy:fabric-auth/deployment@0.1.0",
        "prophecy:fabric-auth/journal@0.1.0",
        "prophecy:fabric-auth/keys@0.1.0",
        "prophecy:fabric-auth/renewals@0.1.0",
        "prophecy:fabric-auth/storage@0.1.0",
        "prophecy:fabric-auth/types@0.1.0",
        "wasi:clocks/monotonic-clock@0.3.0",
        "wasi:clocks/system-clock@0.3.0",
        "wasi:clocks/types@0.3.0",
        "wasi:http/client@0.3.0",
        "wasi:http/types@0.3.0",
        "wasi:random/random@0.3.0",
    ];
    assert_eq!(imports, expected.map(str::to_owned).into());
}

/// It has grown to twice what the design had hoped for; this notices when it grows further.
#[test]
fn the_component_is_at_most_950_kilobytes() {
    let size = Artifact::embedded().size();
    assert!((1_000..=950_000).contains(&size), "{size}");
}

#[test]
fn wit_texts_are_the_pinned_ones() {
    let lock = fs::read_to_string(wit().join("deps.lock")).unwrap();
    let pinned: BTreeSet<(String, String)> = lock
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.split_once("  ").map(|(digest, file)| (file.to_owned(), digest.to_owned())).unwrap())
        .collect();
    let found: BTreeSet<(String, String)> = fs::read_dir(wit().join("deps"))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let digest: String =
                Sha256::digest(fs::read(&path).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), digest)
        })
        .collect();
    assert_eq!(found, pinned);
}

/// The items of our package, each with the version since when it is there.
fn items(resolve: &Resolve, world: WorldId) -> Vec<(String, Stability)> {
    let package = resolve.worlds[world].package.unwrap();
    let mut items = vec![("world".to_owned(), resolve.worlds[world].stability.clone())];
    for (name, id) in &resolve.packages[package].interfaces {
        let interface = &resolve.interfaces[*id];
        items.push((name.clone(), interface.stability.clone()));
        let types = interface.types.iter().map(|(name, id)| (name, &resolve.types[*id].stability));
        let functions = interface.functions.iter().map(|(name, function)| (name, &function.stability));
        items.extend(types.chain(functions).map(|(item, since)| (format!("{name}.{item}"), since.clone())));
    }
    items
}

#[test]
fn every_item_of_the_contract_says_since_when_it_is_there() {
    let (resolve, world) = world();
    let items = items(&resolve, world);
    assert!(items.len() > 100, "{}", items.len());
    for (name, stability) in items {
        assert!(matches!(stability, Stability::Stable { .. }), "{name}: {stability:?}");
    }
}

#[test]
fn every_item_of_the_contract_is_documented() {
    let (resolve, world) = world();
    let package = resolve.worlds[world].package.unwrap();
    for (name, id) in &resolve.packages[package].interfaces {
        let interface = &resolve.interfaces[*id];
        assert!(interface.docs.contents.is_some(), "{name}");
        for (item, function) in &interface.functions {
            assert!(function.docs.contents.is_some(), "{name}.{item}");
        }
    }
}

/// Hosts without support for resources, streams or futures in interfaces of others can run the component.
#[test]
fn only_values_cross_our_own_interfaces() {
    use wit_parser::TypeDefKind::{Future, Handle, Resource, Stream};
    let (resolve, id) = world();
    let package = resolve.worlds[id].package.unwrap();
    for (_, definition) in &resolve.types {
        let ours = matches!(definition.owner, wit_parser::TypeOwner::Interface(owner)
            if resolve.interfaces[owner].package == Some(package));
        assert!(
            !ours || !matches!(definition.kind, Resource | Handle(_) | Stream(_) | Future(_)),
            "{:?}",
            definition.name
        );
    }
    assert!(resolve.worlds[id].exports.values().all(|item| matches!(item, WorldItem::Interface { .. })));
}
