// serving/remote/stream.h: an answer that comes piece by piece (spec/remote §12).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/result.h"
#include "core/unique_function.h"
#include "serving/predict.h"

namespace mlnode::serving {

struct StreamRequest {
  PredictRequest predict;  // remote is set
  std::string interface;   // parameter _llm_interface: "openai/v1/chat/completions", "bedrock/converse/claude"
};

struct StreamPiece {
  std::string content;
  bool last = false;
};

struct StreamSink {
  // Each piece in order; on the HTTP client's thread: must not block. An error stops the provider's transfer. The one
  // that is `last` comes exactly once in a stream that ends well.
  std::function<Status(const StreamPiece&)> piece;
  // Exactly once, after the last piece: how it ended. A stream whose last piece was taken ended well, whatever the
  // provider does then. Any thread.
  UniqueFunction<void(Status)> done;
};

}  // namespace mlnode::serving
