//! Bytes to streams and from them.

use wit_bindgen::{StreamReader, StreamResult, StreamWriter};

/// As many bytes as asked for, each told by its place.
pub(crate) fn pattern(from: usize, length: usize) -> Vec<u8> {
    let byte = |place: usize| u8::try_from(place.wrapping_mul(2_654_435_761) >> 7 & 0xff);
    (from..from + length)
        .map(|place| byte(place).unwrap_or_default())
        .collect()
}

/// Writes the pattern in pieces, and gives the stream back.
pub(crate) async fn write_pattern(
    mut to: StreamWriter<u8>,
    length: usize,
    piece: usize,
) -> StreamWriter<u8> {
    let mut from = 0;
    while from < length {
        let next = piece.min(length - from);
        if !to.write_all(pattern(from, next)).await.is_empty() {
            break;
        }
        from += next;
    }
    to
}

/// How many bytes of the pattern came, up to this length, before the end or the first one that is
/// wrong.
pub(crate) async fn read_pattern(from: &mut StreamReader<u8>, length: usize) -> usize {
    let mut place = 0;
    let mut buffer = Vec::with_capacity(64 * 1024);
    loop {
        let (status, filled) = from.read(buffer).await;
        if filled != pattern(place, filled.len()) {
            return place;
        }
        place += filled.len();
        if place >= length || !matches!(status, StreamResult::Complete(_)) {
            return place;
        }
        buffer = filled;
        buffer.clear();
    }
}

/// Everything that comes.
pub(crate) async fn read_all(mut from: StreamReader<u8>) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let (status, filled) = from.read(Vec::with_capacity(16 * 1024)).await;
        all.extend(filled);
        if !matches!(status, StreamResult::Complete(_)) {
            return all;
        }
    }
}
