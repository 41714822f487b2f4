#include "serving/servable.h"

namespace mlnode::serving {

// Overrides take all of them over. NOLINTNEXTLINE(performance-unnecessary-value-param)
void Servable::Stream(StreamRequest /*request*/, std::shared_ptr<Servable> /*self*/, StreamSink sink) {
  sink.done(MakeError(Code::kInvalidArgument, "Streaming is only supported for remote models"));
}

}  // namespace mlnode::serving
