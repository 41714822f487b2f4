//! The exports of `native/tokenizers_abi.h`. This file only translates: the crate's work stays in the crate.

use std::slice;

use tokenizers::{Encoding, PostProcessor, Tokenizer, TruncationDirection};

use crate::ffi::{guarded, silence_panics, ErrorOut, Failure, Text, INTERNAL, INVALID, NOT_UTF8};

#[repr(C)]
pub struct EncodingView {
    ids: *const i64,
    type_ids: *const i64,
    offsets: *const usize,
    sequences: usize,
    truncated: usize,
}

pub struct Handle {
    tokenizer: Tokenizer,
    file_max_length: usize,
    direction: TruncationDirection,
    added_tokens: usize,
}

#[derive(Default)]
pub struct Arena {
    ids: Vec<i64>,
    type_ids: Vec<i64>,
    offsets: Vec<usize>,
    truncated: usize,
}

fn load(json: &[u8]) -> Result<Handle, Failure> {
    let mut tokenizer = Tokenizer::from_bytes(json).map_err(|e| Failure::new(INVALID, e.to_string()))?;
    let (file_max_length, direction) =
        tokenizer.get_truncation().map_or((0, TruncationDirection::Right), |t| (t.max_length, t.direction));
    tokenizer.with_padding(None);
    tokenizer.with_truncation(None).map_err(|e| Failure::new(INTERNAL, e.to_string()))?;
    let added_tokens = tokenizer.get_post_processor().map_or(0, |p| p.added_tokens(false));
    Ok(Handle { tokenizer, file_max_length, direction, added_tokens })
}

impl Handle {
    /// Special tokens are added after the cut, so that they survive it.
    fn encode_one(&self, text: &str, max_tokens: usize) -> Result<(Encoding, bool), Failure> {
        let fail = |e: tokenizers::Error| Failure::new(INTERNAL, e.to_string());
        let mut encoding = self.tokenizer.encode_fast(text, false).map_err(fail)?;
        let room = max_tokens - self.added_tokens;
        let cut = encoding.len() > room;
        if cut {
            encoding.truncate(room, 0, self.direction);
            encoding.take_overflowing();
        }
        Ok((self.tokenizer.post_process(encoding, None, true).map_err(fail)?, cut))
    }

    fn encode(&self, texts: &[Text], max_tokens: usize) -> Result<Arena, Failure> {
        if max_tokens <= self.added_tokens {
            let text = format!("a limit of {max_tokens} tokens leaves no room beside {} special tokens", self.added_tokens);
            return Err(Failure::new(INVALID, text));
        }
        let mut arena = Arena { offsets: vec![0], ..Arena::default() };
        for (index, text) in texts.iter().enumerate() {
            // Safety: the caller of the export lends the bytes for the call.
            let text = std::str::from_utf8(unsafe { text.bytes() })
                .map_err(|e| Failure::new(NOT_UTF8, format!("not UTF-8 at byte {}", e.valid_up_to())).at(index))?;
            let (encoding, cut) = self.encode_one(text, max_tokens).map_err(|failure| failure.at(index))?;
            arena.ids.extend(encoding.get_ids().iter().map(|&id| i64::from(id)));
            arena.type_ids.extend(encoding.get_type_ids().iter().map(|&id| i64::from(id)));
            arena.offsets.push(arena.ids.len());
            arena.truncated += usize::from(cut);
        }
        if arena.type_ids.iter().all(|&id| id == 0) {
            arena.type_ids.clear();
        }
        Ok(arena)
    }

    fn decode(&self, ids: &[i64]) -> Result<String, Failure> {
        let ids = ids
            .iter()
            .map(|&id| u32::try_from(id).map_err(|_| Failure::new(INVALID, format!("{id} is not a token id"))))
            .collect::<Result<Vec<u32>, Failure>>()?;
        self.tokenizer.decode(&ids, true).map_err(|e| Failure::new(INTERNAL, e.to_string()))
    }
}

#[no_mangle]
pub unsafe extern "C" fn mlnode_tokenizer_load(json: Text, tokenizer: *mut *mut Handle, error: *mut ErrorOut) -> i32 {
    silence_panics();
    guarded(error, || {
        *tokenizer = Box::into_raw(Box::new(load(json.bytes())?));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn mlnode_tokenizer_free(tokenizer: *mut Handle) {
    if !tokenizer.is_null() {
        drop(Box::from_raw(tokenizer));
    }
}

#[no_mangle]
pub unsafe extern "C" fn mlnode_tokenizer_max_length(tokenizer: *const Handle) -> u64 {
    (*tokenizer).file_max_length as u64
}

#[no_mangle]
pub unsafe extern "C" fn mlnode_tokenizer_encode(
    tokenizer: *const Handle,
    texts: *const Text,
    count: usize,
    max_tokens: usize,
    encoding: *mut *mut Arena,
    error: *mut ErrorOut,
) -> i32 {
    guarded(error, || {
        let texts = if count == 0 { &[] } else { slice::from_raw_parts(texts, count) };
        *encoding = Box::into_raw(Box::new((*tokenizer).encode(texts, max_tokens)?));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn mlnode_encoding_view(encoding: *const Arena, view: *mut EncodingView) {
    let arena = &*encoding;
    *view = EncodingView {
        ids: arena.ids.as_ptr(),
        type_ids: if arena.type_ids.is_empty() { std::ptr::null() } else { arena.type_ids.as_ptr() },
        offsets: arena.offsets.as_ptr(),
        sequences: arena.offsets.len() - 1,
        truncated: arena.truncated,
    };
}

#[no_mangle]
pub unsafe extern "C" fn mlnode_encoding_free(encoding: *mut Arena) {
    if !encoding.is_null() {
        drop(Box::from_raw(encoding));
    }
}

#[no_mangle]
pub unsafe extern "C" fn mlnode_tokenizer_decode(
    tokenizer: *const Handle,
    ids: *const i64,
    count: usize,
    text: *mut Text,
    error: *mut ErrorOut,
) -> i32 {
    guarded(error, || {
        let ids = if count == 0 { &[] } else { slice::from_raw_parts(ids, count) };
        let bytes = (*tokenizer).decode(ids)?.into_bytes().into_boxed_slice();
        let size = bytes.len();
        *text = Text { data: Box::into_raw(bytes) as *const u8, size };
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn mlnode_tokenizer_free_text(text: Text) {
    if !text.data.is_null() {
        drop(Box::from_raw(std::ptr::slice_from_raw_parts_mut(text.data as *mut u8, text.size)));
    }
}
