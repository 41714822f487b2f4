/* native/json_path_abi.h: JSONPath (RFC 9535) by the `serde_json_path` crate (native/src/json_path.rs), without
 * functions. What a path may cost is not judged here: src/connectors/mapping/path_shape.h does so first. A path may be
 * used from any number of threads at once. */
#ifndef MLNODE_NATIVE_JSON_PATH_ABI_H_
#define MLNODE_NATIVE_JSON_PATH_ABI_H_

#include "native_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct MlnodeJsonPath MlnodeJsonPath;

/* MLNODE_NATIVE_INVALID: no path; the text says why. */
int32_t mlnode_json_path_compile(MlnodeText path, MlnodeJsonPath** compiled, MlnodeNativeError* error);
void mlnode_json_path_free(MlnodeJsonPath* path);
/* The values that the path leads to in the JSON text `document`, in order, as the text of one JSON array, of at most
 * `max_bytes` (beyond: MLNODE_NATIVE_TOO_LARGE). Numbers are what the document says; fields keep their order.
 * MLNODE_NATIVE_INVALID: no JSON. Free with mlnode_json_path_free_text. */
int32_t mlnode_json_path_query(const MlnodeJsonPath* path, MlnodeText document, size_t max_bytes, MlnodeText* result,
                               MlnodeNativeError* error);
void mlnode_json_path_free_text(MlnodeText text);

#ifdef __cplusplus
}
#endif
#endif
