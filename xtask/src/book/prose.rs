//! Doc comments of WIT as Markdown for a page: headings below those of the page, and names in code
//! linked to what they name.

use wit_parser::{Docs, Function, Interface, Type, TypeDef, TypeDefKind};

use super::names::Names;

/// The comments of one interface.
pub(super) struct Prose<'a> {
    names: Names<'a>,
    interface: &'a Interface,
}

impl<'a> Prose<'a> {
    pub(super) fn new(names: Names<'a>, interface: &'a Interface) -> Self {
        Self { names, interface }
    }

    /// A whole comment. Names are looked up in the scope of the resource, if there is one.
    pub(super) fn of(&self, docs: &Docs, resource: Option<&str>) -> String {
        let mut made = String::new();
        let docs = docs.contents.as_deref().unwrap_or_default();
        let (said, errors) = docs.split_once("# Errors\n").unwrap_or((docs, ""));
        made.push_str(&linked(said, |name| self.find(name, resource)));
        made.push('\n');
        if !errors.is_empty() {
            made.push_str("\n**Errors**\n\n");
            // The names in an item are looked up in the error that begins the item.
            for item in errors.split_inclusive("\n- ") {
                let mut words = item.split('`').skip(1).step_by(2);
                let case = words.next().filter(|_| !item.starts_with("Those"));
                let inner = case.map_or(Vec::new(), |case| self.inside(case));
                let find = |name: &str| {
                    let of_error = (Some(name) == case).then(|| self.case("error", name));
                    let inside = || inner.iter().find_map(|kind| self.member(kind, name));
                    let of_error = of_error.flatten().or_else(inside);
                    of_error
                        .or_else(|| self.find(name, resource))
                        .or_else(|| self.case("error", name))
                };
                made.push_str(&linked(item, find));
            }
            made.push('\n');
        }
        made
    }

    /// A comment without headings, for an item of a list.
    pub(super) fn paragraph(&self, said: &str) -> String {
        linked(said, |name| self.find(name, None))
    }

    /// Where a name leads: `interface.function`, `type.case`, or an item of the resource or the
    /// interface.
    fn find(&self, name: &str, resource: Option<&str>) -> Option<String> {
        if let Some((first, second)) = name.split_once('.') {
            let interface = self.names.interface_of(first);
            return interface
                .and_then(|interface| self.item(interface, Some(first), second))
                .or_else(|| self.case(first, second));
        }
        if name.starts_with("want-") {
            return self.case("error", name);
        }
        self.item(self.interface, resource, name)
    }

    /// A function of the resource, or anything of the interface.
    fn item(&self, interface: &Interface, resource: Option<&str>, name: &str) -> Option<String> {
        let page = self.names.page(interface)?;
        let functions = interface.functions.values();
        let mut functions = functions.filter(|function| function.item_name() == name);
        let is_ours = |function: &&Function| match function.kind.resource() {
            Some(_) => resource.is_some_and(|resource| self.names.is_of(function, resource)),
            None => true,
        };
        if let Some(function) = functions.find(is_ours) {
            let of = function.kind.resource().and(resource);
            let of = of
                .map(|resource| format!("{resource}."))
                .unwrap_or_default();
            return Some(format!("{page}.html#{of}{name}"));
        }
        let definition = self.names.definition(*interface.types.get(name)?)?;
        let page = self.names.home(definition)?;
        Some(format!("{page}.html#{name}"))
    }

    /// A case of a type that the interface or `types` declares.
    fn case(&self, kind: &str, name: &str) -> Option<String> {
        let types = self.names.interface_of("types")?;
        let id = self
            .interface
            .types
            .get(kind)
            .or_else(|| types.types.get(kind))?;
        self.member(self.names.definition(*id)?, name)
    }

    fn member(&self, definition: &TypeDef, name: &str) -> Option<String> {
        let page = self.names.home(definition)?;
        let has = match &definition.kind {
            TypeDefKind::Enum(cases) => cases.cases.iter().any(|case| case.name == name),
            TypeDefKind::Variant(variant) => variant.cases.iter().any(|case| case.name == name),
            TypeDefKind::Record(record) => record.fields.iter().any(|field| field.name == name),
            _ => false,
        };
        let kind = definition.name.as_deref().filter(|_| has)?;
        Some(format!("{page}.html#{kind}.{name}"))
    }

    /// The types that describe a case of the error further.
    fn inside(&self, case: &str) -> Vec<&'a TypeDef> {
        let defined = |ty: &Type| match ty {
            Type::Id(id) => self.names.definition(*id),
            _ => None,
        };
        let types = self.names.interface_of("types");
        let error = types.and_then(|types| self.names.definition(*types.types.get("error")?));
        let Some(TypeDefKind::Variant(error)) = error.map(|error| &error.kind) else {
            return Vec::new();
        };
        let case = error.cases.iter().find(|other| other.name == case);
        let Some(of_case) = case.and_then(|case| defined(case.ty.as_ref()?)) else {
            return Vec::new();
        };
        match &of_case.kind {
            TypeDefKind::Record(record) => record
                .fields
                .iter()
                .filter_map(|field| defined(&field.ty))
                .collect(),
            _ => vec![of_case],
        }
    }
}

/// Markdown in which code is a link to where `find` says.
fn linked(markdown: &str, find: impl Fn(&str) -> Option<String>) -> String {
    let mut made = String::with_capacity(markdown.len());
    for (number, part) in markdown.split('`').enumerate() {
        if number % 2 == 0 {
            made.push_str(part);
        } else if let Some(target) = find(part) {
            made.push_str(&format!("[`{part}`]({target})"));
        } else {
            made.push_str(&format!("`{part}`"));
        }
    }
    made
}
