//! Puts the built page into the program, if it has been built: `scripts/web` does that. Without it the program builds too, and
//! says at start that it has no page.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = root.join("target/web/page");
    println!("cargo:rerun-if-changed={}", page.join("index.html").display());
    println!("cargo:rerun-if-changed=build.rs");
    let mut files = Vec::new();
    collect(&page, &page, &mut files);
    files.sort();
    let mut code = String::from("pub(crate) const EMBEDDED: &[(&str, &[u8])] = &[\n");
    for (name, path) in files {
        let _ = writeln!(code, "    ({name:?}, include_bytes!({path:?})),");
    }
    code.push_str("];\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo says where"));
    fs::write(out.join("embedded.rs"), code).expect("a file can be written where cargo says");
}

fn collect(root: &Path, directory: &Path, files: &mut Vec<(String, PathBuf)>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(root, &path, files);
        } else if let (Ok(name), Ok(whole)) = (path.strip_prefix(root), fs::canonicalize(&path)) {
            files.push((name.to_string_lossy().replace('\\', "/"), whole));
        }
    }
}
