//! The exports of `native/json_path_abi.h`. What a path may cost is judged before it comes here
//! (src/connectors/mapping/path_shape.h).

use std::io::{self, Write};

use serde_json::Value;
use serde_json_path::JsonPath;

use crate::ffi::{guarded, silence_panics, ErrorOut, Failure, Text, INTERNAL, INVALID, NOT_UTF8, TOO_LARGE};

pub struct Handle {
    path: JsonPath,
}

/// Takes at most `left` bytes more.
struct Bounded {
    text: Vec<u8>,
    left: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.left {
            return Err(io::Error::new(io::ErrorKind::Other, "full"));
        }
        self.left -= bytes.len();
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn utf8(text: &[u8]) -> Result<&str, Failure> {
    std::str::from_utf8(text).map_err(|e| Failure::new(NOT_UTF8, format!("not UTF-8 at byte {}", e.valid_up_to())))
}

fn query(path: &JsonPath, document: &[u8], max_bytes: usize) -> Result<Vec<u8>, Failure> {
    let value: Value = serde_json::from_str(utf8(document)?).map_err(|e| Failure::new(INVALID, e.to_string()))?;
    let nodes = path.query(&value).all();
    let mut out = Bounded { text: Vec::new(), left: max_bytes };
    match serde_json::to_writer(&mut out, &nodes) {
        Ok(()) => Ok(out.text),
        Err(e) if e.is_io() => {
            Err(Failure::new(TOO_LARGE, format!("the result is longer than the limit of {max_bytes} bytes")))
        }
        Err(e) => Err(Failure::new(INTERNAL, e.to_string())),
    }
}

#[no_mangle]
pub unsafe extern "C" fn mlnode_json_path_compile(path: Text, compiled: *mut *mut Handle, error: *mut ErrorOut) -> i32 {
    silence_panics();
    guarded(error, || {
        let path = JsonPath::parse(utf8(path.bytes())?).map_err(|e| Failure::new(INVALID, e.to_string()))?;
        *compiled = Box::into_raw(Box::new(Handle { path }));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn mlnode_json_path_free(path: *mut Handle) {
    if !path.is_null() {
        drop(Box::from_raw(path));
    }
}

#[no_mangle]
pub unsafe extern "C" fn mlnode_json_path_query(
    path: *const Handle,
    document: Text,
    max_bytes: usize,
    result: *mut Text,
    error: *mut ErrorOut,
) -> i32 {
    guarded(error, || {
        let text = query(&(*path).path, document.bytes(), max_bytes)?.into_boxed_slice();
        let size = text.len();
        *result = Text { data: Box::into_raw(text) as *const u8, size };
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn mlnode_json_path_free_text(text: Text) {
    if !text.data.is_null() {
        drop(Box::from_raw(std::ptr::slice_from_raw_parts_mut(text.data as *mut u8, text.size)));
    }
}
