//! The reference: a page for each interface of `wit/`, and one for the worlds, made of what
//! wit-parser reads. Items have the anchors `item`, `resource.function`, `type.case`.

use std::path::Path;

use anyhow::{Context, Result};
use wit_parser::{
    Docs, Function, FunctionKind, Handle, Interface, InterfaceId, Resolve, Type, TypeDef,
    TypeDefKind, TypeId, TypeOwner, World, WorldItem, WorldKey,
};

use super::prose::Prose;

/// A longer signature has a line for each parameter.
const WIDTH: usize = 80;

/// File names and Markdown of the pages.
pub(super) fn pages(wit: &Path) -> Result<Vec<(String, String)>> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit)?;
    let package = resolve
        .packages
        .get(package)
        .context("wit/ is no package")?;
    let names = Names { resolve: &resolve };
    let mut pages = Vec::new();
    for (name, id) in &package.interfaces {
        let interface = resolve.interfaces.get(*id).context("no such interface")?;
        let page = names.interface(name, interface);
        pages.push((format!("{name}.md"), page));
    }
    let mut page =
        "# Worlds\n\nWhat the component is, and what those who use it import.\n".to_owned();
    for (name, id) in &package.worlds {
        let world = resolve.worlds.get(*id).context("no such world")?;
        page.push_str(&names.world(name, world));
    }
    pages.push(("world.md".to_owned(), page));
    Ok(pages)
}

/// What is said about a package whose names are all known.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    resolve: &'a Resolve,
}

impl<'a> Names<'a> {
    fn interface(self, name: &str, interface: &'a Interface) -> String {
        let prose = Prose::new(self, interface);
        let mut page = format!("# Interface {name}\n\n{}", prose.of(&interface.docs, None));
        let types = interface.types.iter();
        let mut types: Vec<_> = types
            .filter_map(|(name, id)| Some((name, self.resolve.types.get(*id)?)))
            .filter(|(_, definition)| !matches!(definition.kind, TypeDefKind::Type(_)))
            .collect();
        // What one looks for comes first.
        types.sort_by_key(|(_, definition)| definition.kind != TypeDefKind::Resource);
        for (name, definition) in types {
            let kind = definition.kind.as_str();
            page.push_str(&format!("\n## {kind} `{name}` {{#{name}}}\n\n"));
            page.push_str(&self.declaration(name, definition));
            let resource = (definition.kind == TypeDefKind::Resource).then_some(name.as_str());
            page.push_str(&prose.of(&definition.docs, resource));
            page.push_str(&cases(&prose, name, definition));
            let functions = interface.functions.values();
            for function in functions.filter(|function| self.is_of(function, name)) {
                let short = function.item_name();
                page.push_str(&format!("\n### `{short}` {{#{name}.{short}}}\n\n"));
                page.push_str(&code(&self.signature(function)));
                page.push_str(&prose.of(&function.docs, resource));
            }
        }
        for (name, function) in &interface.functions {
            if function.kind == FunctionKind::Freestanding {
                page.push_str(&format!("\n## func `{name}` {{#{name}}}\n\n"));
                page.push_str(&code(&self.signature(function)));
                page.push_str(&prose.of(&function.docs, None));
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
            "\n## world `{name}` {{#{name}}}\n\n{docs}\n\n{}",
            code(&lines.join("\n"))
        )
    }

    fn world_item(self, key: &WorldKey, item: &WorldItem) -> String {
        let name = self.resolve.name_world_key(key);
        let ours = match item {
            WorldItem::Interface { id, .. } => self.page(*id),
            _ => None,
        };
        match ours {
            Some(page) => format!("<a href=\"{page}.html\">{name}</a>"),
            None => name,
        }
    }

    /// The name of an interface that has a page.
    fn page(self, interface: InterfaceId) -> Option<&'a str> {
        let interface = self.resolve.interfaces.get(interface)?;
        let package = self.resolve.packages.get(interface.package?)?;
        interface
            .name
            .as_deref()
            .filter(|_| package.name.namespace == "portcullis")
    }

    /// Whether it is a function of the resource.
    pub(super) fn is_of(self, function: &Function, resource: &str) -> bool {
        let id = function.kind.resource();
        let definition = id.and_then(|id| self.definition(id));
        definition.is_some_and(|definition| definition.name.as_deref() == Some(resource))
    }

    /// The type itself, where it is declared.
    pub(super) fn definition(self, id: TypeId) -> Option<&'a TypeDef> {
        let definition = self.resolve.types.get(id)?;
        match definition.kind {
            TypeDefKind::Type(Type::Id(other)) => self.definition(other),
            _ => Some(definition),
        }
    }

    /// Page and name of the interface that declares a type.
    pub(super) fn home(self, definition: &TypeDef) -> Option<&'a str> {
        match definition.owner {
            TypeOwner::Interface(id) => self.page(id),
            _ => None,
        }
    }

    /// An interface of ours by name.
    pub(super) fn interface_of(self, name: &str) -> Option<&'a Interface> {
        let mut all = self.resolve.interfaces.iter();
        all.find(|(id, _)| self.page(*id) == Some(name))
            .map(|(_, interface)| interface)
    }

    fn declaration(self, name: &str, definition: &TypeDef) -> String {
        let members: Vec<_> = match &definition.kind {
            TypeDefKind::Record(record) => {
                let of = |name: &str, ty| format!("{}: {}", marked(name), self.of_type(ty));
                record
                    .fields
                    .iter()
                    .map(|field| of(&field.name, &field.ty))
                    .collect()
            }
            TypeDefKind::Variant(variant) => {
                let of = |name: &str, ty: Option<&Type>| match ty {
                    Some(ty) => format!("{}({})", marked(name), self.of_type(ty)),
                    None => marked(name),
                };
                variant
                    .cases
                    .iter()
                    .map(|case| of(&case.name, case.ty.as_ref()))
                    .collect()
            }
            TypeDefKind::Enum(cases) => cases.cases.iter().map(|case| marked(&case.name)).collect(),
            // Its functions follow.
            _ => return String::new(),
        };
        let members: Vec<_> = members
            .iter()
            .map(|member| {
                format!(
                    "    {}",
                    member.replace("<i id=\"", &format!("<i id=\"{name}."))
                )
            })
            .collect();
        code(&format!(
            "{} {name} {{\n{},\n}}",
            definition.kind.as_str(),
            members.join(",\n")
        ))
    }

    fn signature(self, function: &Function) -> String {
        let word = match function.kind {
            FunctionKind::Static(_) => "static func",
            _ => "func",
        };
        let is_method = matches!(function.kind, FunctionKind::Method(_));
        let parameters = function.params.iter().skip(usize::from(is_method));
        let parameters: Vec<_> = parameters
            .map(|parameter| format!("{}: {}", parameter.name, self.of_type(&parameter.ty)))
            .collect();
        let result = match &function.result {
            Some(ty) => format!(" -&gt; {}", self.of_type(ty)),
            None => String::new(),
        };
        let name = function.item_name();
        let line = format!("{name}: {word}({}){result};", parameters.join(", "));
        if visible(&line) <= WIDTH {
            return line;
        }
        let lines = parameters.join(",\n    ");
        format!("{name}: {word}(\n    {lines},\n){result};")
    }

    /// As WIT, with links to what it names.
    fn of_type(self, ty: &Type) -> String {
        let primitive = match ty {
            Type::Bool => "bool",
            Type::U8 => "u8",
            Type::U16 => "u16",
            Type::U32 => "u32",
            Type::U64 => "u64",
            Type::S8 => "s8",
            Type::S16 => "s16",
            Type::S32 => "s32",
            Type::S64 => "s64",
            Type::F32 => "f32",
            Type::F64 => "f64",
            Type::Char => "char",
            Type::String => "string",
            Type::ErrorContext => "error-context",
            Type::Id(id) => return self.of_id(*id),
        };
        primitive.to_owned()
    }

    fn of_id(self, id: TypeId) -> String {
        let Some(definition) = self.definition(id) else {
            return "?".to_owned();
        };
        let of = |ty: &Type| self.of_type(ty);
        let of_optional = |ty: &Option<Type>| ty.as_ref().map_or("_".to_owned(), of);
        match (&definition.name, &definition.kind) {
            (Some(name), _) => match self.home(definition) {
                Some(page) => format!("<a href=\"{page}.html#{name}\">{name}</a>"),
                None => name.clone(),
            },
            (None, TypeDefKind::Handle(Handle::Own(id))) => self.of_id(*id),
            (None, TypeDefKind::Handle(Handle::Borrow(id))) => {
                format!("borrow&lt;{}&gt;", self.of_id(*id))
            }
            (None, TypeDefKind::Option(ty)) => format!("option&lt;{}&gt;", of(ty)),
            (None, TypeDefKind::List(ty)) => format!("list&lt;{}&gt;", of(ty)),
            (None, TypeDefKind::Result(result)) => match &result.err {
                Some(error) => format!("result&lt;{}, {}&gt;", of_optional(&result.ok), of(error)),
                None => format!("result&lt;{}&gt;", of_optional(&result.ok)),
            },
            // The interfaces have no other types without a name.
            (None, kind) => kind.as_str().to_owned(),
        }
    }
}

/// The members that say something about themselves.
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

/// A member in a declaration; its type goes before the name in the anchor.
fn marked(name: &str) -> String {
    format!("<i id=\"{name}\">{name}</i>")
}

/// WIT with links in it, which mdBook does not colour.
fn code(wit: &str) -> String {
    format!("<pre class=\"wit\"><code class=\"nohighlight\">{wit}\n</code></pre>\n\n")
}

/// How many characters of the HTML are shown.
fn visible(html: &str) -> usize {
    let parts = html
        .split('<')
        .map(|part| part.split_once('>').map_or(part, |(_, text)| text));
    parts
        .map(|part| {
            part.replace("&lt;", "<")
                .replace("&gt;", ">")
                .chars()
                .count()
        })
        .sum()
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
                .contains("import <a href=\"port.html\">portcullis:tls/port@0.1.0</a>;")
        );
        assert!(page("context.md").contains("## func `default-authority-directory`"));
        assert!(page("listener.md").contains("[`want-accept`](types.html#error.want-accept)"));
    }
}
