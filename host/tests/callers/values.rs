//! Arguments: every edge of every type, what functions have returned, and handles that are there.

use std::fs;

use wasmtime::component::{ResourceAny, ResourceType, Type, Val};
use wasmtime_wasi::p2::pipe::{MemoryInputPipe, MemoryOutputPipe};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};

use crate::caller::Caller;

#[path = "../../../tests/support/splitmix.rs"]
mod splitmix;

impl Caller<'_> {
    /// The edges that arguments are taken from.
    pub(crate) fn gather(&mut self) {
        let file = |name: &str| fs::read(self.subject.folder.path(name)).unwrap();
        let record = [22, 3, 1, 0, 4, 1, 0, 0, 0].to_vec();
        self.bytes.extend([
            Vec::new(),
            vec![0],
            vec![7; 16],
            vec![7; 32],
            vec![7; 48],
            vec![0xff; 20_000],
            vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            b"-----BEGIN CERTIFICATE-----\n".to_vec(),
            b"EHLO client\r\n".to_vec(),
            record,
            self.subject.certificate.clone(),
            file("ca.pem"),
            file("cert.pem"),
            file("key.pem"),
            file("lists/server.pem"),
        ]);
        let texts = [
            "",
            ".",
            "*",
            "\0",
            "é.test",
            "localhost",
            "127.0.0.1",
            "::1",
            "0.0.0.0",
            "ca.pem",
            "cert.pem",
            "key.pem",
            "/",
            "..",
            "lists",
            "lists/nothing.pem",
            "none",
            "h2",
            "auto",
            "tlsv12",
            "tlsv13",
            "DEFAULT",
            "ALL:!AESGCM",
            "x25519",
            "X25519MLKEM768",
            "ecdsa_secp256r1_sha256",
            "EXPORTER-x",
            "client finished",
        ];
        self.texts.extend(texts.map(str::to_owned));
        self.texts.push_back("x".repeat(70_000));
        self.texts.push_back("a.".repeat(127));
    }

    pub(crate) fn random(&mut self, below: usize) -> usize {
        let number = splitmix::next(&mut self.seed);
        usize::try_from(number % u64::try_from(below.max(1)).unwrap()).unwrap()
    }

    pub(crate) fn number(&mut self) -> u64 {
        const EDGES: [u64; 20] = [
            0,
            1,
            2,
            40,
            63,
            64,
            112,
            255,
            256,
            443,
            1_000,
            16_383,
            16_384,
            16_385,
            65_535,
            65_536,
            1 << 20,
            u32::MAX as u64,
            1 << 32,
            u64::MAX,
        ];
        let place = self.random(EDGES.len());
        *EDGES.get(place).unwrap()
    }

    /// A value of the type; none if it has a resource of which there is no handle.
    pub(crate) fn value(&mut self, kind: &Type) -> Option<Val> {
        Some(match kind {
            Type::Bool => Val::Bool(self.random(2) == 0),
            Type::U8 => Val::U8(self.number() as u8),
            Type::U16 => Val::U16(self.number() as u16),
            Type::U32 => Val::U32(self.number() as u32),
            Type::U64 => Val::U64(self.number()),
            Type::S64 => Val::S64(self.number() as i64),
            Type::String => {
                let place = self.random(self.texts.len());
                Val::String(self.texts.get(place).unwrap().clone())
            }
            Type::List(list) if list.ty() == Type::U8 => {
                let place = self.random(self.bytes.len());
                let bytes = self.bytes.get(place).unwrap();
                Val::List(bytes.iter().map(|byte| Val::U8(*byte)).collect())
            }
            Type::List(list) => {
                let length = match self.random(20) {
                    0 => 1_000,
                    few => few % 4,
                };
                let inner = list.ty();
                Val::List(
                    (0..length)
                        .map(|_| self.value(&inner))
                        .collect::<Option<_>>()?,
                )
            }
            Type::Record(record) => {
                let fields: Vec<_> = record
                    .fields()
                    .map(|field| (field.name.to_owned(), field.ty))
                    .collect();
                let fields = fields.into_iter();
                Val::Record(
                    fields
                        .map(|(name, kind)| Some((name, self.value(&kind)?)))
                        .collect::<Option<_>>()?,
                )
            }
            Type::Tuple(tuple) => {
                let kinds: Vec<_> = tuple.types().collect();
                Val::Tuple(
                    kinds
                        .iter()
                        .map(|kind| self.value(kind))
                        .collect::<Option<_>>()?,
                )
            }
            Type::Variant(variant) => {
                let cases: Vec<_> = variant
                    .cases()
                    .map(|case| (case.name.to_owned(), case.ty))
                    .collect();
                let place = self.random(cases.len());
                let (name, kind) = cases.get(place).unwrap();
                let payload = match kind {
                    Some(kind) => Some(Box::new(self.value(kind)?)),
                    None => None,
                };
                Val::Variant(name.clone(), payload)
            }
            Type::Enum(cases) => {
                let names: Vec<_> = cases.names().map(str::to_owned).collect();
                let place = self.random(names.len());
                Val::Enum(names.get(place).unwrap().clone())
            }
            Type::Option(option) => Val::Option(match self.random(3) {
                0 => None,
                _ => Some(Box::new(self.value(&option.ty())?)),
            }),
            Type::Own(kind) => Val::Resource(self.handle(kind, true)?),
            Type::Borrow(kind) => Val::Resource(self.handle(kind, false)?),
            other => panic!("no value of {other:?} is made yet"),
        })
    }

    /// A handle of this type; one that is given away is no longer ours.
    pub(crate) fn handle(&mut self, kind: &ResourceType, is_given: bool) -> Option<ResourceAny> {
        if self.streams.contains(kind) && self.random(3) > 0 {
            return Some(self.stream(*kind == self.streams[0]));
        }
        let fitting = self.places(kind);
        let place = match fitting.len() {
            0 => return None,
            some => *fitting.get(self.random(some)).unwrap(),
        };
        Some(match is_given {
            true => self.handles.swap_remove(place),
            false => *self.handles.get(place).unwrap(),
        })
    }

    /// A stream in memory: one that ends, or one that is soon full.
    pub(crate) fn stream(&mut self, is_input: bool) -> ResourceAny {
        let place = self.random(self.bytes.len());
        let bytes = self.bytes.get(place).unwrap().clone();
        if is_input {
            let stream: DynInputStream = Box::new(MemoryInputPipe::new(bytes));
            let stream = self.store.data_mut().table.push(stream).unwrap();
            return ResourceAny::try_from_resource(stream, &mut self.store).unwrap();
        }
        let stream: DynOutputStream = Box::new(MemoryOutputPipe::new(30_000));
        let stream = self.store.data_mut().table.push(stream).unwrap();
        ResourceAny::try_from_resource(stream, &mut self.store).unwrap()
    }
}
