//! Tells cargo that the page is part of the binary, so that a newly built one is embedded.

fn main() {
    // An empty folder where the page was not built: cargo would compile anew each time for a folder that is missing.
    let _ = std::fs::create_dir_all("web/dist");
    println!("cargo::rerun-if-changed=web/dist");
    println!("cargo::rerun-if-changed=migrations");
    println!("cargo::rerun-if-changed=build.rs");
}
