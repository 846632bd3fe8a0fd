//! A component with the types of a WIT package, in which every function traps. It is for composing
//! and linking, which depend on types alone.

use std::fs;
use std::path::{Path, PathBuf};

use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, FunctionSection, Instruction, MemorySection,
    MemoryType, Module, TypeSection, ValType,
};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{
    LiftLowerAbi, ManglingAndAbi, PackageId, Resolve, WasmExport, WasmExportKind, WorldItem,
};

use crate::support::Folder;

/// A package of WIT and what it needs.
pub fn parse(wit: &Path) -> (Resolve, PackageId) {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit).unwrap();
    (resolve, package)
}

/// A copy of a package that can be changed; its world `provider` is exported.
pub struct Provider(Folder);

impl Provider {
    pub fn new(wit: &Path, name: &str) -> Self {
        let folder = Folder::new(&format!("compat-{name}"));
        let copy = Self(folder);
        copy_folder(wit, &copy.path(""));
        copy
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.0.join("wit").join(file)
    }

    /// Replaces a text that occurs exactly once.
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(file)).unwrap();
        assert_eq!(text.matches(from).count(), 1, "{from:?} in {file}");
        fs::write(self.path(file), text.replace(from, to)).unwrap();
    }

    pub fn add(&self, file: &str, text: &str) {
        fs::write(self.path(file), text).unwrap();
    }

    /// Raises the version to the next patch, and returns it.
    pub fn raise_version(&self) -> String {
        let (resolve, package) = parse(&self.path(""));
        let name = &resolve.packages.get(package).unwrap().name;
        let version = name.version.clone().unwrap();
        let next = format!("{}.{}.{}", version.major, version.minor, version.patch + 1);
        let line = |version| format!("package portcullis:tls@{version};");
        self.edit("world.wit", &line(version.to_string()), &line(next.clone()));
        next
    }

    /// The component.
    pub fn component(&self) -> Vec<u8> {
        let (resolve, package) = parse(&self.path(""));
        let world = resolve.select_world(&[package], Some("provider")).unwrap();
        let abi = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);
        let mut body = Body::default();
        for (key, item) in &resolve.worlds.get(world).unwrap().exports {
            let WorldItem::Interface { id, .. } = item else {
                continue;
            };
            for function in resolve.interfaces.get(*id).unwrap().functions.values() {
                let signature = resolve.wasm_signature(AbiVariant::GuestExport, function);
                let export = WasmExport::Func {
                    interface: Some(key),
                    func: function,
                    kind: WasmExportKind::Normal,
                };
                let name = resolve.wasm_export_name(abi, export);
                body.function(&name, &signature.params, &signature.results);
            }
        }
        body.function("cabi_realloc", &[WasmType::I32; 4], &[WasmType::I32]);
        let mut module = body.finish();
        wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
            .unwrap();
        let mut encoder = ComponentEncoder::default();
        encoder.module(&module).unwrap().validate(true);
        encoder.encode().unwrap()
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &to);
        } else {
            fs::copy(&path, to).unwrap();
        }
    }
}

/// A module to which functions that trap are added.
#[derive(Default)]
struct Body {
    types: TypeSection,
    functions: FunctionSection,
    exports: ExportSection,
    code: CodeSection,
}

impl Body {
    fn function(&mut self, name: &str, parameters: &[WasmType], results: &[WasmType]) {
        let index = self.functions.len();
        let values = |types: &[WasmType]| types.iter().map(value).collect::<Vec<_>>();
        self.types
            .ty()
            .function(values(parameters), values(results));
        self.functions.function(index);
        self.exports.export(name, ExportKind::Func, index);
        let mut function = Function::new([]);
        function.instruction(&Instruction::Unreachable);
        function.instruction(&Instruction::End);
        self.code.function(&function);
    }

    fn finish(mut self) -> Vec<u8> {
        let mut memories = MemorySection::new();
        memories.memory(MemoryType {
            minimum: 1,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        self.exports.export("memory", ExportKind::Memory, 0);
        let mut module = Module::new();
        module
            .section(&self.types)
            .section(&self.functions)
            .section(&memories)
            .section(&self.exports)
            .section(&self.code);
        module.finish()
    }
}

fn value(ty: &WasmType) -> ValType {
    match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => ValType::I32,
        WasmType::I64 | WasmType::PointerOrI64 => ValType::I64,
        WasmType::F32 => ValType::F32,
        WasmType::F64 => ValType::F64,
    }
}
