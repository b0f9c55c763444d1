#include "worker/torch/deterministic.h"

#include <ATen/Context.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace reluscape {
namespace {

struct Flags {
  bool algorithms = at::globalContext().deterministicAlgorithms();
  bool warn_only = at::globalContext().deterministicAlgorithmsWarnOnly();
  bool fill_memory = at::globalContext().deterministicFillUninitializedMemory();
  bool cudnn = at::globalContext().deterministicCuDNN();
  bool benchmark = at::globalContext().benchmarkCuDNN();

  bool operator==(const Flags&) const = default;
};

class DeterministicTest : public testing::Test {
 protected:
  // What a worker on a CUDA device starts with.
  void SetUp() override { at::globalContext().setBenchmarkCuDNN(true); }
  void TearDown() override { at::globalContext().setBenchmarkCuDNN(false); }
};

TEST_F(DeterministicTest, FlagsHoldForAScopeAndAreRestored) {
  const Flags before;
  {
    const DeterministicKernels deterministic(/*on=*/true);
    EXPECT_EQ(Flags(), (Flags{.algorithms = true,
                              .warn_only = false,
                              .fill_memory = false,
                              .cudnn = true,
                              .benchmark = false}));
  }
  EXPECT_EQ(Flags(), before);
}

TEST_F(DeterministicTest, OffChangesNothing) {
  const Flags before;
  const DeterministicKernels deterministic(/*on=*/false);
  EXPECT_EQ(Flags(), before);
}

TEST_F(DeterministicTest, AThrowingTaskLeavesNoTrace) {
  const Flags before;
  try {
    const DeterministicKernels deterministic(/*on=*/true);
    throw std::runtime_error("diverged");
  } catch (const std::runtime_error&) {
  }
  EXPECT_EQ(Flags(), before);
}

TEST_F(DeterministicTest, TheWorkspaceIsSetWhereNobodyDid) {
  unsetenv("CUBLAS_WORKSPACE_CONFIG");
  EXPECT_FALSE(CheckCublasWorkspace().ok());
  FixCublasWorkspace();
  EXPECT_TRUE(CheckCublasWorkspace().ok());
  setenv("CUBLAS_WORKSPACE_CONFIG", ":0:0", /*overwrite=*/1);
  FixCublasWorkspace();
  EXPECT_THAT(std::string(CheckCublasWorkspace().message()),
              testing::HasSubstr("found ':0:0'; allowed: :4096:8, :16:8, or not set"));
  unsetenv("CUBLAS_WORKSPACE_CONFIG");
}

}  // namespace
}  // namespace reluscape
