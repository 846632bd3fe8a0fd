//! The reference: a page for each interface of `wit/` and of `wit/p3`, and one for the worlds of each,
//! made from what wit-parser reads. Items have the anchors `item`, `resource.function`, `type.case`.

use std::path::Path;

use anyhow::{Context, Result};
use wit_parser::{
    Docs, FunctionKind, Interface, PackageId, Resolve, Stability, TypeDef, TypeDefKind, World,
    WorldItem, WorldKey,
};

use super::names::{Names, code};
use super::prose::Prose;

/// The folder of the package for WASI 0.3, in that of the other, of whose interfaces some have the same
/// names: its pages are in a folder of the same name.
const ASYNC: &str = "p3";

/// File names and Markdown of the pages.
pub(super) fn pages(wit: &Path) -> Result<Vec<(String, String)>> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit)?;
    let mut pages = pages_of(&resolve, package)?;
    let (package, _) = resolve.push_dir(wit.join(ASYNC))?;
    for (name, page) in pages_of(&resolve, package)? {
        pages.push((format!("{ASYNC}/{name}"), page));
    }
    Ok(pages)
}

fn pages_of(resolve: &Resolve, id: PackageId) -> Result<Vec<(String, String)>> {
    let package = resolve.packages.get(id).context("wit/ is no package")?;
    let names = Names {
        resolve,
        package: id,
    };
    let mut pages = Vec::new();
    for (name, id) in &package.interfaces {
        let interface = resolve.interfaces.get(*id).context("no such interface")?;
        let page = names.interface(name, interface);
        pages.push((format!("{name}.md"), page));
    }
    let of = names.package_beside().map(|name| format!(" of {name}"));
    let mut page = format!(
        "# Worlds{}\n\nWhat the component is, and what those who use it import.\n",
        of.unwrap_or_default()
    );
    for (name, id) in &package.worlds {
        let world = resolve.worlds.get(*id).context("no such world")?;
        page.push_str(&names.world(name, world));
    }
    pages.push(("world.md".to_owned(), page));
    Ok(pages)
}

impl<'a> Names<'a> {
    fn interface(self, name: &str, interface: &'a Interface) -> String {
        let prose = Prose::new(self, interface);
        let of = self.package_beside().map(|name| format!(" of {name}"));
        let mut page = format!(
            "# Interface {name}{}\n\n{}",
            of.unwrap_or_default(),
            prose.of(&interface.docs, None)
        );
        page.push_str(&since(&interface.stability, None));
        let later = |stability| since(stability, Some(&interface.stability));
        let types = interface.types.iter();
        let mut types: Vec<_> = types
            .filter_map(|(name, id)| Some((name, self.resolve.types.get(*id)?)))
            .filter(|(_, definition)| !matches!(definition.kind, TypeDefKind::Type(_)))
            .collect();
        // Resources come first, because readers look for them. The rest is in the order of the
        // source, which the parser does not keep.
        types.sort_by_key(|(_, definition)| {
            (
                definition.kind != TypeDefKind::Resource,
                definition.span.start(),
            )
        });
        for (name, definition) in types {
            let kind = definition.kind.as_str();
            page.push_str(&format!("\n## {kind} `{name}` {{#{name}}}\n\n"));
            page.push_str(&self.declaration(name, definition));
            let resource = (definition.kind == TypeDefKind::Resource).then_some(name.as_str());
            page.push_str(&prose.of(&definition.docs, resource));
            page.push_str(&later(&definition.stability));
            page.push_str(&cases(&prose, name, definition));
            let functions = interface.functions.values();
            for function in functions.filter(|function| self.is_of(function, name)) {
                let short = function.item_name();
                page.push_str(&format!("\n### `{short}` {{#{name}.{short}}}\n\n"));
                page.push_str(&code(&self.signature(function)));
                page.push_str(&prose.of(&function.docs, resource));
                page.push_str(&later(&function.stability));
            }
        }
        for (name, function) in &interface.functions {
            if matches!(
                function.kind,
                FunctionKind::Freestanding | FunctionKind::AsyncFreestanding
            ) {
                page.push_str(&format!("\n## func `{name}` {{#{name}}}\n\n"));
                page.push_str(&code(&self.signature(function)));
                page.push_str(&prose.of(&function.docs, None));
                page.push_str(&later(&function.stability));
            }
        }
        page
    }

    fn world(self, name: &str, world: &World) -> String {
        let mut lines = vec![format!("world {name} {{")];
        let imports = world.imports.iter().map(|item| ("import", item));
        let exports = world.exports.iter().map(|item| ("export", item));
        for (word, (key, item)) in imports.chain(exports) {
            lines.push(format!("    {word} {};", self.world_item(key, item)));
        }
        lines.push("}".to_owned());
        let docs = world.docs.contents.as_deref().unwrap_or_default();
        format!(
            "\n## world `{name}` {{#{name}}}\n\n{docs}\n{}\n{}",
            since(&world.stability, None),
            code(&lines.join("\n"))
        )
    }

    fn world_item(self, key: &WorldKey, item: &WorldItem) -> String {
        let name = self.resolve.name_world_key(key);
        let ours = match item {
            WorldItem::Interface { id, .. } => self.page_of(*id),
            _ => None,
        };
        match ours {
            Some(page) => format!("<a href=\"{page}.html\">{name}</a>"),
            None => name,
        }
    }
}

/// The version that brought an item, unless it is that of the enclosing item.
fn since(stability: &Stability, around: Option<&Stability>) -> String {
    match stability {
        Stability::Stable { since, .. } if Some(stability) != around => {
            format!("\nSince version {since}.\n")
        }
        _ => String::new(),
    }
}

/// A list of the members that have a comment.
fn cases(prose: &Prose<'_>, name: &str, definition: &TypeDef) -> String {
    let of = |member: &str, docs: &Docs| {
        let said = docs.contents.as_deref()?;
        let said = prose.paragraph(said).replace('\n', "\n  ");
        Some(format!("- [`{member}`](#{name}.{member}): {said}\n"))
    };
    let lines: Vec<_> = match &definition.kind {
        TypeDefKind::Record(record) => record
            .fields
            .iter()
            .filter_map(|field| of(&field.name, &field.docs))
            .collect(),
        TypeDefKind::Variant(variant) => variant
            .cases
            .iter()
            .filter_map(|case| of(&case.name, &case.docs))
            .collect(),
        TypeDefKind::Enum(cases) => cases
            .cases
            .iter()
            .filter_map(|case| of(&case.name, &case.docs))
            .collect(),
        _ => Vec::new(),
    };
    format!("\n{}", lines.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_interface_has_a_page_with_links_and_anchors() {
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
        let pages = pages(&wit).unwrap();
        let page = |name: &str| &pages.iter().find(|(file, _)| file == name).unwrap().1;
        let port = page("port.md");
        assert!(port.contains("\n### `blocking-read` {#port.blocking-read}\n"));
        assert!(port.contains(
            "read: func(length: u64) -&gt; result&lt;option&lt;list&lt;u8&gt;&gt;, \
             <a href=\"types.html#error\">error</a>&gt;;"
        ));
        assert!(page("types.md").contains("<i id=\"error.truncated\">truncated</i>"));
        assert!(
            page("world.md")
                .contains("import <a href=\"port.html\">portcullis:tls/port@0.2.1</a>;")
        );
        assert!(page("defaults.md").contains("## func `default-authority-directory`"));
        assert!(page("errors.md").contains("\n## func `explain` {#explain}\n"));
        assert!(page("session.md").contains("\n### `verify-result` {#session.verify-result}\n"));
        assert!(page("port.md").contains("(session.html#session.is-truncated)"));
        assert!(page("listener.md").contains("[`want-accept`](types.html#error.want-accept)"));
    }

    #[test]
    fn interfaces_of_wasi_0_3_have_pages_of_their_own_that_lead_to_the_others() {
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
        let pages = pages(&wit).unwrap();
        let page = |name: &str| &pages.iter().find(|(file, _)| file == name).unwrap().1;
        let port = page("p3/port.md");
        assert!(
            port.starts_with("# Interface port of portcullis:tls-async\n"),
            "{port}"
        );
        assert!(
            port.contains("unwrap: async func(\n    cleartext: stream&lt;u8&gt;,\n)"),
            "{port}"
        );
        assert!(port.contains(
            "-&gt; result&lt;tuple&lt;stream&lt;u8&gt;, future&lt;result&lt;_, \
             <a href=\"../types.html#error\">error</a>&gt;&gt;&gt;"
        ));
        assert!(port.contains("connect: static async func("), "{port}");
        assert!(port.contains("session: func() -&gt; <a href=\"../session.html#session\">"));
        assert!(port.contains("[`set-context`](port.html#port.set-context)"));
        assert!(
            port.contains("[`context.ask-for-context`](../context.html#context.ask-for-context)")
        );
        assert!(page("p3/listener.md").contains("<a href=\"port.html#port\">port</a>"));
        assert!(
            page("p3/world.md")
                .contains("export <a href=\"port.html\">portcullis:tls-async/port@0.1.0</a>;")
        );
        assert!(
            page("p3/world.md")
                .contains("import <a href=\"../engine.html\">portcullis:tls/engine@0.2.1</a>;")
        );
        // The other port has its own page.
        assert!(page("port.md").starts_with("# Interface port\n"));
        assert!(!page("port.md").contains("async func"));
    }

    #[test]
    fn an_item_tells_its_version_where_it_came_after_what_it_is_in() {
        let wit = "
            package portcullis:tls@0.2.1;
            @since(version = 0.2.0)
            interface context {
                @since(version = 0.2.0)
                old: func();
                @since(version = 0.2.1)
                new: func();
            }";
        let mut resolve = Resolve::default();
        let package = resolve.push_str("context.wit", wit).unwrap();
        let pages = pages_of(&resolve, package).unwrap();
        let (_, page) = pages.iter().find(|(file, _)| file == "context.md").unwrap();
        assert_eq!(
            page.matches("\nSince version 0.2.0.\n").count(),
            1,
            "{page}"
        );
        let (old, new) = page.split_once("## func `new`").unwrap();
        assert!(
            old.contains("Since version 0.2.0.\n\n## func `old`"),
            "{page}"
        );
        assert!(new.contains("\nSince version 0.2.1.\n"), "{page}");
    }
}
