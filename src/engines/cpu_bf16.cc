#include "engines/cpu_bf16.h"

namespace mlnode::engines {

std::string_view Bf16Kind() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("amx-bf16") != 0) return "amx";
  if (__builtin_cpu_supports("avx512bf16") != 0) return "avx512";
#endif
  return {};
}

bool CpuComputesBf16() { return !Bf16Kind().empty(); }

}  // namespace mlnode::engines
