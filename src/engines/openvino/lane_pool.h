// engines/openvino/lane_pool.h: the infer requests of one compiled model, one a lane.
#pragma once

#include <condition_variable>
#include <mutex>
#include <openvino/runtime/compiled_model.hpp>
#include <openvino/runtime/infer_request.hpp>
#include <vector>

namespace mlnode::engines::openvino {

// Threads: any. The pool outlives its leases.
class LanePool {
 public:
  LanePool(ov::CompiledModel& model, int lanes);

  // Exclusive use of one lane's request, given back on destruction.
  class Lease {
   public:
    explicit Lease(LanePool& pool) : pool_(pool), request_(pool.Take()) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { pool_.GiveBack(request_); }
    ov::InferRequest& request() { return *request_; }

   private:
    LanePool& pool_;
    ov::InferRequest* request_;
  };

 private:
  ov::InferRequest* Take();  // waits while all lanes are busy
  void GiveBack(ov::InferRequest* request);

  std::vector<ov::InferRequest> requests_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<ov::InferRequest*> free_;
};

}  // namespace mlnode::engines::openvino
