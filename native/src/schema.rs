//! The exports of `native/schema_abi.h`. What a schema may cost is judged before it comes here (src/schema/schema_cost.h).

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use crate::ffi::{guarded, silence_panics, ErrorOut, Failure, Text, INVALID, NOT_UTF8};

const MISMATCH: i32 = 4;

/// Bytes of one compiled pattern, and of the cache that matching it may fill.
const PATTERN_BYTES: usize = 1 << 20;
/// Beyond, a mismatch is not explained: an explanation may hold an error for each item.
const EXPLAINED_BYTES: usize = 256 << 10;

pub struct Handle {
    validator: Validator,
}

fn parse(text: &[u8]) -> Result<Value, Failure> {
    let text = std::str::from_utf8(text)
        .map_err(|e| Failure::new(NOT_UTF8, format!("not UTF-8 at byte {}", e.valid_up_to())))?;
    serde_json::from_str(text).map_err(|e| Failure::new(INVALID, e.to_string()))
}

/// Patterns run in linear time; references lead nowhere outside the schema.
fn compile(schema: &Value) -> Result<Handle, Failure> {
    let patterns = PatternOptions::regex().size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES);
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_pattern_options(patterns)
        .offline()
        .build(schema)
        .map(|validator| Handle { validator })
        .map_err(|e| Failure::new(INVALID, format!("at [{}]: {}", e.instance_path().as_str(), e.masked())))
}

impl Handle {
    fn validate(&self, text: &[u8]) -> Result<(), Failure> {
        let instance = parse(text)?;
        if self.validator.is_valid(&instance) {
            return Ok(());
        }
        if text.len() > EXPLAINED_BYTES {
            return Err(Failure::new(MISMATCH, "does not match; what is longer than 262144 bytes is not explained"));
        }
        match self.validator.validate(&instance) {
            Ok(()) => Ok(()),
            Err(e) => {
                let place = e.instance_path().as_str();
                Err(Failure::new(MISMATCH, format!("at [{place}]: {}", e.masked())))
            }
        }
    }
}

#[no_mangle]
pub unsafe extern "C" fn mlnode_schema_compile(text: Text, schema: *mut *mut Handle, error: *mut ErrorOut) -> i32 {
    silence_panics();
    guarded(error, || {
        *schema = Box::into_raw(Box::new(compile(&parse(text.bytes())?)?));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn mlnode_schema_free(schema: *mut Handle) {
    if !schema.is_null() {
        drop(Box::from_raw(schema));
    }
}

#[no_mangle]
pub unsafe extern "C" fn mlnode_schema_validate(schema: *const Handle, instance: Text, error: *mut ErrorOut) -> i32 {
    guarded(error, || (*schema).validate(instance.bytes()))
}
