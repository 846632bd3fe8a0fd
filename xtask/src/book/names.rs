//! The names in a package of WIT: what they stand for, on which page they are, and declarations and
//! signatures as HTML with links to those pages.

use wit_parser::{
    Function, FunctionKind, Handle, Interface, InterfaceId, PackageId, Resolve, Type, TypeDef,
    TypeDefKind, TypeId, TypeOwner,
};

/// A signature longer than this has one line for each parameter.
const WIDTH: usize = 80;

/// A package whose names are all resolved.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    pub(super) resolve: &'a Resolve,
    /// The package whose pages are made. Each package has a folder of pages, as it has one of WIT.
    pub(super) package: PackageId,
}

/// The package that the others build upon, whose pages are in the folder around theirs.
const BASE: &str = "tls";

impl<'a> Names<'a> {
    /// The name of the package, if it is not the one that the others build upon.
    pub(super) fn package_beside(self) -> Option<String> {
        let package = &self.resolve.packages.get(self.package)?.name;
        (package.name != BASE).then(|| format!("{}:{}", package.namespace, package.name))
    }

    /// The way from the pages of the package to that of an interface, without the ending; none if it has
    /// no page.
    pub(super) fn page(self, interface: &Interface) -> Option<String> {
        let id = interface.package?;
        let package = self.resolve.packages.get(id)?;
        if package.name.namespace != "portcullis" {
            return None;
        }
        let name = interface.name.as_deref()?;
        match (id == self.package, package.name.name == BASE) {
            (true, _) => Some(name.to_owned()),
            (false, true) => Some(format!("../{name}")),
            (false, false) => None,
        }
    }

    /// The same for an interface by its number.
    pub(super) fn page_of(self, interface: InterfaceId) -> Option<String> {
        self.page(self.resolve.interfaces.get(interface)?)
    }

    /// Whether it is a function of the resource.
    pub(super) fn is_of(self, function: &Function, resource: &str) -> bool {
        let id = function.kind.resource();
        let definition = id.and_then(|id| self.definition(id));
        definition.is_some_and(|definition| definition.name.as_deref() == Some(resource))
    }

    /// The type itself, behind its aliases.
    pub(super) fn definition(self, id: TypeId) -> Option<&'a TypeDef> {
        let definition = self.resolve.types.get(id)?;
        match definition.kind {
            TypeDefKind::Type(Type::Id(other)) => self.definition(other),
            _ => Some(definition),
        }
    }

    /// The page of the interface that declares a type.
    pub(super) fn home(self, definition: &TypeDef) -> Option<String> {
        match definition.owner {
            TypeOwner::Interface(id) => self.page_of(id),
            _ => None,
        }
    }

    /// An interface of ours by name: of the package itself, or else of the one that it builds upon.
    pub(super) fn interface_of(self, name: &str) -> Option<&'a Interface> {
        let all = self.resolve.interfaces.iter();
        let mut named: Vec<_> = all
            .map(|(_, interface)| interface)
            .filter(|interface| interface.name.as_deref() == Some(name))
            .filter(|interface| self.page(interface).is_some())
            .collect();
        named.sort_by_key(|interface| interface.package != Some(self.package));
        named.first().copied()
    }

    /// A type as it is declared; empty for a resource, whose functions follow.
    pub(super) fn declaration(self, name: &str, definition: &TypeDef) -> String {
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

    /// A function, on one line or several.
    pub(super) fn signature(self, function: &Function) -> String {
        let word = match function.kind {
            FunctionKind::Static(_) => "static func",
            FunctionKind::AsyncStatic(_) => "static async func",
            FunctionKind::AsyncFreestanding | FunctionKind::AsyncMethod(_) => "async func",
            _ => "func",
        };
        let is_method = matches!(
            function.kind,
            FunctionKind::Method(_) | FunctionKind::AsyncMethod(_)
        );
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

    /// A type in WIT, with links to what it names.
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
        let of_optional = |ty: &Option<Type>| ty.as_ref().map_or_else(|| "_".to_owned(), of);
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
            (None, TypeDefKind::Tuple(tuple)) => {
                let parts: Vec<_> = tuple.types.iter().map(of).collect();
                format!("tuple&lt;{}&gt;", parts.join(", "))
            }
            (None, TypeDefKind::Stream(Some(ty))) => format!("stream&lt;{}&gt;", of(ty)),
            (None, TypeDefKind::Future(Some(ty))) => format!("future&lt;{}&gt;", of(ty)),
            // The interfaces have no other unnamed types.
            (None, kind) => kind.as_str().to_owned(),
        }
    }
}

/// A member in a declaration. The caller puts the type's name before the member's in the anchor.
fn marked(name: &str) -> String {
    format!("<i id=\"{name}\">{name}</i>")
}

/// A block of WIT with links in it, which mdBook is not to colour.
pub(super) fn code(wit: &str) -> String {
    format!("<pre class=\"wit\"><code class=\"nohighlight\">{wit}\n</code></pre>\n\n")
}

/// How many characters of the HTML are visible.
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
