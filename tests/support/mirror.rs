//! A component that exports `portcullis:tls` and does nothing but call the same functions that it
//! imports. With it, tests that drive the component drive whatever the host links in its place.
//!
//! A handle of the mirror stands for the imported handle that it was made from: its representation is
//! the number of that.
#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what cannot go on should stop, in a test as in the benchmark"
)]

use std::path::Path;

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, GlobalSection, GlobalType, ImportSection, Instruction, MemArg, MemorySection,
    MemoryType, Module, TypeSection, ValType,
};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{
    Handle, Int, Resolve, SizeAlign, Type, TypeDefKind, TypeId, TypeOwner, WorldId, WorldItem,
};

/// Where results are put: calls do not overlap.
const RESULT: i32 = 16;
/// Where blocks begin that the host writes into.
const BLOCKS: i32 = 4096;

/// The end of the blocks.
const END: u32 = 0;
/// Whether the call is over that the blocks belong to.
const IS_OVER: u32 = 1;

/// The mirror of the interface in this folder, in the binary format.
pub(crate) fn component(wit: &Path) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit).unwrap();
    let provider = resolve.select_world(&[package], Some("provider")).unwrap();
    let mut world = "package portcullis:mirror;\nworld mirror {\n".to_owned();
    for (_, item) in &resolve.worlds[provider].exports {
        if let WorldItem::Interface { id, .. } = item {
            let id = resolve.id_of(*id).unwrap();
            world += &format!("import {id};\nexport {id};\n");
        }
    }
    let package = resolve.push_str("mirror.wit", &(world + "}\n")).unwrap();
    let world = resolve.select_world(&[package], Some("mirror")).unwrap();
    let mut module = Mirror::of(&resolve, world).finish();
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .unwrap();
    let mut encoder = ComponentEncoder::default();
    encoder.module(&module).unwrap().validate(true);
    encoder.encode().unwrap()
}

#[derive(Default)]
struct Mirror {
    types: TypeSection,
    imports: ImportSection,
    functions: FunctionSection,
    exports: ExportSection,
    code: CodeSection,
    imported: u32,
    defined: u32,
}

/// A function that is exported, and what it calls.
struct Forwarded {
    name: String,
    parameters: Vec<ValType>,
    /// The imported function returns by way of memory, and the exported one the address.
    by_memory: bool,
    results: Vec<ValType>,
    import: u32,
    made: Option<Made>,
}

/// The resource in a result, which becomes one of the mirror's.
struct Made {
    new: u32,
    place: Place,
}

enum Place {
    Whole,
    /// In memory, if the tag is this.
    Case {
        tag: i32,
        offset: u64,
    },
}

impl Mirror {
    fn of(resolve: &Resolve, world: WorldId) -> Self {
        let mut mirror = Self::default();
        let mut sizes = SizeAlign::default();
        sizes.fill(resolve);
        let (mut forwarded, mut dropped) = (Vec::new(), Vec::new());
        for (_, item) in &resolve.worlds[world].exports {
            let WorldItem::Interface { id, .. } = item else {
                continue;
            };
            let interface = resolve.id_of(*id).unwrap();
            for (name, ty) in &resolve.interfaces[*id].types {
                if matches!(resolve.types[*ty].kind, TypeDefKind::Resource) {
                    let drop = format!("[resource-drop]{name}");
                    let drop = mirror.import(&interface, &drop, &[ValType::I32], &[]);
                    dropped.push((format!("{interface}#[dtor]{name}"), drop));
                }
            }
            for function in resolve.interfaces[*id].functions.values() {
                let import = resolve.wasm_signature(AbiVariant::GuestImport, function);
                let export = resolve.wasm_signature(AbiVariant::GuestExport, function);
                let index = mirror.import(
                    &interface,
                    &function.name,
                    &values(&import.params),
                    &values(&import.results),
                );
                let made = function
                    .result
                    .and_then(|result| mirror.made(resolve, &sizes, result));
                forwarded.push(Forwarded {
                    name: format!("{interface}#{}", function.name),
                    parameters: values(&export.params),
                    by_memory: import.retptr,
                    results: values(&export.results),
                    import: index,
                    made,
                });
            }
        }
        for (name, drop) in dropped {
            let code = [Instruction::LocalGet(0), Instruction::Call(drop)];
            mirror.define(&name, &[ValType::I32], &[], &code);
        }
        for function in forwarded {
            mirror.forward(&function);
        }
        mirror.allocator();
        mirror
    }

    fn import(
        &mut self,
        module: &str,
        name: &str,
        parameters: &[ValType],
        results: &[ValType],
    ) -> u32 {
        let ty = self.types.len();
        let function = self.types.ty();
        function.function(parameters.iter().copied(), results.iter().copied());
        self.imports.import(module, name, EntityType::Function(ty));
        self.imported += 1;
        self.imported - 1
    }

    /// The resource of ours in a result.
    fn made(&mut self, resolve: &Resolve, sizes: &SizeAlign, result: Type) -> Option<Made> {
        let Type::Id(id) = result else { return None };
        let (payload, place) = match &resolve.types[id].kind {
            TypeDefKind::Handle(Handle::Own(_)) => (result, Place::Whole),
            TypeDefKind::Result(result) => {
                let cases = [result.ok.as_ref(), result.err.as_ref()];
                let offset = sizes.payload_offset(Int::U8, cases).size_wasm32();
                let offset = offset.try_into().unwrap();
                (result.ok?, Place::Case { tag: 0, offset })
            }
            TypeDefKind::Option(payload) => {
                let offset = sizes.payload_offset(Int::U8, [None, Some(payload)]);
                let offset = offset.size_wasm32().try_into().unwrap();
                (*payload, Place::Case { tag: 1, offset })
            }
            _ => return None,
        };
        let Type::Id(payload) = payload else {
            return None;
        };
        let TypeDefKind::Handle(Handle::Own(resource)) = resolve.types[payload].kind else {
            return None;
        };
        let (interface, name) = named(resolve, resource);
        if !interface.starts_with("portcullis:") {
            return None;
        }
        let (module, name) = (
            format!("[export]{interface}"),
            format!("[resource-new]{name}"),
        );
        let new = self.import(&module, &name, &[ValType::I32], &[ValType::I32]);
        Some(Made { new, place })
    }

    fn define(
        &mut self,
        name: &str,
        parameters: &[ValType],
        results: &[ValType],
        code: &[Instruction<'_>],
    ) {
        let ty = self.types.len();
        let function = self.types.ty();
        function.function(parameters.iter().copied(), results.iter().copied());
        self.functions.function(ty);
        let index = self.imported + self.defined;
        self.exports.export(name, ExportKind::Func, index);
        self.defined += 1;
        let mut function = Function::new([(1, ValType::I32)]);
        for instruction in code {
            function.instruction(instruction);
        }
        function.instruction(&Instruction::End);
        self.code.function(&function);
    }

    fn forward(&mut self, function: &Forwarded) {
        let parameters = u32::try_from(function.parameters.len()).unwrap();
        let mut code: Vec<_> = (0..parameters).map(Instruction::LocalGet).collect();
        if function.by_memory {
            code.push(Instruction::I32Const(RESULT));
        }
        code.push(Instruction::Call(function.import));
        match &function.made {
            Some(Made {
                new,
                place: Place::Whole,
            }) => code.push(Instruction::Call(*new)),
            Some(Made {
                new,
                place: Place::Case { tag, offset },
            }) => code.extend([
                Instruction::I32Const(RESULT),
                Instruction::I32Load8U(at(0, 0)),
                Instruction::I32Const(*tag),
                Instruction::I32Eq,
                Instruction::If(BlockType::Empty),
                Instruction::I32Const(RESULT),
                Instruction::I32Const(RESULT),
                Instruction::I32Load(at(*offset, 2)),
                Instruction::Call(*new),
                Instruction::I32Store(at(*offset, 2)),
                Instruction::End,
            ]),
            None => {}
        }
        code.extend([Instruction::I32Const(1), Instruction::GlobalSet(IS_OVER)]);
        if function.by_memory {
            code.push(Instruction::I32Const(RESULT));
        }
        self.define(
            &function.name,
            &function.parameters,
            &function.results,
            &code,
        );
    }

    /// `cabi_realloc`: blocks follow each other, and those of a call that is over are free.
    fn allocator(&mut self) {
        let (old, old_size, align, size, block) = (0, 1, 2, 3, 4);
        let code = [
            Instruction::GlobalGet(IS_OVER),
            Instruction::If(BlockType::Empty),
            Instruction::I32Const(BLOCKS),
            Instruction::GlobalSet(END),
            Instruction::I32Const(0),
            Instruction::GlobalSet(IS_OVER),
            Instruction::End,
            // The next address that is aligned.
            Instruction::GlobalGet(END),
            Instruction::LocalGet(align),
            Instruction::I32Add,
            Instruction::I32Const(1),
            Instruction::I32Sub,
            Instruction::I32Const(0),
            Instruction::LocalGet(align),
            Instruction::I32Sub,
            Instruction::I32And,
            Instruction::LocalTee(block),
            Instruction::LocalGet(size),
            Instruction::I32Add,
            Instruction::GlobalSet(END),
            // Whatever is missing, in pages.
            Instruction::GlobalGet(END),
            Instruction::MemorySize(0),
            Instruction::I32Const(16),
            Instruction::I32Shl,
            Instruction::I32GtU,
            Instruction::If(BlockType::Empty),
            Instruction::GlobalGet(END),
            Instruction::MemorySize(0),
            Instruction::I32Const(16),
            Instruction::I32Shl,
            Instruction::I32Sub,
            Instruction::I32Const(65_535),
            Instruction::I32Add,
            Instruction::I32Const(16),
            Instruction::I32ShrU,
            Instruction::MemoryGrow(0),
            Instruction::Drop,
            Instruction::End,
            Instruction::LocalGet(old),
            Instruction::If(BlockType::Empty),
            Instruction::LocalGet(block),
            Instruction::LocalGet(old),
            Instruction::LocalGet(old_size),
            Instruction::MemoryCopy {
                src_mem: 0,
                dst_mem: 0,
            },
            Instruction::End,
            Instruction::LocalGet(block),
        ];
        self.define("cabi_realloc", &[ValType::I32; 4], &[ValType::I32], &code);
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
        let mut globals = GlobalSection::new();
        for first in [BLOCKS, 0] {
            let ty = GlobalType {
                val_type: ValType::I32,
                mutable: true,
                shared: false,
            };
            globals.global(ty, &ConstExpr::i32_const(first));
        }
        self.exports.export("memory", ExportKind::Memory, 0);
        let mut module = Module::new();
        module
            .section(&self.types)
            .section(&self.imports)
            .section(&self.functions)
            .section(&memories)
            .section(&globals)
            .section(&self.exports)
            .section(&self.code);
        module.finish()
    }
}

/// The interface and the name of a resource, however it is called where it is used.
fn named(resolve: &Resolve, mut id: TypeId) -> (String, String) {
    while let TypeDefKind::Type(Type::Id(next)) = resolve.types[id].kind {
        id = next;
    }
    let ty = &resolve.types[id];
    let TypeOwner::Interface(interface) = ty.owner else {
        panic!("a resource of no interface");
    };
    (resolve.id_of(interface).unwrap(), ty.name.clone().unwrap())
}

fn at(offset: u64, align: u32) -> MemArg {
    MemArg {
        offset,
        align,
        memory_index: 0,
    }
}

fn values(types: &[WasmType]) -> Vec<ValType> {
    types
        .iter()
        .map(|ty| match ty {
            WasmType::I32 | WasmType::Pointer | WasmType::Length => ValType::I32,
            WasmType::I64 | WasmType::PointerOrI64 => ValType::I64,
            WasmType::F32 => ValType::F32,
            WasmType::F64 => ValType::F64,
        })
        .collect()
}
