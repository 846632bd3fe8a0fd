#!/usr/bin/env bash
# Runs CPython's own test_ssl against `_ssl`: PYTHON [NAME...]. PYTHON is one of 3.12 or later that has its
# tests (`python3.13 -c 'import test.test_ssl'`); `cargo xtask build` comes before it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$here/../../..
python=${1:?usage: test_ssl.sh PYTHON [NAME...]}
shift
venv=$root/target/tools/test_ssl
[[ -x $venv/bin/python ]] || "$python" -m venv "$venv"
"$venv/bin/pip" install --quiet componentize-py==0.25.1 wasmtime==50.0.1
rm -rf "$venv/bindings"
"$venv/bin/componentize-py" --quiet -d "$root/wit" -w command bindings "$venv/bindings"
unset SSL_CERT_FILE SSL_CERT_DIR
PORTCULLIS_ENGINE=$root/target/portcullis-engine.wasm PYTHONPATH=$venv/bindings \
    exec "$venv/bin/python" -W ignore "$here/test_ssl.py" "$@"
