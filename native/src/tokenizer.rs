//! The exports of `native/tokenizers_abi.h`. Apart from cutting texts to their limits, which the crate does by copying
//! all of them, this file only translates.

use std::ops::Range;
use std::slice;

use tokenizers::{Encoding, PostProcessor, Tokenizer, TruncationDirection};

use crate::ffi::{guarded, silence_panics, ErrorOut, Failure, Text, INTERNAL, INVALID, NOT_UTF8, TOO_LARGE};

#[repr(C)]
pub struct EncodingView {
    ids: *const i64,
    type_ids: *const i64,
    offsets: *const usize,
    sequences: usize,
    truncated: usize,
    sources: *const i8,
    words: *const i64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ChunkLimits {
    max_tokens: usize,
    stride: usize,
    max_total_tokens: usize,
    max_pieces: usize,
}

impl ChunkLimits {
    /// How many pieces of `room` tokens (more than the stride) `tokens` tokens take.
    fn pieces(&self, tokens: usize, room: usize) -> Result<usize, Failure> {
        let all = 1 + tokens.saturating_sub(room).div_ceil(room - self.stride);
        let pieces = all.min(self.max_pieces);
        if pieces.saturating_mul(self.max_tokens) <= self.max_total_tokens {
            return Ok(pieces);
        }
        let text = format!(
            "the second text has {tokens} tokens, which are {pieces} pieces of up to {} tokens with the first text; the \
             limit is {} tokens in all",
            self.max_tokens, self.max_total_tokens
        );
        Err(Failure::new(TOO_LARGE, text))
    }
}

pub struct Handle {
    tokenizer: Tokenizer,
    file_max_length: usize,
    direction: TruncationDirection,
    added_tokens: usize,
    pair_added_tokens: usize,
}

/// All results of one call. Where tokens come from is kept for chunks only.
pub struct Arena {
    ids: Vec<i64>,
    type_ids: Vec<i64>,
    offsets: Vec<usize>,
    truncated: usize,
    sources: Vec<i8>,
    words: Vec<i64>,
}

impl Arena {
    fn new() -> Self {
        Arena { ids: vec![], type_ids: vec![], offsets: vec![0], truncated: 0, sources: vec![], words: vec![] }
    }

    fn push(&mut self, encoding: &Encoding, cut: bool) {
        self.ids.extend(encoding.get_ids().iter().map(|&id| i64::from(id)));
        self.type_ids.extend(encoding.get_type_ids().iter().map(|&id| i64::from(id)));
        self.offsets.push(self.ids.len());
        self.truncated += usize::from(cut);
    }

    /// After `push` of the same encoding.
    fn push_origins(&mut self, encoding: &Encoding) {
        let special = encoding.get_special_tokens_mask();
        for (token, word) in encoding.get_word_ids().iter().enumerate() {
            let source = if special[token] == 1 { None } else { encoding.token_to_sequence(token) };
            self.sources.push(source.map_or(-1, |sequence| sequence as i8));
            self.words.push(word.map_or(-1, i64::from));
        }
    }

    fn done(mut self) -> Self {
        if self.type_ids.iter().all(|&id| id == 0) {
            self.type_ids.clear();
        }
        self
    }
}

/// Safety: the caller of the export lends the bytes for the call.
unsafe fn utf8<'a>(text: Text) -> Result<&'a str, Failure> {
    std::str::from_utf8(text.bytes())
        .map_err(|e| Failure::new(NOT_UTF8, format!("not UTF-8 at byte {}", e.valid_up_to())))
}

/// As `utf8`, of a text that has a name instead of an index.
unsafe fn named_utf8<'a>(name: &str, text: Text) -> Result<&'a str, Failure> {
    std::str::from_utf8(text.bytes())
        .map_err(|e| Failure::new(INVALID, format!("the {name} text is not UTF-8 at byte {}", e.valid_up_to())))
}

fn internal(error: tokenizers::Error) -> Failure {
    Failure::new(INTERNAL, error.to_string())
}

fn no_room(max_tokens: usize, added: usize) -> Failure {
    Failure::new(INVALID, format!("a limit of {max_tokens} tokens leaves no room beside {added} special tokens"))
}

/// Some of the tokens, without a place in a pair: `encode` numbers every text 0, and a number is never taken back.
fn part(from: &Encoding, range: Range<usize>) -> Encoding {
    Encoding::new(
        from.get_ids()[range.clone()].to_vec(),
        from.get_type_ids()[range.clone()].to_vec(),
        from.get_tokens()[range.clone()].to_vec(),
        from.get_word_ids()[range.clone()].to_vec(),
        from.get_offsets()[range.clone()].to_vec(),
        from.get_special_tokens_mask()[range.clone()].to_vec(),
        from.get_attention_mask()[range].to_vec(),
        vec![],
        Default::default(),
    )
}

/// How many tokens of each text stay when both have `room`, as the crate's LongestFirst: of what is too long, the
/// shorter text keeps up to half (rounded down), the longer one the rest.
fn longest_first(first: usize, second: usize, room: usize) -> (usize, usize) {
    if first + second <= room {
        return (first, second);
    }
    let shorter = first.min(second).min(room / 2);
    if first <= second {
        (shorter, room - shorter)
    } else {
        (room - shorter, shorter)
    }
}

/// Safety: as slice::from_raw_parts, but for an empty one.
unsafe fn texts_of<'a>(texts: *const Text, count: usize) -> &'a [Text] {
    if count == 0 {
        &[]
    } else {
        slice::from_raw_parts(texts, count)
    }
}

fn load(json: &[u8]) -> Result<Handle, Failure> {
    let mut tokenizer = Tokenizer::from_bytes(json).map_err(|e| Failure::new(INVALID, e.to_string()))?;
    let (file_max_length, direction) =
        tokenizer.get_truncation().map_or((0, TruncationDirection::Right), |t| (t.max_length, t.direction));
    tokenizer.with_padding(None);
    tokenizer.with_truncation(None).map_err(|e| Failure::new(INTERNAL, e.to_string()))?;
    let added_tokens = tokenizer.get_post_processor().map_or(0, |p| p.added_tokens(false));
    let pair_added_tokens = tokenizer.get_post_processor().map_or(0, |p| p.added_tokens(true));
    Ok(Handle { tokenizer, file_max_length, direction, added_tokens, pair_added_tokens })
}

impl Handle {
    /// Special tokens are added after the cut, so that they survive it.
    fn encode_one(&self, text: &str, max_tokens: usize) -> Result<(Encoding, bool), Failure> {
        let mut encoding = self.tokenizer.encode_fast(text, false).map_err(internal)?;
        let room = max_tokens - self.added_tokens;
        let cut = encoding.len() > room;
        if cut {
            encoding.truncate(room, 0, self.direction);
            encoding.take_overflowing();
        }
        Ok((self.tokenizer.post_process(encoding, None, true).map_err(internal)?, cut))
    }

    fn encode(&self, texts: &[Text], max_tokens: usize) -> Result<Arena, Failure> {
        if max_tokens <= self.added_tokens {
            return Err(no_room(max_tokens, self.added_tokens));
        }
        let mut arena = Arena::new();
        for (index, text) in texts.iter().enumerate() {
            let text = unsafe { utf8(*text) }.map_err(|failure| failure.at(index))?;
            let (encoding, cut) = self.encode_one(text, max_tokens).map_err(|failure| failure.at(index))?;
            arena.push(&encoding, cut);
        }
        Ok(arena.done())
    }

    /// `second` as the tokenizer makes a second text. Neither has special tokens yet.
    fn join(&self, first: Encoding, mut second: Encoding) -> Result<Encoding, Failure> {
        second.set_type_ids(vec![1; second.len()]);
        self.tokenizer.post_process(first, Some(second), true).map_err(internal)
    }

    /// The `count` tokens that a cut leaves. Copies no others: one first text is cut for each of many second ones.
    fn kept(&self, from: &Encoding, count: usize) -> Encoding {
        match self.direction {
            TruncationDirection::Right => part(from, 0..count),
            TruncationDirection::Left => part(from, from.len() - count..from.len()),
        }
    }

    fn pair(&self, first: &Encoding, second: &Encoding, max_tokens: usize) -> Result<(Encoding, bool), Failure> {
        let room = max_tokens - self.pair_added_tokens;
        let cut = first.len() + second.len() > room;
        let (of_first, of_second) = longest_first(first.len(), second.len(), room);
        Ok((self.join(self.kept(first, of_first), self.kept(second, of_second))?, cut))
    }

    fn encode_pairs(&self, first: Text, seconds: &[Text], max_tokens: usize) -> Result<Arena, Failure> {
        // Both texts keep at least a token of what they have.
        if max_tokens < self.pair_added_tokens + 2 {
            return Err(no_room(max_tokens, self.pair_added_tokens));
        }
        let first = self.tokenizer.encode_fast(unsafe { named_utf8("first", first) }?, false).map_err(internal)?;
        let mut arena = Arena::new();
        for (index, text) in seconds.iter().enumerate() {
            let text = unsafe { utf8(*text) }.map_err(|failure| failure.at(index))?;
            let second = self.tokenizer.encode_fast(text, false).map_err(|e| internal(e).at(index))?;
            let (encoding, cut) = self.pair(&first, &second, max_tokens).map_err(|failure| failure.at(index))?;
            arena.push(&encoding, cut);
        }
        Ok(arena.done())
    }

    fn encode_chunks(&self, first: Text, second: Text, limits: ChunkLimits) -> Result<Arena, Failure> {
        // encode_fast numbers no words.
        let first = self.tokenizer.encode(unsafe { named_utf8("first", first) }?, false).map_err(internal)?;
        let second = self.tokenizer.encode(unsafe { named_utf8("second", second) }?, false).map_err(internal)?;
        let ChunkLimits { max_tokens, stride, .. } = limits;
        let room = max_tokens.saturating_sub(self.pair_added_tokens + first.len());
        if room <= stride {
            let text = format!(
                "the first text has {} tokens; of a limit of {max_tokens} that leaves {room} for the second, whose \
                 pieces overlap by {stride}",
                first.len()
            );
            return Err(Failure::new(INVALID, text));
        }
        let pieces = limits.pieces(second.len(), room)?;
        let mut arena = Arena::new();
        for begin in (0..pieces).map(|piece| piece * (room - stride)) {
            let end = second.len().min(begin + room);
            let encoding = self.join(part(&first, 0..first.len()), part(&second, begin..end))?;
            // Only the last piece that is made can leave something out.
            let last = arena.offsets.len() == pieces;
            arena.push(&encoding, last && end < second.len());
            arena.push_origins(&encoding);
        }
        Ok(arena.done())
    }

    fn token(&self, id: i64) -> Result<String, Failure> {
        let id = u32::try_from(id).map_err(|_| Failure::new(INVALID, format!("{id} is not a token id")))?;
        Ok(self.tokenizer.id_to_token(id).unwrap_or_default())
    }

    fn id_limit(&self) -> u64 {
        self.tokenizer.get_vocab(true).values().max().map_or(0, |&id| u64::from(id) + 1)
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
        *encoding = Box::into_raw(Box::new((*tokenizer).encode(texts_of(texts, count), max_tokens)?));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn mlnode_tokenizer_encode_pairs(
    tokenizer: *const Handle,
    first: Text,
    seconds: *const Text,
    count: usize,
    max_tokens: usize,
    encoding: *mut *mut Arena,
    error: *mut ErrorOut,
) -> i32 {
    guarded(error, || {
        let arena = (*tokenizer).encode_pairs(first, texts_of(seconds, count), max_tokens)?;
        *encoding = Box::into_raw(Box::new(arena));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn mlnode_tokenizer_encode_chunks(
    tokenizer: *const Handle,
    first: Text,
    second: Text,
    limits: ChunkLimits,
    encoding: *mut *mut Arena,
    error: *mut ErrorOut,
) -> i32 {
    guarded(error, || {
        *encoding = Box::into_raw(Box::new((*tokenizer).encode_chunks(first, second, limits)?));
        Ok(())
    })
}

fn data_or_null<T>(values: &[T]) -> *const T {
    if values.is_empty() {
        std::ptr::null()
    } else {
        values.as_ptr()
    }
}

#[no_mangle]
pub unsafe extern "C" fn mlnode_encoding_view(encoding: *const Arena, view: *mut EncodingView) {
    let arena = &*encoding;
    *view = EncodingView {
        ids: arena.ids.as_ptr(),
        type_ids: data_or_null(&arena.type_ids),
        offsets: arena.offsets.as_ptr(),
        sequences: arena.offsets.len() - 1,
        truncated: arena.truncated,
        sources: data_or_null(&arena.sources),
        words: data_or_null(&arena.words),
    };
}

#[no_mangle]
pub unsafe extern "C" fn mlnode_encoding_free(encoding: *mut Arena) {
    if !encoding.is_null() {
        drop(Box::from_raw(encoding));
    }
}

fn lend(text: String) -> Text {
    let bytes = text.into_bytes().into_boxed_slice();
    let size = bytes.len();
    Text { data: Box::into_raw(bytes) as *const u8, size }
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
        *text = lend((*tokenizer).decode(ids)?);
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn mlnode_tokenizer_token(
    tokenizer: *const Handle,
    id: i64,
    text: *mut Text,
    error: *mut ErrorOut,
) -> i32 {
    guarded(error, || {
        *text = lend((*tokenizer).token(id)?);
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn mlnode_tokenizer_id_limit(
    tokenizer: *const Handle,
    limit: *mut u64,
    error: *mut ErrorOut,
) -> i32 {
    guarded(error, || {
        *limit = (*tokenizer).id_limit();
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn mlnode_tokenizer_free_text(text: Text) {
    if !text.data.is_null() {
        drop(Box::from_raw(std::ptr::slice_from_raw_parts_mut(text.data as *mut u8, text.size)));
    }
}
