//! The reader of imports, which finds out which files of a crate name which other files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, File, Item, ItemUse, Macro, UseTree, Visibility};

/// The path of a module or of an item in it, from the root of the crate.
type Names = Vec<String>;

/// An import: a file names something of another file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Import {
    /// The file that imports, relative to the crate's `src`.
    pub(crate) from: String,
    /// The file that is imported.
    pub(crate) to: String,
    /// The first path by which the file names something of the other one.
    path: String,
}

impl fmt::Display for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} imports {} ({})", self.from, self.to, self.path)
    }
}

/// The imports of a crate.
pub(crate) struct Crate {
    pub(crate) imports: Vec<Import>,
}

impl Crate {
    /// Reads all files below a `src` folder, without their tests.
    pub(crate) fn read(folder: &Path) -> Self {
        let mut files = BTreeMap::new();
        read_folder(folder, folder, &mut files);
        let modules = Modules::of(&files);
        let mut imports: BTreeMap<(String, String), String> = BTreeMap::new();
        for (module, file) in &files {
            let mut paths = Paths { module, modules: &modules, found: Vec::new(), imported: BTreeMap::new() };
            paths.visit_file(&file.parsed);
            for path in paths.found {
                let Some(target) = modules.target(&path) else { continue };
                // The root declares all modules; that is no import.
                let (from, to) = (file.name.clone(), files[&target].name.clone());
                if from != to && !target.is_empty() {
                    imports.entry((from, to)).or_insert_with(|| path.join("::"));
                }
            }
        }
        let imports = imports.into_iter().map(|((from, to), path)| Import { from, to, path }).collect();
        Self { imports }
    }
}

struct Source {
    /// The path of the file, relative to `src`.
    name: String,
    parsed: File,
}

fn read_folder(root: &Path, folder: &Path, files: &mut BTreeMap<Names, Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_folder(root, &path, files);
            continue;
        }
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let Some(module) = name.strip_suffix(".rs") else { continue };
        // Files of tests are left out, and so is the program, which is a crate of its own.
        if module.ends_with("tests") || module == "main" {
            continue;
        }
        let mut names: Names = module.split('/').map(str::to_owned).collect();
        if ["mod", "lib"].contains(&names.last().unwrap().as_str()) {
            names.pop();
        }
        let parsed = syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap();
        files.insert(names, Source { name, parsed });
    }
}

/// All modules of the crate, and the names that they re-export.
struct Modules {
    all: BTreeSet<Names>,
    /// The full path of each name that a module re-exports, by the module and the name.
    exported: BTreeMap<(Names, String), Names>,
}

impl Modules {
    fn of(files: &BTreeMap<Names, Source>) -> Self {
        let mut modules = Self { all: files.keys().cloned().collect(), exported: BTreeMap::new() };
        for (module, file) in files {
            for item in &file.parsed.items {
                let Item::Use(item) = item else { continue };
                if matches!(item.vis, Visibility::Inherited) {
                    continue;
                }
                for (path, name) in leaves(&item.tree) {
                    if let Some(path) = modules.absolute(module, &path, &BTreeMap::new()) {
                        modules.exported.insert((module.clone(), name), path);
                    }
                }
            }
        }
        modules
    }

    /// Returns the path from the root of the crate, or None if `path` leads out of the crate. `module` is the module in
    /// which the path stands, and `imported` are the modules that this module has imported.
    fn absolute(&self, module: &Names, path: &[String], imported: &BTreeMap<String, Names>) -> Option<Names> {
        let (first, rest) = path.split_first()?;
        let mut base = match first.as_str() {
            "crate" => Vec::new(),
            "self" => module.clone(),
            "super" => module[..module.len().checked_sub(1)?].to_vec(),
            name => {
                let mut child = module.clone();
                child.push(name.to_owned());
                if self.all.contains(&child) { child } else { imported.get(name)?.clone() }
            }
        };
        for name in rest {
            if name == "super" {
                base.pop();
            } else if name != "self" {
                base.push(name.clone());
            }
        }
        Some(base)
    }

    /// Returns the module in whose file the item of a path is defined.
    fn target(&self, path: &[String]) -> Option<Names> {
        let mut path = path.to_vec();
        // A name may be re-exported more than once on its way.
        for _ in 0..8 {
            let length = (0..=path.len()).rev().find(|length| self.all.contains(&path[..*length]))?;
            let module = path[..length].to_vec();
            let Some(name) = path.get(length) else { return Some(module) };
            match self.exported.get(&(module.clone(), name.clone())) {
                Some(exported) => path = exported.iter().chain(&path[length + 1..]).cloned().collect(),
                None => return Some(module),
            }
        }
        None
    }
}

/// Returns the paths of a use tree, each with the name that it gives to the item.
fn leaves(tree: &UseTree) -> Vec<(Names, String)> {
    match tree {
        UseTree::Path(path) => {
            let name = path.ident.to_string();
            let below = leaves(&path.tree).into_iter();
            below
                .map(|(mut names, given)| {
                    let given = if given == "self" { name.clone() } else { given };
                    names.insert(0, name.clone());
                    (names, given)
                })
                .collect()
        }
        UseTree::Name(name) => vec![(vec![name.ident.to_string()], name.ident.to_string())],
        UseTree::Rename(name) => vec![(vec![name.ident.to_string()], name.rename.to_string())],
        UseTree::Glob(_) => vec![(Vec::new(), "*".to_owned())],
        UseTree::Group(group) => group.items.iter().flat_map(leaves).collect(),
    }
}

/// Collects the paths of one file that lead into its crate.
struct Paths<'a> {
    module: &'a Names,
    modules: &'a Modules,
    found: Vec<Names>,
    /// Modules that the file has imported, by the names that it gave them.
    imported: BTreeMap<String, Names>,
}

impl Paths<'_> {
    fn add(&mut self, path: &[String]) {
        self.found.extend(self.modules.absolute(self.module, path, &self.imported));
    }

    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path: Names = Vec::new();
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if !path.is_empty() && path.last().is_some_and(|last| !last.is_empty()) {
                        path.clear();
                    }
                    path.retain(|name| !name.is_empty());
                    path.push(name.to_string());
                }
                // The two colons of a path, as an empty name.
                TokenTree::Punct(colon) if colon.as_char() == ':' => path.push(String::new()),
                other => {
                    self.add_path_of_tokens(&mut path);
                    if let TokenTree::Group(group) = other {
                        self.add_tokens(group.stream());
                    }
                }
            }
        }
        self.add_path_of_tokens(&mut path);
    }

    fn add_path_of_tokens(&mut self, path: &mut Names) {
        path.retain(|name| !name.is_empty());
        if path.len() > 1 {
            self.add(path);
        }
        path.clear();
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    let of_tests = |attribute: &Attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|name| name == "test")
    };
    attributes.iter().any(of_tests)
}

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_file(&mut self, file: &'ast File) {
        // Imports first, since paths below may begin with an imported module.
        for item in &file.items {
            if let Item::Use(item) = item {
                self.visit_item_use(item);
            }
        }
        for item in &file.items {
            if !matches!(item, Item::Use(_)) {
                self.visit_item(item);
            }
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if is_test(&item.attrs) {
            return;
        }
        for (path, name) in leaves(&item.tree) {
            let Some(absolute) = self.modules.absolute(self.module, &path, &self.imported) else { continue };
            let is_child = absolute.starts_with(self.module) && path.first().is_some_and(|first| first != "crate");
            // A module that hands on names of its children does not depend on them.
            if !matches!(item.vis, Visibility::Inherited) && is_child {
                continue;
            }
            if self.modules.all.contains(&absolute) {
                self.imported.insert(name, absolute);
            } else {
                self.found.push(absolute);
            }
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Names = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if names.len() > 1 {
            self.add(&names);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast Macro) {
        self.add_tokens(item.tokens.clone());
        visit::visit_macro(self, item);
    }
}
