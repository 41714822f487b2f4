// serving/pipelines/text_encoding.h: all texts of one request to tokens, in bounded pieces: a large request uses
// several threads of `cpu` at once, and others get their turn between its pieces. The order of the texts is kept.
#pragma once

#include <functional>
#include <memory>

#include "core/executor.h"
#include "core/unique_function.h"
#include "serving/pipeline.h"

namespace mlnode::serving {

// One request's tokenizing. References and the request's texts live until `done` was called.
struct TextEncoding {
  const Pipeline& pipeline;
  const PredictRequest& request;
  std::function<Status()> wanted;                  // asked before each piece; its error ends the work
  std::function<Status(std::size_t tokens)> fits;  // told the tokens so far after each piece; its error ends the work
};

// Beyond, EncodeHere would hold the caller's thread for more than about a millisecond (text/tokenizer.h, Cost).
bool IsLarge(const PredictRequest& request);

// On the calling thread. Errors: those of the pipeline, `wanted` and `fits`; the first text concerned wins. An error
// that names a text counts from the beginning of its piece and says where that is.
Result<Encoding> EncodeHere(const TextEncoding& work);

// On up to `threads` threads of `cpu`. `done` is called exactly once: on `cpu`, or inside the call with
// kResourceExhausted and retry_after when `cpu` takes no work. Errors as EncodeHere.
using EncodingDone = UniqueFunction<void(Result<Encoding>)>;
void EncodeInParallel(TextEncoding work, Executor& cpu, int threads, EncodingDone done);

}  // namespace mlnode::serving
