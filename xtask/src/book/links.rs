//! The links of a built book: a link to another file of the repository gets a copy of that file,
//! and a link that leads nowhere is reported. This file knows HTML as mdBook writes it, and no
//! Markdown.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::Result;

use super::{read, write};

/// A page of the book, by its path there.
struct Page {
    html: String,
    anchors: BTreeSet<String>,
}

type Pages = BTreeMap<PathBuf, Page>;

/// Where a link leads.
enum Target {
    /// To the place that it names.
    There,
    /// To another place in the book, by this link: the HTML page of a WIT file, or the copy of a
    /// file of the repository.
    Elsewhere(String),
    /// Nowhere, for this reason.
    Dead(&'static str),
}

/// Make all links lead somewhere. A link to a file of the repository that is no page gets a copy of
/// it, as text, so that every browser shows it. Returns the links that are dead.
pub(super) fn settle(root: &Path, book: &Path) -> Result<Vec<String>> {
    let pages = pages(book)?;
    let mut dead = Vec::new();
    for (path, page) in &pages {
        let mut copies = BTreeSet::new();
        let html = with_attributes(&page.html, |name, value| {
            if !matches!(name, "href" | "src") {
                return None;
            }
            match target(root, book, &pages, path, value, &mut copies) {
                Target::There => None,
                Target::Elsewhere(link) => Some(link),
                Target::Dead(reason) => {
                    dead.push(format!("{}: {value}: {reason}", path.display()));
                    None
                }
            }
        });
        for copy in copies {
            write(&book.join(text(&copy)), fs::read(root.join(copy))?)?;
        }
        if html != page.html {
            write(&book.join(path), html)?;
        }
    }
    Ok(dead)
}

fn target(
    root: &Path,
    book: &Path,
    pages: &Pages,
    page: &Path,
    link: &str,
    copies: &mut BTreeSet<PathBuf>,
) -> Target {
    let is_elsewhere = |scheme: &str| link.starts_with(scheme);
    if ["http://", "https://", "mailto:", "data:"]
        .into_iter()
        .any(is_elsewhere)
    {
        return Target::There;
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let folder = page.parent().unwrap_or_else(|| Path::new(""));
    let path = match file {
        "" => Some(page.to_owned()),
        file => normal(folder, file),
    };
    let Some(path) = path else {
        return Target::Dead("it leads out of the repository");
    };
    let has = |page: &Page| anchor.is_empty() || page.anchors.contains(anchor);
    if let Some(page) = pages.get(&path) {
        return match has(page) {
            true => Target::There,
            false => Target::Dead("the page has no such anchor"),
        };
    }
    if book.join(&path).is_file() {
        return Target::There;
    }
    // A link to a WIT file becomes one to the page that is made of it.
    if let Some(page) = pages
        .get(&path.with_extension("html"))
        .filter(|_| is_wit(&path))
    {
        return match has(page) {
            true => Target::Elsewhere(link.replacen(".wit", ".html", 1)),
            false => Target::Dead("the interface has no such item"),
        };
    }
    // mdBook turns a link to any Markdown file into one to an HTML page, even if the book has none.
    let source = match path.extension().is_some_and(|ending| ending == "html") {
        true => path.with_extension("md"),
        false => path,
    };
    if !anchor.is_empty() || !root.join(&source).is_file() {
        return Target::Dead("there is no such file, or it is a folder");
    }
    let up = folder.components().map(|_| "../").collect::<String>();
    let link = format!("{up}{}", text(&source).display());
    copies.insert(source);
    Target::Elsewhere(link)
}

fn is_wit(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "wit")
}

/// The name of a copy.
fn text(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".txt");
    name.into()
}

/// A relative link resolved from a folder, without `.` and `..`; none if it leads out of the root.
pub(super) fn normal(folder: &Path, link: &str) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for part in folder.join(link).components() {
        match part {
            Component::CurDir => {}
            Component::Normal(name) => path.push(name),
            Component::ParentDir if path.pop() => {}
            _ => return None,
        }
    }
    Some(path)
}

fn pages(book: &Path) -> Result<Pages> {
    let mut pages = Pages::new();
    let mut folders = vec![book.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "html") {
                let html = read(&path)?;
                let mut anchors = BTreeSet::new();
                with_attributes(&html, |name, value| {
                    if name == "id" {
                        anchors.insert(value.to_owned());
                    }
                    None
                });
                let path = path.strip_prefix(book)?.to_owned();
                pages.insert(path, Page { html, anchors });
            }
        }
    }
    Ok(pages)
}

/// The HTML with the value of each attribute replaced by what `change` returns for name and value.
fn with_attributes(html: &str, mut change: impl FnMut(&str, &str) -> Option<String>) -> String {
    let mut made = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, tag)) = rest.split_once('<') {
        made.push_str(before);
        made.push('<');
        rest = tag;
        let is_script = tag.starts_with("script");
        if let Some(comment) = tag.strip_prefix("!--") {
            let (comment, after) = comment.split_once("-->").unwrap_or((comment, ""));
            made.push_str(&format!("!--{comment}-->"));
            rest = after;
            continue;
        }
        // Up to a quote or the end of the tag, whichever comes first.
        while let Some((word, after)) = rest.split_once(['"', '>']) {
            made.push_str(word);
            rest = after;
            if tag.as_bytes().get(tag.len() - rest.len() - 1) == Some(&b'>') {
                made.push('>');
                break;
            }
            let (value, after) = rest.split_once('"').unwrap_or((rest, ""));
            rest = after;
            let name = word.trim_end_matches('=');
            let name = name.rsplit([' ', '\n', '\t']).next().unwrap_or_default();
            let changed = change(name, value);
            made.push_str(&format!("\"{}\"", changed.as_deref().unwrap_or(value)));
        }
        if is_script && let Some((code, after)) = rest.split_once("</script") {
            made.push_str(&format!("{code}</script"));
            rest = after;
        }
    }
    made.push_str(rest);
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_changed_and_nothing_else() {
        let html = "<!-- <a href=\"x\"> --><p id=\"x\">say \"href=\"</p>\n<a class='b'\nhref=\"x\">x\
                    </a><script src=\"x\">if (a < b) href=\"x\"</script><img src=\"x\"/>";
        let mut seen = Vec::new();
        let same = with_attributes(html, |name, value| {
            seen.push(format!("{name}={value}"));
            None
        });
        assert_eq!(same, html);
        assert_eq!(seen, ["id=x", "href=x", "src=x", "src=x"]);
        let changed = with_attributes("<a href=\"x\">x</a>", |_, _| Some("y".to_owned()));
        assert_eq!(changed, "<a href=\"y\">x</a>");
    }

    #[test]
    fn link_is_followed_within_the_repository_only() {
        let from = |link| normal(Path::new("docs/guide"), link);
        assert_eq!(from("../errors.html"), Some("docs/errors.html".into()));
        assert_eq!(from("./a.html"), Some("docs/guide/a.html".into()));
        assert_eq!(from("../../../etc"), None);
        assert_eq!(from("/etc"), None);
    }
}
