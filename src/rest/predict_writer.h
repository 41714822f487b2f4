// rest/predict_writer.h: prints the answer of a prediction straight from the tensors, as JSON or CBOR
// (spec/predict-local §3).
#pragma once

#include <string>

#include "core/result.h"
#include "rest/predict_request.h"
#include "serving/predict.h"

namespace mlnode::rest {

// {"inference_results":[{"output":[{"name","data_type","shape","data","byte_buffer","result","dataAsMap"}],
// "status_code"}]}: one entry a document, {} for one whose filter kept nothing; what a tensor does not have is left
// out, status_code but of remote models. Numbers of a provider print as doubles, under its name of their type; where
// that is no float type whole ones as integers. Floating types print as the shortest decimal of their float32 value,
// integers and booleans as int32 (a larger one loses its upper bits, as with the peer); byte_buffer holds the values as
// they are. The producer (serving/servable.h) has refused NaN and infinity. One allocation of the whole buffer; each
// value is written once. Cost: about 30 ns a value.
Result<std::string> WritePredictReply(const serving::PredictResult& result, const ResultFilter& filter);

// The same members as CBOR: floating types as single-precision floats, 5 bytes each, byte_buffer's array as a byte
// string. Cost: about 2 ns a value. kInternal: a data_as_map that is no JSON.
Result<std::string> WritePredictCbor(const serving::PredictResult& result, const ResultFilter& filter);

// Values that WritePredictReply would print: what its cost grows with. Texts count by their bytes.
std::size_t PrintedValues(const serving::PredictResult& result, const ResultFilter& filter);

}  // namespace mlnode::rest
