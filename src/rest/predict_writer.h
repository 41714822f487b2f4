// rest/predict_writer.h: prints the answer of a prediction straight from the tensors, as JSON or CBOR
// (spec/predict-local §3).
#pragma once

#include <string>

#include "core/result.h"
#include "rest/predict_request.h"
#include "serving/predict.h"

namespace mlnode::rest {

// {"inference_results":[{"output":[{"name","data_type","shape","data"}]}]}: one entry a document, {} for one whose
// filter kept nothing. float32 prints as the shortest decimal that reads back as the same value; the producer
// (serving/servable.h) has refused NaN and infinity. One allocation of the whole buffer; each value is written once.
// Cost: about 30 ns a value. kUnimplemented: a tensor type this version cannot print, named.
Result<std::string> WritePredictReply(const serving::PredictResult& result, const ResultFilter& filter);

// The same answer as CBOR: float32 as single-precision floats, 5 bytes each, exact; integers as integers. Cost: about
// 2 ns a value.
Result<std::string> WritePredictCbor(const serving::PredictResult& result, const ResultFilter& filter);

// Values that WritePredictReply would print: what its cost grows with.
std::size_t PrintedValues(const serving::PredictResult& result, const ResultFilter& filter);

}  // namespace mlnode::rest
