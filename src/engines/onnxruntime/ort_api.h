// engines/onnxruntime/ort_api.h: what this plug-in uses of ONNX Runtime's C API. No registry serves its headers. The
// API is one table of functions to which later versions only append, so that a function's position is its contract; the
// positions and signatures below are those of API version 22 and were compared with the crate ort-sys 2.0.0-rc.10.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

namespace mlnode::engines::onnxruntime {

// The library's own objects, never looked into.
struct OrtStatus;
struct OrtEnv;
struct OrtSession;
struct OrtSessionOptions;
struct OrtMemoryInfo;
struct OrtRunOptions;
struct OrtValue;
struct OrtTypeInfo;
struct OrtTensorInfo;
struct OrtAllocator;

// ONNX's own numbers of element types.
enum OrtType : int {
  kOrtFloat = 1,
  kOrtUint8 = 2,
  kOrtInt8 = 3,
  kOrtInt32 = 6,
  kOrtInt64 = 7,
  kOrtBool = 9,
  kOrtFloat16 = 10,
  kOrtDouble = 11,
};
enum OrtErrorCode : int { kOrtInvalidArgument = 2, kOrtNotImplemented = 9, kOrtInvalidGraph = 10 };

class OrtError : public std::runtime_error {
 public:
  OrtError(int code, const char* text) : std::runtime_error(text), code_(code) {}
  int code() const { return code_; }

 private:
  int code_;
};

// The table. Throws OrtError if the library is older than API version 22.
void* const* OrtTable();
std::string OrtVersion();  // "1.32.0"
// Throws what a status that is not null says, and frees it.
void ThrowIfFailed(OrtStatus* status);

// The function at a position of the table that returns a status: throws OrtError instead.
template <std::size_t kPosition, class... Arguments>
struct OrtCall {
  void operator()(Arguments... arguments) const {
    ThrowIfFailed(reinterpret_cast<OrtStatus* (*)(Arguments...)>(OrtTable()[kPosition])(arguments...));
  }
};

inline constexpr OrtCall<3, int, const char*, OrtEnv**> kCreateEnv{};  // severity from 0, all, to 4, fatal
inline constexpr OrtCall<7, const OrtEnv*, const char*, const OrtSessionOptions*, OrtSession**> kCreateSession{};
inline constexpr OrtCall<9, OrtSession*, const OrtRunOptions*, const char* const*, const OrtValue* const*, std::size_t,
                         const char* const*, std::size_t, OrtValue**>
    kRun{};
inline constexpr OrtCall<10, OrtSessionOptions**> kCreateSessionOptions{};
inline constexpr OrtCall<13, OrtSessionOptions*, int> kSetSessionExecutionMode{};  // 0 = sequential
inline constexpr OrtCall<17, OrtSessionOptions*> kDisableMemPattern{};
inline constexpr OrtCall<24, OrtSessionOptions*, int> kSetIntraOpNumThreads{};
inline constexpr OrtCall<25, OrtSessionOptions*, int> kSetInterOpNumThreads{};
inline constexpr OrtCall<30, const OrtSession*, std::size_t*> kSessionGetInputCount{};
inline constexpr OrtCall<31, const OrtSession*, std::size_t*> kSessionGetOutputCount{};
inline constexpr OrtCall<33, const OrtSession*, std::size_t, OrtTypeInfo**> kSessionGetInputTypeInfo{};
inline constexpr OrtCall<34, const OrtSession*, std::size_t, OrtTypeInfo**> kSessionGetOutputTypeInfo{};
inline constexpr OrtCall<36, const OrtSession*, std::size_t, OrtAllocator*, char**> kSessionGetInputName{};
inline constexpr OrtCall<37, const OrtSession*, std::size_t, OrtAllocator*, char**> kSessionGetOutputName{};
inline constexpr OrtCall<39, OrtRunOptions**> kCreateRunOptions{};
inline constexpr OrtCall<49, const OrtMemoryInfo*, void*, std::size_t, const std::int64_t*, std::size_t, int,
                         OrtValue**>
    kCreateTensorWithDataAsOrtValue{};
inline constexpr OrtCall<51, OrtValue*, void**> kGetTensorMutableData{};
inline constexpr OrtCall<55, const OrtTypeInfo*, const OrtTensorInfo**> kCastTypeInfoToTensorInfo{};
inline constexpr OrtCall<60, const OrtTensorInfo*, int*> kGetTensorElementType{};
inline constexpr OrtCall<61, const OrtTensorInfo*, std::size_t*> kGetDimensionsCount{};
inline constexpr OrtCall<62, const OrtTensorInfo*, std::int64_t*, std::size_t> kGetDimensions{};
inline constexpr OrtCall<65, const OrtValue*, OrtTensorInfo**> kGetTensorTypeAndShape{};
inline constexpr OrtCall<69, int, int, OrtMemoryInfo**>
    kCreateCpuMemoryInfo{};  // allocator 0 = device, memory 0 = default
inline constexpr OrtCall<76, OrtAllocator*, void*> kAllocatorFree{};
inline constexpr OrtCall<78, OrtAllocator**> kGetAllocatorWithDefaultOptions{};
inline constexpr OrtCall<130, OrtSessionOptions*, const char*, const char*> kAddSessionConfigEntry{};
inline constexpr OrtCall<165, OrtRunOptions*, const char*, const char*> kAddRunConfigEntry{};

// Frees with the function at a position of the table.
template <std::size_t kPosition>
struct OrtRelease {
  template <class T>
  void operator()(T* object) const {
    reinterpret_cast<void (*)(T*)>(OrtTable()[kPosition])(object);
  }
};

using OrtEnvPtr = std::unique_ptr<OrtEnv, OrtRelease<92>>;
using OrtMemoryInfoPtr = std::unique_ptr<OrtMemoryInfo, OrtRelease<94>>;
using OrtSessionPtr = std::unique_ptr<OrtSession, OrtRelease<95>>;
using OrtValuePtr = std::unique_ptr<OrtValue, OrtRelease<96>>;
using OrtRunOptionsPtr = std::unique_ptr<OrtRunOptions, OrtRelease<97>>;
using OrtTypeInfoPtr = std::unique_ptr<OrtTypeInfo, OrtRelease<98>>;
using OrtTensorInfoPtr = std::unique_ptr<OrtTensorInfo, OrtRelease<99>>;
using OrtSessionOptionsPtr = std::unique_ptr<OrtSessionOptions, OrtRelease<100>>;

// What a call that makes an object makes: Made<OrtValuePtr>(kCreateX, arguments...).
template <class Pointer, class Call, class... Arguments>
Pointer Made(const Call& call, Arguments... arguments) {
  typename Pointer::pointer object = nullptr;
  call(arguments..., &object);
  return Pointer(object);
}

}  // namespace mlnode::engines::onnxruntime
