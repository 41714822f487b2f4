//! The C ABI of `native/tokenizers_abi.h` and `native/schema_abi.h`, which document every function. No panic leaves an export.

mod ffi;
mod schema;
mod tokenizer;
