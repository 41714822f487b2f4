//! What both halves of the library share: texts, errors and the guard that no panic passes.

use std::any::Any;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::slice;
use std::sync::Once;

pub const OK: i32 = 0;
pub const INVALID: i32 = 1;
pub const NOT_UTF8: i32 = 2;
pub const INTERNAL: i32 = 3;
pub const TOO_LARGE: i32 = 4;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Text {
    pub data: *const u8,
    pub size: usize,
}

#[repr(C)]
pub struct ErrorOut {
    text: *mut u8,
    cap: usize,
    index: usize,
}

pub struct Failure {
    status: i32,
    text: String,
    index: usize,
}

impl Failure {
    pub fn new(status: i32, text: impl Into<String>) -> Self {
        Failure { status, text: text.into(), index: 0 }
    }
    pub fn at(mut self, index: usize) -> Self {
        self.index = index;
        self
    }
}

impl Text {
    /// Safety: `data` points to `size` bytes that outlive the returned slice.
    pub unsafe fn bytes<'a>(self) -> &'a [u8] {
        if self.size == 0 {
            return &[];
        }
        slice::from_raw_parts(self.data, self.size)
    }
}

/// Panics become error texts of the call: the default hook would print them to the node's stderr as well.
pub fn silence_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(|_| {})));
}

fn panic_text(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(other) => other.downcast::<&str>().map_or_else(|_| "panic".to_string(), |text| text.to_string()),
    }
}

/// Safety: `error` is null or points to a valid ErrorOut whose buffer holds `cap` bytes.
unsafe fn report(error: *mut ErrorOut, failure: &Failure) {
    let Some(error) = error.as_mut() else { return };
    error.index = failure.index;
    if error.text.is_null() || error.cap == 0 {
        return;
    }
    let mut end = failure.text.len().min(error.cap - 1);
    while !failure.text.is_char_boundary(end) {
        end -= 1;
    }
    let out = slice::from_raw_parts_mut(error.text, end + 1);
    out[..end].copy_from_slice(&failure.text.as_bytes()[..end]);
    out[end] = 0;
    out[..end].iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b' ');
}

/// Safety: as `report`.
pub unsafe fn guarded(error: *mut ErrorOut, body: impl FnOnce() -> Result<(), Failure>) -> i32 {
    let result = catch_unwind(AssertUnwindSafe(body))
        .unwrap_or_else(|payload| Err(Failure::new(INTERNAL, format!("panic: {}", panic_text(payload)))));
    match result {
        Ok(()) => OK,
        Err(failure) => {
            report(error, &failure);
            failure.status
        }
    }
}
