/* native/schema_abi.h: JSON Schema, draft 2020-12, by the `jsonschema` crate (native/src/schema.rs). Patterns match in
 * time linear in the text; a reference that leaves the schema is an error, nothing is fetched. What a schema costs
 * (references in a circle, for one, would never end) is not judged here: src/schema/schema_cost.h does so first. A
 * schema may be used from any number of threads at once. */
#ifndef MLNODE_NATIVE_SCHEMA_ABI_H_
#define MLNODE_NATIVE_SCHEMA_ABI_H_

#include "native_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct MlnodeSchema MlnodeSchema;

enum { MLNODE_SCHEMA_MISMATCH = 4 }; /* beside MLNODE_NATIVE_*: the text says where and why, without the values */

/* MLNODE_NATIVE_INVALID: the text is no JSON, or no schema. */
int32_t mlnode_schema_compile(MlnodeText text, MlnodeSchema** schema, MlnodeNativeError* error);
void mlnode_schema_free(MlnodeSchema* schema);
/* MLNODE_NATIVE_OK: the JSON text `instance` matches. */
int32_t mlnode_schema_validate(const MlnodeSchema* schema, MlnodeText instance, MlnodeNativeError* error);

#ifdef __cplusplus
}
#endif
#endif
