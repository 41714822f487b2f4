/* engines/engine_abi.h: the C ABI between mlnode and an engine plug-in (one shared object each, dlopen with
 * RTLD_LOCAL). C, so that vendor libraries with clashing C++ runtimes never meet. No exception crosses it. Version:
 * MLNODE_ENGINE_ABI. A plug-in exports one symbol: const MlnodeEngineApi* mlnode_engine(void). Memory: what a plug-in
 * returns, it frees. Strings are UTF-8, NUL-terminated. */
#ifndef MLNODE_ENGINES_ENGINE_ABI_H_
#define MLNODE_ENGINES_ENGINE_ABI_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MLNODE_ENGINE_ABI 2

/* Status: 0 ok, else mlnode::Code + 1. The text is written to `error` (cap bytes, always terminated). */
typedef struct MlnodeError {
  char* text;
  size_t cap;
} MlnodeError;

typedef struct MlnodeLoadOptions {
  const char* model_path;    /* file on disk, .onnx or .pt */
  const char* cache_dir;     /* for compiled blobs; may be NULL */
  int32_t lanes;             /* concurrent Run calls that must not wait for one another; one thread each */
  int32_t precision;         /* 0 = f32, 1 = bf16; exactly this or an error */
  int64_t max_tokens;        /* longest sequence that will be sent */
  const char* const* inputs; /* what batches will hold, by name: see engines/engine.h, LoadOptions.inputs */
  size_t input_count;
  int32_t output_rule; /* mlnode::engines::OutputRule: 0 = rows, 1 = whole */
} MlnodeLoadOptions;

typedef struct MlnodePort { /* a declared input or output of the graph */
  const char* name;
  int32_t type;    /* mlnode::DataType */
  int32_t rank;    /* -1 when dynamic */
  int64_t dims[8]; /* -1 = dynamic */
} MlnodePort;

typedef struct MlnodeModelInfo {
  const MlnodePort* inputs;
  size_t input_count;
  const MlnodePort* outputs;
  size_t output_count;
  const char* precision; /* as the compiled model reports it: "f32", "bf16", "quantized" */
  const char* engine;    /* "openvino 2026.4.1" */
} MlnodeModelInfo;

/* A further value of each token; `values` is as long as the batch's ids. */
typedef struct MlnodeFeature {
  const char* name;
  const int64_t* values;
  int64_t padding; /* what stands behind a sequence that is padded */
} MlnodeFeature;

/* A ragged batch: see core/tensor.h, TokenBatch. Borrowed for the call. */
typedef struct MlnodeBatch {
  const int64_t* ids;
  const int64_t* type_ids; /* NULL = all zero */
  const size_t* offsets;   /* sequences + 1 */
  size_t sequences;
  const MlnodeFeature* features;
  size_t feature_count;
} MlnodeBatch;

/* One output tensor of one sequence, row-major: [tokens, ...] or [...] with padding removed; under output rule "whole"
 * what the graph gave. */
typedef struct MlnodeTensor {
  int32_t type;
  int32_t rank;
  int64_t dims[8];
  const void* data;
} MlnodeTensor;

typedef struct MlnodeModel MlnodeModel;
typedef struct MlnodeResult MlnodeResult; /* owns the memory of its tensors */

typedef struct MlnodeEngineApi {
  int32_t abi;
  const char* name; /* "openvino" */
  /* Loads and compiles. Blocks for seconds. */
  int32_t (*load)(const MlnodeLoadOptions* options, MlnodeModel** model, MlnodeError* error);
  const MlnodeModelInfo* (*info)(const MlnodeModel* model);
  /* Runs one batch. Thread-safe; up to `lanes` calls at once do not wait, further ones may. Nothing of the batch is
   * kept. `outputs`: indices into info().outputs that are wanted. */
  int32_t (*run)(MlnodeModel* model, const MlnodeBatch* batch, const int32_t* outputs, size_t output_count,
                 MlnodeResult** result, MlnodeError* error);
  /* Tensor of sequence s, wanted output o (index into `outputs` of the call). Valid until free_result. */
  void (*tensor)(const MlnodeResult* result, size_t s, size_t o, MlnodeTensor* tensor);
  void (*free_result)(MlnodeResult* result);
  void (*free_model)(
      MlnodeModel* model); /* no run may be under way; returns memory to the system as far as the vendor allows */
} MlnodeEngineApi;

typedef const MlnodeEngineApi* (*MlnodeEngineEntry)(void);

#ifdef __cplusplus
}
#endif
#endif
