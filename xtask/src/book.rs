//! `cargo xtask book`: the pages under `docs/` and `examples/` and a reference made from `wit/`, as
//! one book by mdBook.

mod links;
mod names;
mod prose;
mod reference;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::workspace::Workspace;

const MDBOOK: &str = "0.5.4";

/// Build the book to `target/book`; with `check`, fail if a link in it leads nowhere.
pub(crate) fn run(workspace: &Workspace, check: bool) -> Result<()> {
    let mdbook = need_mdbook(workspace)?;
    let source = workspace.target.join("book-source");
    stage(workspace, &source)?;
    let book = workspace.target.join("book");
    let mut command = Command::new(mdbook);
    command
        .arg("build")
        .arg(&source)
        .arg("--dest-dir")
        .arg(&book);
    process::run_quietly("building the book", &mut command)?;
    write(&book.join("index.html"), start_page())?;
    let dead = links::settle(&workspace.root, &book)?;
    for link in &dead {
        eprintln!("xtask: dead link: {link}");
    }
    if check && !dead.is_empty() {
        bail!("links in the book lead nowhere: {}", dead.len());
    }
    println!("{}", book.join("index.html").display());
    Ok(())
}

/// The program mdBook, which `cargo install` builds once.
fn need_mdbook(workspace: &Workspace) -> Result<PathBuf> {
    let tools = workspace.target.join("tools");
    let program = tools.join("mdbook").join("bin").join("mdbook");
    let said = match program.is_file() {
        true => process::capture(Command::new(&program).arg("--version"))?,
        false => Vec::new(),
    };
    if said.trim_ascii() == format!("mdbook v{MDBOOK}").as_bytes() {
        return Ok(program);
    }
    let mut cargo = workspace.cargo();
    cargo.args(["install", "mdbook", "--version", MDBOOK, "--locked"]);
    cargo.args(["--no-default-features", "--features", "search"]);
    cargo.args(["--debug", "--force", "--root"]);
    cargo.arg(tools.join("mdbook"));
    cargo.env("CARGO_TARGET_DIR", tools.join("mdbook-target"));
    process::run(&format!("building mdBook {MDBOOK}"), &mut cargo)?;
    Ok(program)
}

/// Copies what mdBook reads in the layout of the repository, so that links between pages stay
/// valid.
fn stage(workspace: &Workspace, to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to).with_context(|| format!("cannot empty {}", to.display()))?;
    }
    let (root, source) = (&workspace.root, to.join("src"));
    copy_folder(&root.join("docs"), &source.join("docs"))?;
    for name in ["book.toml", "book.css"] {
        fs::rename(source.join("docs").join(name), to.join(name))?;
    }
    fs::remove_file(source.join("docs/SUMMARY.md"))?;
    let mut pages = vec!["README.md".to_owned(), "examples/README.md".to_owned()];
    for entry in fs::read_dir(root.join("examples"))? {
        let name = entry?.file_name();
        pages.push(format!("examples/{}/README.md", name.to_string_lossy()));
    }
    for page in pages.iter().filter(|page| root.join(page).is_file()) {
        copy(&root.join(page), &source.join(page))?;
    }
    for (name, page) in reference::pages(&root.join("wit"))? {
        write(&source.join("wit").join(name), &page)?;
    }
    let summary = read(&root.join("docs/SUMMARY.md"))?;
    write(&source.join("SUMMARY.md"), from_root(&summary))
}

/// Rewrites a summary whose links begin at `docs/`, so that they begin at the root. A link to a WIT
/// file becomes one to its page.
fn from_root(summary: &str) -> String {
    let mut parts = summary.split("](");
    let mut made = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        made.push_str("](");
        let (link, rest) = part.split_once(')').unwrap_or((part, ""));
        let link = links::normal(Path::new("docs"), link).unwrap_or_default();
        let link = link.to_string_lossy();
        match link.strip_suffix(".wit") {
            Some(stem) => made.push_str(&format!("{stem}.md")),
            None => made.push_str(&link),
        }
        made.push(')');
        made.push_str(rest);
    }
    made
}

/// mdBook's own start page is a copy of the first page, whose relative links are wrong there.
fn start_page() -> String {
    let to = "docs/introduction.html";
    format!(
        "<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>Portcullis</title>\n\
         <meta http-equiv=\"refresh\" content=\"0; url={to}\">\n<a href=\"{to}\">Portcullis</a>\n"
    )
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let path = entry?.path();
        let Some(name) = path.file_name() else {
            continue;
        };
        match path.is_dir() {
            true => copy_folder(&path, &to.join(name))?,
            false => copy(&path, &to.join(name))?,
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    write(to, bytes)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn write(path: &Path, contents: impl AsRef<[u8]>) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, contents).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_of_the_book_begins_at_the_root() {
        let summary = "- [A](a.md)\n- [B](../examples/b/README.md)\n- [C](../wit/c.wit)\n- [D]()\n";
        assert_eq!(
            from_root(summary),
            "- [A](docs/a.md)\n- [B](examples/b/README.md)\n- [C](wit/c.md)\n- [D](docs)\n"
        );
    }
}
