#include "serving/servable.h"

namespace mlnode::serving {

void Servable::Stream(StreamRequest /*request*/, std::shared_ptr<Servable> /*self*/, StreamSink sink) {
  sink.done(MakeError(Code::kInvalidArgument, "Streaming is only supported for remote models"));
}

}  // namespace mlnode::serving
