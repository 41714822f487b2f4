#include "engines/openvino/lane_pool.h"

namespace mlnode::engines::openvino {

LanePool::LanePool(ov::CompiledModel& model, int lanes) {
  for (int i = 0; i < lanes; ++i) requests_.push_back(model.create_infer_request());
  for (ov::InferRequest& request : requests_) free_.push_back(&request);
}

ov::InferRequest* LanePool::Take() {
  std::unique_lock lock(mutex_);
  freed_.wait(lock, [&] { return !free_.empty(); });
  ov::InferRequest* const request = free_.back();
  free_.pop_back();
  return request;
}

void LanePool::GiveBack(ov::InferRequest* request) {
  {
    const std::lock_guard lock(mutex_);
    free_.push_back(request);
  }
  freed_.notify_one();
}

}  // namespace mlnode::engines::openvino
