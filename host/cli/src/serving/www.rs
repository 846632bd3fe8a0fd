//! `serve --www`: HTTP/1.1 for the files of a directory.

pub(crate) mod http;
mod site;
