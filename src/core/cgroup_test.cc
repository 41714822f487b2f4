#include "core/cgroup.h"

#include <gtest/gtest.h>

#include <string>

#include "core/testing/temp_dir.h"

namespace mlnode {
namespace {

class CgroupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Proc("meminfo", "MemTotal:       16000 kB\nMemFree:  1 kB\n");
    Proc("self/status",
         "Name:\tx\nRssAnon:\t     100 kB\nRssFile:\t  900 kB\nRssShmem:\t  20 kB\nCpus_allowed_list:\t0-7\n");
    std::string cpuinfo;  // two packages of two cores of two threads
    for (int cpu = 0; cpu < 8; ++cpu) {
      cpuinfo += "processor\t: " + std::to_string(cpu) + "\nphysical id\t: " + std::to_string(cpu / 4) +
                 "\ncore id\t\t: " + std::to_string(cpu % 2) + "\nflags\t: a b\n\n";
    }
    Proc("cpuinfo", cpuinfo);
  }
  void Proc(const std::string& name, const std::string& text) { dir_.Write("proc/" + name, text); }
  void Cgroup(const std::string& name, const std::string& text) { dir_.Write("cgroup/" + name, text); }
  SystemRoots Roots() const { return {.proc = dir_.File("proc"), .cgroup = dir_.File("cgroup")}; }

 private:
  testing::TempDir dir_;
};

TEST_F(CgroupTest, WithoutCgroupsTheMachineAndTheProcessCount) {
  EXPECT_EQ(MemoryLimitBytes(Roots()), 16000U * 1024);
  EXPECT_EQ(MemoryUsedBytes(Roots()), 120U * 1024);
  EXPECT_EQ(PhysicalCores(Roots()), 4);
}

TEST_F(CgroupTest, V2TakesTheSmallestLimitOfAllAncestors) {
  Proc("self/cgroup", "0::/a/b/c\n");
  Cgroup("a/memory.max", "5000000\n");
  Cgroup("a/b/memory.max", "3000000\n");
  Cgroup("a/b/c/memory.max", "max\n");
  EXPECT_EQ(MemoryLimitBytes(Roots()), 3000000U);
}

TEST_F(CgroupTest, LimitsAbovePhysicalMemoryDoNotCount) {
  Proc("self/cgroup", "0::/a\n");
  Cgroup("a/memory.max", "99999999999\n");
  EXPECT_EQ(MemoryLimitBytes(Roots()), 16000U * 1024);
}

TEST_F(CgroupTest, V2UsedIsAnonymousAndSharedWithoutPageCache) {
  Proc("self/cgroup", "0::/a\n");
  Cgroup("a/memory.current", "900000\n");
  Cgroup("a/memory.stat", "anon_thp 7\nanon 5000\nfile 800000\nshmem 300\n");
  EXPECT_EQ(MemoryUsedBytes(Roots()), 5300U);
  EXPECT_EQ(ProcessMemoryBytes(Roots()), 120U * 1024) << "whatever else the cgroup holds";
}

TEST_F(CgroupTest, TheRootCgroupOfAMachineIsNotThisProcess) {
  Proc("self/cgroup", "0::/\n");
  Cgroup("memory.stat", "anon 7000000\nshmem 300\n");
  EXPECT_EQ(MemoryUsedBytes(Roots()), 120U * 1024);
}

TEST_F(CgroupTest, InsideAContainerTheMountItselfLimits) {
  Proc("self/cgroup", "0::/docker/not-visible-here\n");
  Cgroup("memory.max", "4000000\n");
  Cgroup("memory.current", "1\n");
  Cgroup("memory.stat", "anon 77\nshmem 3\n");
  EXPECT_EQ(MemoryLimitBytes(Roots()), 4000000U);
  EXPECT_EQ(MemoryUsedBytes(Roots()), 80U);
}

TEST_F(CgroupTest, V1ReadsTheMemoryController) {
  Proc("self/cgroup", "9:cpu,cpuacct:/x\n4:memory:/x/y\n0::/ignored\n");
  Cgroup("memory/x/memory.limit_in_bytes", "2000000\n");
  Cgroup("memory/x/y/memory.limit_in_bytes", "9223372036854771712\n");
  Cgroup("memory/x/y/memory.usage_in_bytes", "1\n");
  Cgroup("memory/x/y/memory.stat", "rss 1\ntotal_rss 400\ntotal_shmem 50\ntotal_cache 9999\n");
  EXPECT_EQ(MemoryLimitBytes(Roots()), 2000000U);
  EXPECT_EQ(MemoryUsedBytes(Roots()), 450U);
}

TEST_F(CgroupTest, AffinityCountsCoresNotThreads) {
  Proc("self/status", "Cpus_allowed_list:\t0,2,5\n");  // 0 and 2 are threads of one core
  EXPECT_EQ(PhysicalCores(Roots()), 2);
}

TEST_F(CgroupTest, WithoutTopologyEachProcessorIsACore) {
  Proc("cpuinfo", "processor\t: 0\n\nprocessor\t: 1\n\nprocessor\t: 2\n");
  EXPECT_EQ(PhysicalCores(Roots()), 3);
  Proc("cpuinfo", "");
  EXPECT_EQ(PhysicalCores(Roots()), 8);
}

TEST_F(CgroupTest, V2QuotaOfAnAncestorLimitsCores) {
  Proc("self/cgroup", "0::/a/b\n");
  Cgroup("a/cpu.max", "250000 100000\n");
  Cgroup("a/b/cpu.max", "max 100000\n");
  EXPECT_EQ(PhysicalCores(Roots()), 2);
  Cgroup("a/b/cpu.max", "50000 100000\n");
  EXPECT_EQ(PhysicalCores(Roots()), 1);
}

TEST_F(CgroupTest, V1QuotaLimitsCoresUnderEitherMountName) {
  Proc("self/cgroup", "9:cpu,cpuacct:/x\n");
  Cgroup("cpu,cpuacct/x/cpu.cfs_quota_us", "300000\n");
  Cgroup("cpu,cpuacct/x/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(PhysicalCores(Roots()), 3);
  Cgroup("cpu/x/cpu.cfs_quota_us", "-1\n");
  Cgroup("cpu/x/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(PhysicalCores(Roots()), 4);
}

TEST_F(CgroupTest, GarbageDoesNotLimit) {
  Proc("self/cgroup", "nonsense\n1:memory\n0::relative\n0::/a\n");
  Proc("self/status", "Cpus_allowed_list:\tx,-,3-\n");
  Cgroup("a/memory.max", "soon\n");
  Cgroup("a/cpu.max", "\n");
  EXPECT_EQ(MemoryLimitBytes(Roots()), 16000U * 1024);
  EXPECT_GE(PhysicalCores(Roots()), 1);
}

TEST(CgroupRealTest, ThisMachineHasMemoryAndCores) {
  EXPECT_GT(MemoryLimitBytes(), 1U << 20U);
  EXPECT_LT(MemoryLimitBytes(), std::uint64_t{1} << 50U);
  EXPECT_GT(MemoryUsedBytes(), 0U);
  EXPECT_GE(PhysicalCores(), 1);
}

}  // namespace
}  // namespace mlnode
