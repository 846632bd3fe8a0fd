"""The component in a native Python: makes the bindings of componentize-py call it by wasmtime-py.

`PORTCULLIS_ENGINE` names the component without sockets. The bindings, of `componentize-py bindings`, have to
be on the path; what they declare is called in one instance, by one thread at a time. It is for tests: a
program that runs natively has CPython's own `ssl`.
"""

import ctypes
import enum
import functools
import importlib
import os
import threading
import weakref

import wasmtime
import wasmtime.component as component
from wasmtime import _ffi as ffi

from componentize_py_types import Err

_INTERFACES = {
    "certificate": "certificate",
    "client-hello": "client_hello",
    "context": "context",
    "engine": "engine",
    "errors": "errors",
    "key-log": "key_log",
    "session": "session",
    "types": "portcullis_tls_types",
}
# Of the thread that a garbage collection runs in, which drops resources in the midst of a call.
_LOCK = threading.RLock()


def _camel(kebab):
    return "".join(part.capitalize() for part in kebab.split("-"))


def _snake(kebab):
    return kebab.replace("-", "_")


class Bridge:
    """One instance of the component, and the classes of the bindings that stand for its types."""

    def __init__(self, path):
        config = wasmtime.Config()
        config.cache = True
        engine = wasmtime.Engine(config)
        loaded = component.Component.from_file(engine, path)
        linker = component.Linker(engine)
        linker.add_wasip2()
        self._store = wasmtime.Store(engine)
        wasi = wasmtime.WasiConfig()
        wasi.inherit_env()
        wasi.preopen_dir("/", "/")
        self._store.set_wasi(wasi)
        self._instance = linker.instantiate(self._store, loaded)
        self._resources, self._enums, self._records, self._cases = [], {}, {}, {}
        exports = {
            name.partition("/")[2].partition("@")[0]: (name, extern.ty.exports(engine))
            for name, extern in loaded.type.exports(engine).items()
        }
        modules = {
            name: importlib.import_module(f"wit_world.imports.{module}")
            for name, module in _INTERFACES.items()
        }
        for name, module in modules.items():
            for exported, extern in exports[name][1].items():
                self._learn(module, exported, extern.ty)
        for name, module in modules.items():
            for exported, extern in exports[name][1].items():
                if isinstance(extern.ty, component.FuncType):
                    self._define(module, exports[name][0], exported)

    def _learn(self, module, name, item):
        """Note which class stands for a type."""
        kind = getattr(module, _camel(name), None)
        if isinstance(item, component.EnumType) and isinstance(kind, enum.EnumMeta):
            self._enums[frozenset(item.names)] = kind
        elif isinstance(item, component.RecordType) and kind is not None:
            self._records[frozenset(field for field, _ in item.fields)] = kind
        elif isinstance(item, component.VariantType):
            for case, _ in item.cases:
                if (of_case := getattr(module, f"{_camel(name)}_{_camel(case)}", None)) is not None:
                    self._cases[of_case] = case
                    self._cases[frozenset(c for c, _ in item.cases), case] = of_case

    def _define(self, module, interface, name):
        """Put a function in the place of what the bindings only declare."""
        index = self._instance.get_export_index(self._store, interface)
        index = self._instance.get_export_index(self._store, name, index)
        found = _Function(self._instance, self._store, index)
        call = functools.partial(self._call, found)
        kind, _, method = name.partition("]")
        if not method:
            setattr(module, _snake(name), lambda *arguments: call(*arguments))
            return
        resource, _, method = method.partition(".")
        function = lambda *arguments: call(*arguments)
        function.__name__ = _snake(method)
        target = getattr(module, _camel(resource))
        if kind == "[method":
            # The type that it has in this instance.
            self._resources.append((found.params[0].ty, target))
        if kind == "[static":
            function = staticmethod(function)
        setattr(target, _snake(method), function)
        target.__enter__ = lambda self: self
        target.__exit__ = lambda self, *_: self._finalizer()

    def _call(self, function, *arguments):
        with _LOCK:
            lowered = [self._lower(kind, value) for kind, value in zip(function.params, arguments)]
            return self._lift(function.result, function(*lowered))

    def _lower(self, kind, value):
        if isinstance(kind, component.EnumType):
            names = {_snake(name).upper(): name for name in kind.names}
            return names[value.name]
        if isinstance(kind, component.VariantType):
            case, payload = self._cases[type(value)], getattr(value, "value", None)
            if case == "path":
                # The component knows one folder, the root.
                payload = os.path.abspath(payload)
            kinds = dict(kind.cases)
            if kinds[case] is not None:
                payload = self._lower(kinds[case], payload)
            return component.Variant(case, payload) if kind._tagged() else payload
        if isinstance(kind, component.RecordType):
            record = component.Record()
            for field, of_field in kind.fields:
                setattr(record, field, self._lower(of_field, getattr(value, _snake(field))))
            return record
        if isinstance(kind, component.OptionType):
            return None if value is None else self._lower(kind.payload, value)
        if isinstance(kind, component.ListType) and not kind._is_bytes():
            return [self._lower(kind.element, item) for item in value]
        if isinstance(kind, (component.BorrowType, component.OwnType)):
            return value._any
        return value

    def _lift(self, kind, value):
        if kind is None or value is None and not isinstance(kind, component.ResultType):
            return None
        if isinstance(kind, component.ResultType):
            return self._lift_result(kind, value)
        if isinstance(kind, component.EnumType):
            return self._enums[frozenset(kind.names)][_snake(value).upper()]
        if isinstance(kind, component.VariantType):
            found = self._cases[frozenset(case for case, _ in kind.cases), value.tag]
            payload = dict(kind.cases)[value.tag]
            return found() if payload is None else found(self._lift(payload, value.payload))
        if isinstance(kind, component.RecordType):
            found = self._records[frozenset(field for field, _ in kind.fields)]
            lifted = {
                _snake(field): self._lift(of_field, getattr(value, field))
                for field, of_field in kind.fields
            }
            return found(**lifted)
        if isinstance(kind, component.OptionType):
            return self._lift(kind.payload, value)
        if isinstance(kind, component.ListType) and not kind._is_bytes():
            return [self._lift(kind.element, item) for item in value]
        if isinstance(kind, component.OwnType):
            return self._resource(kind, value)
        return value

    def _lift_result(self, kind, value):
        is_variant = isinstance(kind.err, component.VariantType)
        failed = isinstance(value, component.Variant if is_variant else component.Record)
        if kind._tagged():
            failed, value = value.tag == "err", value.payload
        if failed:
            raise Err(self._lift(kind.err, value))
        return None if kind.ok is None else self._lift(kind.ok, value)

    def _resource(self, kind, value):
        found = next(found for item, found in self._resources if item == kind.ty)
        made = object.__new__(found)
        made._any = value
        made._finalizer = weakref.finalize(made, self._drop, value)
        made._finalizer.atexit = False
        return made

    def _drop(self, value):
        with _LOCK:
            value.drop(self._store)


class _Function:
    """A function of the component, whose types are asked for once."""

    def __init__(self, instance, store, index):
        self._function, self._store = instance.get_func(store, index), store
        kind = self._function.type(store)
        self.params, self.result = [of_one for _, of_one in kind.params], kind.result
        cached = _Types([("", of_one) for of_one in self.params], self.result)
        self._function.type = lambda _: cached

    def __call__(self, *arguments):
        return self._function(self._store, *arguments)


class _Types:
    def __init__(self, params, result):
        self.params, self.result = params, result


# Lists of bytes, which wasmtime-py moves one by one.

_VALUE = ffi.wasmtime_component_val_t
_AT = _VALUE.of.offset


def _value(number):
    made = _VALUE()
    made.kind = ffi.WASMTIME_COMPONENT_U8
    made.of.u8 = number
    return bytes(made)


_VALUES = [_value(number) for number in range(256)]
_slowly_to, _slowly_from = component.ListType.convert_to_c, component.ListType.convert_from_c


def _to(self, store, value, place):
    if not self._is_bytes():
        return _slowly_to(self, store, value, place)
    raw = ffi.wasmtime_component_vallist_t()
    ffi.wasmtime_component_vallist_new_uninit(raw, len(value))
    whole = b"".join(map(_VALUES.__getitem__, value))
    if whole:
        ctypes.memmove(raw.data, whole, len(whole))
    place.contents.kind = ffi.WASMTIME_COMPONENT_LIST
    place.contents.of.list = raw


def _from(self, value):
    if not self._is_bytes():
        return _slowly_from(self, value)
    try:
        size = value.of.list.size
        if not size:
            return b""
        return ctypes.string_at(value.of.list.data, size * ctypes.sizeof(_VALUE))[
            _AT :: ctypes.sizeof(_VALUE)
        ]
    finally:
        ffi.wasmtime_component_vallist_delete(ctypes.byref(value.of.list))


component.ListType.convert_to_c, component.ListType.convert_from_c = _to, _from
BRIDGE = Bridge(os.environ["PORTCULLIS_ENGINE"])
