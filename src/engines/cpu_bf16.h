// engines/cpu_bf16.h: whether this CPU multiplies bf16 itself. Vendors emulate it where it does not, which gives the
// lower accuracy without the speed.
#pragma once

#include <string_view>

namespace mlnode::engines {

bool CpuComputesBf16();  // avx512_bf16 or AMX
// What computes it: "amx", "avx512"; empty where nothing does. Their results differ in the last bits.
std::string_view Bf16Kind();

}  // namespace mlnode::engines
