//! Relative relocations in their short form: the table of this program shrinks from a megabyte, all of which is read at
//! every start, to some ten kilobytes. The C library must know it, which GNU's does since 2.36 (Debian 12).

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let of_target = |name: &str| env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    let is_gnu = of_target("OS") == "linux" && of_target("ENV") == "gnu";
    // For another machine nobody can say which library it has.
    let is_native = env::var("HOST").ok() == env::var("TARGET").ok();
    if is_gnu && is_native && glibc().is_some_and(|version| version >= (2, 36)) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// The version of GNU's C library here.
fn glibc() -> Option<(u32, u32)> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = said.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
