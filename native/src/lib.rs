//! The C ABI of `native/tokenizers_abi.h`, `native/schema_abi.h` and `native/json_path_abi.h`, which document every function.
//! No panic leaves an export.

mod ffi;
mod json_path;
mod schema;
mod tokenizer;
