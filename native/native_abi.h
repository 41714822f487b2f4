/* native/native_abi.h: what the C ABIs of the one Rust static library share (native/src/ffi.rs). No panic crosses them;
 * a panic inside is MLNODE_NATIVE_INTERNAL. Strings are UTF-8 with a length, not NUL-terminated, but for error texts.
 * The library starts no threads. */
#ifndef MLNODE_NATIVE_NATIVE_ABI_H_
#define MLNODE_NATIVE_NATIVE_ABI_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  MLNODE_NATIVE_OK = 0,
  MLNODE_NATIVE_INVALID = 1,   /* the input is wrong: the text says how */
  MLNODE_NATIVE_NOT_UTF8 = 2,  /* MlnodeNativeError.index names the text */
  MLNODE_NATIVE_INTERNAL = 3,  /* a panic or a failure of a crate */
  MLNODE_NATIVE_TOO_LARGE = 4, /* the result would be beyond a limit that the caller gave: the text names both */
};

typedef struct MlnodeText {
  const char* data;
  size_t size;
} MlnodeText;

typedef struct MlnodeNativeError {
  char* text; /* the caller's buffer of `cap` bytes (at least 1); written NUL-terminated, cut if need be */
  size_t cap;
  size_t index; /* which text of the call, where one is at fault */
} MlnodeNativeError;

#ifdef __cplusplus
}
#endif
#endif
